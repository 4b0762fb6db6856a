//go:build synctests

package sim_test

import (
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
}

func newTrace() *trace { return &trace{began: time.Now()} }

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

func (w traceWriter) Write(p []byte) (int, error) {
	w.trace.add("%s: %s", w.process, strings.TrimSpace(string(p)))
	return len(p), nil
}
