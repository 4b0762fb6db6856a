package batching_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/model"
)

// failure is a request that failed as a whole without saying more.
func failure() batching.Verdict {
	return batching.Verdict{Failed: true, Code: "503", Message: "try later"}
}

// eager settings send each write at once, alone.
func eager() batching.Settings {
	return batching.Settings{Size: 1, Bytes: 1 << 20, InFlight: 4}
}

func TestAFailedRequestPausesItsLaneAndAProbeEndsThePause(t *testing.T) {
	t.Parallel()
	settings := usual()
	settings.Linger = 0
	b := newBench(t, settings)
	all := b.addMany(3, to("a"), model.Update, 1)
	b.finish(b.batch(), batching.WithLane, failure())
	b.none("the lane backs off")
	b.wakes(step)
	other := b.add(to("b"), model.Update, 10)
	b.expect(b.batch(), other) // another destination goes on
	b.now = b.now.Add(step)
	probe := b.batch()
	b.expect(probe, all[0])
	if !probe.Probe() {
		t.Fatal("what goes to a paused destination is not a probe")
	}
	b.now = b.now.Add(time.Hour)
	b.none("one probe at a time")
	if hold, ok := b.sched.Blocking(to("a")); !ok || hold.Probes != 1 || hold.Code != "503" || hold.Message != "try later" {
		t.Fatalf("the pause is shown as %+v (%v)", hold, ok)
	}
	b.written(probe, true)
	b.expect(b.batch(), all[1:]...)
}

func TestTheDelayIsTheLargerOfTheBackoffAndTheServersWish(t *testing.T) {
	t.Parallel()
	for after, want := range map[time.Duration]time.Duration{0: step, step / 2: step, 7 * step: 7 * step} {
		b := newBench(t, eager())
		b.add(to("a"), model.Update, 1)
		v := failure()
		v.After = after
		b.finish(b.batch(), batching.WithLane, v)
		b.wakes(want)
	}
}

func TestAWishBeyondPatienceHoldsAtOnce(t *testing.T) {
	t.Parallel()
	for after, want := range map[time.Duration]bool{time.Minute: false, time.Minute + 1: true} {
		b := newBench(t, eager())
		b.add(to("a"), model.Update, 1)
		v := failure()
		v.After = after
		b.finish(b.batch(), batching.WithLane, v)
		if hold, _ := b.sched.Blocking(to("a")); hold.Held != want {
			t.Fatalf("asked to wait %s with a patience of 1m, held is %v", after, hold.Held)
		}
	}
}

func TestAPauseBecomesAHoldWhenPatienceHasRunOut(t *testing.T) {
	t.Parallel()
	b := newBench(t, eager())
	b.add(to("a"), model.Update, 1)
	began := b.now
	b.finish(b.batch(), batching.WithLane, failure())
	for {
		hold, ok := b.sched.Blocking(to("a"))
		if !ok || !hold.Since.Equal(began) {
			t.Fatalf("the pause is shown as %+v (%v)", hold, ok)
		}
		if want := b.now.Sub(began) >= time.Minute; hold.Held != want {
			t.Fatalf("after %s with a patience of 1m, held is %v", b.now.Sub(began), hold.Held)
		}
		if hold.Held {
			break
		}
		b.now = b.now.Add(10 * time.Second)
		probe := b.batch()
		b.finish(probe, batching.WithLane, failure())
	}
	b.now = b.now.Add(step)
	b.written(b.batch(), true)
	if holds := b.sched.Holds(); len(holds) > 0 {
		t.Fatal("a hold did not end with the probe that was answered")
	}
}

func TestTenThousandLanesInAnOutageSendOneProbe(t *testing.T) {
	t.Parallel()
	const lanes = 10_000
	b := newBench(t, eager())
	for i := range lanes {
		b.add(to(fmt.Sprint("g", i)), model.Update, model.Conflict(i+1))
	}
	down := failure()
	down.Scope = model.ScopeAPI
	for _, got := range b.all() {
		b.finish(got, batching.WithLane, down)
	}
	seen := make(map[model.Destination]bool)
	for range 50 {
		b.none("the API is paused")
		b.now = b.now.Add(step)
		flying := b.all()
		if len(flying) != 1 || !flying[0].Probe() || len(flying[0].Entries) != 1 {
			t.Fatalf("%d requests go to an API that is paused, expected one probe of one write", len(flying))
		}
		seen[flying[0].Destination] = true
		b.finish(flying[0], batching.WithLane, down)
	}
	if len(seen) != 50 {
		t.Fatalf("50 probes asked %d lanes, expected each in its turn", len(seen))
	}
	if holds := b.sched.Holds(); len(holds) != 1 || holds[0].Probes != 50 {
		t.Fatalf("%d scopes are paused, expected the API alone", len(holds))
	}
	b.now = b.now.Add(step)
	b.written(b.batch(), true)
	sent := 0
	for {
		flying := b.all()
		if len(flying) == 0 {
			break
		}
		for _, got := range flying {
			sent += len(got.Entries)
			b.written(got, true)
		}
	}
	if sent != lanes-1 {
		t.Fatalf("%d writes went after the outage, expected %d", sent, lanes-1)
	}
	b.empty()
}

