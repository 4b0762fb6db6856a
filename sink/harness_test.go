package sink_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/internal/sandbox"
	"github.com/ampersink/ampersink/sink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(brokers{m}) }

// brokers runs the tests with one real broker for all, when there is one.
type brokers struct{ *testing.M }

func (b brokers) Run() int { return kafkatest.Main(b.M) }

// call is a request that the API of a test got.
type call struct {
	Type   string
	Group  string
	Object string
	Policy struct{ AllOrNone bool }
	Rows   []map[string]any
	At     time.Time
}

// api is an API that a test scripts, over real HTTP. Without a script every
// write is accepted.
type api struct {
	*httptest.Server
	mu     sync.Mutex
	calls  []call
	script func(n int, c call, w http.ResponseWriter) bool // n counts from 0; true: answered
	ids    int
	strict *sandbox.Server // judges every request by the contract; its answers are not used
}

func newAPI(t testing.TB) *api {
	a := bareAPI(t)
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

// bareAPI is the handler without a server.
func bareAPI(t testing.TB) *api {
	strict, err := sandbox.New(sandbox.Options{CRM: sandbox.HubSpot, LogSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if v := strict.Violations(); len(v) > 0 {
			t.Errorf("%d requests break the contract, the first: %+v", len(v), v[0])
		}
	})
	return &api{strict: strict}
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		again := r.Clone(r.Context())
		again.Body = io.NopCloser(bytes.NewReader(body))
		a.strict.ServeHTTP(httptest.NewRecorder(), again)
	}
	var in struct {
		Type, GroupRef string
		BatchPolicy    struct{ AllOrNone bool }
		Record         map[string]any
		Batch          []struct{ Record map[string]any }
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.UseNumber()
	if err := d.Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c := call{Type: in.Type, Group: in.GroupRef, Object: r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:], At: time.Now()}
	c.Policy.AllOrNone = in.BatchPolicy.AllOrNone
	for _, b := range in.Batch {
		c.Rows = append(c.Rows, b.Record)
	}
	if in.Record != nil {
		c.Rows = append(c.Rows, in.Record)
	}
	a.mu.Lock()
	n, script := len(a.calls), a.script
	a.calls = append(a.calls, c)
	a.mu.Unlock()
	if script == nil || !script(n, c, w) {
		a.accept(c, w)
	}
}

// accept answers that every write was written.
func (a *api) accept(c call, w http.ResponseWriter) {
	a.mu.Lock()
	defer a.mu.Unlock()
	type result struct {
		Success  bool   `json:"success"`
		RecordID string `json:"recordId,omitempty"`
	}
	results := make([]result, len(c.Rows))
	for i, r := range c.Rows {
		id, _ := r["id"].(string)
		if id == "" {
			a.ids++
			id = fmt.Sprint("crm", a.ids)
		}
		results[i] = result{true, id}
	}
	if c.Type == "delete" {
		_ = json.NewEncoder(w).Encode(map[string]any{"operationId": "op", "result": result{Success: true}})
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"operationId": "op", "successCount": len(results), "failureCount": 0, "results": results,
	})
}

func (a *api) taken() []call {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]call(nil), a.calls...)
}

// rows counts the rows of all requests.
func (a *api) rows() (n int) {
	for _, c := range a.taken() {
		n += len(c.Rows)
	}
	return n
}

// configure returns a configuration that reads topic and writes to the API.
func configure(t testing.TB, brokers []string, group, topic, url, more string) *config.Config {
	t.Helper()
	text := fmt.Sprintf(`
kafka: {brokers: [%q], group: %q, session_timeout: 10s}
ampersand: {url: %q, api_url: %q, project: acme, api_key: secret-key}
routes:
  - name: customers
    topics: [%q]
    envelope: debezium
    to: {integration: hubspot, object: contact, group: {field: tenant}}
    id: {field: crm_id}
    before: full
    fields: {email: email, name: name, version: version}
    batch: {size: 100, linger: 10ms}
retry: {initial: 10ms, max: 100ms, patience: 5m}
admin: {listen: ""}
%s`, strings.Join(brokers, `","`), group, url, url, topic, more)
	c, err := config.Parse("test.yaml", []byte(text), func(string) (string, bool) { return "", false }, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// running is a sink that a test started.
type running struct {
	*sink.Sink
	t    testing.TB
	stop context.CancelFunc
	done chan error
}

// start runs a sink until the test or stop ends it.
func start(t testing.TB, o sink.Options) *running {
	t.Helper()
	s, err := sink.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	r := &running{Sink: s, t: t, stop: stop, done: make(chan error, 1)}
	go func() {
		err := s.Run(ctx)
		t.Logf("the sink ended with %v", err)
		r.done <- err
	}()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-r.done:
			r.done <- err
		case <-time.After(mostPatience):
			t.Error("the sink did not stop")
		}
	})
	return r
}

// drain stops the sink as SIGTERM does and waits.
func (r *running) drain() error {
	r.stop()
	err := <-r.done
	r.done <- err
	return err
}

// until waits for the sink to reach its end.
func (r *running) until() error {
	err := <-r.done
	r.done <- err
	return err
}

func testLog(t testing.TB) zerolog.Logger {
	return zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.InfoLevel)
}

// event is a Debezium event of a row.
func event(topic, op string, id int, row string) *kgo.Record {
	key := fmt.Sprintf(`{"id":%d}`, id)
	value := fmt.Sprintf(`{"before":null,"after":%s,"op":%q}`, row, op)
	if op == "d" {
		value = fmt.Sprintf(`{"before":%s,"after":null,"op":"d"}`, row)
	}
	return &kgo.Record{Topic: topic, Key: []byte(key), Value: []byte(value)}
}

func create(topic string, id int) *kgo.Record {
	return event(topic, "c", id, fmt.Sprintf(`{"id":%d,"tenant":"acme","email":"u%d@example.com","name":"N","version":0,"crm_id":null}`, id, id))
}

func update(topic string, id, version int) *kgo.Record {
	return event(topic, "u", id, fmt.Sprintf(`{"id":%d,"tenant":"acme","email":"u%d@example.com","name":"N","version":%d,"crm_id":"%d"}`, id, id, version, 1000+id))
}

func remove(topic string, id int) *kgo.Record {
	return event(topic, "d", id, fmt.Sprintf(`{"id":%d,"tenant":"acme","crm_id":"%d"}`, id, 1000+id))
}

// committed returns the sum of the group's committed offsets of a topic.
func committed(t testing.TB, k *kafkatest.Endpoint, group, topic string) (sum int64) {
	for _, c := range k.Committed(t, group)[topic] {
		sum += c.Offset
	}
	return sum
}

func itoa(n int) string { return strconv.Itoa(n) }
