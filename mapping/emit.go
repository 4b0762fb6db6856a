package mapping

import (
	"bytes"
	"sync/atomic"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ampersink/ampersink/internal/model"
)

// writes is the type of the write that an action makes.
func (a action) writes() model.Type {
	switch a {
	case actionCreate:
		return model.Create
	case actionDelete:
		return model.Delete
	}
	return model.Update
}

// emit packs the fields of a create or an update, in the order of the
// configuration, and says what they leave to write.
func (m *Mapper) emit(b *bound, c change, do action) (model.Span, leftover, *model.Reason) {
	fields := b.fields
	if do == actionSet {
		fields = b.set
	}
	out := m.packer.Buffer()
	from := len(out)
	m.omittedNull = false
	untyped := m.types == nil && c.op != opDelete && c.op != opTombstone
	changed := do == actionUpdate && m.knowsChanges(b, c)
	for i := range fields {
		f := &fields[i]
		if changed && m.isUnchanged(f, c) {
			continue
		}
		if c.partial {
			if untold, why := m.isUntold(f, c); why != nil {
				return model.Span{}, leftFields, why
			} else if untold {
				continue
			}
		}
		if f.constant != nil {
			out = append(f.begin(out, from), f.constant...)
			continue
		}
		if f.copied && untyped {
			if v, st := m.resolve(f.source); st == found {
				if why := sendable(v, f.source.path); why != nil {
					return model.Span{}, leftFields, why
				}
				out = append(f.begin(out, from), v.raw...)
				continue
			}
		}
		var in fieldInput
		if f.source != nil {
			in = m.fieldValue(b, c, f.source)
		}
		if f.copied && in.status == found && (in.typ == nil || in.typ.asIs) {
			if why := sendable(in.value, f.source.path); why != nil {
				return model.Span{}, leftFields, why
			}
			out = append(f.begin(out, from), in.value.raw...)
			continue
		}
		var why *model.Reason
		if out, why = m.emitTreated(out, from, f, in, do); why != nil {
			return model.Span{}, leftFields, why
		}
	}
	switch {
	case len(out) > from:
		return m.packer.Append(out), leftFields, nil
	case m.omittedNull:
		return model.Span{}, leftNulls, nil
	case changed || c.partial:
		return model.Span{}, leftUnchanged, nil
	}
	return model.Span{}, leftFields, refusal(codeNoFields, "", "none of the route's fields is in the row with a value that can be sent; expected at least one")
}

// fieldValue returns the value of a field: the row's, or what a delete tells.
func (m *Mapper) fieldValue(b *bound, c change, s *source) fieldInput {
	if c.op == opDelete || c.op == opTombstone {
		if v, st := m.key.find(&m.finder, s.path); st != absent {
			return fieldInput{v, m.key.typ(s.path), st}
		}
		if c.keysOnly && !b.beforeFull {
			return fieldInput{}
		}
	}
	return m.typed(s)
}

// sendable refuses values with a name twice in one object: JSON that receivers
// read differently. Everything else was checked by the scan.
func sendable(v value, field string) *model.Reason {
	if v.kind != kindObject && (v.kind != kindArray || bytes.IndexByte(v.raw, '{') < 0) {
		return nil
	}
	if jsontext.Value(v.raw).IsValid() {
		return nil
	}
	return refusal(codeBadJSON, field, "a name stands twice in one object of the value (%s); expected it once", excerpt(v.raw, 0))
}

// associations returns the associations of a create as a JSON array, or nothing.
func (m *Mapper) associations(r *route) ([]byte, *model.Reason) {
	if r.from == nil {
		return r.assoc, nil
	}
	path := r.from.source.path
	v, st := m.resolve(r.from.source)
	if st == duplicate {
		return nil, twice(path)
	}
	if st != found {
		r.from.omitted.count(st, actionCreate)
		return nil, nil
	}
	if isEmpty(v, st) {
		return nil, nil
	}
	if v.kind == kindString {
		text := m.finder.unquoted(v)
		if !m.finder.nested.scan(text, 0) {
			return nil, badJSON(&m.finder.nested, path, "the text of the field")
		}
		v = m.finder.nested.read(0)
	}
	if v.kind != kindArray {
		return nil, refusal(codeBadAssociations, path, "the associations are %s (%s); expected a JSON array, or text that holds one", v.kind, excerpt(v.raw, 0))
	}
	return v.raw, sendable(v, path)
}

// omitted counts the values of a field that were left out.
type omitted struct {
	field, from                                  string
	absent, unavailableCreate, unavailableUpdate atomic.Uint64
}

func (o *omitted) count(st status, do action) {
	switch {
	case st == absent:
		o.absent.Add(1)
	case do == actionCreate:
		o.unavailableCreate.Add(1)
	default:
		o.unavailableUpdate.Add(1)
	}
}

// AbsentCount says how often a field of a route was left out of a write since
// the Mapper was made, by the reason.
type AbsentCount struct {
	Route string
	Field string // the CRM's name, or "associations"
	From  string // the column, or the path into one
	// Absent counts the rows that lack the column.
	Absent uint64
	// PlaceholderCreates and PlaceholderUpdates count the rows that hold Debezium's
	// placeholder: harmless in an update, where the CRM has the value; a loss in a
	// create, which comes from a change of the primary key.
	PlaceholderCreates uint64
	PlaceholderUpdates uint64
}

// Absent returns the counts of all clones together, one for each field of each
// route that was ever left out. It may be called at any time, from any goroutine.
func (m *Mapper) Absent() []AbsentCount {
	var counts []AbsentCount
	for _, r := range m.compiled.routes {
		for _, o := range r.omitted {
			c := AbsentCount{Route: r.name, Field: o.field, From: o.from, Absent: o.absent.Load(),
				PlaceholderCreates: o.unavailableCreate.Load(), PlaceholderUpdates: o.unavailableUpdate.Load()}
			if c.Absent+c.PlaceholderCreates+c.PlaceholderUpdates > 0 {
				counts = append(counts, c)
			}
		}
	}
	return counts
}
