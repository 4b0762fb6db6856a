package mapping

import "github.com/ampersink/ampersink/internal/model"

// draft is a write in the making: what it says stands in the packer.
type draft struct {
	item      int // of the items being appended
	route     *route
	name      model.WriteName
	kind      model.Type
	group     string
	fields    model.Span
	id        model.Span
	assoc     model.Span
	left      leftover
	conflicts [5]model.Conflict
	conflict  int // how many of them

	// Of a route that decides late.
	space                *model.Space
	upsert, deleted      bool
	key, former          model.Span
	given, match         model.Span
	insert               model.Span    // what a create writes, where that is more
	refused              *model.Reason // why it cannot be created
	ends                 *model.Fate   // it only carries what is known of the row to its new key
	firstParent, parents int           // of Mapper.parents
	links                bool          // it is worth sending for its parents alone
}

// conflictOn adds a member to the conflict set of the write.
func (d *draft) conflictOn(c model.Conflict) {
	d.conflicts[d.conflict] = c
	d.conflict++
}

func (d *draft) fill(w *model.Write, text model.Text, kept *model.Kept) {
	w.Name, w.Route = d.name, d.route.name
	w.Destination = model.Destination{Integration: d.route.integration, Group: d.group, Object: d.route.object}
	w.Want, w.Type = d.kind, d.kind
	w.Fields, w.ID, w.Associations = text.At(d.fields), text.At(d.id), text.At(d.assoc)
	w.Source = kept
	w.SetConflicts(d.conflicts[:d.conflict]...)
}

// leftover is what the fields of a draft leave to write.
type leftover uint8

const (
	leftFields    leftover = iota
	leftUnchanged          // nothing that is mapped changed
	leftNulls              // nothing but nulls, which the user leaves out
)

// draft decides what a route makes of a change: it fills the draft, which is zero, and returns an
// open fate, or the fate that ends the change here.
func (m *Mapper) draft(d *draft, b *bound, c change) model.Fate {
	switch {
	case c.op == opTruncate:
		return b.truncated()
	case c.rekeyed != keyKept:
		if fate, ends := m.rekey(b, &c); ends {
			return fate
		}
	}
	if c.op == opByID {
		if why := m.locate(b, c.image); why != nil {
			return refused(why)
		}
		c.op = opCreate
		if id, why := m.id(b, c); why != nil {
			return refused(why)
		} else if len(id) > 0 {
			c.op = opUpdate
		}
	}
	do := b.actions[c.op]
	if do == actionIgnore {
		return b.skips[c.op]
	}
	if c.op == opTombstone {
		if do = b.actions[opDelete]; do == actionIgnore {
			return b.skips[opDelete]
		}
	}
	upsert := do == actionUpsert
	if upsert {
		do = insertOrUpdate(c.op)
	}
	if why := m.locate(b, c.image); why != nil {
		return refused(why)
	}
	m.bound, m.change, m.operation = b, c, operations[c.op]
	if b.when != nil {
		yes, why := m.holds(b.when)
		if why != nil {
			return refused(why)
		}
		if !yes {
			return b.skipWhen
		}
	}
	return m.composed(d, b, c, do, upsert)
}

// composed is the fate of what is composed: open, unless nothing is left to write.
func (m *Mapper) composed(d *draft, b *bound, c change, do action, upsert bool) model.Fate {
	var why *model.Reason
	if b.late == nil {
		why = m.compose(d, b, c, do, upsert)
	} else {
		why = m.composeLate(d, b, c, do, upsert)
	}
	switch {
	case why != nil:
		return refused(why)
	case d.left == leftUnchanged:
		return model.Fate{Kind: model.Unchanged}
	case d.left == leftNulls:
		return b.skipNulls
	}
	return model.Fate{}
}

// insertOrUpdate is what an upsert is for an operation, as far as the record says it.
func insertOrUpdate(o op) action {
	if o == opUpdate {
		return actionUpdate
	}
	return actionCreate
}

// compose puts a write together. Everything that can refuse it comes before
// anything is packed.
func (m *Mapper) compose(d *draft, b *bound, c change, do action, upsert bool) (why *model.Reason) {
	d.route, d.kind = b.route, do.writes()
	if d.group, why = m.group(b, c); why != nil {
		return why
	}
	now, why := m.keyConflict(b, c)
	if why != nil {
		return why
	}
	d.conflictOn(now)
	was, moved, why := m.keyBefore(b, c, now)
	if why != nil {
		return why
	}
	if moved {
		d.conflictOn(was)
	}
	id, why := m.id(b, c)
	if upsert {
		if do = actionCreate; len(id) > 0 || c.partial {
			do = actionUpdate
		}
		d.kind = do.writes()
	}
	switch {
	case why != nil:
		return why
	case len(id) > 0:
		d.conflictOn(m.idConflict(b, d.group, id))
	case d.kind != model.Create:
		return m.noID(b, c)
	}
	var assoc []byte
	if do == actionCreate {
		if assoc, why = m.associations(b.route); why != nil {
			return why
		}
	}
	return m.pack(d, b, c, do, id, assoc)
}

// pack puts the texts of a draft into the packer.
func (m *Mapper) pack(d *draft, b *bound, c change, do action, id, assoc []byte) *model.Reason {
	m.begin()
	if do != actionDelete {
		var why *model.Reason
		if d.fields, d.left, why = m.emit(b, c, do); why != nil || d.left != leftFields {
			return why
		}
	}
	if d.kind != model.Create {
		d.id = m.packer.Append(append(m.packer.Buffer(), id...))
	}
	if len(assoc) > 0 {
		d.assoc = m.packer.Append(append(m.packer.Buffer(), assoc...))
	}
	return nil
}

// begin begins the text of the record, with its first draft.
func (m *Mapper) begin() {
	if !m.packed {
		m.packer.Begin(m.in.record)
		m.packed = true
	}
}

// locate finds the columns of a route in a row: m.at holds for each the node of
// its value, m.types what the schema says of them.
func (m *Mapper) locate(b *bound, image int32) *model.Reason {
	at := m.at[:len(b.columns)]
	clear(at)
	m.types = nil
	if image == noImage {
		return nil
	}
	d := m.in.value
	m.types = b.bind(d.typeOf(m.in.payload, image))
	if image = d.enter(image); image < 0 {
		return badJSON(d, "", "the row")
	}
	for i, place := image+1, 0; i < d.nodes[image].next; i, place = d.nodes[i].next, place+1 {
		switch column := b.column(place, d.name(&d.nodes[i])); {
		case column == unwanted:
		case at[column] == 0:
			at[column] = i
		default:
			at[column] = -1
		}
	}
	return nil
}

// resolve returns the value of a source in the located row.
func (m *Mapper) resolve(s *source) (value, status) {
	v, _, st := m.slotted(s)
	return v, st
}

// typed is resolve, with what the schema says of the value.
func (m *Mapper) typed(s *source) fieldInput {
	v, slot, st := m.slotted(s)
	if m.types == nil || st != found {
		return fieldInput{v, nil, st}
	}
	return fieldInput{v, m.types[slot], st}
}

// slotted is resolve, with the slot of the way that the value was found.
func (m *Mapper) slotted(s *source) (v value, slot int32, st status) {
	for i := range s.tries {
		t := &s.tries[i]
		at := m.at[t.column]
		if at == 0 {
			continue
		}
		if at < 0 {
			return value{}, 0, duplicate
		}
		if v, st := m.finder.below(m.in.value.read(at), t.rest); st != absent {
			return v, t.slot, st
		}
	}
	return value{}, 0, absent
}
