//go:build synctests

package sim_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	seeds    = flag.Int("sim.seeds", 50, "how many runs")
	first    = flag.Uint64("sim.first", 1, "the first seed; the others follow it")
	folder   = flag.String("sim.trace", "", "where the traces of failed runs go; a temporary folder unless set")
	live     = flag.Bool("sim.live", false, "print the trace as it grows: for a run that never comes to its end")
	ambushes = flag.Int("sim.ambushes", 7, "how many of a hundred things that happen catch a member between two steps of its work")
	until    = flag.String("sim.until", "", "start no more runs after a fault that says this")
	workers  = flag.Int("sim.workers", runtime.GOMAXPROCS(0), "how many runs at a time")
)

// counts is what happened in a run.
type counts struct{ crashes, freezes, joins, leaves, grown, brokerFaults int }

func (c *counts) add(o counts) {
	c.crashes += o.crashes
	c.freezes += o.freezes
	c.joins += o.joins
	c.leaves += o.leaves
	c.grown += o.grown
	c.brokerFaults += o.brokerFaults
}

func (c *counts) String() string {
	return fmt.Sprintf("%d crashes, %d freezes, %d joins, %d leaves, %d topics grown, %d broker faults",
		c.crashes, c.freezes, c.joins, c.leaves, c.grown, c.brokerFaults)
}

// played is what came of all seeds.
type played struct {
	mu     sync.Mutex
	counts counts
	failed []string
	void   int
	told   atomic.Bool // a fault says what is looked for
}

// eachSeed plays a world for each seed, several at a time, and says what happened in all of them.
func eachSeed(t *testing.T, play func(t *testing.T, seed uint64) (w *world, faults []string)) string {
	var (
		all     played
		turn    atomic.Uint64
		running sync.WaitGroup
	)
	began := time.Now()
	for range *workers {
		running.Go(func() {
			for n := turn.Add(1) - 1; n < uint64(*seeds) && !all.told.Load(); n = turn.Add(1) - 1 {
				all.one(t, *first+n, play)
			}
		})
	}
	running.Wait()
	if all.void > 1+*seeds/50 {
		t.Errorf("%d of %d runs are void", all.void, *seeds)
	}
	if len(all.failed) > 0 {
		t.Errorf("%d of %d runs failed: %s", len(all.failed), *seeds, strings.Join(all.failed, " "))
	}
	return fmt.Sprintf("%d runs in %s from seed %d, %d of them void: %s", *seeds, time.Since(began).Round(time.Second), *first, all.void, &all.counts)
}

// one plays one seed.
func (p *played) one(t *testing.T, seed uint64, play func(t *testing.T, seed uint64) (w *world, faults []string)) {
	var w *world
	ok := t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var faults []string
			w, faults = play(t, seed)
			p.told.CompareAndSwap(false, *until != "" && strings.Contains(strings.Join(faults, "\n"), *until))
			switch {
			case w.void:
				t.Logf("seed %d is void: the in-process broker has not answered a join for hours", seed)
			case t.Failed():
				t.Logf("the trace is in %s", w.write(t))
			}
		})
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	if !ok {
		p.failed = append(p.failed, fmt.Sprint(seed))
	}
	switch {
	case w == nil:
	case w.void:
		p.void++
	default:
		p.counts.add(w.counts)
	}
}

// write writes the trace and returns where.
func (w *world) write(t *testing.T) string {
	dir := *folder
	if dir == "" {
		dir = filepath.Join(os.TempDir(), "ampersink-sim") //nolint:usetesting // outlives the test
	}
	path := filepath.Join(dir, fmt.Sprintf("seed-%d.txt", w.seed))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(w.trace.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
