package batching

import (
	"container/heap"
	"slices"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

// Config is what a Scheduler is made of.
type Config struct {
	// Settings returns how the writes of a destination travel.
	Settings func(model.Destination) Settings
	// Requests bounds the requests over all lanes.
	Requests int
	// NewBackoff makes the backoff of a pause, and of a write that goes alone.
	NewBackoff func() Backoff
	// Patience is how long a pause is a retry before it is a hold.
	Patience time.Duration
	// Resolve decides the type and id of a write whose keys are free. It returns
	// false when deciding has to wait: then Resolved is called later. nil: every
	// write is decided already.
	Resolve func(*Entry) bool
}

// Scheduler holds the writes between mapping and requests. Its methods must not
// be called concurrently.
type Scheduler struct {
	config   Config
	lanes    map[model.Destination]*lane
	keys     *keyTable
	all      list
	run      []*lane // lanes to look at, in turn
	due      lanesByDue
	delayed  byDue
	pauses   map[model.Scope]*pause
	failing  map[model.Destination]struct{} // failed, with no answer from any other since
	seq      uint64
	requests int // in flight
	entries  int
	draining bool
}

// New makes an empty scheduler.
func New(c Config) *Scheduler {
	return &Scheduler{
		config: c,
		lanes:  make(map[model.Destination]*lane),
		keys:   newKeyTable(),
		pauses: make(map[model.Scope]*pause),

		failing: make(map[model.Destination]struct{}),
	}
}

// Batch is 1 to 100 writes that go in one request. Hand it back with Finish.
type Batch struct {
	Destination model.Destination
	Type        model.Type
	Entries     []*Entry

	lane   *lane
	piece  bool
	probes *pause    // the pause that this batch probes
	left   time.Time // when it was handed out
}

// Probe reports whether the batch finds out if a paused scope answers again.
func (b *Batch) Probe() bool { return b.probes != nil }

// Add takes a write in. It goes when it owns all its keys and its batch is due.
func (s *Scheduler) Add(w *model.Write, now time.Time) *Entry {
	s.seq++
	e := &Entry{Write: w, seq: s.seq, added: now}
	s.all.push(e)
	s.entries++
	s.join(e)
	if e.blocked = s.keys.acquire(e); e.blocked == 0 {
		s.free(e, now)
	}
	return e
}

// free sends an entry that owns all its keys towards its lane.
func (s *Scheduler) free(e *Entry, now time.Time) {
	e.state = resolving
	if s.config.Resolve == nil || s.config.Resolve(e) {
		s.Resolved(e, now)
	}
}

// Resolved puts a write whose type and id are decided into its lane: the one of
// the destination that it has now.
func (s *Scheduler) Resolved(e *Entry, now time.Time) {
	if e.state != resolving {
		return // dropped while its answer was awaited
	}
	s.Waits(e, false)
	if e.lane.destination != e.Write.Destination || e.size != e.Write.Size() {
		s.part(e)
		s.join(e)
	}
	e.lane.push(e, now)
	s.consider(e.lane, now)
}

// Decided takes a write out whose fate is known without a request, for the caller to
// make durable and to call Settled. It reports false for one that was dropped while
// its answer was awaited.
func (s *Scheduler) Decided(e *Entry) bool {
	if e.state != resolving {
		return false
	}
	s.Waits(e, false)
	e.state = pending
	return true
}

// Resolving reports whether a write is still to be decided.
func (s *Scheduler) Resolving(e *Entry) bool { return e.state == resolving }

// Gone reports whether a write was settled or dropped.
func (s *Scheduler) Gone(e *Entry) bool { return e.state == gone }

// Waits says whether deciding a write takes longer than a drain should wait for.
func (s *Scheduler) Waits(e *Entry, long bool) {
	switch {
	case e.waits == long:
		return
	case long:
		e.lane.waits += e.size
	default:
		e.lane.waits -= e.size
	}
	e.waits = long
}

// Busy reports whether a write of the key has no fate yet.
func (s *Scheduler) Busy(c model.Conflict) bool {
	k := s.keys.keys[c]
	return k != nil && k.owner != nil
}

// join counts a write with the lane of its destination: also while it waits for
// its keys, since a lane that does not move must account for what waits behind it.
func (s *Scheduler) join(e *Entry) {
	e.lane, e.size = s.lane(e.Write.Destination), e.Write.Size()
	e.lane.entries++
	e.lane.bytes += e.size
}

func (s *Scheduler) part(e *Entry) {
	s.Waits(e, false)
	e.lane.entries--
	e.lane.bytes -= e.size
	s.forget(e.lane)
}

func (s *Scheduler) lane(d model.Destination) *lane {
	l := s.lanes[d]
	if l == nil {
		l = &lane{destination: d, settings: s.config.Settings(d)}
		s.lanes[d] = l
	}
	return l
}

// consider puts a lane where it will be looked at next: the run queue when
// something may go now, the pause that covers it, or the heap of lingering lanes.
func (s *Scheduler) consider(l *lane, now time.Time) {
	if l.queued {
		return
	}
	if p := s.covering(l.destination); p != nil {
		if l.hasWork() && l.inFlight == 0 {
			l.queued = true
			p.lanes = append(p.lanes, l)
		}
		return
	}
	if l.dispatchable(now, s.draining) {
		l.queued = true
		s.run = append(s.run, l)
		return
	}
	if l.inFlight >= l.settings.InFlight {
		return // looked at again when a request comes back
	}
	switch at, some := l.lingers(); {
	case !some:
	case l.due.IsZero():
		l.due = at
		heap.Push(&s.due, l)
	case at.Before(l.due):
		l.due = at // an older write waited for its keys
		heap.Fix(&s.due, l.dueAt)
	}
}

// Next returns a batch that may go now, or nil. Call it until it returns nil:
// after Add, Finish, Settled, Durable, Drain, and at the time that Wake names.
func (s *Scheduler) Next(now time.Time) *Batch {
	s.elapse(now)
	if s.requests >= s.config.Requests {
		return nil
	}
	if b := s.probe(now); b != nil {
		s.requests++
		return b
	}
	for len(s.run) > 0 {
		l := s.run[0]
		s.run[0] = nil
		s.run = s.run[1:]
		l.queued = false
		if l.inFlight >= l.settings.InFlight || s.covering(l.destination) != nil {
			s.consider(l, now)
			s.forget(l)
			continue
		}
		b := l.take(now, s.draining, false)
		s.consider(l, now)
		if b != nil {
			s.requests++
			return b
		}
		s.forget(l)
	}
	return nil
}

// elapse moves what time alone makes ready.
func (s *Scheduler) elapse(now time.Time) {
	for len(s.delayed) > 0 && !s.delayed[0].due.After(now) {
		e := heap.Pop(&s.delayed).(*Entry)
		if e.state == delayed {
			e.lane.push(e, now)
			s.consider(e.lane, now)
		}
	}
	for len(s.due) > 0 && !s.due[0].due.After(now) {
		l := heap.Pop(&s.due).(*lane)
		l.due = time.Time{}
		s.consider(l, now)
		s.forget(l)
	}
}

// Wake returns when Next may have something by the passing of time alone.
func (s *Scheduler) Wake() (at time.Time, some bool) {
	sooner := func(t time.Time) {
		if !some || t.Before(at) {
			at, some = t, true
		}
	}
	if s.requests >= s.config.Requests {
		return at, false // a request that comes back is what lets the next one go
	}
	if len(s.due) > 0 {
		sooner(s.due[0].due)
	}
	if len(s.delayed) > 0 {
		sooner(s.delayed[0].due)
	}
	for _, p := range s.pauses {
		if !p.probing && len(p.lanes) > 0 {
			sooner(p.next)
		}
	}
	return at, some
}

// WantsDurable reports whether a write waits for the completion of an earlier
// write of its key to become durable: commit at once.
func (s *Scheduler) WantsDurable() bool { return s.keys.wanting > 0 }

// Shut closes the keys of a write that was settled in an earlier assignment, and whose
// completion a crash could still undo, until Durable.
func (s *Scheduler) Shut(set []model.Conflict) { s.keys.shut(set) }

// Durable releases the keys of a settled write whose completion is safe from a
// crash, or whose partition went away.
func (s *Scheduler) Durable(set []model.Conflict, now time.Time) {
	for i, c := range set {
		if slices.Contains(set[:i], c) {
			continue
		}
		s.keys.release(c, func(e *Entry) { s.free(e, now) })
	}
}

// Settled ends a write that was handed out and not given back for another try.
// Its keys stay closed until Durable.
func (s *Scheduler) Settled(e *Entry) {
	if e.state != pending {
		panic("BUG: a write is settled that did not come back to be settled")
	}
	s.keys.settle(e)
	s.leave(e)
}

// leave removes the entry from its lane and from the list of all.
func (s *Scheduler) leave(e *Entry) {
	e.state = gone
	s.all.remove(e)
	s.entries--
	s.part(e)
}

// forget drops a lane that has nothing in it. A pause of its own goes with it:
// nothing is left that could probe.
func (s *Scheduler) forget(l *lane) {
	if l.entries > 0 || l.inFlight > 0 || l.queued || !l.due.IsZero() {
		return
	}
	delete(s.lanes, l.destination)
	delete(s.pauses, model.ScopeOf(model.ScopeDestination, l.destination))
}

// Drain makes every batch go without waiting for company.
func (s *Scheduler) Drain(now time.Time) {
	s.draining = true
	for _, l := range s.lanes {
		s.consider(l, now)
	}
}

// Drop removes the writes that match and are not in a request or behind one:
// their partition went away. It returns them; they never get a fate here.
func (s *Scheduler) Drop(match func(*model.Write) bool, now time.Time) (dropped []*model.Write) {
	var victims []*Entry
	for e := s.all.head; e != nil; e = e.next {
		if e.state != inFlight && e.state != pending && match(e.Write) {
			victims = append(victims, e)
		}
	}
	if len(victims) == 0 {
		return nil
	}
	lanes := make(map[*lane]bool)
	for _, e := range victims {
		lanes[e.lane] = true
		e.state = gone
	}
	for l := range lanes {
		l.drop(func(e *Entry) bool { return e.state == gone })
	}
	// From the back: an entry that goes frees its waiters, and a waiter that is
	// itself a victim must be out of the queue before it could be freed.
	for i := len(victims) - 1; i >= 0; i-- {
		e := victims[i]
		s.keys.abandon(e, func(next *Entry) { s.free(next, now) })
		s.leave(e)
		dropped = append(dropped, e.Write)
	}
	return dropped
}
