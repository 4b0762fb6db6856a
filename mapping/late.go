package mapping

import (
	"bytes"
	"hash/maphash"

	"github.com/ampersink/ampersink/internal/model"
)

// late is what a route needs whose writes are decided when their keys are free: the
// ledger knows the CRM record then, or a search finds it.
type late struct {
	rules   *model.Rules
	match   []field
	parents []parent
	// twofold: a create may write more than an update of the same row.
	twofold bool
}

// mayCreate reports whether a write can end in a create: an update too, of a row that is not
// known, whose record is gone, or that moves to another group.
func (l *late) mayCreate(do action, upsert bool) bool {
	recreates := l.rules.Gone == model.RuleRecreate || l.rules.GroupChange == model.RuleMove
	return do == actionCreate || do == actionUpdate && (upsert || recreates)
}

// composeLate puts a write together of which type and id are decided later. Everything
// that can refuse it comes before anything is packed, but what only refuses a create.
func (m *Mapper) composeLate(d *draft, b *bound, c change, do action, upsert bool) (why *model.Reason) {
	d.route, d.kind, d.space = b.route, do.writes(), b.space
	d.upsert, d.deleted = upsert, do == actionDelete || do == actionSet
	if d.group, why = m.lateGroup(b, c); why != nil {
		return why
	}
	if why = m.addKey(d, b, c); why != nil {
		return why
	}
	given, why := m.id(b, c)
	if why != nil {
		return why
	}
	var assoc []byte
	if b.late.mayCreate(do, upsert) {
		if assoc, why = m.associations(b.route); why != nil {
			return why
		}
	}
	if len(given) > 0 {
		d.given = m.packer.Append(append(m.packer.Buffer(), given...))
		d.conflictOn(m.idConflict(b, d.group, given))
	}
	if assoc = inside(assoc); len(assoc) > 0 {
		d.assoc = m.packer.Append(append(m.packer.Buffer(), assoc...))
	}
	if why = m.addMatch(d, b, c); why != nil {
		return why
	}
	if do == actionDelete {
		return nil
	}
	if do != actionSet { // a deleted row is linked to nothing
		if why = m.addParents(d, b, c, do); why != nil {
			return why
		}
	}
	return m.addFields(d, b, c, do)
}

// inside returns the members of a JSON array without its brackets.
func inside(array []byte) []byte {
	if len(array) < 2 {
		return nil
	}
	return bytes.TrimSpace(array[1 : len(array)-1])
}

// addKey packs the source key, and what the write conflicts on for it.
func (m *Mapper) addKey(d *draft, b *bound, c change) *model.Reason {
	key, why := m.keyText(b, c)
	if why != nil {
		return why
	}
	d.conflictOn(model.Conflict(maphash.Bytes(m.compiled.seed, key)))
	text := key[len(b.keySpace):]
	if len(text) > maxKey {
		return longKey("the source key", text)
	}
	m.begin()
	d.key = m.packer.Append(append(m.packer.Buffer(), text...))
	return m.addFormer(d, b, c)
}

// addFormer packs the source key that the row had, where that changed: the ledger knows its
// record by that one.
func (m *Mapper) addFormer(d *draft, b *bound, c change) *model.Reason {
	was, moved, why := m.keyBefore(b, c, d.conflicts[0])
	if why != nil || !moved {
		return why
	}
	if len(m.wasKey) > maxKey {
		return longKey("the source key before the change", m.wasKey)
	}
	d.conflictOn(was)
	d.former = m.packer.Append(append(m.packer.Buffer(), m.wasKey...))
	return nil
}

// lateGroup is the group of a change. A delete mostly does not tell it; the ledger does.
func (m *Mapper) lateGroup(b *bound, c change) (string, *model.Reason) {
	group, why := m.group(b, c)
	if why != nil && why.Code == codeNoGroup && (c.op == opDelete || c.op == opTombstone) {
		return "", nil
	}
	return group, why
}

