package batching

import (
	"container/heap"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

// Then is what happens to a write of a batch that came back.
type Then uint8

// What can happen to it.
const (
	// Settle: its fate is known and made durable by the caller, who calls Settled.
	Settle Then = iota
	// WithLane: it goes again with the lane's next batches.
	WithLane
	// Alone: it goes again in a batch of one, after a backoff of its own.
	Alone
	// Innocent: it goes again at once, with the other innocent of its batch.
	Innocent
	// Halved: it goes again at once, with its half of the batch.
	Halved
	// Unsent: nothing was sent of it; it goes again as if it had never left.
	Unsent
	// Anew: what it was sent as turned out wrong (the record exists, is gone, may
	// exist): its type and id are decided once more.
	Anew
)

// Finish takes a batch back: what happens to each of its writes, in the batch's
// order, and what the request said of its scope.
func (s *Scheduler) Finish(b *Batch, then []Then, v Verdict, now time.Time) {
	if len(then) != len(b.Entries) {
		panic("BUG: a batch came back with another number of writes")
	}
	l := b.lane
	s.requests--
	l.inFlight--
	l.answered = now
	then, v = l.examine(b, then, v)
	s.judge(b, v, now)

	groups := [Anew + 1][]*Entry{}
	for i, e := range b.Entries {
		groups[then[i]] = append(groups[then[i]], e)
	}
	for _, e := range groups[Settle] {
		e.state = pending
	}
	again := append(groups[WithLane], groups[Unsent]...)
	switch {
	case b.probes != nil && v.Failed:
		s.rotate(l, again, b.piece, now)
	case b.piece:
		s.putBack(l, again) // stays the set that it was
	default:
		for _, e := range again {
			l.push(e, now)
		}
	}
	for _, e := range groups[Alone] {
		s.delay(e, v.After, now)
	}
	s.putBack(l, groups[Innocent])
	half := len(groups[Halved]) / 2
	s.putBack(l, groups[Halved][half:])
	s.putBack(l, groups[Halved][:half])

	for _, e := range groups[Anew] {
		s.free(e, now)
	}

	s.consider(l, now)
	s.forget(l)
}

// rotate puts a failed probe's write behind the others, so that the next probe
// is of another one: a scope may answer all but this write. One of a piece keeps to itself,
// as it would have in the end.
func (s *Scheduler) rotate(l *lane, again []*Entry, piece bool, now time.Time) {
	for _, e := range again {
		s.seq++
		e.seq = s.seq
		e.alone = e.alone || piece
		l.push(e, now)
	}
}

// judge starts, prolongs or ends the pauses over the batch's destination.
//
// Only a probe ends a pause: an answer to a request that left before the pause
// began says nothing of what made it begin.
func (s *Scheduler) judge(b *Batch, v Verdict, now time.Time) {
	probed := b.probes
	if probed != nil {
		probed.probing = false
		if s.pauses[probed.scope] != probed {
			probed = nil // it was ended otherwise, and may have begun anew since
		}
	}
	switch {
	case v.Failed:
		if probed != nil && !v.Hold {
			v.Scope = probed.scope.Kind // an outage is still an outage
		} else {
			v.Scope = s.suspect(b.Destination, v)
		}
		s.pauseFor(b.Destination, v, now)
		if probed != nil && v.Scope > probed.scope.Kind {
			// The answer holds something narrower, so what was probed answers.
			s.end(probed, now)
		}
	case v.Unsent, v.own:
		// It says nothing of the scope: the probe is still owed.
	default:
		clear(s.failing)
		if probed != nil {
			s.resume(b, now)
		}
	}
}

// apiSuspicion is how many destinations in a row must fail, with no answer from
// any other between, before the API itself is taken to be down: one tenant's
// failing CRM must not stop the others, and ten thousand lanes must not each
// find out alone.
const apiSuspicion = 3

// suspect widens the scope of a failure that several destinations share.
func (s *Scheduler) suspect(d model.Destination, v Verdict) model.ScopeKind {
	if v.Scope != model.ScopeNone {
		return v.Scope
	}
	if v.Hold {
		return model.ScopeDestination
	}
	s.failing[d] = struct{}{}
	if len(s.failing) < apiSuspicion {
		return model.ScopeDestination
	}
	clear(s.failing)
	return model.ScopeAPI
}

// putBack makes a piece of the entries, to go before everything else.
func (s *Scheduler) putBack(l *lane, entries []*Entry) {
	if len(entries) == 0 {
		return
	}
	for _, e := range entries {
		e.state = pieced
	}
	l.pieces = append([]*piece{{entries: append([]*Entry(nil), entries...)}}, l.pieces...)
}

// delay lets an entry wait for a backoff of its own, then go alone.
func (s *Scheduler) delay(e *Entry, after time.Duration, now time.Time) {
	b := s.config.NewBackoff()
	wait := b.NextBackOff()
	for range e.tries {
		wait = b.NextBackOff()
	}
	e.tries++
	e.alone, e.state = true, delayed
	e.due = now.Add(max(wait, after))
	heap.Push(&s.delayed, e)
}
