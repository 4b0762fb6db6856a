package mapping

import "github.com/ampersink/ampersink/internal/model"

// debezium reads Debezium's envelope: {before, after, source, op, ...}.
type debezium struct{}

const (
	debeziumShape = "a Debezium envelope {before, after, source, op}"
	debeziumOps   = "c, u, d, r, t or m"
	// Where Debezium says the operation, and the connector, of an event that is a CloudEvent:
	// beside the data.
	headerEventOp        = "ce_iodebeziumop"
	headerEventConnector = "ce_iodebeziumconnector"
)

func (debezium) read(in *input, changes []change) ([]change, *model.Reason) {
	if in.null {
		return append(changes, change{op: opTombstone, image: noImage, rekeyed: in.rekeying(opTombstone)}), nil
	}
	root, why := in.root(debeziumShape)
	if why != nil {
		return changes, why
	}
	e, why := envelopeOf(in, root)
	if why != nil {
		return changes, why
	}
	c, why := e.change(in, root)
	if why != nil {
		return changes, why
	}
	return append(changes, c), nil
}

// envelope is where the parts of a Debezium envelope stand; 0: absent.
type envelope struct{ op, before, after, source, description int32 }

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
		case "source":
			part = &e.source
		case "updateDescription":
			part = &e.description
		default:
			continue
		}
		if *part != 0 {
			return e, refusal(codeBadEnvelope, string(name), "the envelope names %q twice; expected it once", name)
		}
		*part = i
	}
	return e, nil
}

// operation returns the word for what happened.
func (e envelope) operation(in *input, root int32) ([]byte, *model.Reason) {
	if e.op == 0 {
		if word, ok := in.header(headerEventOp); ok && in.event.known {
			return word, nil
		}
		return nil, withoutOp(in, root)
	}
	word, ok := in.text(e.op)
	if !ok {
		return nil, refusal(codeOperation, "op", "op is %s; expected %s", in.excerpt(e.op), debeziumOps)
	}
	return word, nil
}

func (e envelope) change(in *input, root int32) (change, *model.Reason) {
	word, why := e.operation(in, root)
	if why != nil {
		return change{}, why
	}
	operation := debeziumOp(word)
	if e.isDocument(in, operation) {
		return e.document(in, operation, word)
	}
	switch operation {
	case opCreate, opUpdate, opSnapshot:
		image, why := in.row(e.after, "after")
		if why == nil && image == noImage {
			why = needsRow(word, "after")
		}
		c := change{op: operation, image: image, rekeyed: in.rekeying(operation)}
		if operation == opUpdate && e.before != 0 && in.value.nodes[e.before].kind == kindObject {
			c.before = e.before
		}
		return c, why
	case opDelete:
		image, why := in.row(e.before, "before")
		return change{op: operation, image: image, keysOnly: true, rekeyed: in.rekeying(operation)}, why
	case opTruncate:
		return change{op: operation, image: noImage}, nil
	}
	if spelled(word, "m") {
		return change{}, in.notARow("a message in the database's log", root)
	}
	return change{}, refusal(codeOperation, "op", "op is %q; expected %s", excerpt(word, 0), debeziumOps)
}

// debeziumOp reads an operation code. It returns opByID, which no code means,
// for words that are none, and for m, which is about no row.
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
	}
	return opByID
}

// withoutOp says what an object without op is: one of the connector's own
// events, which reach a route by a regular expression, or no envelope at all. Each is known by
// more than a table's columns could be called.
func withoutOp(in *input, root int32) *model.Reason {
	kindOf := func(name string) kind {
		if i := in.value.find(root, name); i > 0 {
			return in.value.nodes[i].kind
		}
		return kindNone
	}
	first := root + 1
	switch {
	case kindOf("ddl") == kindString && kindOf("databaseName") == kindString && kindOf("source") == kindObject:
		return in.notARow("a schema change", root)
	case kindOf("status") == kindString && kindOf("id") == kindString && kindOf("event_count") != kindNone && kindOf("data_collections") != kindNone:
		return in.notARow("a transaction marker", root)
	case kindOf("ts_ms") == kindNumber && in.value.nodes[first].next == in.value.nodes[root].next:
		return in.notARow("a heartbeat", root)
	}
	return refusal(codeBadEnvelope, "op", "the value has no op (%s); expected %s", in.excerpt(root), debeziumShape)
}