func TestSeveralFailingDestinationsInARowAreTheAPI(t *testing.T) {
	t.Parallel()
	for _, answered := range []bool{false, true} {
		b := newBench(t, eager())
		for i := range 4 {
			b.add(to(string(rune('a'+i))), model.Update, model.Conflict(i+1))
		}
		flying := b.all()
		b.finish(flying[0], batching.WithLane, failure())
		b.finish(flying[1], batching.WithLane, failure())
		if answered {
			b.written(flying[3], true) // another answers between
		}
		b.finish(flying[2], batching.WithLane, failure())
		hold, _ := b.sched.Blocking(to("c"))
		want := model.ScopeAPI
		if answered {
			want = model.ScopeDestination
		}
		if hold.Scope.Kind != want {
			t.Fatalf("an answer between is %v: paused is %s, expected %s", answered, hold.Scope, want)
		}
	}
}

func TestAnIntegrationThatIsPausedLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t, eager())
	b.add(to("a"), model.Update, 1)
	v := failure()
	v.Scope, v.Hold = model.ScopeIntegration, true
	b.finish(b.batch(), batching.WithLane, v)
	b.add(to("b"), model.Update, 2)
	b.none("it goes to the same integration")
	other := b.add(model.Destination{Integration: "salesforce", Group: "a", Object: "contact"}, model.Update, 3)
	b.expect(b.batch(), other)
}

func TestAnAnswerToARequestFromBeforeThePauseDoesNotEndIt(t *testing.T) {
	t.Parallel()
	b := newBench(t, eager())
	b.addMany(2, to("a"), model.Update, 1)
	flying := b.all()
	v := failure()
	v.Hold = true
	b.finish(flying[0], batching.WithLane, v)
	b.written(flying[1], true)
	if _, paused := b.sched.Blocking(to("a")); !paused {
		t.Fatal("a request that left before the pause ended it")
	}
}

func TestAProbeFromBeforeAWiderPauseDoesNotEndIt(t *testing.T) {
	t.Parallel()
	b := newBench(t, eager())
	b.add(to("a"), model.Update, 1)
	b.add(to("b"), model.Update, 2)
	flying := b.all()
	b.finish(flying[0], batching.WithLane, failure())
	b.now = b.now.Add(step)
	probe := b.batch() // of a
	b.now = b.now.Add(1)
	down := failure()
	down.Scope = model.ScopeAPI
	b.finish(flying[1], batching.WithLane, down)
	b.written(probe, true)
	if hold, _ := b.sched.Blocking(to("b")); hold.Scope.Kind != model.ScopeAPI {
		t.Fatal("a probe of a destination, sent before the API went down, ended the API's pause")
	}
	if holds := b.sched.Holds(); len(holds) != 1 {
		t.Fatalf("%d scopes are paused, expected the API alone: the destination has answered", len(holds))
	}
}

// The integration's probe is under way while the API's, through another lane, is
// answered, which ends both pauses. The integration is paused again, and only then its
// first probe comes back.
func TestAProbeOfAPauseThatIsOverDoesNotEndTheNextOne(t *testing.T) {
	t.Parallel()
	for _, answered := range []bool{true, false} {
		b := newBench(t, eager())
		narrow, wide, own := failure(), failure(), failure()
		narrow.Scope, wide.Scope, own.Hold = model.ScopeIntegration, model.ScopeAPI, true
		for i, group := range []string{"a", "b", "c"} {
			b.add(to(group), model.Update, model.Conflict(i+1))
		}
		flying := b.all()
		b.finish(flying[0], batching.WithLane, narrow)
		b.now = b.now.Add(step)
		old := b.batch()
		b.finish(flying[1], batching.WithLane, wide)
		b.now = b.now.Add(step)
		b.written(b.batch(), true)
		if holds := b.sched.Holds(); len(holds) != 0 {
			t.Fatalf("%s is paused although the API answers for it", holds[0].Scope)
		}
		b.now = b.now.Add(1)
		b.finish(flying[2], batching.WithLane, narrow)
		if answered {
			b.written(old, true)
		} else {
			b.finish(old, batching.WithLane, own) // it holds its destination alone
		}
		if hold, _ := b.sched.Blocking(to("c")); hold.Scope.Kind != model.ScopeIntegration {
			t.Fatalf("a probe that left before the pause began ended it, answered %v", answered)
		}
	}
}

