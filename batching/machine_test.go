package batching_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/model"
)

// fateOf is where the naive model believes a write to be.
type fateOf uint8

const (
	queued   fateOf = iota // waits, for whatever reason
	inFlight               // in a request
	answered               // came back to be settled
	settled                // settled, and a crash could undo that
	over                   // durable, or dropped
)

// tracked is a write as the naive model sees it.
type tracked struct {
	entry     *batching.Entry
	write     *model.Write
	partition int32
	added     time.Time
	since     time.Time // it lingers
	fate      fateOf
	notBefore time.Time // it waits for a backoff of its own
	again     bool      // it is in a set that goes again at once
	failures  int       // of its requests: from the third on the scheduler may single it out
	rotated   bool      // it was in a probe that failed, so others go before it
	singled   bool      // it may go in a batch that is not full, whatever the linger says
}

// request is a batch in flight.
type request struct {
	batch *batching.Batch
	probe *probed
	again bool // it is a set that went again at once
	left  time.Time
	ids   []*tracked
}

// probed names one pause: a scope may be paused again later.
type probed struct {
	scope model.Scope
	since time.Time
}

// machine drives a Scheduler and the naive model of it side by side: a list of
// all writes in the order of arrival, looked through from its start for every question.
type machine struct {
	t        *rapid.T
	sched    *batching.Scheduler
	now      time.Time
	settings map[model.Destination]batching.Settings
	requests int
	draining bool
	writes   []*tracked
	byEntry  map[*batching.Entry]*tracked
	flying   []*request
	offset   int64
}

func newMachine(t *rapid.T) *machine {
	m := &machine{
		t: t, now: time.Unix(1_000_000, 0), byEntry: make(map[*batching.Entry]*tracked),
		settings: make(map[model.Destination]batching.Settings),
		requests: rapid.IntRange(1, 4).Draw(t, "requests"),
	}
	linger := []time.Duration{0, 10 * time.Millisecond, time.Second}
	for _, d := range destinations() {
		m.settings[d] = batching.Settings{
			Size:     rapid.IntRange(1, 5).Draw(t, "size"),
			Bytes:    rapid.Int64Range(1, 400).Draw(t, "bytes"),
			Linger:   rapid.SampledFrom(linger).Draw(t, "linger"),
			InFlight: rapid.IntRange(1, 3).Draw(t, "in_flight"),
		}
	}
	m.sched = batching.New(batching.Config{
		Settings:   func(d model.Destination) batching.Settings { return m.settings[d] },
		Requests:   m.requests,
		NewBackoff: func() batching.Backoff { return steady{step} },
		Patience:   2 * time.Second,
		Resolve:    m.resolve,
	})
	return m
}

func destinations() (all []model.Destination) {
	for _, integration := range []string{"hubspot", "salesforce"} {
		for _, group := range []string{"a", "b"} {
			all = append(all, model.Destination{Integration: integration, Group: group, Object: "contact"})
		}
	}
	return all
}

func TestTheSchedulerAgreesWithANaiveModel(t *testing.T) {
	t.Parallel()
	for range 4 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				m := newMachine(t)
				t.Repeat(map[string]func(*rapid.T){
					"add": m.add, "add more": m.add, "pass": m.pass, "answer": m.answer, "answer another": m.answer,
					"settle": m.settle, "durable": m.durable, "decide": m.decide, "drop": m.drop, "drain": m.drain,
					"": m.check,
				})
				m.finale(t)
			})
		})
	}
}

// resolve decides at once, or, for the writes of odd offsets that came undecided, later.
func (m *machine) resolve(e *batching.Entry) bool {
	if e.Write.Type != model.Undecided {
		return true
	}
	if e.Write.Source.Offset%2 == 1 {
		return false
	}
	e.Write.Type = e.Write.Want
	return true
}

// left checks a batch that leaves.
func (m *machine) left(t *rapid.T, b *batching.Batch, paused map[model.Destination]batching.Hold) {
	r := &request{batch: b, left: m.now}
	settings := m.settings[b.Destination]
	bytes := 0
	for _, e := range b.Entries {
		x := m.byEntry[e]
		switch {
		case x == nil || x.fate != queued:
			t.Fatalf("a write goes that is not waiting to be sent")
		case e.Write.Destination != b.Destination || e.Write.Type != b.Type || b.Type == model.Undecided:
			t.Fatalf("a batch mixes destinations or types")
		case m.now.Before(x.notBefore):
			t.Fatalf("a write goes before its own backoff is over")
		}
		if !m.free(x) {
			t.Fatalf("write %d goes before an earlier one of its keys is durable", x.write.Source.Offset)
		}
		bytes += len(e.Write.Fields)
		r.ids = append(r.ids, x)
	}
	switch n := len(b.Entries); {
	case n == 0 || n > settings.Size || n > 1 && b.Type == model.Delete:
		t.Fatalf("a batch of %d goes, the limit is %d", n, settings.Size)
	case n > 1 && int64(bytes) > settings.Bytes:
		t.Fatalf("a batch of %d bytes goes, the limit is %d", bytes, settings.Bytes)
	}
	m.checkPause(t, r, paused)
	m.checkLinger(t, r)
	for _, x := range r.ids {
		r.again = r.again || x.again
		x.fate, x.again = inFlight, false
	}
	m.flying = append(m.flying, r)
	if len(m.flying) > m.requests || m.inFlight(b.Destination) > settings.InFlight {
		t.Fatalf("%d requests, of them %d to %s", len(m.flying), m.inFlight(b.Destination), b.Destination)
	}
}

func (m *machine) inFlight(d model.Destination) (n int) {
	for _, r := range m.flying {
		if r.batch.Destination == d {
			n++
		}
	}
	return n
}

func (m *machine) of(fate fateOf) (all []*tracked) {
	for _, x := range m.writes {
		if x.fate == fate {
			all = append(all, x)
		}
	}
	return all
}
