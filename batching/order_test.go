package batching_test

import (
	"testing"
	"time"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/model"
)

func TestASuccessorGoesOnlyWhenItsPredecessorIsDurable(t *testing.T) {
	t.Parallel()
	b := newBench(t, usual())
	first := b.add(to("a"), model.Update, 1)
	second := b.add(to("a"), model.Update, 1)
	b.sched.Drain(b.now)
	got := b.batch()
	b.expect(got, first)
	b.none("the first is in flight")
	if b.sched.WantsDurable() {
		t.Fatal("a commit is wanted while nothing is settled")
	}
	b.written(got, false)
	b.none("the first is settled, and a crash would undo that")
	if !b.sched.WantsDurable() {
		t.Fatal("the second waits for a commit, and none is wanted")
	}
	b.sched.Durable(first.Write.Conflicts, b.now)
	if b.sched.WantsDurable() {
		t.Fatal("a commit is wanted although it was made")
	}
	got = b.batch()
	b.expect(got, second)
	b.written(got, true)
	b.empty()
}

func TestAKeyWithoutASuccessorWantsNoCommit(t *testing.T) {
	t.Parallel()
	b := newBench(t, usual())
	b.addMany(3, to("a"), model.Update, 1)
	b.written(b.batch(), false)
	if b.sched.WantsDurable() {
		t.Fatal("a commit is wanted and nobody waits for it")
	}
}

func TestAWriteWaitsForEveryMemberOfItsConflictSet(t *testing.T) {
	t.Parallel()
	settings := usual()
	settings.Size, settings.Linger, settings.InFlight = 1, 0, 3
	b := newBench(t, settings)
	b.add(to("a"), model.Update, 1)
	b.add(to("b"), model.Update, 2)       // another destination can share a key too
	b.add(to("a"), model.Update, 1, 2, 1) // a member may be named twice
	after := b.add(to("a"), model.Update, 2)
	flying := b.all()
	if len(flying) != 2 {
		t.Fatalf("%d requests go, expected those of the two free writes", len(flying))
	}
	b.written(flying[0], true)
	b.none("key 2 is still in flight")
	b.written(flying[1], true)
	both := b.batch()
	b.none("the last waits for the one that has both keys")
	b.written(both, true)
	b.expect(b.batch(), after)
}

func TestWritesOfOneKeyKeepTheirOrderAndOthersPassThem(t *testing.T) {
	t.Parallel()
	settings := usual()
	settings.Linger = 0
	b := newBench(t, settings)
	k1 := b.add(to("a"), model.Create, 1)
	k2 := b.add(to("a"), model.Update, 1)
	k3 := b.add(to("a"), model.Delete, 1)
	other := b.add(to("a"), model.Create, 2)
	// The type of the oldest free write decides, and the other create joins it.
	got := b.batch()
	b.expect(got, k1, other)
	b.written(got, true)
	got = b.batch()
	b.expect(got, k2)
	b.written(got, true)
	b.expect(b.batch(), k3)
}

func TestATypeThatIsDecidedLateDecidesTheBatch(t *testing.T) {
	t.Parallel()
	settings := usual()
	settings.Linger = 0
	var asked []*batching.Entry
	b := newBench(t, settings, func(c *batching.Config) {
		c.Resolve = func(e *batching.Entry) bool {
			asked = append(asked, e)
			return e.Write.Type != model.Undecided
		}
	})
	first := b.add(to("a"), model.Create, 1)
	second := b.add(to("a"), model.Undecided, 1)
	if len(asked) != 1 {
		t.Fatalf("%d writes are to be decided, expected the one whose key is free", len(asked))
	}
	b.written(b.batch(), true)
	if len(asked) != 2 || asked[1] != second {
		t.Fatal("the second write was not asked for when its key became free")
	}
	b.none("the second write is not decided")
	second.Write.Type, second.Write.ID, second.Write.Destination = model.Update, "77", to("b")
	b.sched.Resolved(second, b.now)
	got := b.batch()
	b.expect(got, second)
	if got.Type != model.Update || got.Destination != to("b") {
		t.Fatalf("it goes as %s to %s, expected an update to b", got.Type, got.Destination)
	}
	b.written(got, true)
	b.empty()
	_ = first
}

func TestAnAnswerForADroppedWriteIsIgnored(t *testing.T) {
	t.Parallel()
	b := newBench(t, usual(), func(c *batching.Config) {
		c.Resolve = func(e *batching.Entry) bool { return e.Write.Type != model.Undecided }
	})
	e := b.add(to("a"), model.Undecided, 1)
	b.sched.Drop(func(*model.Write) bool { return true }, b.now)
	e.Write.Type = model.Update
	b.sched.Resolved(e, b.now)
	b.sched.Drain(b.now)
	b.none("the write was dropped")
	b.empty()
}

