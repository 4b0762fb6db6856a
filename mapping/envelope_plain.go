package mapping

import (
	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// plain reads values that are the row itself. What happened to the row is told
// by a field, a header or the configuration; by nobody, the CRM id decides.
type plain struct {
	field, header string
	fixed         op // opByID: none
}

// newPlain returns false for a fixed operation that is none.
func newPlain(o config.Operation) (plain, bool) {
	p := plain{field: o.Field, header: o.Header}
	if o.Value == "" {
		return p, true
	}
	p.fixed = plainOp([]byte(o.Value))
	return p, p.fixed != opByID
}

func (p plain) read(in *input, changes []change) ([]change, *model.Reason) {
	if in.null {
		return in.tombstone(changes), nil
	}
	root, why := in.root("a row")
	if why != nil {
		return changes, why
	}
	operation, why := p.operation(in, root)
	return append(changes, change{op: operation, image: root}), why
}

const plainWords = "create (c, insert, i), update (u), delete (d) or read (r, snapshot)"

func (p plain) operation(in *input, root int32) (op, *model.Reason) {
	var word []byte
	var what, from string
	switch {
	case p.field != "":
		v, st := in.finder.find(in.value, root, p.field)
		if st != found || v.kind == kindNull {
			return opByID, refusal(codeOperation, p.field, "the row has no operation; expected %s", plainWords)
		}
		if v.kind == kindString {
			word = in.finder.unquoted(v)
		}
		what, from = excerpt(v.raw, 0), p.field
	case p.header != "":
		var found bool
		if word, found = in.record.Header(p.header); !found || word == nil {
			return opByID, refusal(codeOperation, p.header, "the record has no such header; expected %s", plainWords)
		}
		what, from = excerpt(word, 0), p.header
	default:
		return p.fixed, nil
	}
	operation := plainOp(word)
	if operation == opByID {
		return opByID, refusal(codeOperation, from, "the operation is %s; expected %s", what, plainWords)
	}
	return operation, nil
}

// plainOp reads the word of an operation. It returns opByID, which no word means,
// for others.
func plainOp(word []byte) op {
	switch {
	case spelled(word, "c", "create", "i", "insert"):
		return opCreate
	case spelled(word, "u", "update"):
		return opUpdate
	case spelled(word, "d", "delete"):
		return opDelete
	case spelled(word, "r", "read", "snapshot"):
		return opSnapshot
	}
	return opByID
}
