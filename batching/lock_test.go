package batching_test

import (
	"testing"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/model"
)

// locking makes a scheduler whose writes find out what they are about when their keys are free: the
// record that says holds for each. Each is asked as often as it is decided.
func locking(t *testing.T, record map[int64]model.Conflict) (b *bench, asked map[int64]int) {
	asked = make(map[int64]int)
	settings := usual()
	settings.Linger = 0
	b = newBench(t, settings, func(c *batching.Config) {
		c.Resolve = func(e *batching.Entry) bool {
			asked[e.Write.Source.Offset]++
			c, late := record[e.Write.Source.Offset]
			return !late || b.sched.Lock(e, c, b.now)
		}
	})
	return b, asked
}

func TestTwoWritesThatAreFoundToBeAboutOneRecordGoOneAfterTheOther(t *testing.T) {
	t.Parallel()
	b, asked := locking(t, map[int64]model.Conflict{0: 90, 1: 90, 2: 91})
	all := b.addMany(3, to("a"), model.Update, 1)
	first := b.batch()
	b.expect(first, all[0], all[2])
	b.none("the second one waits for the first")
	b.written(first, false)
	b.none("the first one's completion is not durable")
	if !b.sched.WantsDurable() {
		t.Error("no commit is asked for")
	}
	b.sched.Durable(all[0].Write.Conflicts, b.now)
	second := b.batch()
	b.expect(second, all[1])
	if asked[1] != 2 {
		t.Errorf("the second one was decided %d times, expected twice", asked[1])
	}
	b.written(second, true)
	b.sched.Durable(all[2].Write.Conflicts, b.now)
	b.empty()
}

func TestAWriteThatIsFoundToBeAboutAnotherRecordLetsTheFirstOneGo(t *testing.T) {
	t.Parallel()
	record := map[int64]model.Conflict{0: 90, 1: 91, 2: 90}
	b, _ := locking(t, record)
	all := b.addMany(3, to("a"), model.Update, 1)
	got := b.batch()
	b.expect(got, all[0], all[1])
	record[0] = 91 // as the CRM says now
	b.sched.Finish(got, []batching.Then{batching.Anew, batching.Settle}, batching.Verdict{}, b.now)
	second := b.batch()
	b.expect(second, all[2])
	b.written(second, true)
	b.none("the first one waits for the completion of the other record's")
	b.sched.Settled(all[1])
	b.sched.Durable(all[1].Write.Conflicts, b.now)
	third := b.batch()
	b.expect(third, all[0])
	b.written(third, true)
	b.empty()
}

// Two writes that each have what the other one waits for would wait for ever.
func TestWhoWaitsForAnotherKeyGivesARecordUp(t *testing.T) {
	t.Parallel()
	settings := usual()
	settings.Linger = 0
	b := newBench(t, settings, awaiting)
	late := b.add(to("a"), model.Undecided, 1)
	waits := b.add(to("a"), model.Update, 90, 1)
	b.none("one is not decided, and the other one waits for it")
	if late.Write.Type = model.Update; !b.sched.Lock(late, 90, b.now) {
		t.Fatal("it waits for a write that waits for it")
	}
	b.sched.Resolved(late, b.now)
	first := b.batch()
	b.expect(first, late)
	b.written(first, true)
	second := b.batch()
	b.expect(second, waits)
	b.written(second, true)
	b.empty()
}

func TestWhoWaitsForARecordGoesWithItsPartition(t *testing.T) {
	t.Parallel()
	b, asked := locking(t, map[int64]model.Conflict{0: 90, 1: 90, 2: 90})
	all := b.addMany(3, to("a"), model.Update, 1)
	if got := b.sched.Drop(func(w *model.Write) bool { return w != all[2].Write }, b.now); len(got) != 2 {
		t.Fatalf("%d writes are dropped, expected 2", len(got))
	}
	if asked[1] != 1 {
		t.Errorf("a dropped write was decided %d times, expected once", asked[1])
	}
	b.written(b.batch(), true)
	b.empty()
}

func TestWhoWaitsForALaterWriteGoesWithItToo(t *testing.T) {
	t.Parallel()
	b := newBench(t, usual(), awaiting)
	late := b.add(to("a"), model.Undecided, 1)
	b.add(to("a"), model.Update, 90)
	if late.Write.Type = model.Update; b.sched.Lock(late, 90, b.now) {
		t.Fatal("it does not wait for a write that may go")
	}
	if got := b.sched.Drop(func(*model.Write) bool { return true }, b.now); len(got) != 2 {
		t.Fatalf("%d writes are dropped, expected 2", len(got))
	}
	b.empty()
}
