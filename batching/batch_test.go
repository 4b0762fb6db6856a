package batching_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/model"
)

func TestLingerFiresWithOneWriteAndNoFurtherTraffic(t *testing.T) {
	t.Parallel()
	b := newBench(t, usual())
	e := b.add(to("a"), model.Update, 1)
	b.none("it waits for company")
	b.wakes(time.Second)
	b.now = b.now.Add(time.Second - 1)
	b.none("it has not lingered")
	b.now = b.now.Add(1)
	b.expect(b.batch(), e)
}

func TestAFullBatchGoesAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, usual())
	all := b.addMany(7, to("a"), model.Create, 1)
	got := b.batch()
	b.expect(got, all[:3]...)
	b.none("one request at a time")
	b.written(got, true)
	got = b.batch()
	b.expect(got, all[3:6]...)
	b.written(got, true)
	b.none("one write is not a full batch")
	b.wakes(time.Second)
}

func TestAnOlderWriteThatWasBehindItsKeyLingersFromItsArrival(t *testing.T) {
	t.Parallel()
	b := newBench(t, usual(), func(c *batching.Config) {
		c.Settings = func(d model.Destination) batching.Settings {
			settings := usual()
			if d == to("b") {
				settings.Linger = 0
			}
			return settings
		}
	})
	b.add(to("b"), model.Update, 1)
	first := b.batch()
	old := b.add(to("a"), model.Update, 1) // behind the one that goes to b
	b.now = b.now.Add(300 * time.Millisecond)
	b.add(to("c"), model.Update, 3) // a lane that is due between the two
	b.now = b.now.Add(300 * time.Millisecond)
	young := b.add(to("a"), model.Update, 2)
	b.none("nothing has lingered")
	b.wakes(700 * time.Millisecond) // the lane between
	b.written(first, true)          // the old one is free
	b.none("nothing has lingered")
	b.wakes(400 * time.Millisecond)
	b.now = b.now.Add(400 * time.Millisecond)
	b.expect(b.batch(), old, young)
}

func TestWritesOfOneTypeAndDestinationTravelTogether(t *testing.T) {
	t.Parallel()
	settings := usual()
	settings.Size, settings.InFlight = 100, 20
	b := newBench(t, settings)
	for i := range 60 {
		d := to([]string{"a", "b"}[i%2])
		b.add(d, []model.Type{model.Create, model.Update, model.Delete}[i%3], model.Conflict(i+1))
	}
	b.sched.Drain(b.now)
	seen := 0
	for _, got := range b.all() {
		for _, e := range got.Entries {
			if e.Write.Type != got.Type || e.Write.Destination != got.Destination {
				t.Fatalf("a %s to %s is in a batch of %ss to %s", e.Write.Type, e.Write.Destination, got.Type, got.Destination)
			}
		}
		want := 10
		if got.Type == model.Delete {
			want = 1
		}
		if len(got.Entries) != want {
			t.Fatalf("a batch of %d %ss, expected %d", len(got.Entries), got.Type, want)
		}
		seen += len(got.Entries)
	}
	if seen != 60 {
		t.Fatalf("%d writes went, expected 60", seen)
	}
}

func TestABatchStaysBelowTheLimitOfBytesUnlessOneWriteIsLarger(t *testing.T) {
	t.Parallel()
	settings := usual()
	settings.Size, settings.Bytes, settings.Linger = 100, 1000, 0
	b := newBench(t, settings)
	sizes := []int{400, 400, 400, 5000, 10}
	for i, size := range sizes {
		w := b.write(to("a"), model.Update, model.Conflict(i+1))
		w.Fields = strings.Repeat("x", size)
		b.sched.Add(w, b.now)
	}
	var got []int
	for range 10 {
		next := b.sched.Next(b.now)
		if next == nil {
			break
		}
		got = append(got, len(next.Entries))
		b.written(next, true)
	}
	want := []int{2, 1, 1, 1} // 400+400, 400, 5000, 10
	if len(got) != len(want) {
		t.Fatalf("batches of %v writes, expected %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("batches of %v writes, expected %v", got, want)
		}
	}
}

