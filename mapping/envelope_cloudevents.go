package mapping

import (
	"bytes"
	"encoding/base64"
	"strings"

	"github.com/ampersink/ampersink/internal/model"
)

// cloudEvents reads what another reader reads, out of the CloudEvent around it: the data
// of a structured event, the value of a binary one.
type cloudEvents struct{ data reader }

// event is the CloudEvent around the data.
type event struct {
	known bool
	// attributes is where a structured event stands; nil: its attributes are headers.
	attributes *document
	root       int32
}

const (
	headerPrefix      = "ce_"
	headerSpecVersion = headerPrefix + "specversion"
	headerContentType = "content-type"
	typeOfEvents      = "application/cloudevents"
	eventShape        = "a CloudEvent {specversion, id, source, type, data}"
)

func (e cloudEvents) read(in *input, changes []change) ([]change, *model.Reason) {
	contentType, _ := in.record.Header(headerContentType)
	structured, why := isStructured(contentType)
	if why != nil {
		return changes, why
	}
	_, binary := in.record.Header(headerSpecVersion)
	switch {
	case in.null: // no event, or a binary one without data: a tombstone
		in.event.known = binary
	case binary && !structured:
		if !isJSON(contentType) {
			return changes, notJSON(headerContentType, contentType)
		}
		in.event.known = true
	default:
		if why := in.openEvent(); why != nil {
			return changes, why
		}
	}
	return e.data.read(in, changes)
}

// isStructured reports whether a content type is an event's own. Other formats of events
// than JSON, and batches of them, are refused.
func isStructured(contentType []byte) (bool, *model.Reason) {
	media, _, _ := bytes.Cut(contentType, []byte(";"))
	media = bytes.TrimSpace(media)
	if len(media) < len(typeOfEvents) || !strings.EqualFold(string(media[:len(typeOfEvents)]), typeOfEvents) {
		return false, nil
	}
	if rest := media[len(typeOfEvents):]; len(rest) > 0 && !spelled(rest, "+json") {
		return true, refusal(codeBadEnvelope, headerContentType, "the content type is %s; expected %s+json", excerpt(contentType, 0), typeOfEvents)
	}
	return true, nil
}

// isJSON reports whether data of a content type is JSON, as it is without one.
func isJSON(contentType []byte) bool {
	media, _, _ := bytes.Cut(contentType, []byte(";"))
	media = bytes.ToLower(bytes.TrimSpace(media))
	return len(media) == 0 || bytes.HasSuffix(media, []byte("/json")) || bytes.HasSuffix(media, []byte("+json"))
}

func notJSON(field string, contentType []byte) *model.Reason {
	return refusal(codeBadEnvelope, field, "the data of the event is %s; expected JSON", excerpt(contentType, 0))
}

// openEvent makes the data of a structured event what is read. An event without data is
// refused: unlike a record without a value it is no tombstone.
func (in *input) openEvent() *model.Reason {
	root, why := in.root(eventShape)
	if why != nil {
		return why
	}
	at, why := in.members(root, "specversion", "datacontenttype", "data", "data_base64")
	if why != nil {
		return why
	}
	version, contentType, data, base := at[0], at[1], at[2], at[3]
	if version == 0 {
		return refusal(codeBadEnvelope, "specversion", "the value is no CloudEvent (%s), and no header %s says that it is one's data; expected %s",
			in.excerpt(root), headerSpecVersion, eventShape)
	}
	if contentType != 0 && in.value.nodes[contentType].kind == kindString {
		if media := in.finder.unquoted(in.value.read(contentType)); !isJSON(media) {
			return notJSON("datacontenttype", media)
		}
	}
	in.event = event{known: true, attributes: in.value, root: root}
	has := func(i int32) bool { return i != 0 && in.value.nodes[i].kind != kindNull }
	switch {
	case has(data) && has(base):
		return refusal(codeBadEnvelope, "data", "the event has data and data_base64; expected one of them")
	case has(base):
		return in.openBase64(base)
	case has(data):
		return in.openData(in.value.read(data).raw, "data")
	}
	return refusal(codeBadEnvelope, "data", "the event has no data (%s); expected data or data_base64", in.excerpt(root))
}

func (in *input) openBase64(i int32) *model.Reason {
	const field = "data_base64"
	v := in.value.read(i)
	if v.kind != kindString {
		return refusal(codeBadEnvelope, field, "data_base64 is %s (%s); expected text in base64", v.kind, in.excerpt(i))
	}
	text, err := base64.StdEncoding.AppendDecode(in.inner.text[:0], in.finder.unquoted(v))
	if in.inner.text = text; err != nil {
		return refusal(codeBadEnvelope, field, "data_base64 is %s; expected text in base64", in.excerpt(i))
	}
	return in.openData(text, field)
}

// openData reads the data as a record's value is read, its schema part included.
func (in *input) openData(text []byte, field string) *model.Reason {
	schemas := in.whole.value.schemas
	if !in.descend(text, schemas) {
		return badJSON(&in.inner.document, field, "the event's data")
	}
	if !in.value.learn(in.payload) {
		return badSchema(in.value, field)
	}
	return nil
}

// header returns the header of a record. The attributes of a structured event are
// found under the names that they have as headers.
func (in *input) header(name string) ([]byte, bool) {
	if v, ok := in.record.Header(name); ok {
		return v, true
	}
	attribute, ok := strings.CutPrefix(name, headerPrefix)
	if !ok || in.event.attributes == nil {
		return nil, false
	}
	i := in.event.attributes.find(in.event.root, attribute)
	if i <= 0 {
		return nil, false
	}
	switch v := in.event.attributes.read(i); v.kind {
	case kindString:
		return in.finder.unquoted(v), true
	case kindNumber, kindBool:
		return v.raw, true
	}
	return nil, false
}
