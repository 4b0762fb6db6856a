package batching

import (
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

// LaneStatus is a lane as people see it.
type LaneStatus struct {
	Destination model.Destination
	Writes      int
	Bytes       int64
	Waits       int64 // bytes of writes that wait for long to be decided
	InFlight    int
	Oldest      time.Time // arrival of the oldest ready write; zero when none is ready
	Answered    time.Time // when a request last came back, or else when the first left; zero before it
}

// Lanes calls f for each lane, in no order.
func (s *Scheduler) Lanes(f func(LaneStatus)) {
	for _, l := range s.lanes {
		st := LaneStatus{
			Destination: l.destination, Writes: l.entries, Bytes: l.bytes, Waits: l.waits, InFlight: l.inFlight, Answered: l.answered,
		}
		for t := range l.ready {
			if q := l.ready[t].heap; len(q) > 0 && (st.Oldest.IsZero() || q[0].added.Before(st.Oldest)) {
				st.Oldest = q[0].added
			}
		}
		f(st)
	}
}

// Each calls f for each write without a fate, in the order of arrival.
func (s *Scheduler) Each(f func(model.Destination, *model.Write)) {
	for e := s.all.head; e != nil; e = e.next {
		f(e.lane.destination, e.Write)
	}
}

// Totals returns how many lanes, writes and requests there are.
func (s *Scheduler) Totals() (lanes, writes, requests int) {
	return len(s.lanes), s.entries, s.requests
}

// Sendable reports whether any write could still get its fate without a hold
// ending: what a drain waits for.
func (s *Scheduler) Sendable() bool {
	if s.requests > 0 || s.keys.wanting > 0 {
		return true
	}
	for e := s.all.head; e != nil; e = e.next {
		switch e.state {
		case waiting: // goes when an earlier one of its key is settled
		case resolving:
			if !e.waits {
				return true
			}
		case pending:
			return true
		default:
			if p := s.covering(e.lane.destination); p == nil || !p.hard {
				return true
			}
		}
	}
	return false
}

// Blocking returns the paused scope that keeps a destination from sending.
func (s *Scheduler) Blocking(d model.Destination) (Hold, bool) {
	p := s.covering(d)
	if p == nil {
		return Hold{}, false
	}
	return p.hold(), true
}

// Busy reports whether a write of the key has no fate yet.
func (s *Scheduler) Busy(c model.Conflict) bool {
	k := s.keys.keys[c]
	return k != nil && k.owner != nil
}