func TestADropTakesWhatIsQueuedAndLetsOthersGo(t *testing.T) {
	t.Parallel()
	settings := usual()
	settings.Size, settings.Linger, settings.InFlight = 1, 0, 4
	b := newBench(t, settings)
	flying := b.add(to("a"), model.Update, 1)
	mine := b.add(to("a"), model.Update, 1) // behind the one in flight
	got := b.batch()
	b.expect(got, flying)
	left := b.add(to("b"), model.Update, 2)
	theirs := b.add(to("b"), model.Update, 2) // behind one that goes away
	gone := map[*model.Write]bool{mine.Write: true, left.Write: true}
	dropped := b.sched.Drop(func(w *model.Write) bool { return gone[w] || w == flying.Write }, b.now)
	if len(dropped) != 2 || !gone[dropped[0]] || !gone[dropped[1]] {
		t.Fatalf("%d writes were dropped, expected the two that were queued", len(dropped))
	}
	next := b.batch()
	b.expect(next, theirs)
	b.written(got, true)
	b.written(next, true)
	b.empty()
}

func TestALaneWhoseWritesWereDroppedDuringAPauseIsForgotten(t *testing.T) {
	t.Parallel()
	for _, scope := range []model.ScopeKind{model.ScopeAPI, model.ScopeIntegration} {
		t.Run(scope.String(), func(t *testing.T) {
			t.Parallel()
			settings := usual()
			settings.Linger = 0
			b := newBench(t, settings)
			b.add(to("a"), model.Update, 1)
			b.finish(b.batch(), batching.WithLane, batching.Verdict{Failed: true, Scope: scope})
			b.add(to("b"), model.Update, 2)
			b.sched.Drop(func(w *model.Write) bool { return w.Destination == to("b") }, b.now)
			b.now = b.now.Add(step)
			b.written(b.batch(), true) // the probe
			b.empty()
		})
	}
}

func TestAPauseOfALaneGoesWithItsLastWrite(t *testing.T) {
	t.Parallel()
	settings := usual()
	settings.Linger = 0
	b := newBench(t, settings)
	b.add(to("a"), model.Update, 1)
	b.finish(b.batch(), batching.WithLane, batching.Verdict{Failed: true, Hold: true})
	if holds := b.sched.Holds(); len(holds) != 1 || !holds[0].Held {
		t.Fatalf("holds are %+v, expected that of the lane", holds)
	}
	b.sched.Drop(func(*model.Write) bool { return true }, b.now)
	b.empty()
	if holds := b.sched.Holds(); len(holds) > 0 {
		t.Fatalf("%s is still paused and nothing could end it", holds[0].Scope)
	}
}

func TestSettlingWhatDidNotComeBackIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, usual())
	e := b.add(to("a"), model.Update, 1)
	defer func() {
		if recover() == nil {
			t.Fatal("a write that never left was settled")
		}
	}()
	b.sched.Settled(e)
}

func TestSendableSaysWhatADrainWaitsFor(t *testing.T) {
	t.Parallel()
	settings := usual()
	settings.Linger = 0
	b := newBench(t, settings)
	expect := func(want bool, why string) {
		t.Helper()
		if b.sched.Sendable() != want {
			t.Fatalf("sendable is %v although %s", !want, why)
		}
	}
	expect(false, "there is nothing")
	b.add(to("a"), model.Update, 1)
	b.add(to("a"), model.Update, 1)
	expect(true, "a write is ready")
	got := b.batch()
	expect(true, "a request is under way")
	b.finish(got, batching.Settle, batching.Verdict{})
	expect(true, "a dead letter is on its way")
	b.sched.Settled(got.Entries[0])
	expect(true, "a successor waits for a commit")
	b.sched.Durable(got.Entries[0].Write.Conflicts, b.now)
	expect(true, "the successor is ready")
	b.finish(b.batch(), batching.WithLane, batching.Verdict{Failed: true})
	expect(true, "a request failed once")
	b.now = b.now.Add(step)
	b.finish(b.batch(), batching.WithLane, batching.Verdict{Failed: true, Hold: true})
	expect(false, "all that is left is held")
}

func TestEachGoesInTheOrderOfArrival(t *testing.T) {
	t.Parallel()
	b := newBench(t, usual())
	var want []*model.Write
	for i := range 5 {
		want = append(want, b.add(to("a"), model.Update, model.Conflict(i%2)).Write)
	}
	i := 0
	b.sched.Each(func(_ model.Destination, w *model.Write) {
		if w != want[i] {
			t.Fatalf("place %d has write %d", i, w.Source.Offset)
		}
		i++
	})
	if i != len(want) {
		t.Fatalf("%d writes, expected %d", i, len(want))
	}
}

func TestTheOldestReadyWriteOfALaneIsShown(t *testing.T) {
	t.Parallel()
	b := newBench(t, usual())
	began := b.now
	b.add(to("a"), model.Update, 1)
	b.now = b.now.Add(100 * time.Millisecond)
	b.add(to("a"), model.Create, 2)
	b.sched.Lanes(func(l batching.LaneStatus) {
		if l.Writes != 2 || !l.Oldest.Equal(began) || l.InFlight != 0 || !l.Answered.IsZero() {
			t.Fatalf("the lane is shown as %+v", l)
		}
	})
}
