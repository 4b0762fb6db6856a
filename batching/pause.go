package batching

import (
	"iter"
	"maps"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

// Backoff gives the delays of one pause. It is the interface of backoff/v4's
// exponential backoff; a negative delay would mean giving up, which never happens here.
type Backoff interface {
	NextBackOff() time.Duration
	Reset()
}

// pause keeps a scope from sending: after a failed request until a probe finds
// that the scope answers again.
type pause struct {
	scope   model.Scope
	since   time.Time
	next    time.Time // when the next probe may go
	hard    bool      // a person may have to act, or patience has run out: held
	probing bool
	code    string
	message string
	backoff Backoff
	probes  int
	lanes   []*lane // that have work and wait, in turn
}

// Hold is a pause as people see it.
type Hold struct {
	Scope   model.Scope
	Since   time.Time
	Code    string
	Message string
	// Held says that this is more than a retry: patience has run out, or the
	// answer asked for a person.
	Held   bool
	Probes int
	Next   time.Time
}

// Verdict is what a request said of its scope.
type Verdict struct {
	// Failed: the request failed as a whole and the scope backs off. The zero
	// Verdict is a request that was answered.
	Failed bool
	// Unsent: there was none, and so the scope has not answered either.
	Unsent bool
	Scope  model.ScopeKind // what backs off; ScopeNone with Failed means the destination
	// Hold: it is held at once, not only when patience has run out.
	Hold    bool
	After   time.Duration // the server's wish, zero for none
	own     bool          // it failed because of its write: that says nothing of the scope
	Code    string
	Message string
}

// covering returns the widest pause over a destination, or nil.
func (s *Scheduler) covering(d model.Destination) *pause {
	if len(s.pauses) == 0 {
		return nil
	}
	for kind := model.ScopeAPI; kind <= model.ScopeDestination; kind++ {
		if p := s.pauses[model.ScopeOf(kind, d)]; p != nil {
			return p
		}
	}
	return nil
}

// pauseFor starts or prolongs the pause that a verdict asks for.
func (s *Scheduler) pauseFor(d model.Destination, v Verdict, now time.Time) {
	kind := v.Scope
	if kind == model.ScopeNone {
		kind = model.ScopeDestination
	}
	scope := model.ScopeOf(kind, d)
	p := s.pauses[scope]
	if p == nil {
		p = &pause{scope: scope, since: now, backoff: s.config.NewBackoff()}
		s.pauses[scope] = p
	}
	p.code, p.message = v.Code, v.Message
	p.hard = p.hard || v.Hold || now.Sub(p.since) >= s.config.Patience || v.After > s.config.Patience
	if now.Before(p.next) {
		// A neighbour that was in flight too failed of the same cause: that is no
		// further probe.
		p.next = maxTime(p.next, now.Add(v.After))
		return
	}
	p.next = now.Add(max(p.backoff.NextBackOff(), v.After))
}

// resume ends the pause that a batch probed, and the narrower ones over its
// destination that had begun when it left: it was answered. Of a wider one it says
// nothing, since under that it would not have left.
func (s *Scheduler) resume(b *Batch, now time.Time) {
	for kind := b.probes.scope.Kind; kind <= model.ScopeDestination; kind++ {
		p := s.pauses[model.ScopeOf(kind, b.Destination)]
		if p != nil && (p == b.probes || p.since.Before(b.left)) {
			s.end(p, now)
		}
	}
}

// end ends a pause and lets the lanes that it kept back be looked at again: those
// that waited for it, and those that had requests in flight, which do not wait.
func (s *Scheduler) end(p *pause, now time.Time) {
	delete(s.pauses, p.scope)
	lanes := p.lanes
	p.lanes = nil
	for _, l := range lanes {
		l.queued = false
		s.consider(l, now)
		s.forget(l) // what it had may have been dropped meanwhile
	}
	for l := range s.under(p.scope) {
		if l.inFlight > 0 {
			s.consider(l, now)
		}
	}
}

// under lists the lanes of a scope, and may list others.
func (s *Scheduler) under(scope model.Scope) iter.Seq[*lane] {
	if scope.Kind != model.ScopeDestination {
		return maps.Values(s.lanes)
	}
	return func(yield func(*lane) bool) {
		if l := s.lanes[model.Destination{Integration: scope.Integration, Group: scope.Group, Object: scope.Object}]; l != nil {
			yield(l)
		}
	}
}

// probe returns the next probe that is due, or nil.
func (s *Scheduler) probe(now time.Time) *Batch {
	for _, p := range s.pauses {
		if p.probing || now.Before(p.next) {
			continue
		}
		for len(p.lanes) > 0 {
			l := p.lanes[0]
			p.lanes = p.lanes[1:]
			l.queued = false
			if wider := s.covering(l.destination); wider != p {
				s.consider(l, now)
				s.forget(l)
				continue
			}
			b := l.take(now, s.draining, true)
			if b == nil {
				s.forget(l)
				continue
			}
			p.probing = true
			p.probes++
			b.probes = p
			s.consider(l, now)
			return b
		}
	}
	return nil
}

// Holds lists the pauses, in no order.
func (s *Scheduler) Holds() []Hold {
	holds := make([]Hold, 0, len(s.pauses))
	for _, p := range s.pauses {
		holds = append(holds, p.hold())
	}
	return holds
}

func (p *pause) hold() Hold {
	return Hold{
		Scope: p.scope, Since: p.since, Code: p.code, Message: p.message,
		Held: p.hard, Probes: p.probes, Next: p.next,
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
