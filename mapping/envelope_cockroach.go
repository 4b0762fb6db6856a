package mapping

import "github.com/ampersink/ampersink/internal/model"

// cockroach reads CockroachDB's changefeeds in all envelopes that hold rows: wrapped
// {after, before?, key?, updated?}, enriched {after, op, ...}, row, and bare, which is the row
// with what else there is under __crdb__.
type cockroach struct{}

const cockroachShape = "a message of a changefeed {after, before, op}, or a row"

func (cockroach) read(in *input, changes []change) ([]change, *model.Reason) {
	if in.null {
		return in.tombstone(changes), nil
	}
	root, why := in.root(cockroachShape)
	if why != nil {
		return changes, why
	}
	f, why := changefeedOf(in, root)
	switch {
	case why != nil:
		return changes, why
	case f.resolved:
		return changes, in.notARow("a resolved timestamp", root)
	case !f.wrapped:
		return append(changes, change{op: opByID, image: root}), nil
	}
	c, why := f.change(in)
	return append(changes, c), why
}

// changefeed is where the parts of a message stand; 0: absent.
type changefeed struct {
	after, before, op, key, bare int32
	wrapped                      bool // and not a row
	resolved                     bool
}

// changefeedOf tells a message from a row by its names: a message has after, and none but
// the changefeed's own beside it.
func changefeedOf(in *input, root int32) (f changefeed, why *model.Reason) {
	d := in.value
	foreign, resolved, members := false, int32(0), 0
	for i := root + 1; i < d.nodes[root].next; i = d.nodes[i].next {
		members++
		switch string(d.name(&d.nodes[i])) {
		case "after":
			f.after = i
		case "before":
			f.before = i
		case "op":
			f.op = i
		case "key":
			f.key = i
		case "__crdb__":
			f.bare = i
		case "resolved":
			resolved = i
		case "updated", "mvcc_timestamp", "topic", "source", "ts_ns":
		default:
			foreign = true
		}
	}
	isRow := f.after != 0 && d.nodes[f.after].kind != kindObject && d.nodes[f.after].kind != kindNull
	f.wrapped = f.after != 0 && !foreign && !isRow
	switch {
	case members == 1 && resolved != 0 && d.nodes[resolved].kind == kindString:
		f.resolved = true
	case members == 1 && f.bare != 0:
		_, st := in.finder.below(d.read(f.bare), "resolved")
		f.resolved = st == found
	case f.wrapped:
		_, why = in.members(root, "after", "before", "op", "key")
	}
	return f, why
}

// change reads a message. Where nothing else says it, the before image does what
// happened; without one that is decided as for plain rows. It is whole, so it proves what changed.
func (f changefeed) change(in *input) (c change, why *model.Reason) {
	if c.image, why = in.row(f.after, "after"); why != nil {
		return c, why
	}
	before, why := in.row(f.before, "before")
	if why != nil {
		return c, why
	}
	if c.op, why = f.operation(in, c.image, before); why != nil {
		return c, why
	}
	switch {
	case c.op == opDelete:
		if c.image = before; before == noImage && f.key != 0 && in.value.nodes[f.key].kind == kindObject {
			c.image = f.key
		}
	case c.image == noImage:
		return c, refusal(codeBadEnvelope, "after", "after is null and op is %s; expected the row as an object", in.excerpt(f.op))
	case c.op == opUpdate && before != noImage:
		c.before, c.proven = before, true
	}
	return c, nil
}

func (f changefeed) operation(in *input, after, before int32) (op, *model.Reason) {
	switch {
	case f.op != 0 && in.value.nodes[f.op].kind != kindNull:
		word, _ := in.text(f.op)
		switch operation := debeziumOp(word); operation {
		case opCreate, opUpdate, opDelete, opSnapshot:
			return operation, nil
		}
		return opByID, refusal(codeOperation, "op", "op is %s; expected c, u or d", in.excerpt(f.op))
	case after == noImage:
		return opDelete, nil
	case before != noImage:
		return opUpdate, nil
	case f.before != 0:
		return opCreate, nil
	}
	return opByID, nil
}
