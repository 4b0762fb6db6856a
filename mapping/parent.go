package mapping

import (
	"cmp"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// parent is a field or an association whose value is the CRM id of another row.
type parent struct {
	field         string // the CRM's; empty: an association
	before, after string
	key           []keyField // sorted by name
	keySpace      []byte     // as that row's writes have it
	space         *model.Space
	omitted       *omitted
}

// parentDraft is a parent of a draft.
type parentDraft struct {
	*parent
	key      model.Span
	conflict model.Conflict
}

// compileParents compiles the fields and the associations whose values are CRM ids of other rows.
func (r *route) compileParents(c config.Route, all []config.Route) error {
	for _, f := range c.Fields {
		if f.IDOf == nil {
			continue
		}
		quoted, err := jsontext.AppendQuote(nil, f.To)
		if err != nil {
			return fmt.Errorf("fields: %q: %w", f.To, err)
		}
		p := parent{field: f.To, before: string(quoted) + `:"`, after: `"`, omitted: r.counter(f.To, f.IDOf.Columns())}
		if err := r.compileParent(*f.IDOf, p, all); err != nil {
			return fmt.Errorf("fields: %s: id_of: %w", f.To, err)
		}
	}
	for _, a := range c.Associations.Linked {
		p := parent{before: a.Before, after: a.After, omitted: r.counter(associations, a.IDOf.Columns())}
		if err := r.compileParent(a.IDOf, p, all); err != nil {
			return fmt.Errorf("associations: id_of: %w", err)
		}
	}
	return nil
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
	p.space = &model.Space{Integration: other.To.Integration, Object: other.To.Object, Name: other.IdentitySpace}
	if p.space.Name == "" {
		p.space.Name = other.Topics.Names[0]
	}
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

// addParents packs the keys of the rows whose ids the write needs. One that stayed is needed
// where the update may turn out to be a create.
func (m *Mapper) addParents(d *draft, b *bound, c change, do action) *model.Reason {
	changed := do == actionUpdate && m.knowsChanges(b, c)
	mayCreate := b.late.mayCreate(do, d.upsert)
	d.firstParent = len(m.parents)
	for i := range b.late.parents {
		p := &b.late.parents[i]
		from := len(m.packer.Buffer())
		key, none, st, why := m.parentKey(p, b, c)
		if why != nil {
			return why
		}
		sent := p.field != "" || do == actionCreate
		switch same := changed && m.sameParent(p, c); {
		case same && (none || !mayCreate), p.field == "" && !mayCreate:
			continue
		case st != found:
			if sent && !same && !c.partial {
				p.omitted.count(st, do)
			}
			continue
		case none && (p.field == "" || do == actionCreate || b.nulls == config.NullsOmit):
			continue
		case !same:
			d.links = d.links || sent
		}
		pd := parentDraft{parent: p}
		if !none {
			text := append(append(m.scratch[:0], p.keySpace...), key[from:]...)
			m.scratch = text
			pd.key, pd.conflict = m.packer.Append(key), model.Conflict(maphash.Bytes(m.compiled.seed, text))
		}
		m.parents = append(m.parents, pd)
		d.parents++
	}
	return nil
}

// parentKey writes the source key of a parent behind what is packed. none: the row says that
// it has no parent; a status other than found: it says nothing of it.
func (m *Mapper) parentKey(p *parent, b *bound, c change) (key []byte, none bool, st status, why *model.Reason) {
	key = append(m.packer.Buffer(), '{')
	for i := range p.key {
		k := &p.key[i]
		in := m.fieldValue(b, c, k.source)
		switch {
		case in.status == duplicate:
			return key, false, in.status, twice(k.source.path)
		case in.status != found:
			return key, false, in.status, nil
		}
		none = none || isEmpty(in.value, in.status)
		if i > 0 {
			key = append(key, ',')
		}
		key = appendCanonical(append(append(key, k.quoted...), ':'), in.value)
	}
	return append(key, '}'), none, found, nil
}

func (m *Mapper) sameParent(p *parent, c change) bool {
	for i := range p.key {
		if !m.isSame(p.key[i].source, c) {
			return false
		}
	}
	return true
}
