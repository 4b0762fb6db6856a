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
	s := &suite{binary: build(t), kafka: kafka.Endpoint}
	s.run(t, *first, *seeds)
}

// suite runs seeds, several at a time, and sums what came out.
type suite struct {
	binary string
	kafka  *kafkatest.Endpoint
	long   bool // runs are long enough for what happens to the brokers meanwhile

	mu  sync.Mutex
	sum audit.Report
	all counts
}

func (s *suite) run(t *testing.T, first uint64, n int) {
	began := time.Now()
	t.Run("seeds", func(t *testing.T) {
		for seed := first; seed < first+uint64(n); seed++ {
			t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
				t.Parallel()
				s.seed(t, seed)
			})
		}
	})
	t.Logf("%d runs in %s from seed %d: %d killed, %d of a request, %d stopped, %d frozen, %d joined, %d topics grown, %d changes of the API's faults\n%s",
		n, time.Since(began).Round(time.Second), first, s.all.killed, s.all.caught, s.all.stopped, s.all.frozen, s.all.joined, s.all.grown, s.all.faults, &s.sum)
}

func (s *suite) seed(t *testing.T, seed uint64) {
	w := newWorld(t, s, seed)
	report := w.run()
	if !report.OK() {
		t.Errorf("seed %d: %s\nlogs and configuration are in %s", seed, report, w.keep())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sum.Add(report)
	s.all.add(w.counts)
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
