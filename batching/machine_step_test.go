package batching_test

import (
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/model"
)

func (m *machine) add(t *rapid.T) {
	for range rapid.IntRange(1, 6).Draw(t, "writes") {
		var s model.Single
		r := model.Record{Offset: m.offset, TopicPartition: model.TopicPartition{Topic: "t", Partition: rapid.Int32Range(0, 2).Draw(t, "partition")}}
		m.offset++
		var p model.Packer
		p.Begin(&r)
		p.Finish(&r, &s.Kept)
		w := &s.Write
		*w = model.Write{ //nolint:govet // it is read as the entry's
			Source: &s.Kept, Destination: rapid.SampledFrom(destinations()).Draw(t, "destination"),
			Want:   rapid.SampledFrom([]model.Type{model.Create, model.Update, model.Delete}).Draw(t, "want"),
			Fields: strings.Repeat("x", rapid.IntRange(0, 120).Draw(t, "bytes")),
		}
		if !rapid.Bool().Draw(t, "undecided") {
			w.Type = w.Want
		}
		for _, key := range rapid.SliceOfN(rapid.Uint64Range(1, 8), 0, 3).Draw(t, "keys") {
			w.Conflicts = append(w.Conflicts, model.Conflict(key))
		}
		x := &tracked{write: w, partition: r.Partition, added: m.now, since: m.now}
		m.writes = append(m.writes, x)
		x.entry = m.sched.Add(w, m.now)
		m.byEntry[x.entry] = x
	}
	m.pump(t)
}

// free reports whether no earlier write that shares a key is open or undone by a crash.
func (m *machine) free(x *tracked) bool {
	for _, y := range m.writes {
		if y == x {
			return true
		}
		if y.fate != over && share(x.write, y.write) {
			return false
		}
	}
	return true
}

func share(a, b *model.Write) bool {
	return slices.ContainsFunc(a.Conflicts, func(c model.Conflict) bool { return slices.Contains(b.Conflicts, c) })
}

// pump takes what goes, as the sink does after every change.
func (m *machine) pump(t *rapid.T) {
	for {
		paused := make(map[model.Destination]batching.Hold)
		for _, d := range destinations() {
			if h, ok := m.sched.Blocking(d); ok {
				paused[d] = h
			}
		}
		b := m.sched.Next(m.now)
		if b == nil {
			break
		}
		m.left(t, b, paused)
	}
	m.mustGo(t)
}

func (m *machine) pass(t *rapid.T) {
	if at, some := m.sched.Wake(); some && at.After(m.now) && rapid.Bool().Draw(t, "until due") {
		m.now = at
	} else {
		m.now = m.now.Add(time.Duration(rapid.Int64Range(0, int64(300*time.Millisecond)).Draw(t, "time")))
	}
	m.pump(t)
}

// answer brings a request back.
func (m *machine) answer(t *rapid.T) {
	if len(m.flying) == 0 {
		t.Skip("nothing is in flight")
	}
	i := rapid.IntRange(0, len(m.flying)-1).Draw(t, "request")
	r := m.flying[i]
	m.flying = slices.Delete(m.flying, i, i+1)
	then := make([]batching.Then, len(r.ids))
	var v batching.Verdict
	switch rapid.SampledFrom([]string{"fine", "fine", "fine", "mixed", "halved", "failed", "failed", "unsent", "flood"}).Draw(t, "answer") {
	case "fine":
	case "mixed":
		some := rapid.SampledFrom([]batching.Then{batching.Settle, batching.WithLane, batching.Alone, batching.Innocent})
		for i := range then {
			then[i] = some.Draw(t, "then")
		}
	case "halved":
		fill(then, batching.Halved)
	case "failed":
		fill(then, batching.WithLane)
		v = batching.Verdict{
			Failed: true, Hold: rapid.Bool().Draw(t, "hold"),
			Scope: rapid.SampledFrom([]model.ScopeKind{model.ScopeNone, model.ScopeNone, model.ScopeAPI, model.ScopeIntegration, model.ScopeDestination}).Draw(t, "scope"),
			After: rapid.SampledFrom([]time.Duration{0, 0, time.Second, time.Minute}).Draw(t, "after"),
		}
	case "unsent":
		v = batching.Verdict{Unsent: true}
		fill(then, batching.Unsent)
		if rapid.Bool().Draw(t, "moved") {
			for i := range then {
				then[i] = rapid.SampledFrom([]batching.Then{batching.Settle, batching.Unsent}).Draw(t, "then")
			}
		}
	case "flood":
		for i := range then {
			then[i] = rapid.SampledFrom([]batching.Then{batching.Settle, batching.WithLane}).Draw(t, "then")
		}
		v = batching.Verdict{Failed: true, Hold: true, Scope: model.ScopeDestination}
	}
	m.back(r, then, v)
	m.pump(t)
}

