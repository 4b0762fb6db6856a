package chaos_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ampersink/ampersink/internal/audit"
	"github.com/ampersink/ampersink/internal/kafkatest"
)

var (
	seeds = flag.Int("chaos.seeds", 10, "how many runs")
	first = flag.Uint64("chaos.first", 1, "the first seed; the others follow it")
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) } //nolint:forbidigo // as every TestMain does

// TestChaos runs the seeds and sums what came out.
func TestChaos(t *testing.T) {
	kafka := kafkatest.Real(t)
	binary := build(t)
	var (
		mu  sync.Mutex
		sum audit.Report
		all counts
	)
	began := time.Now()
	t.Run("seeds", func(t *testing.T) {
		for n := range uint64(*seeds) {
			seed := *first + n
			t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, kafka, binary, seed)
				report := w.run()
				if !report.OK() {
					t.Errorf("seed %d: %s\nlogs and configuration are in %s", seed, report, w.keep())
				}
				mu.Lock()
				defer mu.Unlock()
				sum.Add(report)
				all.add(w.counts)
			})
		}
	})
	t.Logf("%d runs in %s from seed %d: %d killed, %d stopped, %d frozen, %d joined, %d changes of the API's faults\n%s",
		*seeds, time.Since(began).Round(time.Second), *first, all.killed, all.stopped, all.frozen, all.joined, all.faults, &sum)
}

// build makes the program.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ampersink")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../../cmd/ampersink").CombinedOutput(); err != nil {
		t.Fatalf("building the program: %v\n%s", err, out)
	}
	return path
}
