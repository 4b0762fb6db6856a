//go:build synctests

package sim_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// trace is what happened in a run, in order, in virtual time since its start.
type trace struct {
	began time.Time
	mu    sync.Mutex
	lines []string
	// cut is when processes that were asked to stop cut off what was under way.
	cut map[string]time.Time
}

func newTrace() *trace { return &trace{began: time.Now(), cut: make(map[string]time.Time)} }

func (t *trace) add(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if *live {
		fmt.Fprintf(os.Stderr, "%12.3f "+format+"\n", append([]any{time.Since(t.began).Seconds()}, args...)...)
	}
	t.lines = append(t.lines, fmt.Sprintf("%12.3f ", time.Since(t.began).Seconds())+fmt.Sprintf(format, args...))
}

func (t *trace) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}

// of returns a writer for the log of a process.
func (t *trace) of(process string) io.Writer { return traceWriter{t, process} }

type traceWriter struct {
	trace   *trace
	process string
}

// drainIsOver is what a process says then.
const drainIsOver = "the drain's time is up"

func (w traceWriter) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(drainIsOver)) {
		w.trace.mu.Lock()
		w.trace.cut[w.process] = time.Now()
		w.trace.mu.Unlock()
	}
	w.trace.add("%s: %s", w.process, strings.TrimSpace(string(p)))
	return len(p), nil
}
