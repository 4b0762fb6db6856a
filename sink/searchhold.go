package sink

import (
	"time"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/model"
)

// searchFault is why searches are not answered: those of one tenant, or, where the answer said so,
// of an integration or of the whole API. Of all queues that it keeps from searching, one probes.
type searchFault struct {
	scope         model.Scope // ScopeNone: of one queue
	since, next   time.Time
	code, message string
	tries         int
	hard          bool // a person may have to act, or patience has run out: held
	backoff       batching.Backoff
	prober        *searchQueue // nil: the next one that has something to search for
}

// searchOfAPI is the name of a fault of all searches.
const searchOfAPI = "search of api"

// name says whose searches they are.
func (f *searchFault) name() string {
	if f.scope.Kind == model.ScopeNone {
		return f.prober.scope.String()
	}
	return "search of " + f.scope.String()
}

// held reports whether it is more than a retry.
func (f *searchFault) held(now time.Time, patience time.Duration) bool {
	return f.hard || now.Sub(f.since) >= patience
}

// fault returns the widest fault that keeps a queue from searching, or nil.
func (x *searches) fault(scope searchScope) *searchFault {
	if len(x.wide) > 0 {
		d := model.Destination{Integration: scope.integration}
		for kind := model.ScopeAPI; kind <= model.ScopeIntegration; kind++ {
			if f := x.wide[model.ScopeOf(kind, d)]; f != nil {
				return f
			}
		}
	}
	if q := x.queues[scope]; q != nil && q.failing != nil {
		return q.failing
	}
	return nil
}

// wanted is how many workers a queue may have.
func (x *searches) wanted(q *searchQueue) int {
	f := x.fault(q.scope)
	switch {
	case f == nil:
		return searchWorkers
	case f.prober == nil:
		f.prober = q
	case f.prober != q:
		return 0
	}
	return 1
}

// staff gives a queue its workers.
func (x *searches) staff(q *searchQueue) {
	if len(q.entries) == 0 {
		return
	}
	for n := min(x.wanted(q), len(q.entries)); q.workers < n; {
		q.workers++
		x.sink.requests.Go(func() { x.work(q) })
	}
}

// faultOf returns the fault that a failed search of a queue belongs to, which may be a new one.
func (x *searches) faultOf(q *searchQueue, hold model.ScopeKind, now time.Time) *searchFault {
	f := x.fault(q.scope)
	wide := hold == model.ScopeAPI || hold == model.ScopeIntegration
	scope := model.ScopeOf(hold, model.Destination{Integration: q.scope.integration})
	if f != nil && (!wide || f.scope.Kind != model.ScopeNone && f.scope.Kind <= hold) {
		return f
	}
	if !wide {
		q.failing = &searchFault{since: now, backoff: q.backoff, prober: q}
		x.waits(q)
		return q.failing
	}
	f = &searchFault{scope: scope, since: now, backoff: x.sink.newBackoff(), prober: q}
	x.wide[scope] = f
	for _, other := range x.queues {
		if x.fault(other.scope) == f {
			other.failing = nil // it is part of the wider one
			x.waits(other)
		}
	}
	return f
}

// waits tells the scheduler that what is in a queue waits for long.
func (x *searches) waits(q *searchQueue) {
	for _, e := range q.entries {
		if x.sink.sched.Resolving(e) {
			x.sink.sched.Waits(e, true)
		}
	}
}

// mended ends the fault that a queue has probed: a search of it was answered.
func (x *searches) mended(q *searchQueue) {
	f := x.fault(q.scope)
	if f == nil || f.prober != q {
		return
	}
	x.sink.log.Info().Str("scope", f.name()).Msg("searches are answered again")
	x.end(f)
}

// passOn looks for another queue that can probe, as this one has nothing to search for any more.
func (x *searches) passOn(q *searchQueue) {
	if q.failing != nil {
		x.end(q.failing)
	}
	for _, f := range x.wide {
		if f.prober != q {
			continue
		}
		f.prober = nil
		for _, other := range x.queues {
			if f.prober == nil && x.fault(other.scope) == f {
				x.staff(other)
			}
		}
		if f.prober == nil {
			x.end(f) // nothing is left that could find out
		}
	}
}

func (x *searches) end(f *searchFault) {
	f.backoff.Reset()
	if f.scope.Kind == model.ScopeNone {
		f.prober.failing = nil
		return
	}
	delete(x.wide, f.scope)
	for _, q := range x.queues {
		x.staff(q)
	}
}

// each calls visit for every fault.
func (x *searches) each(visit func(*searchFault)) {
	for _, f := range x.wide {
		visit(f)
	}
	for _, q := range x.queues {
		if q.failing != nil {
			visit(q.failing)
		}
	}
}

// held returns the fault that holds the searches of a lane's writes, or nil.
func (x *searches) held(d model.Destination, now time.Time) *searchFault {
	if f := x.fault(searchScope{d.Integration, d.Group}); f != nil && f.held(now, x.sink.config.Retry.Patience) {
		return f
	}
	return nil
}

// searching reports whether there are searches that no fault keeps back.
func (x *searches) searching() bool {
	for _, q := range x.queues {
		if (q.workers > 0 || len(q.entries) > 0) && x.fault(q.scope) == nil {
			return true
		}
	}
	return false
}

// status adds the searches that are not answered to the holds, and returns how many writes
// are searched for.
func (x *searches) status(st *Status, now time.Time) (searching int) {
	for _, q := range x.queues {
		searching += len(q.entries)
	}
	x.each(func(f *searchFault) {
		st.Holds = append(st.Holds, HoldStatus{
			Scope: f.name(), Kind: holdOfSearch, Held: f.held(now, x.sink.config.Retry.Patience),
			Since: f.since, Code: f.code, Reason: f.message, Probes: f.tries, NextTry: f.next,
		})
	})
	return searching
}
