package bench_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// running is the program as a child that goes on until it is stopped.
type running struct {
	tb    testing.TB
	cmd   *exec.Cmd
	peak  func() int64
	ended chan struct{}

	mu    sync.Mutex
	lines []said
	more  chan struct{} // closed and replaced with each line
}

// said is a line of its log.
type said struct {
	Message string  `json:"message"`
	Took    float64 `json:"took"` // milliseconds
	Rows    int     `json:"rows"`
	Bytes   int64   `json:"bytes"`
	text    string
}

// start starts the program with a configuration, at a log level that says what it does.
func start(tb testing.TB, program, text string, flags ...string) *running {
	tb.Helper()
	text = strings.Replace(text, "level: warn", "level: info", 1)
	cmd := exec.Command(program, append([]string{"run", "--config", write(tb, text)}, flags...)...)
	r := &running{tb: tb, cmd: cmd, ended: make(chan struct{}), more: make(chan struct{})}
	out, err := r.cmd.StderrPipe()
	if err == nil {
		err = r.cmd.Start()
	}
	if err != nil {
		tb.Fatal(err)
	}
	r.peak = peakOf(r.cmd)
	go func() {
		defer close(r.ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			line := said{text: lines.Text()}
			_ = json.Unmarshal(lines.Bytes(), &line)
			r.mu.Lock()
			r.lines = append(r.lines, line)
			close(r.more)
			r.more = make(chan struct{})
			r.mu.Unlock()
		}
	}()
	return r
}

// says waits for a line with a message.
func (r *running) says(message string) said {
	r.tb.Helper()
	for limit := time.After(5 * time.Minute); ; {
		line, found, more := r.find(message)
		if found {
			return line
		}
		select {
		case <-more:
		case <-r.ended:
			if line, found, _ = r.find(message); found {
				return line
			}
			r.tb.Fatalf("it ended and did not say %q:\n%s", message, r.log())
		case <-limit:
			r.tb.Fatalf("it does not say %q:\n%s", message, r.log())
		}
	}
}

// find looks for a line with a message; the channel is closed when there is one more of any.
func (r *running) find(message string) (line said, found bool, more <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range r.lines {
		if line.Message == message {
			return line, true, r.more
		}
	}
	return said{}, false, r.more
}

// used is the processor time that it has taken.
func (r *running) used() time.Duration {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(r.cmd.Process.Pid), "stat"))
	if err != nil {
		r.tb.Skipf("no /proc here: %v", err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	const user, system = 11, 12
	const tick = 10 * time.Millisecond // USER_HZ, which is 100 wherever Linux is
	var sum time.Duration
	for _, at := range []int{user, system} {
		n, _ := strconv.Atoi(fields[at])
		sum += time.Duration(n) * tick
	}
	return sum
}

func (r *running) log() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	for _, line := range r.lines {
		b.WriteString(line.text + "\n")
	}
	return b.String()
}

// stop ends it and returns what it took.
func (r *running) stop() usage {
	_ = r.cmd.Process.Signal(os.Interrupt)
	return r.wait()
}

// wait waits for its end and returns what it took.
func (r *running) wait() usage {
	<-r.ended
	if err := r.cmd.Wait(); err != nil {
		r.tb.Errorf("%v:\n%s", err, r.log())
	}
	return usage{cpu: r.cmd.ProcessState.UserTime() + r.cmd.ProcessState.SystemTime(), rss: r.peak()}
}
