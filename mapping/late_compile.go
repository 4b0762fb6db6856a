package mapping

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// compileLate compiles how the CRM record of a row is found, when that is decided late.
func (r *route) compileLate(c config.Route, all []config.Route) error {
	if !c.ID.Late() && !c.HasParents() {
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
	if err := r.compileParents(c, all); err != nil {
		return err
	}
	r.late.twofold = r.onChange || slices.ContainsFunc(r.fields, func(f field) bool {
		return f.treat != nil && (f.treat.required || f.treat.fallback != nil)
	})
	return nil
}

// rulesOf are the choices of a route about identity. A choice that stands in no table here is
// RuleDeadLetter.
func rulesOf(c config.Route) *model.Rules {
	r := &model.Rules{
		Route: c.Name, Ledger: c.ID.Late(), IndexLag: c.Search.IndexLag, ParentPatience: c.ParentPatience,
		DeletesMoved:  c.OnDelete.Action == config.ActionDelete,
		UnknownDelete: map[config.OnUnknownDelete]model.Rule{config.UnknownDeleteIgnore: model.RuleIgnore}[c.OnUnknownDelete],
		Several:       map[config.OnSeveral]model.Rule{config.SeveralFirst: model.RuleFirst}[c.Search.OnSeveral],
		Conflict:      map[config.OnConflict]model.Rule{config.ConflictUpdate: model.RuleUpdate}[c.OnConflict],
		Gone:          map[config.OnGone]model.Rule{config.GoneRecreate: model.RuleRecreate, config.GoneIgnore: model.RuleIgnore}[c.OnGone],
		GroupChange:   map[config.OnGroupChange]model.Rule{config.GroupChangeMove: model.RuleMove}[c.OnGroupChange],
		MissingParent: map[config.OnMissingParent]model.Rule{
			config.MissingParentWait: model.RuleWait, config.MissingParentOmit: model.RuleOmit,
		}[c.OnMissingParent],
	}
	ways := map[config.IDWay]model.IDSource{config.IDField: model.FromRow, config.IDLedger: model.FromLedger, config.IDMatch: model.FromMatch}
	for _, w := range c.ID.Ways {
		r.Sources = append(r.Sources, ways[w])
	}
	return r
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
		if err := r.compileSource(&f, config.Field{To: m.Field, From: m.From}); err != nil {
			return field{}, err
		}
	}
	return f, nil
}
