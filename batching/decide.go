package batching

import (
	"slices"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

// free sends an entry that owns all its keys towards its lane.
func (s *Scheduler) free(e *Entry, now time.Time) {
	e.state = resolving
	if s.config.Resolve == nil || s.config.Resolve(e) {
		s.rejoin(e)
		s.goes(e, now)
	}
}

// Lock adds a member to the conflict set of a write that is being decided: what it was found to be
// about. It reports whether the write owns it. Otherwise the write waits for the one that does, and
// is decided afresh behind that, by Config.Resolve.
//
// A write has one such member at a time: waiting for a second one with the first in hand, two
// could wait for each other.
func (s *Scheduler) Lock(e *Entry, c model.Conflict, now time.Time) bool {
	w := e.Write
	if slices.Contains(w.Conflicts, c) {
		return true
	}
	if e.locked {
		last := len(w.Conflicts) - 1
		s.keys.surrender(e, w.Conflicts[last], func(next *Entry) { s.free(next, now) })
		w.Conflicts = w.Conflicts[:last]
	}
	e.locked = true
	w.Conflicts = append(w.Conflicts, c)
	if s.keys.join(e, c) {
		return true
	}
	s.Waits(e, false)
	e.state = waiting
	return false
}

// Resolved puts a write whose type and id are decided, by an answer that was awaited, into
// its lane: the one of the destination that it has now.
//
// It waited for the answer and not for company, so it lingers from now on: answers come
// one by one, and each would go alone. But it goes with those who linger already, or a
// queue of ever older writes would put these off for ever.
func (s *Scheduler) Resolved(e *Entry, now time.Time) {
	if e.state != resolving {
		return // dropped while its answer was awaited
	}
	s.Waits(e, false)
	s.rejoin(e)
	e.decided = now.Sub(e.added)
	if oldest := e.lane.oldest(); oldest != nil {
		e.decided = max(0, min(e.decided, oldest.since().Sub(e.added)))
	}
	s.goes(e, now)
}

// rejoin moves a write to the lane of its destination, which deciding it may have changed.
func (s *Scheduler) rejoin(e *Entry) {
	if e.lane.destination != e.Write.Destination || e.size != e.Write.Size() {
		s.part(e)
		s.join(e)
	}
}

func (s *Scheduler) goes(e *Entry, now time.Time) {
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
