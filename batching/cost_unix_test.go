//go:build unix

package batching_test

import (
	"math"
	"runtime/debug"
	"syscall"
	"testing"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

// spent is the processor's time that this process has taken: on a machine that is busy the clock
// counts what others do.
func spent(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A key that is written again and again, behind one that does not come back: looking through the
// waiters for each of them would cost each of eight times as many eight times as much.
func TestAHotKeyCostsTheSameForEachOfItsWrites(t *testing.T) {
	const few, times = 30_000, 8
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it costs what else is on the heap
	best := func(writes int) time.Duration {
		least := time.Duration(math.MaxInt64)
		for range 3 {
			b := newBench(t, usual())
			w := b.write(to("a"), model.Update, 1, 1)
			began := spent(t)
			for range writes {
				b.sched.Add(w, b.now)
			}
			dropped := b.sched.Drop(func(*model.Write) bool { return true }, b.now)
			least = min(least, spent(t)-began)
			if len(dropped) != writes {
				t.Fatalf("%d writes were dropped, expected %d", len(dropped), writes)
			}
		}
		return least
	}
	ratio := float64(best(times*few)) / float64(best(few))
	t.Logf("%d times as many writes of one key take %.1f times as long", times, ratio)
	if ratio > times*times/2 {
		t.Error("what each costs grows with their number")
	}
}
