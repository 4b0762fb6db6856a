package ampersand

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// MaxWrites is how many writes the API takes in one request.
const MaxWrites = 100

// Request is one batch: 1 to MaxWrites creates or updates, or exactly one
// delete, that share destination, type, policy and headers.
type Request struct {
	Destination model.Destination
	Type        model.Type
	AllOrNone   bool
	Headers     []config.Header // passed on to the CRM (Salesforce)
	Writes      []*model.Write
}

// Body is the encoded form of a Request. Its bytes never change and are never
// reused: the transport may read them after Send returned.
type Body struct {
	bytes []byte
	n     int
	kind  model.Type
	head  int // where the first write begins
}

// Bytes returns the body. It must not be changed.
func (b *Body) Bytes() []byte { return b.bytes }

// Head returns what stands in front of the writes: what all of them share.
func (b *Body) Head() []byte { return b.bytes[:b.head:b.head] }

// Len returns the length of the body in bytes.
func (b *Body) Len() int { return len(b.bytes) }

const (
	// fixedSize covers the members of a request beside its texts, and itemSize
	// those of an item of the batch: with them one allocation is enough unless a
	// text needs escapes.
	fixedSize = 160
	itemSize  = 48
)

// Encode writes the body of a request, once for all of its attempts.
//
// Creates and updates go as `batch`, also a single one: its answer then has the
// shape of all others, with codes inside the entry, where a `record` answer has
// only a sentence. The API takes deletes as `record` only. Associations go with
// creates only, where the contract allows them. It panics on a request that the
// contract does not allow.
func (c *Client) Encode(r *Request) *Body {
	r.check()
	b := make([]byte, 0, r.size())
	b = append(b, `{"groupRef":`...)
	b = quote(b, r.Destination.Group)
	b = append(b, `,"type":"`...)
	b = append(b, r.Type.String()...)
	// Asynchronous mode has its place here; deletes have no other than this one.
	b = append(b, `","mode":"synchronous"`...)
	b = appendHeaders(b, r.Headers)
	if r.Type == model.Delete {
		b = append(b, `,"record":`...)
		head := len(b)
		b = append(b, `{"id":`...)
		b = quote(b, r.Writes[0].ID)
		b = append(b, `}}`...)
		return &Body{bytes: b, n: 1, kind: r.Type, head: head}
	}
	b = append(b, `,"batchPolicy":{"allOrNone":`...)
	if r.AllOrNone {
		b = append(b, `true},"batch":[`...)
	} else {
		b = append(b, `false},"batch":[`...)
	}
	head := len(b)
	for i, w := range r.Writes {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendItem(b, r.Type, w)
	}
	b = append(b, `]}`...)
	return &Body{bytes: b, n: len(r.Writes), kind: r.Type, head: head}
}

func appendItem(b []byte, t model.Type, w *model.Write) []byte {
	b = append(b, `{"record":{`...)
	if t == model.Update {
		b = append(b, `"id":`...)
		b = quote(b, w.ID)
		if w.Fields != "" {
			b = append(b, ',')
		}
	}
	b = append(b, w.Fields...)
	b = append(b, '}')
	if t == model.Create && w.Associations != "" {
		b = append(b, `,"associations":`...)
		b = append(b, w.Associations...)
	}
	return append(b, '}')
}

func appendHeaders(b []byte, headers []config.Header) []byte {
	for i, h := range headers {
		if i == 0 {
			b = append(b, `,"headers":[`...)
		} else {
			b = append(b, ',')
		}
		b = append(b, `{"key":`...)
		b = quote(b, h.Key)
		b = append(b, `,"value":`...)
		b = quote(b, h.Value)
		b = append(b, '}')
	}
	if len(headers) > 0 {
		b = append(b, ']')
	}
	return b
}

// quote appends a JSON string. Invalid UTF-8 becomes U+FFFD: the CRM then knows
// no such group or id and says so, where a broken body would fail its whole batch.
func quote(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s)
	return b
}

// size is the length of the body, exact but for escapes and the unused rest of
// the constants.
func (r *Request) size() int {
	n := fixedSize + len(r.Destination.Group)
	for _, h := range r.Headers {
		n += itemSize + len(h.Key) + len(h.Value)
	}
	for _, w := range r.Writes {
		n += itemSize + len(w.ID) + len(w.Fields) + len(w.Associations)
	}
	return n
}

// check panics where the caller breaks the contract's table of shapes.
func (r *Request) check() {
	n := len(r.Writes)
	switch {
	case r.Type != model.Create && r.Type != model.Update && r.Type != model.Delete:
		panic(fmt.Sprintf("BUG: request of type %s", r.Type))
	case n == 0 || n > MaxWrites:
		panic(fmt.Sprintf("BUG: request with %d writes, want 1 to %d", n, MaxWrites))
	case r.Type == model.Delete && n > 1:
		panic(fmt.Sprintf("BUG: request with %d deletes, the API takes one", n))
	}
	for _, w := range r.Writes {
		if w.Type != r.Type {
			panic(fmt.Sprintf("BUG: %s among writes of type %s (route %q)", w.Type, r.Type, w.Route))
		}
		if r.Type != model.Create && w.ID == "" {
			panic(fmt.Sprintf("BUG: %s without id (route %q)", r.Type, w.Route))
		}
	}
}
