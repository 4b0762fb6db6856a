//go:build synctests

package sim_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mutant is a program that is broken in one place.
type mutant struct {
	name, file, sound, broken string
	found                     string // what its faults are called
}

// TestABrokenSinkIsFound breaks the program in one place each, by compiling
// another text of one file, and expects the simulation to see it and to call it by its
// name: a validator that was never seen to fail is not a validator.
func TestABrokenSinkIsFound(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, suite := range []struct {
		test   string
		broken []mutant
		flags  []string
	}{
		{"TestSimulation", brokenIdentity(), []string{"-sim.ambushes", "50"}},
		{"TestSimulation", brokenDelivery(), nil},
		{"TestRelationsConverge", brokenRelations(), nil},
	} {
		for _, b := range suite.broken {
			t.Run(b.name, func(t *testing.T) {
				out := runBroken(t, root, &b, suite.test, suite.flags...)
				panics := strings.Contains(out, "panic: ") && !strings.Contains(out, "panic: test timed out")
				if !strings.Contains(out, "--- FAIL: "+suite.test) && !panics {
					t.Fatalf("nothing is found:\n%s", tail(out))
				}
				if b.found != "" && !strings.Contains(out, b.found) {
					t.Errorf("it is not called %q:\n%s", b.found, tail(out))
				}
			})
		}
	}
}

// runBroken runs the simulation with a file of the program replaced, until it finds what it shall. The
// seeds are many more than are needed: how goroutines interleave is not theirs to decide.
func runBroken(t *testing.T, root string, b *mutant, name string, flags ...string) string {
	t.Helper()
	path := filepath.Join(root, b.file)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), b.sound); n != 1 {
		t.Fatalf("%s holds what is to be broken %d times: bring this test up to date", b.file, n)
	}
	dir := t.TempDir()
	replaced := filepath.Join(dir, "replaced.go")
	if err := os.WriteFile(replaced, []byte(strings.Replace(string(text), b.sound, b.broken, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: replaced}})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	const seeds = "1500" // of which one in fifty finds the rarest: it ends with the first that does
	args := []string{
		"test", "-tags", "synctests", "-overlay", list, "-count=1", "-timeout", "20m", "-run", "^" + name + "$", ".",
		"-sim.seeds", seeds, "-sim.until", b.found, "-sim.trace", dir,
	}
	cmd := exec.CommandContext(t.Context(), "go", append(args, flags...)...)
	out, err := cmd.CombinedOutput()
	if err == nil {
		return string(out)
	}
	if strings.Contains(string(out), "[build failed]") {
		t.Fatalf("what is broken does not compile:\n%s", out)
	}
	return string(out)
}

func tail(s string) string { return s[max(0, len(s)-3000):] }

// brokenDelivery are programs that lose, repeat or reorder writes.
func brokenDelivery() []mutant {
	return []mutant{
		{
			"early commit", "sink/offsets/tracker.go",
			"	if t.head < len(t.records) {\n		return t.records[t.head].offset, t.epoch\n	}\n	return t.next, t.epoch",
			"	return t.next, t.epoch", "lost: ",
		},
		{
			"blind resend of a create", "sink/settle.go",
			"if w.Type != model.Create || s.config.InDoubt == config.InDoubtResend {", "if true {", "sent twice: ",
		},
		{
			"no lease", "sink/kafka/lease.go",
			"return now.Before(l.until)", "return true", "backwards: ",
		},
		{
			"a dropped innocent", "sink/settle.go",
			"return again[o.Again], model.Fate{}",
			"if o.Again == model.Innocent || o.Again == model.Halved {\n			return batching.Settle, model.Fate{Kind: model.Written}\n		}\n		return again[o.Again], model.Fate{}", "lost: ",
		},
		{
			"a successor sent too early", "sink/settle.go",
			"s.commits.settled(p, w)", "s.sched.Durable(w.Conflicts, time.Now())", "backwards: ",
		},
		{
			"an answer that is not understood taken for written", "sink/settle.go",
			"	if w.Type != model.Create ||", "	if o.Kind == model.Unknown {\n		return batching.Settle, model.Fate{Kind: model.Written}\n	}\n	if w.Type != model.Create ||", "lost: ",
		},
		{
			"sent again while the partition leaves", "sink/settle.go",
			"return s.closed || s.parts[w.Source.TopicPartition].leaving", "return false", "",
		},
		{
			"offsets moved before the dead letter is acknowledged", "sink/letters.go",
			"	l.pending[x.id] = x\n	l.queue = append(l.queue, x)\n	l.wake()", "	go func() { s := l.sink; s.mu.Lock(); defer s.mu.Unlock(); x.acknowledged() }()", "lost: ",
		},
	}
}