// A backlog of mixed types and repeating keys: the figure of the batches' fill.
func TestABacklogOfMixedTypesFillsItsBatches(t *testing.T) {
	t.Parallel()
	settings := batching.Settings{Size: 100, Bytes: 1 << 20, Linger: time.Second, InFlight: 2}
	b := newBench(t, settings)
	const writes, keys = 30_000, 10_000
	state := uint64(7)
	for i := range writes {
		state = state*6364136223846793005 + 1442695040888963407
		kind := model.Update
		if i < keys {
			kind = model.Create
		}
		if state>>62 == 0 {
			kind = model.Create
		}
		b.add(to("a"), kind, model.Conflict(i%keys))
	}
	requests, sent := 0, 0
	for sent < writes {
		flying := b.all()
		if len(flying) == 0 {
			at, some := b.sched.Wake()
			if !some {
				t.Fatalf("%d of %d writes went and nothing is due", sent, writes)
			}
			b.now = at
			continue
		}
		b.now = b.now.Add(50 * time.Millisecond)
		for _, got := range flying {
			requests++
			sent += len(got.Entries)
			b.written(got, true)
		}
	}
	if fill := float64(sent) / float64(requests); fill < 98 {
		t.Fatalf("%.1f writes in a batch on average, expected 98 or more", fill)
	}
}

func TestARareTypeIsNotPassedOverForEver(t *testing.T) {
	t.Parallel()
	b := newBench(t, usual())
	rare := b.add(to("a"), model.Delete, 1000)
	key := model.Conflict(1)
	began := b.now
	// A delete is a full batch of its own; a lone update is not.
	b.expect(b.batch(), rare)
	lone := b.add(to("b"), model.Update, 2000)
	for b.now.Sub(began) < 10*time.Second {
		b.addMany(6, to("b"), model.Create, key)
		key += 6
		got := b.batch()
		if got.Entries[0] == lone {
			if late := b.now.Sub(began); late > 4*time.Second {
				t.Fatalf("it was passed over for %s, expected four lingers", late)
			}
			return
		}
		b.now = b.now.Add(100 * time.Millisecond)
		b.written(got, true)
	}
	t.Fatal("a lone update never went beside a stream of creates")
}

func TestAHotLaneDoesNotStarveTheOthers(t *testing.T) {
	t.Parallel()
	for _, slots := range []int{1, 4} {
		settings := usual()
		settings.Linger, settings.InFlight = 0, 2
		b := newBench(t, settings, requests(slots))
		b.addMany(3000, to("hot"), model.Update, 1)
		const quiet = 20
		flying := b.all()
		for i := range quiet {
			b.add(to(string(rune('a'+i))), model.Update, model.Conflict(100_000+i))
		}
		served := make(map[string]bool)
		const turns = quiet + 4 // each quiet lane once, and the hot one's turns between
		for n := 0; len(served) < quiet; n++ {
			if n > turns {
				t.Fatalf("%d slots: %d of %d quiet lanes were served in %d requests", slots, len(served), quiet, n)
			}
			b.written(flying[0], true)
			next := b.all()
			for _, got := range next {
				if group := got.Destination.Group; group != "hot" {
					served[group] = true
				}
			}
			flying = append(flying[1:], next...)
		}
	}
}

func TestRequestsAreBoundedOverAllLanes(t *testing.T) {
	t.Parallel()
	settings := usual()
	settings.Linger = 0
	b := newBench(t, settings, requests(5))
	for i := range 50 {
		b.add(to(string(rune('A'+i))), model.Update, model.Conflict(i+1))
	}
	flying := b.all()
	if len(flying) != 5 {
		t.Fatalf("%d requests go, expected 5", len(flying))
	}
	if _, some := b.sched.Wake(); some {
		t.Fatal("time alone lets nothing go while every slot is taken")
	}
	b.written(flying[0], true)
	if next := b.all(); len(next) != 1 {
		t.Fatalf("%d requests go for one that came back", len(next))
	}
}
