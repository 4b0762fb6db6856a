package sink

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/time/rate"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink/ampersand"
)

// searches are the searches for CRM records. Each tenant's go through a queue of its own,
// with its own rate: a CRM counts them apart from everything else. A queue without work has no
// goroutine; one whose searches fail has one, which tries until one is answered. What the API refuses
// to everyone, as a key that was revoked, is tried by one queue for all.
type searches struct {
	sink   *Sink
	queues map[searchScope]*searchQueue
	wide   map[model.Scope]*searchFault // of integrations, and of the API
}

type searchScope struct{ integration, group string }

func (s searchScope) String() string { return "search of " + s.integration + "/" + s.group }

type searchQueue struct {
	scope   searchScope
	limiter *rate.Limiter
	entries []*batching.Entry
	workers int
	backoff batching.Backoff
	failing *searchFault // of this queue alone
	// answered counts the searches of each route that were answered, and turned has the writes
	// whose searches were turned down: those of one that is, again and again, while others of its
	// route are answered are the row's own fault.
	answered map[string]int
	turned   map[*batching.Entry]turnedDown
}

// turnedDown is how often a search was turned down although others had been answered since the
// time before, and how many there were at the last of them.
type turnedDown struct{ times, answered int }

// holdOfSearch is the kind of a hold of searches.
const holdOfSearch = "search"

const (
	// searchWorkers is how many searches of a tenant are under way at once: a few hide the
	// time that each takes, and the rate bounds them.
	searchWorkers = 4
	// turnsDown is from how many such refusals on a row is refused.
	turnsDown = 2
	// maxQueues bounds the tenants whose rate is remembered while they search for nothing.
	maxQueues = 4096
)

func newSearches(s *Sink) searches {
	return searches{sink: s, queues: make(map[searchScope]*searchQueue), wide: make(map[model.Scope]*searchFault)}
}

// start searches for the record of a write. The lock is held.
func (x *searches) start(e *batching.Entry, group string) {
	s := x.sink
	scope := searchScope{e.Write.Destination.Integration, group}
	q := x.queues[scope]
	if q == nil {
		x.tidy()
		q = &searchQueue{
			scope: scope, backoff: s.newBackoff(),
			limiter:  rate.NewLimiter(rate.Limit(s.config.Limits.SearchRate), max(1, int(s.config.Limits.SearchRate))),
			answered: make(map[string]int), turned: make(map[*batching.Entry]turnedDown),
		}
		x.queues[scope] = q
	}
	q.entries = append(q.entries, e)
	if x.fault(scope) != nil {
		s.sched.Waits(e, true)
	}
	if q.workers < x.wanted(q) {
		q.workers++
		s.requests.Go(func() { x.work(q) })
	}
}

// tidy forgets queues that have been idle for long enough to have their whole rate again.
func (x *searches) tidy() {
	if len(x.queues) < maxQueues {
		return
	}
	for scope, q := range x.queues {
		if q.workers == 0 && len(q.entries) == 0 {
			delete(x.queues, scope)
		}
	}
}

// work searches until nothing is left, or another worker has found that nothing is answered.
func (x *searches) work(q *searchQueue) {
	ctx := x.sink.requestCtx
	for {
		e := x.take(q)
		if e == nil {
			return
		}
		if q.limiter.Wait(ctx) != nil {
			x.leave(q)
			return
		}
		d := e.Write.Destination
		d.Group = q.scope.group
		sent := time.Now()
		answer := find(ctx, x.sink.api, d, e.Write.Identity.Match)
		if answer.unauthorized {
			x.sink.keys.reread()
		}
		wait, more := x.answered(q, e, &answer, sent)
		if !more {
			return
		}
		if wait > 0 && !sleep(ctx, wait) {
			x.leave(q)
			return
		}
	}
}

func (x *searches) leave(q *searchQueue) {
	x.sink.mu.Lock()
	defer x.sink.mu.Unlock()
	q.workers--
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// take takes a write out of the queue, or ends the worker.
func (x *searches) take(q *searchQueue) *batching.Entry {
	x.sink.mu.Lock()
	defer x.sink.mu.Unlock()
	if f := x.fault(q.scope); f != nil && f.prober != q {
		q.workers-- // another one probes
		return nil
	}
	for len(q.entries) > 0 && !x.sink.closed {
		e := q.entries[0]
		q.entries[0] = nil
		q.entries = q.entries[1:]
		if x.sink.sched.Resolving(e) {
			return e
		}
		delete(q.turned, e)
	}
	q.workers--
	if q.workers == 0 {
		x.passOn(q)
	}
	return nil
}

// found is what a search came to.
type found struct {
	ids  []string
	more bool // there are further ones
	// Of a search that was not answered.
	failed        bool
	after         time.Duration // the server's wish
	code, message string
	// turned: this search would never be answered; refused: no answer to it could be believed,
	// whatever it is.
	turned, refused bool
	unauthorized    bool            // the API key was refused
	hold            model.ScopeKind // what a person may have to mend
}

// find searches for the records that have the members of an object.
func find(ctx context.Context, api *ampersand.Client, d model.Destination, match string) found {
	m := api.Search(ctx, &ampersand.SearchRequest{Destination: d, Filters: filters(match)})
	if m.Kind == ampersand.SearchDone {
		return found{ids: m.IDs, more: m.More}
	}
	return found{
		failed: true, after: m.After, code: m.Code, message: m.Message, turned: m.Kind == ampersand.SearchRefused,
		refused: m.Code == ampersand.CodeUnsearchable || m.Code == ampersand.CodeAstray, unauthorized: m.Status == http.StatusUnauthorized, hold: m.Hold,
	}
}

// filters takes members of an object apart, which mapping wrote.
func filters(match string) (all []ampersand.Filter) {
	d := jsontext.NewDecoder(strings.NewReader("{" + match + "}"))
	if _, err := d.ReadToken(); err != nil {
		panic("BUG: a match is no JSON: " + err.Error())
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			panic("BUG: a match is no JSON: " + err.Error())
		}
		field := name.String()
		value, err := d.ReadValue()
		if err != nil {
			panic("BUG: a match is no JSON: " + err.Error())
		}
		all = append(all, ampersand.Filter{Field: field, Value: string(value)})
	}
	return all
}

