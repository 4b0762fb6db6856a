package sink

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/mapping"
	"github.com/ampersink/ampersink/sink/ledger"
)

// identities finds which CRM record each write of a late route is about. The ledger decides
// (ledger.Decide); here is done what that takes: waiting, searching, and writing down
// what was found out. It is guarded by Sink.mu.
type identities struct {
	sink    *Sink
	ledger  *ledger.Ledger // nil: no route needs it
	log     *acknowledging
	decider ledger.Decider

	// undecided are writes of which the scheduler has asked and that need more than an
	// answer; they are taken up outside of its call.
	undecided []undecided
	awaiting  map[*batching.Entry]awaited
	next      time.Time // none of them is due before
	searches  searches
	recent    recent
	records   *mapping.Records
	// writing are writes whose fate waits for the ledger's acknowledgement; puttings and reports
	// are those that are appended with the next flush.
	writing           map[*flushed]struct{}
	puttings, reports puttings
	unsure            bool // some of those that are acknowledged wait for the lease
	// doubts are announced creates that may have been applied.
	doubts map[*batching.Entry]ledger.Create

	changed atomic.Bool // a row that is awaited has changed
}

type undecided struct {
	entry    *batching.Entry
	decision ledger.Decision
}

// awaited is what a write waits for.
type awaited struct {
	watch ledger.RowKey
	since time.Time
	until time.Time
	why   string
}

func newIdentities(s *Sink) *identities {
	records := s.mapper.Records()
	d := &identities{
		sink: s, awaiting: make(map[*batching.Entry]awaited), recent: newRecent(records), records: records,
		writing: make(map[*flushed]struct{}), doubts: make(map[*batching.Entry]ledger.Create),
	}
	d.searches = newSearches(s)
	return d
}

// open begins to use the ledger.
func (d *identities) open(l *ledger.Ledger, log *acknowledging) {
	d.ledger, d.log = l, log
	d.decider = ledger.Decider{
		Lookup: l.Lookup, Busy: d.sink.sched.Busy, Recent: d.recent.of,
		Timeout: d.sink.config.Ampersand.Timeout, Resend: d.sink.config.InDoubt == config.InDoubtResend,
	}
}

// ledgerChanged is told by the ledger that a row has changed which somebody awaits.
func (d *identities) ledgerChanged() {
	d.changed.Store(true)
	select {
	case d.sink.wake <- struct{}{}:
	default:
	}
}

// warm tells the ledger of the rows of writes that are about to be taken in.
func (d *identities) warm(records []mapped) {
	if d.ledger == nil {
		return
	}
	d.ledger.Warm(func(yield func(ledger.RowKey) bool) {
		for i := range records {
			for _, it := range records[i].items {
				if it.Write != nil && it.Write.Identity != nil && !yield(rowOf(it.Write)) {
					return
				}
			}
		}
	})
}

// resolve implements batching.Config.Resolve.
func (d *identities) resolve(e *batching.Entry) bool {
	if e.Write.Identity == nil {
		return true
	}
	now := time.Now()
	x := d.decide(e, now)
	if x.Action == ledger.Send {
		become(e.Write, &x)
		return d.lock(e, now)
	}
	d.undecided = append(d.undecided, undecided{e, x})
	return false
}

// lock makes a write wait for an earlier one of the record that it was found to be about: of another row
// with the same match value, or of one that has just given that value up. Behind it the write is decided
// afresh, as what was found may be gone by then, or be found by this value no more.
func (d *identities) lock(e *batching.Entry, now time.Time) bool {
	w, n := e.Write, e.Write.Identity
	if w.ID == "" || d.sink.sched.Lock(e, d.records.Conflict(w.Destination, w.ID), now) {
		return true
	}
	n.Found, n.Searched = "", time.Time{}
	return false
}

func (d *identities) decide(e *batching.Entry, now time.Time) ledger.Decision {
	x := d.decider.Decide(e.Write, now)
	e.Write.Identity.Learned = x.Learned
	return x
}

// again decides a write once more that had to wait.
func (d *identities) again(e *batching.Entry, now time.Time) {
	delete(d.awaiting, e)
	if !d.sink.sched.Resolving(e) {
		return // dropped meanwhile
	}
	d.take(e, d.decide(e, now), now)
}

// take does what was decided of a write that had to wait, or has it done.
func (d *identities) take(e *batching.Entry, x ledger.Decision, now time.Time) {
	if x.Action != ledger.Send {
		d.undecided = append(d.undecided, undecided{e, x})
		return
	}
	become(e.Write, &x)
	if d.lock(e, now) {
		d.sink.sched.Resolved(e, now)
	}
}

// carryOn takes up what is undecided, and what has waited long enough.
func (d *identities) carryOn(now time.Time) {
	if d.changed.Swap(false) || !d.next.IsZero() && !now.Before(d.next) {
		d.look(now)
	}
	for len(d.undecided) > 0 {
		u := d.undecided[0]
		d.undecided = d.undecided[1:]
		if !d.sink.sched.Resolving(u.entry) {
			continue
		}
		switch u.decision.Action {
		case ledger.Search:
			d.searches.start(u.entry, u.decision.Group)
		case ledger.Await:
			d.await(u.entry, u.decision.Watch, now)
		case ledger.Settle:
			d.settle(u.entry, u.decision.Fate, now)
		}
	}
	d.undecided = nil
	d.flush()
}

