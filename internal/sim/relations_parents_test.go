//go:build synctests

package sim_test

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/ampersink/ampersink/sink/deadletter"
)

// knownAt returns the record of a parent that every member knew for sure when an event was produced, and
// until it was written or given up: when all was last settled before it the parent was one record of
// the child's tenant, of which nothing was in doubt, and no event of it has come since. Nil: there is none.
func (j *relations) knownAt(c *change, p relative, until time.Time) *record {
	key := c.parents[p.column]
	at := j.lullBefore(c)
	if key == "" || at.IsZero() || tenantOf(key) != tenantOf(c.key) {
		return nil
	}
	by := j.routeOf(p.route)
	records := j.recordsAt(by, at)[key]
	if len(records) != 1 || !records[0].told {
		return nil
	}
	for _, e := range j.byRow[by.table+" "+key] {
		if e.when.After(at) && !e.when.After(until) {
			return nil
		}
		letters := j.lettersOf(by, e)
		if e.number == records[0].version && len(letters) > 0 || e.number > records[0].version && slices.ContainsFunc(letters, doubts) {
			return nil // who made it was gone before it said so, or what is known of it is in doubt
		}
	}
	return records[0]
}

// lullBefore is when all was last settled before an event; zero: never.
func (j *relations) lullBefore(c *change) (at time.Time) {
	for _, l := range j.lulls {
		if l.Before(c.when) {
			at = l
		}
	}
	return at
}

// allKnown reports whether each parent that the event names was known for sure.
func (j *relations) allKnown(by *route, c *change, until time.Time) bool {
	return !slices.ContainsFunc(by.parents, func(p relative) bool { return c.parents[p.column] != "" && j.knownAt(c, p, until) == nil })
}

// everyChildHasItsParent: whenever a child is written it names a record that was there before, of the row that
// it names and of no other, or null where it names none; the one record that this row is, where all
// members knew it. It goes without only where that is the rule and the parent was not known.
func (j *relations) everyChildHasItsParent() {
	for _, c := range j.book.calls {
		if !c.applied() || c.version == 0 {
			continue
		}
		e := j.byNumber[c.version]
		for _, p := range c.parents {
			j.hasItsParent(c, e, p)
		}
	}
}

func (j *relations) hasItsParent(c *call, e *change, p relative) {
	key := e.parents[p.column]
	id, there := c.links[p.field]
	known := j.knownAt(e, p, c.At)
	switch {
	case key == "" && id != "":
		j.fault("wrong parent: %s by route %s names no %s and is linked to record %s", e, c.name, p.column, id)
	case key == "":
	case id == "" && (there || c.missing != "omit"):
		j.fault("without its parent: %s by route %s is written without the id of %s %s", e, c.name, p.route, key)
	case id == "" && known != nil:
		j.fault("without its parent: %s by route %s is written without the id of %s %s, which was record %s for all members", e, c.name, p.route, key, known.ID)
	case id == "":
		j.seen[seenOmitted]++
	default:
		j.isItsParent(c, e, p, id, known)
	}
}

func (j *relations) isItsParent(c *call, e *change, p relative, id string, known *record) {
	key := e.parents[p.column]
	j.seen[seenLinked]++
	switch r := j.book.records[id]; {
	case r == nil || r.At.After(c.At):
		j.fault("before its parent: %s by route %s is linked to %q, which was no record then", e, c.name, id)
	case r.name != p.route || r.row != key || r.Group != c.Group:
		j.fault("wrong parent: %s by route %s names %s %s and is linked to record %s of %s %s in %s", e, c.name, p.route, key, id, r.name, r.row, r.Group)
	case !r.deleted.IsZero() && r.deleted.Before(j.lullBefore(e)):
		j.fault("stale parent: %s by route %s is linked to record %s of %s %s, which was gone for all members", e, c.name, id, p.route, key)
	case known != nil && known != r:
		j.fault("stale parent: %s by route %s is linked to record %s of %s %s, which was record %s for all members", e, c.name, id, p.route, key, known.ID)
	case known != nil:
		j.seen[seenKnown]++
	case r.At.After(e.when):
		j.seen[seenWaited]++
	}
}

