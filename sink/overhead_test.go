package sink_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/mapping"
	"github.com/ampersink/ampersink/sink/offsets"
)

// waiting builds a backlog as the sink keeps it: records mapped, in the tracker of
// their partition, in the scheduler.
type waiting struct {
	mapper  *mapping.Mapper
	tracker *offsets.Tracker
	sched   *batching.Scheduler
	counted int64 // what Size says of it
}

func newWaiting(tb testing.TB) *waiting {
	mapper, err := mapping.New([]config.Route{tenFields()}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return &waiting{
		mapper: mapper, tracker: offsets.New(0, ""),
		sched: batching.New(batching.Config{
			Settings: func(model.Destination) batching.Settings {
				return batching.Settings{Size: 100, Bytes: 1 << 20, Linger: time.Hour, InFlight: 1}
			},
			Requests: 64,
		}),
	}
}

// fill takes n records in, of so many keys.
func (w *waiting) fill(tb testing.TB, n, keys int) {
	var items []model.Item
	for i := range n {
		id := 171591000000 + i%keys
		r := model.Record{
			TopicPartition: model.TopicPartition{Topic: "shop.public.customers"}, Offset: int64(i),
			Key: fmt.Appendf(nil, `{"id":%d}`, id), Value: fmt.Appendf(nil, debeziumUpdate, id),
		}
		items = w.mapper.Map(&r, items[:0])
		if len(items) != 1 || items[0].Write == nil {
			tb.Fatalf("the record became %+v", items)
		}
		w.tracker.Begin(r.Offset, 0, items[0].Name)
		w.counted += items[0].Write.Size()
		w.sched.Add(items[0].Write, time.Unix(0, 0))
	}
}

func heapBytes() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Not parallel: it reads the heap of the whole process. What limits.memory bounds
// is what Size says, so it must be what the heap really holds: with less the ceiling is not one,
// with much more the sink takes less work than it could.
func TestTheMemoryThatIsCountedIsWhatTheHeapHolds(t *testing.T) {
	const records = 40_000
	for _, c := range []struct {
		name string
		keys int
	}{
		{"every record another key", records},
		{"ten records a key", records / 10},
		{"one key", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWaiting(t)
			before := heapBytes()
			w.fill(t, records, c.keys)
			held := heapBytes() - before
			ratio := float64(held) / float64(w.counted)
			t.Logf("%d bytes a record are held, %d are counted", held/records, w.counted/records)
			if ratio > 1.04 {
				t.Errorf("%.2f times of what is counted is held", ratio)
			}
			if ratio < 0.85 {
				t.Errorf("only %.2f times of what is counted is held", ratio)
			}
			runtime.KeepAlive(w)
		})
	}
}
