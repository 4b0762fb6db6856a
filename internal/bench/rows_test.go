package bench_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink/kafka"
	"github.com/ampersink/ampersink/sink/ledger"
)

// firstRow makes the source keys of rows 20 bytes long.
const firstRow = 1_000_000_000_000

// rowID is the CRM id of a row: 18 characters, as Salesforce has them.
func rowID(i int) string { return fmt.Sprintf("003Qx%010dIAG", i*7_919%10_000_000_000) }

// fillLedger writes rows into the ledger of a group as a member does: a hundred at a time,
// announced before and over behind. It returns how long that took.
func fillLedger(tb testing.TB, k *kafkatest.Endpoint, group, space string, from, to int) time.Duration {
	tb.Helper()
	began := time.Now()
	topic, err := kafka.OpenCompacted(tb.Context(), kafka.CompactedOptions{
		Config: config.Kafka{Brokers: k.Brokers(), Group: group, ClientID: "filling"}, Topic: group + ".ledger", Create: kafka.CreateAlways,
		Dial: k.Dial, Log: zerolog.Nop(), Fault: func(err error) { tb.Error(err) },
	})
	if err != nil {
		tb.Fatal(err)
	}
	defer topic.Close()
	l := ledger.New(ledger.Options{Log: topic, Writer: uint64(from + 1), Changed: func() {}, Logger: zerolog.Nop()})
	const batch, members = 100, 16
	batches := make(chan int)
	var filling sync.WaitGroup
	for range members {
		filling.Go(func() {
			for at := range batches {
				fillBatch(tb, l, space, at, min(at+batch, to))
			}
		})
	}
	for at := from; at < to; at += batch {
		batches <- at
	}
	close(batches)
	filling.Wait()
	l.Flush()
	topic.Flush(tb.Context())
	return time.Since(began)
}

func fillBatch(tb testing.TB, l *ledger.Ledger, space string, from, to int) {
	s := model.Space{Integration: "crm", Object: "contact", Name: space}
	var creates []ledger.Creating
	var rows []ledger.Entry
	for i := from; i < to; i++ {
		source := model.Kept{TopicPartition: model.TopicPartition{Topic: space, Partition: int32(i / 100 % 8)}, Offset: int64(i)}
		w := &model.Write{Source: &source, Destination: model.Destination{Group: "acme"}, Identity: &model.Identity{Space: &s, Key: string(key(firstRow + i))}}
		creates = append(creates, ledger.Creating{Write: w, Epoch: 1})
		rows = append(rows, ledger.Entry{RowKey: ledger.RowKey{Space: s, Key: w.Identity.Key}, Row: ledger.Row{
			State: ledger.Known, Group: "acme", ID: rowID(i), Source: source.TopicPartition, Offset: source.Offset, Epoch: 1,
		}})
	}
	a, err := l.Announce(tb.Context(), creates)
	if err != nil {
		tb.Error(err)
		return
	}
	var over []ledger.Create
	for i := range creates {
		over = append(over, a.Create(i))
	}
	done := make(chan struct{})
	l.Put(rows, over, func() { close(done) })
	<-done
}

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
	at      time.Time
	Message string  `json:"message"`
	Took    float64 `json:"took"` // milliseconds
	Rows    int     `json:"rows"`
	Bytes   int64   `json:"bytes"`
	text    string
}

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
			line := said{at: time.Now(), text: lines.Text()}
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

// says waits for the nth line with a message.
func (r *running) says(n int, message string) said {
	r.tb.Helper()
	for limit := time.After(5 * time.Minute); ; {
		found := 0
		r.mu.Lock()
		more := r.more
		for _, line := range r.lines {
			if line.Message == message {
				if found++; found == n {
					r.mu.Unlock()
					return line
				}
			}
		}
		r.mu.Unlock()
		select {
		case <-more:
		case <-r.ended:
			r.tb.Fatalf("it ended and did not say %q:\n%s", message, r.log())
		case <-limit:
			r.tb.Fatalf("it does not say %q:\n%s", message, r.log())
		}
	}
}

// used is the processor time that it has taken.
func (r *running) used() time.Duration {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(r.cmd.Process.Pid), "stat"))
	if err != nil {
		r.tb.Skipf("no /proc here: %v", err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	const user, system, tick = 11, 12, 10 * time.Millisecond
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
