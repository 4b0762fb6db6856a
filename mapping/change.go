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
	opMessage   // a message in the log, about no row
)

// The words for operations in expressions.
var operations = [...]string{"", "create", "update", "delete", "snapshot", "delete", "", ""}

// named is what an item calls the operation that it came from.
var named = [...]model.Operation{
	opByID: "row", opCreate: "create", opUpdate: "update", opDelete: "delete", opSnapshot: "snapshot",
	opTombstone: "tombstone", opTruncate: "truncate", opMessage: "message",
}

// change is one decoded change event.
type change struct {
	op op
	// image is the node of the value that holds the row, or noImage.
	image int32
	// before is the node of what the row of an update was, as far as the event says
	// it: 0 where it says nothing. changesOnly marks one that holds the columns that
	// changed and no others.
	before      int32
	changesOnly bool
	// keysOnly marks an image of which only the key columns are true: what Debezium
	// shows of a deleted row is otherwise null, or made up where null is not allowed.
	keysOnly bool
}

const noImage = -1

// input is a record whose value is decoded.
type input struct {
	record  *model.Record
	value   *document
	payload int32 // the node that holds the data
	null    bool  // Kafka's null, or a JSON null in its place
	finder  *finder
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
