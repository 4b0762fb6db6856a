package mapping

import "github.com/ampersink/ampersink/internal/model"

// debezium reads Debezium's envelope: {before, after, source, op, ...}.
type debezium struct{}

const debeziumShape = "a Debezium envelope {before, after, source, op}"

func (debezium) read(in *input, changes []change) ([]change, *model.Reason) {
	if in.null {
		return in.tombstone(changes), nil
	}
	root, why := in.root(debeziumShape)
	if why != nil {
		return changes, why
	}
	e, why := envelopeOf(in, root)
	if why != nil {
		return changes, why
	}
	c, why := e.change(in)
	if why != nil {
		return changes, why
	}
	return append(changes, c), nil
}

// envelope is where the parts of a Debezium envelope stand; 0: absent.
type envelope struct{ op, before, after int32 }

func envelopeOf(in *input, root int32) (envelope, *model.Reason) {
	d := in.value
	var e envelope
	for i := root + 1; i < d.nodes[root].next; i = d.nodes[i].next {
		var part *int32
		name := d.name(&d.nodes[i])
		switch string(name) {
		case "op":
			part = &e.op
		case "before":
			part = &e.before
		case "after":
			part = &e.after
		default:
			continue
		}
		if *part != 0 {
			return e, refusal(codeBadEnvelope, string(name), "the envelope names %q twice; expected it once", name)
		}
		*part = i
	}
	if e.op == 0 {
		return e, withoutOp(in, root)
	}
	return e, nil
}

func (e envelope) change(in *input) (change, *model.Reason) {
	word, ok := in.text(e.op)
	if !ok {
		return change{}, refusal(codeOperation, "op", "op is %s; expected c, u, d or r", in.excerpt(e.op))
	}
	switch operation := debeziumOp(word); operation {
	case opCreate, opUpdate, opSnapshot:
		image, why := e.image(in, e.after, "after")
		if why == nil && image == noImage {
			why = refusal(codeBadEnvelope, "after", "op is %q and after is absent or null; expected the row as an object", word)
		}
		c := change{op: operation, image: image}
		if operation == opUpdate && e.before != 0 && in.value.nodes[e.before].kind == kindObject {
			c.before = e.before
		}
		return c, why
	case opDelete:
		image, why := e.image(in, e.before, "before")
		return change{op: operation, image: image, keysOnly: true}, why
	case opTruncate, opMessage:
		return change{op: operation, image: noImage}, nil
	default:
		return change{}, refusal(codeOperation, "op", "op is %s; expected c, u, d or r", in.excerpt(e.op))
	}
}

// image returns the node of an image that is an object, or noImage for null.
func (envelope) image(in *input, i int32, name string) (int32, *model.Reason) {
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

// debeziumOp reads an operation code. It returns opByID, which no code means,
// for words that are none.
func debeziumOp(word []byte) op {
	if len(word) != 1 {
		return opByID
	}
	switch word[0] | 0x20 {
	case 'c':
		return opCreate
	case 'u':
		return opUpdate
	case 'd':
		return opDelete
	case 'r':
		return opSnapshot
	case 't':
		return opTruncate
	case 'm':
		return opMessage
	}
	return opByID
}

// withoutOp says what an object without op is: one of the connector's own
// events, which reach a route by a regular expression, or no envelope at all.
func withoutOp(in *input, root int32) *model.Reason {
	has := func(name string) bool { return in.value.find(root, name) != 0 }
	var what string
	switch {
	case has("ddl") || has("tableChanges"):
		what = "a schema change"
	case has("status") && has("id") && (has("event_count") || has("data_collections")):
		what = "a transaction marker"
	case has("ts_ms") && in.value.nodes[root+1].next == in.value.nodes[root].next:
		what = "a heartbeat"
	default:
		return refusal(codeBadEnvelope, "op", "the value has no op (%s); expected %s", in.excerpt(root), debeziumShape)
	}
	return refusal(codeNotARow, "", "the value is %s of the connector, not a row (%s); expected a row, or its topic under skip", what, in.excerpt(root))
}