func fill(then []batching.Then, with batching.Then) {
	for i := range then {
		then[i] = with
	}
}

// back tells both what became of a request.
func (m *machine) back(r *request, then []batching.Then, v batching.Verdict) {
	for i, x := range r.ids {
		x.fate = queued
		if v.Failed {
			x.failures++
			x.rotated = x.rotated || r.probe != nil
		}
		switch then[i] {
		case batching.Settle:
			x.fate = answered
		case batching.Alone:
			x.notBefore, x.singled = m.now.Add(max(step, v.After)), true
		case batching.Innocent, batching.Halved:
			x.again, x.singled = true, true
		default:
			x.again = r.again && !(v.Failed && r.probe != nil) && x.failures < 3
		}
		x.singled = x.singled || x.failures >= 3
	}
	var later []batching.Hold
	for _, h := range m.sched.Holds() {
		if !v.Failed && (r.probe == nil || h.Since.After(r.left)) && m.probes(h.Scope) {
			later = append(later, h)
		}
	}
	m.sched.Finish(r.batch, then, v, m.now)
	for _, h := range later {
		if !slices.ContainsFunc(m.sched.Holds(), func(now batching.Hold) bool { return now.Scope == h.Scope && now.Since.Equal(h.Since) }) {
			m.t.Fatalf("%s is not paused some more, by a request that left before it was", h.Scope)
		}
	}
}

// probes reports whether a scope has a write that could probe it: a destination's pause
// goes when its last write was dropped.
func (m *machine) probes(scope model.Scope) bool {
	return scope.Kind != model.ScopeDestination || slices.ContainsFunc(m.writes, func(x *tracked) bool {
		return x.fate < settled && model.ScopeOf(scope.Kind, x.write.Destination) == scope
	})
}

func (m *machine) settle(t *rapid.T) {
	all := m.of(answered)
	if len(all) == 0 {
		t.Skip("nothing is answered")
	}
	x := rapid.SampledFrom(all).Draw(t, "write")
	x.fate = settled
	m.sched.Settled(x.entry)
	m.pump(t)
}

func (m *machine) durable(t *rapid.T) {
	all := m.of(settled)
	if len(all) == 0 {
		t.Skip("nothing is settled")
	}
	for _, x := range all {
		if rapid.Bool().Draw(t, "covered") {
			x.fate = over
			m.sched.Durable(x.write.Conflicts, m.now)
		}
	}
	m.pump(t)
}

// decide answers for a write whose type is looked up.
func (m *machine) decide(t *rapid.T) {
	var open []*tracked
	for _, x := range m.writes {
		if x.fate == queued && x.write.Type == model.Undecided && m.free(x) {
			open = append(open, x)
		}
	}
	if len(open) == 0 {
		t.Skip("nothing is being looked up")
	}
	x := rapid.SampledFrom(open).Draw(t, "write")
	x.write.Type = rapid.SampledFrom([]model.Type{model.Create, model.Update}).Draw(t, "type")
	x.write.Destination = rapid.SampledFrom(destinations()).Draw(t, "destination")
	m.resolved(x)
	m.pump(t)
}

// resolved says that a write is decided. It lingers from now on, or with those who do.
func (m *machine) resolved(x *tracked) {
	x.since = m.now
	others := slices.DeleteFunc(m.ready(x.write.Destination), func(y *tracked) bool { return y == x || y.again })
	switch {
	case len(others) == 0:
	case slices.ContainsFunc(others, func(y *tracked) bool { return y.rotated || y.failures >= 3 }):
		x.rotated = true // nobody knows here who of them is the first
	case others[0].since.Before(m.now) && others[0].since.After(x.added):
		x.since = others[0].since
	case others[0].since.Before(m.now):
		x.since = x.added
	}
	m.sched.Resolved(x.entry, m.now)
}

// drop takes a partition away: its writes that are not in a request go, and only they.
func (m *machine) drop(t *rapid.T) {
	partition := rapid.Int32Range(0, 2).Draw(t, "partition")
	var want []*model.Write
	for _, x := range m.writes {
		if x.fate == queued && x.partition == partition {
			want = append(want, x.write)
			x.fate = over
		}
	}
	got := m.sched.Drop(func(w *model.Write) bool { return w.Source.Partition == partition }, m.now)
	byOffset := func(a, b *model.Write) int { return int(a.Source.Offset - b.Source.Offset) }
	slices.SortFunc(got, byOffset)
	if !slices.Equal(got, want) {
		t.Fatalf("%d writes are dropped, expected %d", len(got), len(want))
	}
	m.pump(t)
}

func (m *machine) drain(t *rapid.T) {
	if rapid.IntRange(0, 9).Draw(t, "dice") > 0 {
		t.Skip("not yet")
	}
	m.draining = true
	m.sched.Drain(m.now)
	m.pump(t)
}
