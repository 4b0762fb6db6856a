package mapping

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ampersink/ampersink/internal/config"
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

// parent is a field or an association whose value is the CRM id of another row.
type parent struct {
	field         string // the CRM's; empty: an association
	before, after string
	key           []keyField // sorted by name
	keySpace      []byte     // as that row's writes have it
	space         *model.Space
}

// recreates reports whether an update of a known row can end in a create.
func (l *late) recreates() bool {
	return l.rules.Gone == model.RuleRecreate || l.rules.GroupChange == model.RuleMove
}

// parentDraft is a parent of a draft.
type parentDraft struct {
	*parent
	key      model.Span
	conflict model.Conflict
}

// rulesOf are the choices of a route about identity.
func rulesOf(c config.Route) *model.Rules {
	r := &model.Rules{Route: c.Name, Ledger: c.ID.Late(), IndexLag: c.Search.IndexLag, ParentPatience: c.ParentPatience,
		DeletesMoved: c.OnDelete.Action == config.ActionDelete}
	ways := map[config.IDWay]model.IDSource{config.IDField: model.FromRow, config.IDLedger: model.FromLedger, config.IDMatch: model.FromMatch}
	for _, w := range c.ID.Ways {
		r.Sources = append(r.Sources, ways[w])
	}
	words := map[string]model.Rule{
		"dead_letter": model.RuleDeadLetter, "ignore": model.RuleIgnore, "update": model.RuleUpdate, "recreate": model.RuleRecreate,
		"move": model.RuleMove, "first": model.RuleFirst, "wait": model.RuleWait, "omit": model.RuleOmit,
	}
	r.UnknownDelete, r.Several, r.Conflict = words[string(c.OnUnknownDelete)], words[string(c.Search.OnSeveral)], words[string(c.OnConflict)]
	r.Gone, r.GroupChange, r.MissingParent = words[string(c.OnGone)], words[string(c.OnGroupChange)], words[string(c.OnMissingParent)]
	return r
}

// keySpace is what stands before a source key in its hash.
func keySpace(s *model.Space) []byte {
	return append(prefixed(s.Integration, s.Object, s.Name), "key"...)
}

// compileLate compiles how the CRM record of a row is found, when that is decided late.
func (r *route) compileLate(c config.Route, all []config.Route) error {
	linked := len(c.Associations.Linked) > 0 || slices.ContainsFunc(c.Fields, func(f config.Field) bool { return f.IDOf != nil })
	if !c.ID.Late() && !linked {
		return nil
	}
	r.late = &late{rules: rulesOf(c)}
	for _, m := range c.ID.Match {
		f, err := r.matchField(m)
		if err != nil {
			return fmt.Errorf("id.match: %s: %w", m.Field, err)
		}
		r.late.match = append(r.late.match, f)
	}
	for _, f := range c.Fields {
		if f.IDOf == nil {
			continue
		}
		quoted, err := jsontext.AppendQuote(nil, f.To)
		if err != nil {
			return fmt.Errorf("fields: %q: %w", f.To, err)
		}
		if err := r.compileParent(*f.IDOf, parent{field: f.To, before: string(quoted) + `:"`, after: `"`}, all); err != nil {
			return fmt.Errorf("fields: %s: id_of: %w", f.To, err)
		}
	}
	for _, a := range c.Associations.Linked {
		if err := r.compileParent(a.IDOf, parent{before: a.Before, after: a.After}, all); err != nil {
			return fmt.Errorf("associations: id_of: %w", err)
		}
	}
	r.late.twofold = r.onChange || slices.ContainsFunc(r.fields, func(f field) bool {
		return f.treat != nil && (f.treat.required || f.treat.fallback != nil)
	})
	return nil
}

// matchField compiles a field of a search: it is compared as it would be sent.
func (r *route) matchField(m config.Match) (field, error) {
	quoted, err := jsontext.AppendQuote(nil, m.Field)
	if err != nil {
		return field{}, err
	}
	f := field{to: m.Field, prefix: append(quoted, ':')}
	for i := range r.fields {
		if sent := &r.fields[i]; sent.to == m.Field && sent.source != nil && sent.source.path == m.From {
			f = *sent
			f.copied = false
		}
	}
	if f.source == nil {
		if err := r.compileSource(&f, config.Field{To: m.Field, From: m.From}, map[string]*omitted{m.Field: {}}); err != nil {
			return field{}, err
		}
	}
	return f, nil
}

