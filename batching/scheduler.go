package batching

import (
	"container/heap"
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

// Drain makes every batch go without waiting for company.
func (s *Scheduler) Drain(now time.Time) {
	s.draining = true
	for _, l := range s.lanes {
		s.consider(l, now)
	}
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

// forget drops a lane that has nothing in it. A pause of its own goes with it:
// nothing is left that could probe.
func (s *Scheduler) forget(l *lane) {
	if l.entries > 0 || l.inFlight > 0 || l.queued || !l.due.IsZero() {
		return
	}
	delete(s.lanes, l.destination)
	delete(s.pauses, model.ScopeOf(model.ScopeDestination, l.destination))
}