func TestAProbeDoesNotEndANarrowerPauseThatBeganBehindIt(t *testing.T) {
	t.Parallel()
	b := newBench(t, eager())
	narrow, wide := failure(), failure()
	narrow.Scope, wide.Scope = model.ScopeIntegration, model.ScopeAPI
	for i, group := range []string{"a", "b", "c"} {
		b.add(to(group), model.Update, model.Conflict(i+1))
	}
	flying := b.all()
	b.finish(flying[0], batching.WithLane, narrow) // an older one, which the probe may end
	b.now = b.now.Add(step / 2)
	b.finish(flying[1], batching.WithLane, wide)
	b.now = b.now.Add(step)
	probe := b.batch()
	b.written(probe, true)
	if holds := b.sched.Holds(); len(holds) != 0 {
		t.Fatalf("%s is paused although its destination answered a probe that left later", holds[0].Scope)
	}
	b.finish(b.batch(), batching.WithLane, wide)
	b.now = b.now.Add(step)
	probe = b.batch()
	b.now = b.now.Add(1)
	b.finish(flying[2], batching.WithLane, narrow)
	b.written(probe, true)
	if hold, _ := b.sched.Blocking(to("c")); hold.Scope.Kind != model.ScopeIntegration {
		t.Fatal("the API's probe ended the pause of an integration that began after the probe left")
	}
}

func TestAProbeThatFailsLetsAnotherWriteTry(t *testing.T) {
	t.Parallel()
	settings := usual()
	settings.Linger = 0
	b := newBench(t, settings)
	all := b.addMany(3, to("a"), model.Update, 1)
	b.finish(b.batch(), batching.WithLane, failure())
	for round := range 6 {
		b.now = b.now.Add(step)
		probe := b.batch()
		b.expect(probe, all[round%3])
		b.finish(probe, batching.WithLane, failure())
	}
}

// X is put behind by a failed probe, Y lingers: neither may keep the other, nor
// the scheduler itself, from coming to an end.
func TestALaneWithAWriteThatWasPutBehindStillLingers(t *testing.T) {
	t.Parallel()
	settings := usual()
	settings.InFlight = 2
	b := newBench(t, settings)
	x := b.add(to("a"), model.Update, 1)
	b.now = b.now.Add(950 * time.Millisecond)
	first := b.add(to("a"), model.Create, 2)
	second := b.add(to("a"), model.Create, 3)
	b.now = b.now.Add(50 * time.Millisecond)
	b.finish(b.batch(), batching.WithLane, failure()) // x alone: it has lingered
	b.now = b.now.Add(step)
	probe := b.batch()
	b.expect(probe, x)
	b.finish(probe, batching.WithLane, failure()) // x goes behind
	b.now = b.now.Add(step)
	probe = b.batch()
	b.expect(probe, first)
	b.written(probe, true)
	b.none("what is left waits for company")
	b.wakes(750 * time.Millisecond)
	b.now = b.now.Add(750 * time.Millisecond)
	b.expect(b.batch(), second)
	b.expect(b.batch(), x)
}

func TestALaneWithARequestUnderWayGoesOnWhenAPauseEnds(t *testing.T) {
	t.Parallel()
	settings := eager()
	settings.InFlight = 2
	b := newBench(t, settings, requests(2))
	b.add(to("a"), model.Update, 1)
	b.add(to("b"), model.Update, 2)
	flying := b.all()
	waits := b.add(to("b"), model.Update, 3) // no request slot is free
	down := failure()
	down.Scope = model.ScopeAPI
	b.finish(flying[0], batching.WithLane, down)
	b.none("the API is paused")
	b.now = b.now.Add(step)
	b.written(b.batch(), true) // the probe, through a
	b.expect(b.batch(), waits)
}

// TestAProbeThatWasNotSentIsStillOwed: also where its write is given up, as its partition has left.
func TestAProbeThatWasNotSentIsStillOwed(t *testing.T) {
	t.Parallel()
	for _, then := range []batching.Then{batching.Unsent, batching.Settle} {
		b := newBench(t, eager())
		b.addMany(3, to("a"), model.Update, 1)
		b.finish(b.batch(), batching.WithLane, failure())
		b.none("the lane backs off")
		b.now = b.now.Add(step)
		probe := b.batch()
		b.finish(probe, then, batching.Verdict{Unsent: true})
		if _, paused := b.sched.Blocking(to("a")); !paused {
			t.Fatalf("then %d: what was not sent has ended the pause", then)
		}
		if again := b.batch(); !again.Probe() {
			t.Fatalf("then %d: what goes next is no probe", then)
		}
	}
}
