package bench_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/kafkatest"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) } //nolint:forbidigo // as every TestMain does

// responder is the least an API can do: it counts and says that all was written.
type responder struct {
	*httptest.Server
	latency  time.Duration
	requests atomic.Int64
	rows     atomic.Int64
	mu       sync.Mutex
	observe  func(body []byte) // under mu; nil: nobody
	hangs    string            // the object whose requests are never answered; empty: none

	first, last time.Time // under mu: of the requests since span was asked
}

func newResponder(tb testing.TB, latency time.Duration) *responder {
	r := &responder{latency: latency}
	r.Server = httptest.NewServer(r)
	tb.Cleanup(r.Close)
	return r
}

var entry = []byte(`{"success":true,"recordId":"1"}`)

func (a *responder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if a.hangs != "" && strings.HasSuffix(r.URL.Path, "/"+a.hangs) {
		<-r.Context().Done()
		return
	}
	rows := bytes.Count(body, []byte(`"record":{`))
	a.requests.Add(1)
	a.rows.Add(int64(rows))
	a.see(body)
	if a.latency > 0 {
		time.Sleep(a.latency)
	}
	w.Header().Set("Content-Type", "application/json")
	if !bytes.Contains(body, []byte(`"batch":`)) {
		_, _ = fmt.Fprintf(w, `{"operationId":"op","result":%s}`, entry)
		return
	}
	_, _ = fmt.Fprintf(w, `{"operationId":"op","successCount":%d,"failureCount":0,"results":[%s]}`,
		rows, bytes.TrimSuffix(bytes.Repeat(append(entry, ','), rows), []byte(",")))
}

func (a *responder) see(body []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last = time.Now(); a.first.IsZero() {
		a.first = a.last
	}
	if a.observe != nil {
		a.observe(body)
	}
}

// span is the time from the first request to the last, and begins anew.
func (a *responder) span() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := a.last.Sub(a.first)
	a.first = time.Time{}
	return d
}

// value is a Debezium event of some 700 bytes and 10 columns.
func value(op string, id int, version int) []byte {
	return fmt.Appendf(nil, `{"before":null,"after":{"id":%d,"tenant":"acme","crm_id":"%d","email":"user%d@example.com","first_name":"Ann%d","last_name":"Castro","phone":"+1-555-0142","city":"Lisbon","version":%d,"updated_at":1764000000123456},`+
		`"source":{"version":"3.7.0.Final","connector":"postgresql","name":"shop","ts_ms":1764000000123,"snapshot":"false","db":"shop","sequence":"[\"26000000\",\"26000512\"]","ts_us":1764000000123456,"ts_ns":1764000000123456789,"schema":"public","table":"customers","txId":260005,"lsn":26000512,"xmin":null},`+
		`"transaction":null,"op":%q,"ts_ms":1764000000456,"ts_us":1764000000456789,"ts_ns":1764000000456789012}`, id, 1000+id, id, id, version, op)
}

func key(id int) []byte { return fmt.Appendf(nil, `{"id":%d}`, id) }

// backlog fills a new topic with events of the rows.
func backlog(tb testing.TB, k *kafkatest.Endpoint, n int, row func(i int) (op string, id int)) string {
	tb.Helper()
	topic := k.NewTopic(tb, 8, nil)
	fill(tb, k, topic, n, row)
	return topic
}

// fill appends events of the rows to a topic.
func fill(tb testing.TB, k *kafkatest.Endpoint, topic string, n int, row func(i int) (op string, id int)) {
	tb.Helper()
	const chunk = 20_000
	for from := 0; from < n; from += chunk {
		records := make([]*kgo.Record, 0, chunk)
		for i := from; i < min(n, from+chunk); i++ {
			op, id := row(i)
			records = append(records, &kgo.Record{Topic: topic, Key: key(id), Value: value(op, id, i)})
		}
		k.Produce(tb, records...)
	}
}

// settings is a configuration for the topic and the API.
func settings(brokers []string, topic, url, more string) string {
	return fmt.Sprintf(`
kafka: {brokers: ["%s"], group: "g-%s"}
ampersand: {url: "%s", api_url: "%s", project: p, api_key: secret}
routes:
  - name: customers
    topics: ["%s"]
    envelope: debezium
    to: {integration: crm, object: contact, group: {field: tenant}}
    id: {field: crm_id}
    fields: {email: email, firstname: first_name, lastname: last_name, phone: phone, city: city, version: version}
    batch: {%s}
admin: {listen: ""}
log: {level: warn, format: json}
`, strings.Join(brokers, `","`), topic, url, url, topic, more)
}

// build makes a program, with a file of the source replaced if overlay is not empty.
func build(tb testing.TB, pkg, overlay string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), filepath.Base(pkg))
	args := []string{"build", "-o", path}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	if out, err := exec.Command("go", append(args, pkg)...).CombinedOutput(); err != nil {
		tb.Fatalf("building %s: %v\n%s", pkg, err, out)
	}
	return path
}

// usage is what a child process took.
type usage struct {
	cpu  time.Duration
	wall time.Duration
	rss  int64 // bytes, the most
}

func child(tb testing.TB, name string, args ...string) usage {
	tb.Helper()
	cmd := exec.Command(name, args...)
	var out bytes.Buffer
	cmd.Stderr = &out
	began := time.Now()
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	peak := peakOf(cmd)
	if err := cmd.Wait(); err != nil {
		tb.Fatalf("%s: %v\n%s", name, err, &out)
	}
	return usage{cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), wall: time.Since(began), rss: peak()}
}

// peakOf watches how much of a child lies in memory at most, until it has ended. What the
// system counts for a child that has ended includes what its parent held when it was
// started.
func peakOf(cmd *exec.Cmd) (end func() int64) {
	done, peak := make(chan struct{}), make(chan int64, 1)
	go func() {
		var most int64
		for {
			most = max(most, resident(cmd.Process.Pid, "VmHWM:"))
			select {
			case <-done:
				peak <- most
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() int64 {
		close(done)
		return <-peak
	}
}

// resident is what of a process lies in memory, in bytes, as a line of its status says; nothing
// where nobody says that.
func resident(pid int, line string) int64 {
	status, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	_, rest, found := bytes.Cut(status, []byte(line))
	if !found {
		return 0
	}
	kib, _ := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64)
	return kib << 10
}

// inTurn takes two figures by turns, so that both meet whatever else the machine does, and returns
// the medians of each and of their ratios.
func inTurn(b *testing.B, rounds int, take func() (one, other float64)) (one, other, ratio float64) {
	b.Helper()
	var ones, others, ratios []float64
	for range rounds {
		x, y := take()
		ones, others, ratios = append(ones, x), append(others, y), append(ratios, x/y)
	}
	b.Logf("%.4g against %.4g, ratios %.3f", ones, others, ratios)
	return median(ones), median(others), median(ratios)
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

func write(tb testing.TB, text string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}
