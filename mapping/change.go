package mapping

import (
	"strings"

	"github.com/ampersink/ampersink/internal/model"
)

// op is what a change says happened to a row.
type op uint8

const (
	// opByID is a row of which nobody says what happened: with a CRM id it is an
	// update, without one a create.
	opByID op = iota
	opCreate
	opUpdate
	opDelete
	opSnapshot  // the row as a snapshot read it
	opTombstone // a key without a row
	opTruncate  // a whole table
)

// The words for operations in expressions.
var operations = [...]string{"", "create", "update", "delete", "snapshot", "delete", ""}

// named is what an item calls the operation that it came from.
var named = [...]model.Operation{
	opByID: "row", opCreate: "create", opUpdate: "update", opDelete: "delete", opSnapshot: "snapshot",
	opTombstone: "tombstone", opTruncate: "truncate",
}

// words are what a dialect calls what happened to a row, without regard to case; empty:
// it has no word for it.
type words struct{ create, update, delete, snapshot string }

// op returns opByID, which no word means, for others.
func (w words) op(word []byte) op {
	switch {
	case len(word) == 0:
	case spelled(word, w.create):
		return opCreate
	case spelled(word, w.update):
		return opUpdate
	case spelled(word, w.delete):
		return opDelete
	case spelled(word, w.snapshot):
		return opSnapshot
	}
	return opByID
}

// change is one decoded change event.
type change struct {
	op op
	// image is the node of the value that holds the row, or noImage. Its members need
	// not be indexed.
	image int32
	// before is the node of what the row of an update was, as far as the event says
	// it: 0 where it says nothing. changesOnly marks one that lacks the columns that
	// did not change; proven one that is true whatever the configuration says of the
	// source's before images.
	before      int32
	changesOnly bool
	proven      bool
	// keysOnly marks an image of which only the key columns are true: what Debezium
	// shows of a deleted row is otherwise null, or made up where null is not allowed.
	keysOnly bool
	// partial marks the image of an update that lacks the columns that did not change.
	partial bool
	// rekeyed says that the event is part of a change of the row's primary key.
	rekeyed rekeyed
	// ownKey is the number, from 1, of what input.keys says of the row's source key; 0:
	// it is the record's. A change holds no pointers: it is copied often.
	ownKey int32
}

// ownKey is the source key of a row as canonical JSON, or why nothing tells it: the
// record's key is not the row's.
type ownKey struct {
	text    []byte
	unkeyed string
}

const noImage = -1

// input is a record whose value is decoded.
type input struct {
	record  *model.Record
	key     *recordKey
	value   *document // what the nodes of changes stand in
	payload int32     // the node that holds the data
	null    bool      // Kafka's null, or a JSON null in its place
	finder  *finder

	whole content // what was decoded, for the next reader
	event event   // the CloudEvent around the data
	inner inner
	keys  []ownKey // of changes
}

// addKey notes the source key of a row for its change.
func (in *input) addKey(k ownKey) int32 {
	in.keys = append(in.keys, k)
	return int32(len(in.keys))
}

// content is a document and where its data stands.
type content struct {
	value   *document
	payload int32
	null    bool
}

// inner is a document that a reader found inside of the value, and makes the one that
// its changes speak of.
type inner struct {
	document
	text []byte // scratch
}

// rewind makes the input what was decoded, whatever a reader made of it.
func (in *input) rewind() {
	in.value, in.payload, in.null, in.event = in.whole.value, in.whole.payload, in.whole.null, event{}
	clear(in.keys)
	in.keys = in.keys[:0]
}

// descend makes a text from inside of the value the document that is read. It
// reports false, with the fault of inner set, for a text that is not JSON.
func (in *input) descend(text []byte, schemas *schemas) bool {
	d := &in.inner.document
	d.schemas = schemas
	if !d.scan(text, indexLevels) {
		return false
	}
	in.value, in.payload = d, d.payload()
	in.null = d.nodes[in.payload].kind == kindNull
	return true
}

// reader reads one envelope. It appends the changes that a record holds, in their
// order, or says why the record is refused. Readers keep nothing between records
// and are compared: routes with equal readers share what was read.
type reader interface {
	read(in *input, changes []change) ([]change, *model.Reason)
}

// tombstone is what a null value says, in all of its encodings.
func (in *input) tombstone(changes []change) []change {
	return append(changes, change{op: opTombstone, image: noImage})
}

// root returns the payload when it is an object.
func (in *input) root(want string) (int32, *model.Reason) {
	if k := in.value.nodes[in.payload].kind; k != kindObject {
		return 0, refusal(codeBadEnvelope, "", "the value is %s (%s); expected %s", k, in.excerpt(in.payload), want)
	}
	return in.payload, nil
}

// parts is root, and members of it.
func (in *input) parts(want string, names ...string) (root int32, at [4]int32, why *model.Reason) {
	if root, why = in.root(want); why == nil {
		at, why = in.members(root, names...)
	}
	return root, at, why
}

// member returns the node of a member of an indexed object, 0 where there is none.
func (in *input) member(object int32, name string) (int32, *model.Reason) {
	i := in.value.find(object, name)
	if i < 0 {
		return 0, refusal(codeBadEnvelope, name, "the value names %q twice; expected it once", name)
	}
	return i, nil
}

// members is member for several names.
func (in *input) members(object int32, names ...string) (at [4]int32, why *model.Reason) {
	for n, name := range names {
		if at[n], why = in.member(object, name); why != nil {
			return at, why
		}
	}
	return at, nil
}

// word returns the text of a member that an envelope must have.
func (in *input) word(i, root int32, name, shape string) ([]byte, *model.Reason) {
	if i == 0 {
		return nil, refusal(codeBadEnvelope, name, "the value has no %s (%s); expected %s", name, in.excerpt(root), shape)
	}
	word, ok := in.text(i)
	if !ok {
		return nil, refusal(codeOperation, name, "%s is %s (%s); expected a word", name, in.value.nodes[i].kind, in.excerpt(i))
	}
	return word, nil
}

// row returns the node of a row: an object, or noImage where it is null or absent.
func (in *input) row(i int32, name string) (int32, *model.Reason) {
	if i == 0 {
		return noImage, nil
	}
	switch k := in.value.nodes[i].kind; k {
	case kindObject:
		return i, nil
	case kindNull:
		return noImage, nil
	default:
		return noImage, refusal(codeBadEnvelope, name, "%s is %s (%s); expected the row as an object", name, k, in.excerpt(i))
	}
}

// needsRow refuses a change of a row that does not show the row.
func needsRow(word []byte, name string) *model.Reason {
	return refusal(codeBadEnvelope, name, "the operation is %q and %s is absent or null; expected the row as an object", word, name)
}

// notARow says that a record is one that its source writes for itself.
func (in *input) notARow(what string, i int32) *model.Reason {
	return refusal(codeNotARow, "", "the value is %s, not a row (%s); expected a row, or on_no_row: ignore", what, in.excerpt(i))
}

// excerpt shows the beginning of a node, for a message.
func (in *input) excerpt(i int32) string { return excerpt(in.value.read(i).raw, 0) }

// spelled compares ASCII text without regard to case.
func spelled(text []byte, words ...string) bool {
	for _, w := range words {
		if len(text) == len(w) && strings.EqualFold(string(text), w) {
			return true
		}
	}
	return false
}

// text returns the text of a string node that holds no escapes: the words that
// envelopes use hold none.
func (in *input) text(i int32) (word []byte, ok bool) {
	v := in.value.read(i)
	if v.kind != kindString || v.escaped {
		return nil, false
	}
	return v.raw[1 : len(v.raw)-1], true
}
