package ledger

import (
	"cmp"
	"fmt"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

// Action is what happens next to a write whose keys are free.
type Action uint8

// The actions.
const (
	Send   Action = iota // its type, its id and its group are known
	Search               // the CRM is searched for the record; then it is decided again
	Await                // it is decided again when Watch changes, at Until at the latest
	Settle               // its fate is known
)

// Decision is what becomes of a write.
type Decision struct {
	Action Action
	// Of Send and Search: whose CRM.
	Group string
	// Of Send.
	Type   model.Type
	ID     string
	Moving bool // the delete of the record in the group that the row has left
	Links  []Link
	// Of Settle.
	Fate model.Fate
	// Of Await.
	Watch RowKey
	Until time.Time
	Why   string
	// Learned is what the write has to be decided with next time.
	Learned model.Learned
}

// Decider decides which CRM record a write is about, and so what is sent.
type Decider struct {
	// Lookup is the ledger's.
	Lookup func(RowKey) Answer
	// Busy reports whether an earlier write of a key is not settled yet.
	Busy func(model.Conflict) bool
	// Recent returns the record that was created lately with these match values, or empty.
	Recent func(*model.Write) string
	// Timeout is how long a request can be under way.
	Timeout time.Duration
	// Resend: the user accepts that a create is applied twice.
	Resend bool
}

// searches is how often a create in doubt is searched for until the CRM's index must have it.
const searches = 8

// deciding is a write that is being decided.
type deciding struct {
	*Decider
	w       *model.Write
	n       *model.Identity
	learned model.Learned
	now     time.Time
	// own is what is known of the row, under the key that it has or else under the one that
	// it had; row is that key.
	own Answer
	row RowKey
}

// Decide says what becomes of a write now. It changes nothing.
func (d *Decider) Decide(w *model.Write, now time.Time) Decision {
	c := &deciding{Decider: d, w: w, n: w.Identity, learned: w.Identity.Learned, now: now}
	c.row = RowKey{*c.n.Space, c.n.Key}
	c.own = d.Lookup(c.row)
	if c.n.Former != "" && c.own.State == Unknown && c.own.Open == nil {
		c.row.Key = c.n.Former
		c.own = d.Lookup(c.row)
	}
	var out Decision
	switch id, group, known := c.id(); {
	case c.n.Ends != nil:
		out = c.ended()
	case known:
		out = c.known(id, group)
	default:
		out = c.unknown()
	}
	if out.Action == Send && out.Type != model.Delete && len(c.n.Parents) > 0 {
		out = c.link(out)
	}
	out.Learned = c.learned
	return out
}

// ended decides about a write that has its fate and only takes along what is known of its row. A create
// under the row's former key that is still on its way will tell the id.
func (c *deciding) ended() Decision {
	if c.row.Key == c.n.Former && c.own.State == Unknown && c.own.Open != nil {
		if c.learned.Doubted.IsZero() {
			c.learned.Doubted = c.now
		}
		if over := c.learned.Doubted.Add(c.Timeout); c.now.Before(over) {
			return c.await(over)
		}
	}
	return Decision{Action: Settle, Fate: *c.n.Ends}
}

// await waits for what becomes of an announced create.
func (c *deciding) await(until time.Time) Decision {
	return Decision{Action: Await, Watch: c.row, Until: until, Why: "a create of this row was announced and what became of it is not known yet"}
}

// id returns the CRM id that is known, and whose CRM it is in.
func (c *deciding) id() (id, group string, known bool) {
	if c.learned.Found != "" {
		return c.learned.Found, cmp.Or(c.learned.In, c.n.Group), true
	}
	for _, s := range c.n.Rules.Sources {
		switch {
		case s == model.FromRow && c.n.Given != "" && c.n.Given != c.learned.Gone:
			return c.n.Given, c.n.Group, true
		case s == model.FromLedger && c.own.State == Known && c.own.ID != c.learned.Gone:
			return c.own.ID, c.own.Group, true
		case s == model.FromLedger && c.n.Former != "":
			if a := c.Lookup(RowKey{*c.n.Space, c.n.Former}); a.State == Known && a.ID != c.learned.Gone {
				return a.ID, a.Group, true
			}
		}
	}
	return "", "", false
}

func (c *deciding) known(id, group string) Decision {
	if group == "" {
		group = c.group() // a delete tells neither
	}
	if group == "" {
		return c.refuse("no_group", "the record is %s, and nothing says in which group it is", id)
	}
	if c.w.Want == model.Delete {
		return Decision{Type: model.Delete, ID: id, Group: group}
	}
	if to := c.n.Group; to != "" && to != group {
		switch {
		case c.n.Rules.GroupChange != model.RuleMove:
			return c.refuse("group_change", "the row is record %s of group %s and says now that it belongs to group %s; "+
				"set on_group_change: move to move it, or correct the row", id, group, to)
		case c.n.Rules.DeletesMoved:
			return Decision{Type: model.Delete, ID: id, Group: group, Moving: true}
		default:
			c.leave()
			return c.unknown()
		}
	}
	return Decision{Type: model.Update, ID: id, Group: group}
}

// leave leaves the record in the other group alone: whether the row is in the group that it names
// now is another question, of which an open create may be a part.
func (c *deciding) leave() {
	c.learned.Cleared = c.own.Open == nil
	if c.learned.In != c.n.Group {
		c.learned.Found, c.learned.Searched = "", time.Time{}
	}
}

// unknown decides about a row of which no id is known.
func (c *deciding) unknown() Decision {
	if since, lost, doubt := c.doubt(); doubt {
		return c.doubtful(since, lost)
	}
	if c.searchable() && c.learned.Gone == "" && c.searched().IsZero() && (c.w.Want != model.Create || c.n.Upsert) {
		if id := c.Recent(c.w); id != "" {
			c.learned.Found, c.learned.In = id, c.n.Group // it may be deleted by an earlier write
			return c.known(id, c.n.Group)
		}
		return c.search()
	}
	return c.unfound()
}

// searchable reports whether the record can be searched for: by what, and in whose CRM.
func (c *deciding) searchable() bool { return c.n.Match != "" && c.group() != "" }

func (c *deciding) search() Decision { return Decision{Action: Search, Group: c.group()} }

// searched is when a search there last found nothing.
func (c *deciding) searched() (at time.Time) {
	if c.learned.In == "" || c.learned.In == c.group() {
		at = c.learned.Searched
	}
	return at
}

// group is whose CRM the record is in, or may be: a delete does not tell it, and a row
// that has changed its group may still be in the one before.
func (c *deciding) group() string {
	switch {
	case c.learned.Cleared:
	case c.own.Open != nil: // what the row says is older
		return cmp.Or(c.own.Open.Group, c.n.Group)
	case c.own.State != Unknown:
		return cmp.Or(c.own.Group, c.n.Group)
	}
	return c.n.Group
}

// unfound decides about a row that is surely not known to be in the CRM.
func (c *deciding) unfound() Decision {
	switch src := c.w.Source; {
	case c.own.State != Exists || c.learned.Gone != "" || c.learned.Cleared:
		// It is not known to be there.
	case c.own.Source == src.TopicPartition && c.own.Offset == src.Offset:
		// This very write created it, and its offset was not committed before the process ended.
		return Decision{Action: Settle, Fate: model.Fate{Kind: model.Written}}
	default:
		return c.refuse("id_unknown", "the record of this row was created and the answer did not say its id; it was not found since (%s): "+
			"import its id into the ledger, then replay this record", c.tried())
	}
	switch {
	case c.n.Deleted && c.n.Rules.UnknownDelete == model.RuleIgnore:
		return c.nothing()
	case c.n.Deleted:
		return c.refuse("no_id", "nothing says which CRM record this deleted row is: %s; set on_unknown_delete: ignore to pass over such deletes", c.tried())
	case c.w.Want == model.Update && !c.n.Upsert && c.learned.Gone == "":
		return c.refuse("no_id", "nothing says which CRM record this row is: %s; set on_update: upsert to create such rows", c.tried())
	}
	return c.create()
}

// nothing: there is nothing to delete.
func (c *deciding) nothing() Decision {
	return Decision{Action: Settle, Fate: model.Skip(c.n.Rules.Route + ".on_unknown_delete")}
}

func (c *deciding) create() Decision {
	if c.n.Refused != nil {
		reason := *c.n.Refused
		return Decision{Action: Settle, Fate: model.Fate{Kind: model.DeadLettered, Reason: &reason}}
	}
	if c.n.Group == "" {
		return c.refuse("no_group", "the row has to be created and does not say for which group")
	}
	return Decision{Type: model.Create, Group: c.n.Group}
}

// doubt reports whether a create of the row may have been applied, and since when; lost
// says that its request is over.
func (c *deciding) doubt() (since time.Time, lost, doubt bool) {
	switch {
	case c.learned.Gone != "" && c.learned.Doubted.IsZero() && c.own.Open == nil, c.learned.Cleared, c.Resend && !c.searchable():
		return since, false, false
	case c.own.State == Exists && c.searchable():
		// It is there for sure, and an index that lags need not show it yet.
		return c.learned.Doubted, true, true
	case c.own.Open != nil, c.own.State == Doubt, c.learned.Lost && !c.learned.Doubted.IsZero():
		return c.learned.Doubted, c.learned.Lost || c.own.Open == nil, true
	}
	return since, false, false
}

// doubtful decides about a row that may have been created: it is searched for until the
// search must have seen the record, or parked.
func (c *deciding) doubtful(since time.Time, lost bool) Decision {
	if since.IsZero() {
		since = c.now
		c.learned.Doubted = since
	}
	over := since
	if !lost {
		over = since.Add(c.Timeout) // whoever sent it may still get an answer, and write the id down
	}
	if !c.searchable() {
		if c.now.Before(over) {
			return c.await(over)
		}
		return c.park()
	}
	last := since.Add(c.Timeout + c.n.Rules.IndexLag)
	switch at := c.searched(); {
	case at.IsZero():
		return c.search()
	case !at.Before(last):
		// The search must have seen it by now: it was never applied, or is not there any more.
		if c.n.Deleted && len(c.learned.Stale) > 0 {
			return Decision{Action: Settle, Fate: model.Fate{Kind: model.Written}} // what was found was deleted
		}
		if c.n.Deleted {
			return c.nothing()
		}
		if c.own.State == Exists {
			return c.unfound()
		}
		c.learned.Cleared, c.learned.Doubted = true, time.Time{}
		return c.unknown() // it may be in the group that it names now
	default:
		next := at.Add((c.Timeout + c.n.Rules.IndexLag) / searches)
		if next.After(last) {
			next = last
		}
		if !c.now.Before(next) {
			return c.search()
		}
		return c.await(next)
	}
}

// park dead-letters a write of a row that may be in the CRM already.
func (c *deciding) park() Decision {
	message := "a create of this row was announced and what became of it is not known: the record may exist in the CRM"
	if n := c.own.Open; n != nil {
		message = fmt.Sprintf("%s (announced for %s/%d offset %d)", message, n.Source.Topic, n.Source.Partition, n.Offset)
	} else if c.own.State == Doubt {
		message = fmt.Sprintf("%s (since %s/%d offset %d): look it up, import its id into the ledger and replay this record", message,
			c.own.Source.Topic, c.own.Source.Partition, c.own.Offset)
	}
	return Decision{Action: Settle, Fate: model.Fate{Kind: model.InDoubt, Reason: &model.Reason{
		Stage: model.StageWrite, Code: "in_doubt", Message: message,
	}}}
}

// tried says how the id was looked for.
func (c *deciding) tried() string {
	switch {
	case c.learned.Gone != "":
		return "the record that it was is gone"
	case !c.learned.Searched.IsZero():
		return "neither the row nor the ledger has an id, and the search for {" + c.n.Match + "} finds nothing"
	case c.n.Rules.Uses(model.FromMatch):
		return "neither the row nor the ledger has an id, and the row has no values to search by"
	}
	return "neither the row nor the ledger has an id"
}

func (c *deciding) refuse(code, format string, args ...any) Decision {
	return Decision{Action: Settle, Fate: model.Fate{Kind: model.DeadLettered, Reason: &model.Reason{
		Stage: model.StageWrite, Code: code, Message: fmt.Sprintf(format, args...),
	}}}
}
