package mapping

import (
	"cmp"
	"fmt"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// rules are what a route does with records that are no change of one row.
type rules struct {
	truncate      model.Fate
	noRow         model.Fate // open: refused
	onKeyChange   config.OnKeyChange
	skipKeyChange model.Fate
}

func (r *route) compileRules(c config.Route) error {
	const emptied = "the whole table was emptied by a truncate, which names no row and is never turned into deletes, so the CRM keeps its records"
	switch on := cmp.Or(c.OnTruncate, config.TruncateDeadLetter); on {
	case config.TruncateIgnore:
		r.truncate = model.Skip(c.Name + ".on_truncate")
	case config.TruncateStop:
		r.truncate = model.Stop(codeOperation, "op", emptied+"; expected no truncate: clean the CRM up if it should not keep them, then say on_truncate: ignore or dead_letter for the next start")
	case config.TruncateDeadLetter:
		r.truncate = model.Refuse(codeOperation, "op", emptied+"; expected changes of single rows, or on_truncate: ignore")
	default:
		return fmt.Errorf("on_truncate: %q is not known; expected %q, %q or %q", on,
			config.TruncateIgnore, config.TruncateStop, config.TruncateDeadLetter)
	}
	switch on := cmp.Or(c.OnNoRow, config.NoRowIgnore); on {
	case config.NoRowIgnore:
		r.noRow = model.Skip(c.Name + ".on_no_row")
	case config.NoRowDeadLetter:
	default:
		return fmt.Errorf("on_no_row: %q is not known; expected %q or %q", on, config.NoRowIgnore, config.NoRowDeadLetter)
	}
	r.skipKeyChange = model.Skip(c.Name + ".on_key_change")
	switch r.onKeyChange = cmp.Or(c.OnKeyChange, config.KeyChangeMove); r.onKeyChange {
	case config.KeyChangeMove, config.KeyChangeRecreate, config.KeyChangeDeadLetter:
		return nil
	}
	return fmt.Errorf("on_key_change: %q is not known; expected %q, %q or %q", r.onKeyChange,
		config.KeyChangeMove, config.KeyChangeRecreate, config.KeyChangeDeadLetter)
}

// truncated is the fate of a truncate, with a reason of its own.
func (r *rules) truncated() model.Fate {
	fate := r.truncate
	if fate.Reason != nil {
		fate.Reason = clone(fate.Reason)
	}
	return fate
}

// withoutRow is the fate of a record that is about no row: a skip rule that covers the
// topic names it first, then the route.
func (r *rules) withoutRow(p *plan, refused model.Fate) model.Fate {
	switch {
	case p.skip != nil:
		return *p.skip
	case r.noRow.Kind != model.Open:
		return r.noRow
	}
	return refused
}
