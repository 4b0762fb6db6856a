package ledger

import (
	"fmt"

	"github.com/ampersink/ampersink/internal/model"
)

// Link is what became of one of the write's parents.
type Link struct {
	ID      string
	Omitted bool // the field is left out
}

// link looks up the parents of a write that is to be sent.
func (c *deciding) link(out Decision) Decision {
	out.Links = make([]Link, len(c.n.Parents))
	for i := range c.n.Parents {
		p := &c.n.Parents[i]
		if p.Key == "" || p.Field == "" && out.Type != model.Create { // the API takes associations of creates alone
			out.Links[i].Omitted = true
			continue
		}
		a := c.Lookup(RowKey{*p.Space, p.Key})
		if a.State == Known && a.Group == out.Group {
			out.Links[i].ID = a.ID
			continue
		}
		if d, settled := c.missing(p, a); settled {
			return d
		}
		out.Links[i].Omitted = true
	}
	return out
}

// missing decides about a write whose parent has no CRM id: it waits, or is settled, or goes
// without it.
func (c *deciding) missing(p *model.Parent, a Answer) (Decision, bool) {
	if c.learned.Waiting.IsZero() {
		c.learned.Waiting = c.now
	}
	until := c.learned.Waiting.Add(c.n.Rules.ParentPatience)
	// A child does not overtake the create of its parent, whatever the rule is; no row is created
	// before itself.
	itself := p.Key == c.n.Key && *p.Space == *c.n.Space
	waits := !itself && (c.n.Rules.MissingParent == model.RuleWait || c.Busy(p.Conflict))
	switch {
	case waits && c.now.Before(until):
		return Decision{
			Action: Await, Watch: RowKey{*p.Space, p.Key}, Until: until,
			Why: fmt.Sprintf("its %s is the CRM id of row %s of %s, which is not known yet", p.Field, p.Key, p.Space),
		}, true
	case c.n.Rules.MissingParent == model.RuleOmit:
		return Decision{}, false
	}
	what := "is not known"
	if a.State == Known {
		what = "is in group " + a.Group
	}
	d := c.refuse("missing_parent", "the field is the CRM id of row %s of %s, which %s; replay this record when that row is in the CRM, or set on_missing_parent: omit",
		p.Key, p.Space, what)
	d.Fate.Reason.Field = p.Column
	return d, true
}