// answered works a search in. It returns how long its worker waits, and whether it goes on.
func (x *searches) answered(q *searchQueue, e *batching.Entry, f *found, sent time.Time) (wait time.Duration, more bool) {
	s := x.sink
	s.mu.Lock()
	defer s.mu.Unlock()
	s.metrics.search(e.Write, f)
	now := time.Now()
	if f.failed && !f.refused && !x.blames(q, e, f) {
		return x.failed(q, e, f, now)
	}
	delete(q.turned, e)
	if !f.failed {
		q.answered[e.Write.Route]++
		x.mended(q)
	}
	x.staff(q)
	x.sink.identity.found(e, q.scope.group, f, sent, now)
	s.announceChange()
	s.pump()
	return 0, true
}

// blames looks whether it is the row that its search is turned down for, as a value that the CRM
// does not understand. Otherwise it is so for every row of the route: somebody has to mend the
// route or the installation, and the rows wait for that.
func (x *searches) blames(q *searchQueue, e *batching.Entry, f *found) bool {
	if !f.turned {
		return false
	}
	t, before := q.turned[e]
	if n := q.answered[e.Write.Route]; !before || n > t.answered {
		t = turnedDown{t.times + 1, n}
	}
	q.turned[e] = t
	f.refused = t.times >= turnsDown
	return f.refused
}

// failed puts the write behind the others: it waits, and so do they. One worker is enough then.
func (x *searches) failed(q *searchQueue, e *batching.Entry, f *found, now time.Time) (wait time.Duration, more bool) {
	s := x.sink
	if s.sched.Resolving(e) {
		q.entries = append(q.entries, e)
		s.sched.Waits(e, true)
	}
	fault := x.faultOf(q, f.hold, now)
	if fault.prober == nil {
		fault.prober = q
	}
	if fault.prober != q || q.workers > 1 && fault.tries > 0 {
		q.workers--
		return 0, false
	}
	wait = max(fault.backoff.NextBackOff(), f.after)
	first := fault.code != f.code
	fault.code, fault.message, fault.next = f.code, f.message, now.Add(wait)
	fault.tries++
	fault.hard = fault.hard || f.hold != model.ScopeNone || f.after > s.config.Retry.Patience
	if first {
		s.log.Warn().Str("scope", fault.name()).Str("code", f.code).Str("reason", f.message).
			Msg("a search is not answered; the writes that need it wait")
	}
	return wait, true
}

// found works what a search came to into its write. What it has not found, it has not found when it
// was sent: its answer may have taken its time, and the process may have stood still.
func (d *identities) found(e *batching.Entry, group string, f *found, sent, now time.Time) {
	if !d.sink.sched.Resolving(e) {
		return
	}
	n := e.Write.Identity
	to := e.Write.Destination
	to.Group = group
	f.ids = slices.DeleteFunc(f.ids, func(id string) bool { return d.recent.isGone(to, n, id) || d.recent.isAnother(to, n, id) })
	n.In = group
	switch {
	case f.refused:
		d.settle(e, model.Fate{Kind: model.DeadLettered, Reason: &model.Reason{Stage: model.StageWrite, Code: f.code, Message: f.message}}, now)
		return
	case len(f.ids) == 0:
		n.Searched = sent
	case len(f.ids) == 1 && !f.more, n.Rules.Several == model.RuleFirst:
		n.Found = f.ids[0]
	default:
		ids := strings.Join(f.ids, ", ")
		if f.more {
			ids += " and more"
		}
		d.settle(e, model.Fate{Kind: model.DeadLettered, Reason: &model.Reason{
			Stage: model.StageWrite, Code: "several_matches", Message: fmt.Sprintf("the search for {%s} finds several records (%s); expected at most one: "+
				"merge them in the CRM, or set search.on_several: first", n.Match, ids),
		}}, now)
		return
	}
	d.again(e, now)
}
