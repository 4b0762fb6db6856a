package batching_test

import (
	"testing"
	"time"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/model"
)

func TestAWriteThatWasSentAsTheWrongThingIsDecidedOnceMore(t *testing.T) {
	t.Parallel()
	settings := usual()
	settings.Linger = 0
	asked := 0
	b := newBench(t, settings, func(c *batching.Config) {
		c.Resolve = func(e *batching.Entry) bool {
			asked++
			if asked == 2 {
				e.Write.Type, e.Write.ID = model.Update, "77" // it exists
			}
			return asked != 3
		}
	})
	e := b.add(to("a"), model.Create, 1)
	successor := b.add(to("a"), model.Update, 1)
	b.finish(b.batch(), batching.Anew, batching.Verdict{})
	got := b.batch()
	b.expect(got, e)
	if got.Type != model.Update {
		t.Fatalf("it goes as %s, expected an update", got.Type)
	}
	b.finish(got, batching.Anew, batching.Verdict{})
	b.none("it waits for an answer, and its successor for it")
	b.sched.Resolved(e, b.now)
	b.written(b.batch(), true)
	b.expect(b.batch(), successor)
}

func TestAFateThatNeedsNoRequestFreesTheKey(t *testing.T) {
	t.Parallel()
	settings := usual()
	settings.Linger = 0
	b := newBench(t, settings, awaiting)
	e := b.add(to("a"), model.Undecided, 1)
	successor := b.add(to("a"), model.Update, 1)
	b.none("it is not decided")
	if !b.sched.Decided(e) {
		t.Fatal("a write that is being decided can be given its fate")
	}
	b.sched.Resolved(e, b.now)
	b.none("what has its fate is not sent")
	b.sched.Settled(e)
	b.sched.Durable(e.Write.Conflicts, b.now)
	b.expect(b.batch(), successor)

	dropped := b.add(to("a"), model.Undecided, 2)
	b.sched.Drop(func(w *model.Write) bool { return w == dropped.Write }, b.now)
	if b.sched.Decided(dropped) {
		t.Error("a write that was dropped has no fate here")
	}
}

// Answers come one by one: each write would go alone, had it lingered while it waited for its own.
func TestWritesThatAreDecidedLateTravelTogether(t *testing.T) {
	t.Parallel()
	b := newBench(t, usual(), awaiting)
	all := b.addMany(4, to("a"), model.Undecided, 1)
	b.now = b.now.Add(time.Minute)
	decide := func(i int) {
		all[i].Write.Type = model.Create
		b.sched.Resolved(all[i], b.now)
	}
	decide(3)
	b.none("it has waited for its answer, not for company")
	b.now = b.now.Add(900 * time.Millisecond)
	decide(0)
	b.now = b.now.Add(100 * time.Millisecond)
	first := b.batch() // an older one that comes late does not put off who lingers
	b.expect(first, all[0], all[3])
	b.written(first, true)
	decide(2)
	b.none("it has not lingered")
	if at, some := b.sched.Wake(); !some || !at.Equal(b.now.Add(time.Second)) {
		t.Errorf("the scheduler wakes at %s (%t), expected a linger from now", at, some)
	}
}

func TestWhoIsLeftWhenAPartitionGoesIsNotKeptByWhoWent(t *testing.T) {
	t.Parallel()
	b := newBench(t, usual(), awaiting)
	goes := b.add(to("a"), model.Undecided, 1)
	behind := b.add(to("a"), model.Create, 2)
	b.now = b.now.Add(time.Second)
	left := b.batch()
	b.expect(left, behind)
	goes.Write.Type = model.Create
	b.sched.Resolved(goes, b.now)
	b.finish(left, batching.Unsent, batching.Verdict{Unsent: true})
	b.none("the older of them was decided just now, and lingers")
	b.sched.Drop(func(w *model.Write) bool { return w == goes.Write }, b.now)
	b.expect(b.batch(), behind)
}
