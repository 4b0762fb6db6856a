package mapping

import "github.com/ampersink/ampersink/internal/model"

// sequin reads Sequin's messages: {record, changes, action, metadata}. What it shows of a deleted
// row, and of the columns that changed, is whole only where the database logs whole rows
// (REPLICA IDENTITY FULL), which the route says with before: full.
type sequin struct{}

const sequinShape = "a message of Sequin {record, changes, action, metadata}"

func (sequin) read(in *input, changes []change) ([]change, *model.Reason) {
	if in.null {
		return in.tombstone(changes), nil
	}
	root, at, why := in.parts(sequinShape, "action", "record", "changes")
	if why != nil {
		return changes, why
	}
	action, row, before := at[0], at[1], at[2]
	word, why := in.word(action, root, "action", sequinShape)
	if why != nil {
		return changes, why
	}
	c := change{op: words{create: "insert", update: "update", delete: "delete", snapshot: "read"}.op(word)}
	if c.op == opByID {
		return changes, refusal(codeOperation, "action", "action is %s; expected insert, update, delete or read", in.excerpt(action))
	}
	if c.image, why = in.row(row, "record"); why == nil && c.image == noImage {
		why = needsRow(word, "record")
	}
	if why != nil {
		return changes, why
	}
	c.keysOnly = c.op == opDelete
	if was, why := in.row(before, "changes"); why != nil {
		return changes, why
	} else if c.op == opUpdate && was != noImage {
		c.before, c.changesOnly = was, true
	}
	return append(changes, c), nil
}