func (r *route) compileParent(c config.IDOf, p parent, all []config.Route) error {
	i := slices.IndexFunc(all, func(o config.Route) bool { return o.Name == c.Route })
	if i < 0 {
		return fmt.Errorf("there is no route %q", c.Route)
	}
	other := &all[i]
	if other.IdentitySpace == "" && len(other.Topics.Names) != 1 {
		return fmt.Errorf("route %q has no identity_space and not exactly one topic", c.Route)
	}
	name := other.IdentitySpace
	if name == "" {
		name = other.Topics.Names[0]
	}
	p.space = &model.Space{Integration: other.To.Integration, Object: other.To.Object, Name: name}
	p.keySpace = keySpace(p.space)
	for _, part := range c.Key {
		of := part.Field
		if of == "" && len(other.Key) == 1 {
			of = other.Key[0]
		}
		if !slices.Contains(other.Key, of) {
			return fmt.Errorf("route %q has no key field %q", c.Route, of)
		}
		quoted, err := jsontext.AppendQuote(nil, of)
		if err != nil {
			return err
		}
		p.key = append(p.key, keyField{quoted: quoted, name: of, source: r.source(part.From)})
	}
	if len(p.key) != len(other.Key) || len(p.key) == 0 {
		return errors.New("expected a column for each field of that route's key")
	}
	slices.SortFunc(p.key, func(a, b keyField) int { return cmp.Compare(a.name, b.name) })
	r.late.parents = append(r.late.parents, p)
	return nil
}