func (d *identities) await(e *batching.Entry, watch ledger.RowKey, now time.Time) {
	d.ledger.Watch(watch)
	// It may have changed since that was decided: the topic is followed beside us, and nobody
	// would have told.
	x := d.decide(e, now)
	if x.Action != ledger.Await || x.Watch != watch {
		d.take(e, x, now)
		return
	}
	d.awaiting[e] = awaited{watch: x.Watch, since: now, until: x.Until, why: x.Why}
	if d.next.IsZero() || x.Until.Before(d.next) {
		d.next = x.Until
	}
	d.sink.sched.Waits(e, true)
}

// look decides those again whose row has changed, and those that are due.
func (d *identities) look(now time.Time) {
	changed := d.ledger.Changes()
	d.next = time.Time{}
	for e, a := range d.awaiting {
		if _, ok := changed[a.watch]; ok || !now.Before(a.until) || !d.sink.sched.Resolving(e) {
			d.again(e, now)
			continue
		}
		if d.next.IsZero() || a.until.Before(d.next) {
			d.next = a.until
		}
	}
}

// wake returns when carryOn may have something to do by the passing of time alone.
func (d *identities) wake() (at time.Time, some bool) { return d.next, !d.next.IsZero() }

// settle gives a write the fate that was decided without a request.
func (d *identities) settle(e *batching.Entry, fate model.Fate, now time.Time) {
	s := d.sink
	if !s.sched.Decided(e) {
		return
	}
	var row ledger.Row
	switch known := d.ledger.Lookup(rowOf(e.Write)); {
	case fate.Reason == nil && e.Write.Identity.Deleted && known.State != ledger.Unknown:
		// It is forgotten.
	case fate.Reason != nil && d.newDoubt(e, fate, &known):
		// That it is in doubt is remembered too: a later write of the row must not create it.
		src := e.Write.Source
		row = ledger.Row{State: ledger.Doubt, Group: e.Write.Identity.Group, Source: src.TopicPartition, Offset: src.Offset}
	default:
		if row = d.carries(e.Write); row.State == ledger.Unknown {
			s.end(e, fate, now, now)
			return
		}
	}
	d.put(putting{entry: e, row: row, voice: d.voice(e.Write), after: func() { s.end(e, fate, now, time.Now()) }})
}

// newDoubt reports whether a write that is given up leaves its row in doubt, which the ledger does not
// know yet. What it knows stays: it names the create that the doubt is about.
func (d *identities) newDoubt(e *batching.Entry, fate model.Fate, known *ledger.Answer) bool {
	doubt := d.doubts[e].Announced() || fate.Kind == model.InDoubt && e.Write.Want != model.Delete
	return doubt && (known.State == ledger.Unknown || known.State == ledger.Doubt && known.Open != nil)
}

// become makes a write what was decided.
func become(w *model.Write, x *ledger.Decision) {
	n := w.Identity
	w.Type, w.ID, w.Destination.Group = x.Type, x.ID, x.Group
	w.Fields, w.Associations = "", ""
	switch {
	case x.Type == model.Delete:
		return
	case x.Type == model.Create:
		w.Fields = n.Update
		if n.Insert != "" {
			w.Fields = n.Insert
		}
		w.Associations = n.Associations
	default:
		w.Fields = n.Update
	}
	if len(x.Links) > 0 {
		w.Fields, w.Associations = linked(w, x.Links)
	} else if w.Associations != "" {
		w.Associations = "[" + w.Associations + "]"
	}
}

// linked returns the fields and the associations with the ids of the write's parents.
func linked(w *model.Write, links []ledger.Link) (fields, associations string) {
	var f, a strings.Builder
	f.WriteString(w.Fields)
	a.WriteString(w.Associations)
	add := func(b *strings.Builder, parts ...string) {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		for _, p := range parts {
			b.WriteString(p)
		}
	}
	for i := range links {
		p := &w.Identity.Parents[i]
		switch {
		case p.Clear && w.Type == model.Update && p.Field != "":
			add(&f, strings.TrimSuffix(p.Before, `"`), "null")
		case links[i].Omitted:
		case p.Field != "":
			add(&f, p.Before, links[i].ID, p.After)
		case w.Type == model.Create:
			add(&a, p.Before, links[i].ID, p.After)
		}
	}
	if associations = a.String(); associations != "" {
		associations = "[" + associations + "]"
	}
	return f.String(), associations
}

// maxReasons bounds what a status says of what is awaited.
const maxReasons = 5

// status says what is known, and what waits for more.
func (d *identities) status(st *Status, now time.Time) {
	if d.ledger == nil {
		return
	}
	out := &IdentityStatus{Ledger: d.ledger.Stats(), Topic: d.log.topic, Stalled: d.log.waiting(), Awaiting: len(d.awaiting)}
	d.eachWriting(func(*batching.Entry) bool {
		out.Writing++
		return true
	})
	for _, e := range d.longest() {
		a, src := d.awaiting[e], e.Write.Source
		out.Reasons = append(out.Reasons, fmt.Sprintf("%s/%d offset %d since %s, at most until %s: %s", src.Topic, src.Partition, src.Offset,
			a.since.Format(time.RFC3339), a.until.Format(time.RFC3339), a.why))
	}
	out.Searching = d.searches.status(st, now)
	st.Identity = out
}

// longest returns those that wait for the longest time, at most maxReasons.
func (d *identities) longest() (entries []*batching.Entry) {
	for e, a := range d.awaiting {
		i, _ := slices.BinarySearchFunc(entries, a.since, func(e *batching.Entry, t time.Time) int { return d.awaiting[e].since.Compare(t) })
		if i == maxReasons {
			continue
		}
		entries = slices.Insert(entries, i, e)
		entries = entries[:min(len(entries), maxReasons)]
	}
	return entries
}
