package mapping

import "github.com/ampersink/ampersink/internal/model"

// debeziumFlat reads what Debezium's ExtractNewRecordState leaves of an envelope:
// the row, with __op as a field or a header, and __deleted, where the user asked
// for them. What it does not say is decided as for plain rows.
type debeziumFlat struct{}

func (debeziumFlat) read(in *input, changes []change) ([]change, *model.Reason) {
	if in.null {
		return append(changes, change{op: opTombstone, image: noImage, rekeyed: in.rekeying(opTombstone)}), nil
	}
	root, why := in.root("a flattened row")
	if why != nil {
		return changes, why
	}
	f, why := flatOf(in, root)
	if why != nil {
		return changes, why
	}
	if why := f.enveloped(in, root); why != nil {
		return changes, why
	}
	deleted, why := f.isDeleted(in)
	if why != nil {
		return changes, why
	}
	operation := opDelete
	if !deleted {
		if operation, why = f.operation(in); why != nil {
			return changes, why
		}
	}
	return append(changes, change{op: operation, image: root, keysOnly: operation == opDelete, rekeyed: in.rekeying(operation)}), nil
}

// flat is where the members stand that are not columns; 0: absent.
type flat struct{ op, deleted, source, envelopeOp int32 }

func flatOf(in *input, root int32) (flat, *model.Reason) {
	d := in.value
	var f flat
	for i := root + 1; i < d.nodes[root].next; i = d.nodes[i].next {
		var part *int32
		name := d.name(&d.nodes[i])
		switch string(name) {
		case "__op":
			part = &f.op
		case "__deleted":
			part = &f.deleted
		case "source":
			part = &f.source
		case "op":
			part = &f.envelopeOp
		default:
			continue
		}
		if *part != 0 {
			return f, refusal(codeBadEnvelope, string(name), "the row names %q twice; expected it once", name)
		}
		*part = i
	}
	return f, nil
}

// enveloped refuses what the transform passes on as it is: logical messages, and
// whole envelopes of a topic that is not flattened. A row may have columns named
// op and source; Debezium's source is an object and names its connector. The connector's own
// events come as they are too.
func (f flat) enveloped(in *input, root int32) *model.Reason {
	if f.source == 0 || in.value.nodes[f.source].kind != kindObject {
		return f.marker(in, root)
	}
	if _, st := in.finder.below(in.value.read(f.source), "connector"); st == absent {
		return nil
	}
	if f.envelopeOp == 0 {
		return f.marker(in, root)
	}
	if word, ok := in.text(f.envelopeOp); ok && spelled(word, "m") {
		return in.notARow("a message in the database's log", root)
	}
	return refusal(codeBadEnvelope, "op", "the value is a Debezium envelope with op %s, not a flattened row; expected the row itself"+
		" (a topic that is not flattened needs envelope: debezium)", in.excerpt(f.envelopeOp))
}

// marker refuses the connector's own events.
func (f flat) marker(in *input, root int32) *model.Reason {
	if f.envelopeOp != 0 || f.op != 0 || f.deleted != 0 {
		return nil
	}
	if why := withoutOp(in, root); why.Code == codeNotARow {
		return why
	}
	return nil
}

func (f flat) isDeleted(in *input) (bool, *model.Reason) {
	if f.deleted == 0 {
		return false, nil
	}
	switch v := in.value.read(f.deleted); string(v.raw) {
	case `"true"`, `true`:
		return true, nil
	case `"false"`, `false`, `null`:
		return false, nil
	}
	return false, refusal(codeBadEnvelope, "__deleted", "__deleted is %s; expected true or false", in.excerpt(f.deleted))
}

const flatOps = "c, u, d or r"

// operation reads __op: the row's own, else the header's, else what a CloudEvent says.
func (f flat) operation(in *input) (op, *model.Reason) {
	word, found := in.record.Header("__op")
	what := excerpt(word, 0)
	switch {
	case f.op != 0 && in.value.nodes[f.op].kind != kindNull:
		word, found = in.text(f.op)
		if what = in.excerpt(f.op); !found {
			return opByID, refusal(codeOperation, "__op", "__op is %s; expected %s", what, flatOps)
		}
	case found && len(word) > 1:
		word = in.finder.connectText(word)
	case !found && in.event.known:
		word, found = in.header(headerEventOp)
		what = excerpt(word, 0)
	}
	if !found || word == nil {
		return opByID, nil
	}
	switch operation := debeziumOp(word); operation {
	case opCreate, opUpdate, opDelete, opSnapshot:
		return operation, nil
	}
	return opByID, refusal(codeOperation, "__op", "__op is %s; expected %s", what, flatOps)
}

// connectText returns the text of a header that Connect's JSON converter wrote, with
// or without its schema; another header is what it is, and nil is null.
func (f *finder) connectText(raw []byte) []byte {
	if !f.nested.scan(raw, 1) {
		return raw
	}
	switch v := f.nested.read(f.nested.payload()); v.kind {
	case kindString:
		return f.unquoted(v)
	case kindNull:
		return nil
	}
	return raw
}