// composeLate puts a write together of which type and id are decided later. Everything
// that can refuse it comes before anything is packed, but what only refuses a create.
func (m *Mapper) composeLate(b *bound, c change, do action, upsert bool) (d draft, why *model.Reason) {
	d = draft{route: b.route, kind: do.writes(), space: b.space, upsert: upsert, deleted: do == actionDelete || do == actionSet}
	if d.group, why = m.lateGroup(b, c); why != nil {
		return d, why
	}
	if why = m.addKey(&d, b, c); why != nil {
		return d, why
	}
	given, why := m.id(b, c)
	if why != nil {
		return d, why
	}
	var assoc []byte
	if do == actionCreate || upsert {
		if assoc, why = m.associations(b.route); why != nil {
			return d, why
		}
	}
	if len(given) > 0 {
		d.given = m.packer.Append(append(m.packer.Buffer(), given...))
		m.conflict(&d, m.idConflict(b, d.group, given))
	}
	if assoc = inside(assoc); len(assoc) > 0 {
		d.assoc = m.packer.Append(append(m.packer.Buffer(), assoc...))
	}
	if why = m.addMatch(&d, b, c); why != nil {
		return d, why
	}
	if do == actionDelete {
		return d, nil
	}
	if why = m.addParents(&d, b, c, do); why != nil {
		return d, why
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
	m.conflict(d, model.Conflict(maphash.Bytes(m.compiled.seed, key)))
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
	m.conflict(d, was)
	d.former = m.packer.Append(append(m.packer.Buffer(), m.wasKey...))
	return nil
}

// maxKey bounds a source key that the ledger keeps: every member has all of them in memory.
const maxKey = 8 << 10

func (m *Mapper) conflict(d *draft, c model.Conflict) {
	d.conflicts[d.conflict] = c
	d.conflict++
}

// begin begins the text of the record, with its first draft.
func (m *Mapper) begin() {
	if !m.packed {
		m.packer.Begin(m.in.record)
		m.packed = true
	}
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
// value would both search, find nothing, and create.
func (m *Mapper) addMatch(d *draft, b *bound, c change) *model.Reason {
	if len(b.late.match) == 0 {
		return nil
	}
	out := m.packer.Buffer()
	from := len(out)
	for i := range b.late.match {
		f := &b.late.match[i]
		datum, st, why := m.datumOf(f, m.fieldValue(b, c, f.source))
		if why != nil {
			return why
		}
		if st != found || datum.kind == datumNull || datum.kind == datumNotFinite || datum.kind == datumText && len(datum.text) == 0 {
			return nil // what is packed beyond the buffer's end is overwritten
		}
		var want string
		if out, want = m.finder.appendDatum(f.begin(out, from), &datum); want != "" {
			return badValue(f, value{}, want)
		}
	}
	s := append(m.scratch[:0], b.idSpace...)
	s = append(append(s, "match"...), d.group...)
	s = append(append(s, 0), out[from:]...)
	m.scratch = s
	m.conflict(d, model.Conflict(maphash.Bytes(m.compiled.seed, s)))
	d.match = m.packer.Append(out)
	return nil
}

// addParents packs the keys of the rows whose ids the write needs.
func (m *Mapper) addParents(d *draft, b *bound, c change, do action) *model.Reason {
	changed := do == actionUpdate && m.knowsChanges(b, c)
	d.firstParent = len(m.parents)
	for i := range b.late.parents {
		p := &b.late.parents[i]
		from := len(m.packer.Buffer())
		key, says, why := m.parentKey(p, b, c)
		switch {
		case why != nil:
			return why
		case says == parentUnsaid, says == parentNone && (p.field == "" || do == actionCreate || b.nulls == config.NullsOmit):
			continue
		case changed && m.sameParent(p, c):
			continue
		}
		pd := parentDraft{parent: p}
		if says == parentIs {
			text := append(append(m.scratch[:0], p.keySpace...), key[from:]...)
			m.scratch = text
			pd.key, pd.conflict = m.packer.Append(key), model.Conflict(maphash.Bytes(m.compiled.seed, text))
		}
		m.parents = append(m.parents, pd)
		d.parents++
	}
	return nil
}

// parentSays is what a row says of a parent.
type parentSays uint8

const (
	parentUnsaid parentSays = iota // the row lacks the column, or its value
	parentNone                     // null: it has none
	parentIs                       // which row it is
)

// parentKey writes the source key of a parent behind what is packed.
func (m *Mapper) parentKey(p *parent, b *bound, c change) (out []byte, says parentSays, why *model.Reason) {
	out = append(m.packer.Buffer(), '{')
	says = parentIs
	for i := range p.key {
		k := &p.key[i]
		in := m.fieldValue(b, c, k.source)
		switch {
		case in.status == duplicate:
			return out, parentUnsaid, twice(k.source.path)
		case in.status != found:
			return out, parentUnsaid, nil
		case isEmpty(in.value, in.status):
			says = parentNone
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = appendCanonical(append(append(out, k.quoted...), ':'), in.value)
	}
	return append(out, '}'), says, nil
}

func (m *Mapper) sameParent(p *parent, c change) bool {
	for i := range p.key {
		if !m.isSame(p.key[i].source, c) {
			return false
		}
	}
	return true
}

// addFields packs the fields: of the update, and of the create where it may be one and
// would write more.
func (m *Mapper) addFields(d draft, b *bound, c change, do action) (draft, *model.Reason) {
	var why *model.Reason
	d.fields, d.left, why = m.emit(b, c, do)
	if why != nil && why.Code == codeNoFields && d.parents > 0 {
		why = nil // it links rows and says no more
	}
	if why != nil || d.left == leftUnchanged && d.parents == 0 || d.left == leftNulls && d.parents == 0 {
		return d, why
	}
	d.left = leftFields
	if c.partial {
		d.refused = refusal(codeNoFields, "", "the row has to be created, and the update shows only what changed of it;"+
			" expected the whole document (capture.mode: change_streams_update_full)")
		return d, nil
	}
	if do != actionUpdate || !b.late.twofold || !d.upsert && !b.late.recreates() {
		return d, nil
	}
	m.quiet = true
	defer func() { m.quiet = false }()
	var left leftover
	if d.insert, left, why = m.emit(b, c, actionCreate); left != leftFields {
		why = refusal(codeNoFields, "", "the row has to be created, and none of the route's fields is in it with a value that can be sent")
	}
	d.refused = why
	return d, nil
}

// identity is what the write of a draft is decided by, once its keys are free.
func (d *draft) identity(w *model.Write, n *model.Identity, text model.Text, parents []parentDraft) {
	w.Identity, w.Type, w.Associations = n, model.Undecided, ""
	*n = model.Identity{
		Rules: d.route.late.rules, Space: d.space, Key: text.At(d.key), Former: text.At(d.former), Given: text.At(d.given), Group: d.group,
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
