package mapping

import (
	"bytes"

	"github.com/ampersink/ampersink/internal/model"
)

// maxwell reads Maxwell's JSON: {database, table, type, data, old}. The data of an update is
// the whole row, old the columns that changed as they were.
type maxwell struct{}

const maxwellShape = "a message of Maxwell {database, table, type, data}"

func (maxwell) read(in *input, changes []change) ([]change, *model.Reason) {
	if in.null {
		return in.tombstone(changes), nil
	}
	root, at, why := in.parts(maxwellShape, "type", "data", "old")
	if why != nil {
		return changes, why
	}
	what, data, old := at[0], at[1], at[2]
	word, why := in.word(what, root, "type", maxwellShape)
	if why != nil {
		return changes, why
	}
	c := change{op: words{create: "insert", update: "update", delete: "delete", snapshot: "bootstrap-insert"}.op(word), image: noImage}
	switch {
	case c.op != opByID:
	case bytes.HasPrefix(word, []byte("bootstrap-")):
		return changes, in.notARow("the begin or the end of a bootstrap", root)
	case bytes.HasPrefix(word, []byte("table-")), bytes.HasPrefix(word, []byte("database-")):
		return changes, in.notARow("a schema change", root)
	default:
		return changes, refusal(codeOperation, "type", "type is %s; expected insert, update, delete or bootstrap-insert", in.excerpt(what))
	}
	if c.image, why = in.row(data, "data"); why == nil && c.image == noImage {
		why = needsRow(word, "data")
	}
	if why != nil {
		return changes, why
	}
	if before, why := in.row(old, "old"); why != nil {
		return changes, why
	} else if c.op == opUpdate && before != noImage {
		c.before, c.changesOnly, c.proven = before, true, true
	}
	return append(changes, c), nil
}
