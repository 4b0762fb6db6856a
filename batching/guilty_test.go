package batching_test

import (
	"slices"
	"testing"
	"time"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/model"
)

// A batch that fails and names nobody, one guilty of a hundred: about two requests
// for each halving, and the 99 are written on the way.
func TestOneGuiltyOfAHundredIsFoundByHalving(t *testing.T) {
	t.Parallel()
	for _, place := range []int{0, 37, 99} {
		b := newBench(t, batching.Settings{Size: 100, Bytes: 1 << 20, Linger: time.Second, InFlight: 1})
		all := b.addMany(100, to("a"), model.Update, 1)
		guilty := all[place]
		requests, written := 0, 0
		for written < 99 {
			got := b.batch()
			requests++
			switch {
			case !slices.Contains(got.Entries, guilty):
				written += len(got.Entries)
				b.written(got, true)
			case len(got.Entries) == 1:
				b.written(got, true) // its fate is a dead letter
			default:
				b.finish(got, batching.Halved, batching.Verdict{})
			}
			if requests > 16 {
				t.Fatalf("%d requests, and %d of 99 are written", requests, written)
			}
		}
	}
}

func TestTheInnocentOfABatchGoTogetherAndAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, usual())
	all := b.addMany(3, to("a"), model.Create, 1)
	b.addMany(2, to("a"), model.Create, 10)
	got := b.batch()
	b.expect(got, all...)
	b.sched.Finish(got, []batching.Then{batching.Innocent, batching.Settle, batching.Innocent}, batching.Verdict{}, b.now)
	again := b.batch()
	b.expect(again, all[0], all[2]) // not with the two that came later
	b.finish(again, batching.WithLane, failure())
	b.now = b.now.Add(step)
	probe := b.batch()
	b.expect(probe, all[0])
	b.written(probe, true)
	b.expect(b.batch(), all[2])
}

func TestAWriteThatGoesAloneWaitsForABackoffOfItsOwn(t *testing.T) {
	t.Parallel()
	b := newBench(t, usual())
	all := b.addMany(3, to("a"), model.Update, 1)
	b.sched.Finish(b.batch(), []batching.Then{batching.Settle, batching.Alone, batching.Settle}, batching.Verdict{}, b.now)
	others := b.addMany(3, to("a"), model.Update, 10)
	got := b.batch()
	b.expect(got, others...) // the lane goes on
	b.written(got, true)
	b.none("it backs off")
	b.wakes(step)
	b.now = b.now.Add(step)
	b.expect(b.batch(), all[1])
}

// A write that makes every request with it fail without an answer, beside steady good
// traffic, for ever: the others are written, and it alone waits.
func TestAPoisonousWriteDoesNotStopItsLane(t *testing.T) {
	t.Parallel()
	b := newBench(t, batching.Settings{Size: 10, Bytes: 1 << 20, Linger: 10 * time.Millisecond, InFlight: 2})
	poison := b.add(to("a"), model.Update, 1)
	key, written, alone := model.Conflict(2), 0, 0
	began := b.now
	for b.now.Sub(began) < time.Minute {
		b.addMany(5, to("a"), model.Update, key)
		key += 5
		for _, got := range b.all() {
			switch {
			case !slices.Contains(got.Entries, poison):
				written += len(got.Entries)
				b.written(got, true)
			default:
				if len(got.Entries) == 1 {
					alone++
				}
				b.finish(got, batching.WithLane, failure())
			}
		}
		b.now = b.now.Add(10 * time.Millisecond)
	}
	if _, left, _ := b.sched.Totals(); left > 100 {
		t.Errorf("%d writes wait behind the poisonous one, %d went", left, written)
	}
	if alone < 10 {
		t.Errorf("it was tried alone %d times in a minute", alone)
	}
	if holds := b.sched.Holds(); len(holds) > 0 {
		t.Errorf("%s is paused for the fault of one write", holds[0].Scope)
	}
}
