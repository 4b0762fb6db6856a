package batching_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/model"
)

const manyLanes = 10_000

// laneWrites makes one write for each of many lanes.
func laneWrites(b *bench) []*model.Write {
	writes := make([]*model.Write, manyLanes)
	for i := range writes {
		writes[i] = b.write(to(fmt.Sprint("tenant-", i)), model.Update, model.Conflict(i+1))
	}
	return writes
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Not parallel: it counts goroutines and bytes of the whole process.
func TestALaneWithOneWriteCostsNoGoroutineAndFewBytes(t *testing.T) {
	settings := usual()
	settings.Size = 100
	b := newBench(t, settings, requests(manyLanes))
	writes := laneWrites(b)
	goroutines, before := runtime.NumGoroutine(), heap()
	for _, w := range writes {
		b.sched.Add(w, b.now)
	}
	b.none("every lane waits for company")
	perLane := float64(heap()-before) / manyLanes
	t.Logf("%.0f bytes a lane, with its one entry and key", perLane)
	const most = 1024
	if perLane > most {
		t.Errorf("%.0f bytes a lane, expected at most %d", perLane, most)
	}
	if now := runtime.NumGoroutine(); now > goroutines {
		t.Errorf("%d goroutines more", now-goroutines)
	}
	if lanes, _, _ := b.sched.Totals(); lanes != manyLanes {
		t.Fatalf("%d lanes, expected %d", lanes, manyLanes)
	}
	b.now = b.now.Add(settings.Linger)
	for _, got := range b.all() {
		b.written(got, true)
	}
	b.empty()
}

// A write's way through a scheduler that is in use: Add, Next, Finish, Settled, Durable.
func BenchmarkWrite(b *testing.B) {
	for _, keys := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			h := newBench(b, batching.Settings{Size: 100, Bytes: 1 << 20, InFlight: 4})
			writes := make([]*model.Write, keys)
			for i := range writes {
				writes[i] = h.write(to("a"), model.Update, model.Conflict(i+1))
			}
			then := make([]batching.Then, 100)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				h.sched.Add(writes[i%keys], h.now)
				if i%100 != 99 {
					continue
				}
				for got := h.sched.Next(h.now); got != nil; got = h.sched.Next(h.now) {
					h.sched.Finish(got, then[:len(got.Entries)], batching.Verdict{}, h.now)
					for _, e := range got.Entries {
						h.sched.Settled(e)
						h.sched.Durable(e.Write.Conflicts, h.now)
					}
				}
			}
		})
	}
}

// Ten thousand lanes with one write each, from Add to the end.
func BenchmarkManyLanes(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		h := newBench(b, eager(), requests(manyLanes))
		writes := laneWrites(h)
		b.StartTimer()
		for _, w := range writes {
			h.sched.Add(w, h.now)
		}
		for _, got := range h.all() {
			h.written(got, true)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/manyLanes, "ns/lane")
}