// parentIsMissing: a child is dead-lettered for its parent only where such a child does not go without, and the
// parent was not known to all members; and, where it waits, not before its patience is over. When nothing is done to
// anybody any more, not much later either.
func (j *relations) parentIsMissing(by *route, c *change, l *deadletter.Letter) {
	over := c.when.Add(j.patience)
	switch {
	case by.missing == "omit":
		j.fault("innocent: %s by route %s is dead-lettered for its parent, and such rows go without", c, by.name)
	case j.allKnown(by, c, l.Last):
		j.fault("innocent: %s by route %s is dead-lettered for a parent that all members knew", c, by.name)
	case by.missing == "wait" && l.Last.Before(over):
		j.fault("impatient: %s by route %s is dead-lettered for its parent after %s of %s", c, by.name, l.Last.Sub(c.when), j.patience)
	case c.number >= j.last && l.Last.After(over.Add(j.timeout()+mostLag+settled)): // it may have been in doubt before
		j.fault("patient for too long: %s by route %s is dead-lettered for its parent after %s of %s", c, by.name, l.Last.Sub(c.when), j.patience)
	}
}

// noChildOvertakesItsParent: a child that came while its parent's create was in a request is not written without it
// by the same process before that request is over, whatever the rule is, or its patience.
func (j *relations) noChildOvertakesItsParent() {
	for _, c := range j.book.calls {
		if !c.applied() || c.version == 0 {
			continue
		}
		e := j.byNumber[c.version]
		for _, p := range c.parents {
			if key := e.parents[p.column]; key == "" || c.links[p.field] != "" || tenantOf(key) != tenantOf(e.key) {
				continue
			}
			if x := j.overtaken(c, e, p); x != nil {
				j.fault("overtaken: %s by route %s is written without the id of %s %s, whose create was in a request of the same process from %s to %s",
					e, c.name, p.route, x.row, x.At.Format(time.StampMicro), j.book.ends[x.request].Format(time.StampMicro))
			}
		}
	}
}

// overtaken returns the create of a parent that the write of a child came ahead of.
func (j *relations) overtaken(c *call, e *change, p relative) *call {
	if !c.At.Before(e.when.Add(j.patience)) {
		return nil
	}
	for _, x := range j.book.calls {
		if x.name == p.route && x.row == e.parents[p.column] && x.Type == "create" && x.process == c.process &&
			x.At.Before(e.when) && c.At.Before(j.book.ends[x.request]) {
			return x
		}
	}
	return nil
}

// theEndIsLinked: the CRM's record of each child names, in its field, the one record of the row that the child names in
// the end, or none; and its association is that of the create.
func (j *relations) theEndIsLinked() {
	for _, by := range j.routes {
		for _, tenant := range tenants {
			for _, r := range j.crm.Records("hubspot", tenant, by.object) {
				made := j.book.records[r.ID]
				if made == nil {
					j.fault("record %s of %s was never created", r.ID, by.object)
					continue
				}
				if ids := associated(r.Associations); !slices.Equal(ids, madeWith(made)) {
					j.fault("wrong association: record %s of route %s is associated with %v and was created with %v", r.ID, by.name, ids, made.links)
				}
				j.endIsLinked(by, made, text(r.Fields, "version"), func(field string) string { return text(r.Fields, field) })
			}
		}
	}
}

// endIsLinked looks at a record whose last event was produced when all was settled.
func (j *relations) endIsLinked(by *route, made *record, version string, field func(string) string) {
	changes := j.byRow[by.table+" "+made.row]
	e := changes[len(changes)-1]
	if by.way == "none" || e.number < j.last || version != plain(e.number) {
		return // it is not in the CRM by that event, which everyWriteHasItsOneFate looks at
	}
	for _, p := range by.parents {
		var now []*record
		if key := e.parents[p.column]; key != "" && tenantOf(key) == tenantOf(e.key) {
			now = j.recordsAt(j.routeOf(p.route), time.Now())[key]
		}
		id := field(p.field)
		switch {
		case e.parents[p.column] == "" && id != "":
			j.fault("wrong in the end: %s by route %s names no %s and its record is linked to %s", e, by.name, p.column, id)
		case j.knownAt(e, p, time.Now()) != nil && (len(now) != 1 || now[0].ID != id):
			j.fault("wrong in the end: %s by route %s names %s %s and its record is linked to %q", e, by.name, p.route, e.parents[p.column], id)
		}
	}
}

// associated are the ids that a record is associated with.
func associated(text json.RawMessage) (ids []string) {
	var associations []struct{ To struct{ ID string } }
	_ = json.Unmarshal(text, &associations)
	for _, a := range associations {
		ids = append(ids, a.To.ID)
	}
	slices.Sort(ids)
	return ids
}

// madeWith are the ids that the fields of a record named when it was created.
func madeWith(r *record) (ids []string) {
	for _, id := range r.links {
		if id != "" {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
