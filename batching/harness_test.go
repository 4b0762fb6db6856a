package batching_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/model"
)

// step is the delay of every backoff in these tests, unless a test says otherwise.
const step = 100 * time.Millisecond

type steady struct{ delay time.Duration }

func (b steady) NextBackOff() time.Duration { return b.delay }
func (steady) Reset()                       {}

// bench is a scheduler with a clock in the test's hands.
type bench struct {
	tb    testing.TB
	sched *batching.Scheduler
	now   time.Time
	next  int64 // offset of the next write
}

// usual are settings under which a full batch is easily made by hand.
func usual() batching.Settings {
	return batching.Settings{Size: 3, Bytes: 1 << 20, Linger: time.Second, InFlight: 1}
}

func newBench(tb testing.TB, settings batching.Settings, change ...func(*batching.Config)) *bench {
	tb.Helper()
	c := batching.Config{
		Settings:   func(model.Destination) batching.Settings { return settings },
		Requests:   64,
		NewBackoff: func() batching.Backoff { return steady{step} },
		Patience:   time.Minute,
	}
	for _, f := range change {
		f(&c)
	}
	return &bench{tb: tb, sched: batching.New(c), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
}

func requests(n int) func(*batching.Config) {
	return func(c *batching.Config) { c.Requests = n }
}

// awaiting has a write that is undecided wait for an answer that decides it.
func awaiting(c *batching.Config) {
	c.Resolve = func(e *batching.Entry) bool { return e.Write.Type != model.Undecided }
}

func to(group string) model.Destination {
	return model.Destination{Integration: "hubspot", Group: group, Object: "contact"}
}

// write makes a write of partition 0 of the topic "t".
func (b *bench) write(d model.Destination, t model.Type, keys ...model.Conflict) *model.Write {
	s := new(model.Single)
	record := model.Record{TopicPartition: model.TopicPartition{Topic: "t"}, Offset: b.next, Key: []byte("k"), Value: []byte("v")}
	b.next++
	var p model.Packer
	p.Begin(&record)
	p.Finish(&record, &s.Kept)
	s.Write = model.Write{Destination: d, Want: t, Type: t, Fields: `"a":1`, Source: &s.Kept}
	s.Write.SetConflicts(keys...)
	return &s.Write
}

func (b *bench) add(d model.Destination, t model.Type, keys ...model.Conflict) *batching.Entry {
	return b.sched.Add(b.write(d, t, keys...), b.now)
}

// addMany adds n writes with keys of their own, from the key first on.
func (b *bench) addMany(n int, d model.Destination, t model.Type, first model.Conflict) (all []*batching.Entry) {
	for i := range n {
		all = append(all, b.add(d, t, first+model.Conflict(i)))
	}
	return all
}

// batch expects a batch now.
func (b *bench) batch() *batching.Batch {
	b.tb.Helper()
	got := b.sched.Next(b.now)
	if got == nil {
		b.tb.Fatal("no batch goes, one was expected")
	}
	return got
}

// none expects that nothing goes now.
func (b *bench) none(why string) {
	b.tb.Helper()
	if got := b.sched.Next(b.now); got != nil {
		b.tb.Fatalf("%s, but a batch of %d to %s goes", why, len(got.Entries), got.Destination)
	}
}

// all takes every batch that goes now.
func (b *bench) all() (batches []*batching.Batch) {
	for got := b.sched.Next(b.now); got != nil; got = b.sched.Next(b.now) {
		batches = append(batches, got)
	}
	return batches
}

// finish hands a batch back, the same for each of its writes.
func (b *bench) finish(got *batching.Batch, then batching.Then, v batching.Verdict) {
	each := make([]batching.Then, len(got.Entries))
	for i := range each {
		each[i] = then
	}
	b.sched.Finish(got, each, v, b.now)
}

// written settles a batch: its writes are settled, and durable if that is said.
func (b *bench) written(got *batching.Batch, durable bool) {
	b.finish(got, batching.Settle, batching.Verdict{})
	for _, e := range got.Entries {
		b.sched.Settled(e)
		if durable {
			b.sched.Durable(e.Write.Conflicts, b.now)
		}
	}
}

// wakes expects that time alone makes something ready at that delay from now.
func (b *bench) wakes(in time.Duration) {
	b.tb.Helper()
	at, some := b.sched.Wake()
	if !some {
		b.tb.Fatalf("nothing is due by time alone, expected in %s", in)
	}
	if got := at.Sub(b.now); got != in {
		b.tb.Fatalf("wakes in %s, expected in %s", got, in)
	}
}

// empty expects that nothing is left once time has passed: no write, no lane, no request.
func (b *bench) empty() {
	b.tb.Helper()
	b.now = b.now.Add(time.Hour)
	b.none("nothing should be left")
	if lanes, writes, inFlight := b.sched.Totals(); lanes+writes+inFlight != 0 {
		b.tb.Fatalf("%d lanes, %d writes and %d requests are left, expected none", lanes, writes, inFlight)
	}
}

// expect compares a batch with the writes that it should hold, in order.
func (b *bench) expect(got *batching.Batch, want ...*batching.Entry) {
	b.tb.Helper()
	if len(got.Entries) != len(want) {
		b.tb.Fatalf("a batch of %s goes, expected %s", offsetsOf(got.Entries), offsetsOf(want))
	}
	for i := range want {
		if got.Entries[i] != want[i] {
			b.tb.Fatalf("a batch of %s goes, expected %s", offsetsOf(got.Entries), offsetsOf(want))
		}
	}
}

func offsetsOf(entries []*batching.Entry) string {
	var s strings.Builder
	for _, e := range entries {
		s.WriteString(" ")
		s.WriteString(e.Write.Type.String())
		s.WriteString("@")
		s.WriteString(e.Write.Destination.Group)
		s.WriteString(":")
		s.WriteByte(byte('0' + e.Write.Source.Offset%10))
	}
	return "[" + s.String() + " ]"
}
