package batching

import (
	"slices"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

// Settled ends a write that was handed out and not given back for another try.
// Its keys stay closed until Durable.
func (s *Scheduler) Settled(e *Entry) {
	if e.state != pending {
		panic("BUG: a write is settled that did not come back to be settled")
	}
	s.keys.settle(e)
	s.leave(e)
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
		s.keys.abandon(e, func(next *Entry) {
			if next.state != gone { // a victim too, that waited for this one by Lock
				s.free(next, now)
			}
		})
		s.leave(e)
		s.consider(e.lane, now) // who lingered behind it waits for its own time now
		dropped = append(dropped, e.Write)
	}
	return dropped
}

// leave removes the entry from its lane and from the list of all.
func (s *Scheduler) leave(e *Entry) {
	e.state = gone
	s.all.remove(e)
	s.entries--
	s.part(e)
}

// Gone reports whether a write was settled or dropped.
func (s *Scheduler) Gone(e *Entry) bool { return e.state == gone }
