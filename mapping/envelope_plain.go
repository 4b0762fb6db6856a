package mapping

import (
	"bytes"

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
	if v := in.value.read(in.payload); v.kind == kindString && !in.descend(in.finder.unquoted(v), nil) {
		return changes, refusal(codeBadEnvelope, "", "the value is a text (%s) that is no JSON; expected a row, or text that holds one", in.excerpt(in.payload))
	}
	root, why := in.root("a row")
	if why != nil {
		return changes, why
	}
	operation, why := p.operation(in, root)
	return append(changes, change{op: operation, image: root}), why
}

const plainWords = "create (c, created, insert, inserted, i), update (u, updated), delete (d, deleted) or read (r, snapshot), alone or behind a dot"

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
		if word, found = in.header(p.header); !found || word == nil {
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

// plainOp reads the word of an operation, which may be the last of a dotted name, as
// types of events are called (com.acme.contact.updated). It returns opByID, which no word means,
// for others.
func plainOp(word []byte) op {
	word = word[bytes.LastIndexByte(word, '.')+1:]
	switch {
	case spelled(word, "c", "create", "created", "i", "insert", "inserted"):
		return opCreate
	case spelled(word, "u", "update", "updated"):
		return opUpdate
	case spelled(word, "d", "delete", "deleted"):
		return opDelete
	case spelled(word, "r", "read", "snapshot"):
		return opSnapshot
	}
	return opByID
}