// addMatch packs what the row's record is searched by, and locks it: two rows with one
// value would both search, find nothing, and create. The value that the row had is another row's to
// have next, and is locked too where the event proves it.
func (m *Mapper) addMatch(d *draft, b *bound, c change) *model.Reason {
	if len(b.late.match) == 0 {
		return nil
	}
	from := len(m.packer.Buffer())
	out, whole, why := m.appendMatch(m.packer.Buffer(), b, c)
	if why != nil || !whole {
		return why // what is packed beyond the buffer's end is overwritten
	}
	d.conflictOn(m.matchConflict(d, b, out[from:]))
	if m.changesMatch(b, c) {
		m.at, m.was = m.was, m.at
		before, whole, why := m.appendMatch(out, b, c)
		m.at, m.was = m.was, m.at
		if whole && why == nil {
			d.conflictOn(m.matchConflict(d, b, before[len(out):]))
		}
	}
	d.match = m.packer.Append(out)
	return nil
}

// changesMatch reports whether an event proves that a row was found by other values before.
func (m *Mapper) changesMatch(b *bound, c change) bool {
	if !provesBefore(b, c) || m.locateBefore(b, c) != nil {
		return false
	}
	for i := range b.late.match {
		if !m.isUnchanged(&b.late.match[i], c) {
			return true
		}
	}
	return false
}

// appendMatch appends the members of an object that a row's record is searched by. They are not whole
// where the row does not bring all of them.
func (m *Mapper) appendMatch(out []byte, b *bound, c change) (members []byte, whole bool, why *model.Reason) {
	from := len(out)
	for i := range b.late.match {
		f := &b.late.match[i]
		datum, st, why := m.datumOf(f, m.fieldValue(b, c, f.source))
		if why != nil {
			return out, false, why
		}
		if st != found || datum.kind == datumNull || datum.kind == datumNotFinite || datum.kind == datumText && len(datum.text) == 0 {
			return out, false, nil
		}
		var want string
		if out, want = m.finder.appendDatum(f.begin(out, from), &datum); want != "" {
			return out, false, badValue(f, value{}, want)
		}
	}
	return out, true, nil
}

// matchConflict is what a row's record is searched by as a member of a conflict set.
func (m *Mapper) matchConflict(d *draft, b *bound, match []byte) model.Conflict {
	s := append(m.scratch[:0], b.idSpace...)
	s = append(append(s, "match"...), d.group...)
	s = append(append(s, 0), match...)
	m.scratch = s
	return model.Conflict(maphash.Bytes(m.compiled.seed, s))
}

// addFields packs the fields: of the update, and of the create where it may be one and
// would write more.
func (m *Mapper) addFields(d *draft, b *bound, c change, do action) *model.Reason {
	var why *model.Reason
	d.fields, d.left, why = m.emit(b, c, do)
	if why != nil && why.Code == codeNoFields && d.links {
		why = nil // it links rows and says no more
	}
	if why != nil || d.left != leftFields && !d.links {
		return why
	}
	d.left = leftFields
	if c.partial {
		d.refused = refusal(codeNoFields, "", "the row has to be created, and the update shows only what changed of it;"+
			" expected the whole document (capture.mode: change_streams_update_full)")
		return nil
	}
	if do != actionUpdate || !b.late.twofold || !b.late.mayCreate(do, d.upsert) {
		return nil
	}
	m.quiet = true
	defer func() { m.quiet = false }()
	var left leftover
	if d.insert, left, why = m.emit(b, c, actionCreate); left != leftFields {
		why = refusal(codeNoFields, "", "the row has to be created, and none of the route's fields is in it with a value that can be sent")
	}
	d.refused = why
	return nil
}

// identity is what the write of a draft is decided by, once its keys are free.
func (d *draft) identity(w *model.Write, n *model.Identity, text model.Text, parents []parentDraft) {
	w.Identity, w.Type, w.Associations = n, model.Undecided, ""
	*n = model.Identity{
		Rules: d.route.late.rules, Space: d.space, Key: text.At(d.key), Former: text.At(d.former), Ends: d.ends, Given: text.At(d.given), Group: d.group,
		Match: text.At(d.match), Upsert: d.upsert, Deleted: d.deleted, Update: text.At(d.fields), Insert: text.At(d.insert), Refused: d.refused,
		Associations: text.At(d.assoc),
	}
	for i := range parents[:d.parents] {
		p := &parents[i]
		n.Parents = append(n.Parents, model.Parent{
			Space: p.space, Key: text.At(p.key), Conflict: p.conflict, Field: p.field, Column: p.parent.key[0].source.path,
			Before: p.before, After: p.after, Clear: p.key.Empty(),
		})
	}
}
