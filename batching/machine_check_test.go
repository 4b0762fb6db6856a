package batching_test

import (
	"slices"

	"pgregory.net/rapid"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/model"
)

// checkPause: what is paused sends one probe at a time, of one write, when it is due.
func (m *machine) checkPause(t *rapid.T, r *request, paused map[model.Destination]batching.Hold) {
	hold, ok := paused[r.batch.Destination]
	if ok != r.batch.Probe() {
		t.Fatalf("paused is %v and probe is %v", ok, r.batch.Probe())
	}
	if !ok {
		return
	}
	r.probe = &probed{hold.Scope, hold.Since}
	if len(r.batch.Entries) != 1 {
		t.Fatalf("a probe of %d writes", len(r.batch.Entries))
	}
	if m.now.Before(hold.Next) {
		t.Fatalf("a probe goes %s too early", hold.Next.Sub(m.now))
	}
	for _, other := range m.flying {
		if other.probe != nil && *other.probe == *r.probe {
			t.Fatalf("two probes of %s at a time", hold.Scope)
		}
	}
}

// checkLinger: a batch that is not full has lingered, unless the sink drains or
// it is a probe or goes again.
func (m *machine) checkLinger(t *rapid.T, r *request) {
	settings := m.settings[r.batch.Destination]
	if m.draining || r.batch.Probe() || r.batch.Type == model.Delete {
		return
	}
	ready, bytes := 0, int64(0)
	for _, x := range m.ready(r.batch.Destination) {
		if x.singled {
			return
		}
		if x.write.Type == r.batch.Type {
			ready++
			bytes += int64(len(x.write.Fields)) + 24
		}
	}
	if ready >= settings.Size || bytes >= settings.Bytes {
		return
	}
	if !slices.ContainsFunc(r.ids, func(x *tracked) bool { return m.now.Sub(x.added) >= settings.Linger }) {
		t.Fatalf("a batch of %d of %d goes, and none of its writes has lingered", ready, settings.Size)
	}
}

// ready lists the writes to a destination that nothing but company keeps back.
func (m *machine) ready(d model.Destination) (ready []*tracked) {
	for _, x := range m.writes {
		if x.fate == queued && x.write.Destination == d && x.write.Type != model.Undecided &&
			!m.now.Before(x.notBefore) && m.free(x) {
			ready = append(ready, x)
		}
	}
	return ready
}

// mustGo checks, when the scheduler has nothing more to send, that this is so.
func (m *machine) mustGo(t *rapid.T) {
	if len(m.flying) >= m.requests {
		return
	}
	wake, wakes := m.sched.Wake()
	for d, settings := range m.settings {
		ready := m.ready(d)
		if len(ready) == 0 || m.inFlight(d) >= settings.InFlight {
			continue
		}
		if hold, paused := m.sched.Blocking(d); paused {
			// A request under the scope, when it comes back, lets a probe go too.
			busy := slices.ContainsFunc(m.flying, func(r *request) bool {
				return model.ScopeOf(hold.Scope.Kind, r.batch.Destination) == hold.Scope
			})
			if !busy && !wakes {
				t.Fatalf("%s is paused, has work, and nobody will ever probe", d)
			}
			continue
		}
		if m.draining {
			t.Fatalf("the sink drains, and %d writes to %s stay", len(ready), d)
		}
		var count [model.Types]int
		rotated := false
		for _, x := range ready {
			count[x.write.Type]++
			rotated = rotated || x.rotated || x.failures >= 3
			if x.again || count[x.write.Type] >= settings.Size {
				t.Fatalf("a full batch, or a set that goes again, to %s stays", d)
			}
		}
		due := ready[0].since.Add(settings.Linger)
		if rotated {
			due = m.now.Add(settings.Linger) // it may be behind others that linger
		}
		if !rotated && !m.now.Before(due) {
			t.Fatalf("a write to %s has lingered and stays", d)
		}
		if !wakes || wake.After(due) {
			t.Fatalf("a write to %s has lingered at %s, the scheduler wakes at %s (%v)", d, due, wake, wakes)
		}
	}
}

// check compares what can be asked at any time.
func (m *machine) check(t *rapid.T) {
	var open []*model.Write
	wanted := false
	bytes := make(map[model.Destination]int64)
	for i, x := range m.writes {
		if x.fate == settled {
			wanted = wanted || slices.ContainsFunc(m.writes[i+1:], func(y *tracked) bool {
				return y.fate == queued && share(x.write, y.write)
			})
		}
		if x.fate < settled {
			open = append(open, x.write)
			bytes[x.write.Destination] += x.write.Size()
		}
	}
	if got := m.sched.WantsDurable(); got != wanted {
		t.Fatalf("a commit is wanted: %v, expected %v", got, wanted)
	}
	var each []*model.Write
	m.sched.Each(func(_ model.Destination, w *model.Write) { each = append(each, w) })
	if !slices.Equal(each, open) {
		t.Fatalf("%d writes have no fate, expected %d", len(each), len(open))
	}
	if _, writes, flying := m.sched.Totals(); writes != len(open) || flying != len(m.flying) {
		t.Fatalf("%d writes and %d requests, expected %d and %d", writes, flying, len(open), len(m.flying))
	}
	m.sched.Lanes(func(l batching.LaneStatus) {
		if l.Bytes != bytes[l.Destination] || l.InFlight != m.inFlight(l.Destination) {
			t.Fatalf("lane %s: %d bytes, %d requests, expected %d and %d",
				l.Destination, l.Bytes, l.InFlight, bytes[l.Destination], m.inFlight(l.Destination))
		}
	})
}

// finale answers everything well from here on: every write must come to its end.
func (m *machine) finale(t *rapid.T) {
	for range 10 * (len(m.writes) + 10) {
		for len(m.flying) > 0 {
			r := m.flying[0]
			m.flying = m.flying[1:]
			m.back(r, make([]batching.Then, len(r.ids)), batching.Verdict{})
		}
		for _, x := range m.of(answered) {
			x.fate = settled
			m.sched.Settled(x.entry)
		}
		for _, x := range m.of(settled) {
			x.fate = over
			m.sched.Durable(x.write.Conflicts, m.now)
		}
		for _, x := range m.writes {
			if x.fate == queued && x.write.Type == model.Undecided && m.free(x) {
				x.write.Type = x.write.Want
				m.resolved(x)
			}
		}
		m.pump(t)
		m.check(t)
		if at, some := m.sched.Wake(); len(m.flying) == 0 && some && at.After(m.now) {
			m.now = at
			m.pump(t)
		}
		lanes, writes, _ := m.sched.Totals()
		if lanes == 0 && writes == 0 {
			m.noHolds(t)
			return
		}
	}
	lanes, writes, flying := m.sched.Totals()
	t.Fatalf("%d lanes, %d writes and %d requests are left although everything is answered", lanes, writes, flying)
}

// noHolds: with no lane left, nothing narrower than an integration is paused.
func (m *machine) noHolds(t *rapid.T) {
	for _, h := range m.sched.Holds() {
		if h.Scope.Kind == model.ScopeDestination {
			t.Fatalf("%s is paused and has no lane that could end it", h.Scope)
		}
	}
}
