package sink_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/sink"
)

// workload is a stream with a known outcome: rows with rising versions, some
// that the CRM refuses, some that are broken.
type workload struct {
	records  []*kgo.Record
	versions map[string]int64 // by email: the last version that is not refused
	refused  int
	broken   int
}

// makeWorkload makes n events over keys rows: one in a hundred refused, one in a
// thousand broken.
func makeWorkload(topic string, n, keys int, seed uint64) *workload {
	random := rand.New(rand.NewPCG(seed, 7))
	w := &workload{versions: make(map[string]int64)}
	count := make(map[int]int)
	for i := range n {
		id := random.IntN(keys)
		switch {
		case i%1000 == 999:
			w.broken++
			w.records = append(w.records, &kgo.Record{Topic: topic, Key: fmt.Appendf(nil, `{"id":%d}`, id), Value: []byte(`{"op":"u","after":{`)})
		case i%100 == 50:
			w.refused++
			w.records = append(w.records, event(topic, "u", id, fmt.Sprintf(`{"id":%d,"tenant":"acme","email":"bad","version":0,"crm_id":"%d"}`, id, 1000+id)))
		default:
			count[id]++
			w.records = append(w.records, update(topic, id, count[id]))
			w.versions[fmt.Sprintf("u%d@example.com", id)] = int64(count[id])
		}
	}
	return w
}

// refuseBad is a script that refuses rows with the email "bad".
func refuseBad(_ int, c call, w http.ResponseWriter) bool {
	results := make([]map[string]any, len(c.Rows))
	failed := 0
	for i, r := range c.Rows {
		results[i] = map[string]any{"success": true, "recordId": r["id"]}
		if r["email"] == "bad" {
			failed++
			results[i] = map[string]any{"success": false, "recordId": r["id"], "errors": []any{map[string]any{"code": "INVALID_EMAIL_ADDRESS", "message": "bad"}}}
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"operationId": "op", "successCount": len(results) - failed, "failureCount": failed, "results": results,
	})
	return true
}

// check compares what the API and the topics hold with what the workload must lead to.
func (w *workload) check(t *testing.T, k *kafkatest.Endpoint, a *api, group, topic string) {
	t.Helper()
	last, arrived := map[string]int64{}, map[string]map[int64]bool{}
	for _, c := range a.taken() {
		for _, r := range c.Rows {
			email, version := r["email"].(string), number(r["version"])
			if email == "bad" {
				continue
			}
			if version < last[email] && !arrived[email][version] {
				t.Fatalf("%s: version %d arrived first after %d", email, version, last[email])
			}
			if arrived[email] == nil {
				arrived[email] = map[int64]bool{}
			}
			arrived[email][version] = true
			last[email] = version
		}
	}
	for email, v := range w.versions {
		if last[email] != v {
			t.Errorf("%s ends at version %d, not %d", email, last[email], v)
		}
		for i := int64(1); i <= v; i++ {
			if !arrived[email][i] {
				t.Errorf("%s: version %d never arrived", email, i)
			}
		}
	}
	reasons := map[string]map[string]bool{}
	for _, r := range k.ReadAll(t, topic+".dead") {
		l := letter(t, r)
		if reasons[l.Reason.Code] == nil {
			reasons[l.Reason.Code] = map[string]bool{}
		}
		reasons[l.Reason.Code][fmt.Sprint(l.Record.Partition, "/", l.Record.Offset)] = true
	}
	if got := len(reasons["INVALID_EMAIL_ADDRESS"]); got != w.refused {
		t.Errorf("%d refused records are dead-lettered, not %d", got, w.refused)
	}
	if got := len(reasons["bad_json"]); got != w.broken {
		t.Errorf("%d broken records are dead-lettered, not %d", got, w.broken)
	}
	if len(reasons) > 2 {
		t.Errorf("dead letters of other reasons: %d kinds", len(reasons))
	}
	if sum := committed(t, k, group, topic); sum != int64(len(w.records)) {
		t.Errorf("committed offsets sum up to %d, not %d", sum, len(w.records))
	}
}

func runWorkload(t *testing.T, k *kafkatest.Endpoint, events, keys int, disturb func(t *testing.T, start func(end bool) *running, progress func() float64)) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	a := newAPI(t)
	a.script = refuseBad
	topic := k.NewTopic(t, 8, nil)
	group := topic + "-group"
	w := makeWorkload(topic, events, keys, seed)
	k.Produce(t, w.records...)
	begin := func(end bool) *running {
		cfg := configure(t, k.Brokers(), group, topic, a.URL, "")
		cfg.Routes[0].Batch.InFlight = 4
		return start(t, sink.Options{Config: cfg, Log: testLog(t).Level(3), UntilEnd: end})
	}
	disturb(t, begin, func() float64 { return float64(a.rows()) / float64(events) })
	if err := begin(true).until(); err != nil {
		t.Fatal(err)
	}
	w.check(t, k, a, group, topic)
	inOrderUnlessResent(t, a.taken())
	t.Logf("%d events, %d requests, %d rows sent", events, len(a.taken()), a.rows())
}

// inOrderUnlessResent checks that no request is with an older version than an
// earlier request of its row, the promise that holds across restarts too.
func inOrderUnlessResent(t *testing.T, calls []call) {
	t.Helper()
	var rows []call
	for _, c := range calls {
		kept := c
		kept.Rows = nil
		for _, r := range c.Rows {
			if r["email"] != "bad" {
				kept.Rows = append(kept.Rows, r)
			}
		}
		rows = append(rows, kept)
	}
	inOrder(t, rows)
}

// scenarios are what happens to a group while it works.
var scenarios = map[string]func(t *testing.T, start func(end bool) *running, progress func() float64){
	"undisturbed": func(*testing.T, func(bool) *running, func() float64) {},
	"stopped and started again in the middle": func(t *testing.T, start func(bool) *running, progress func() float64) {
		for _, part := range []float64{0.2, 0.5} {
			s := start(false)
			waitFor(t, "progress", func() bool { return progress() > part })
			if err := s.drain(); err != nil {
				t.Fatal(err)
			}
		}
	},
	"a second member joins and leaves": func(t *testing.T, start func(bool) *running, progress func() float64) {
		first := start(false)
		waitFor(t, "progress", func() bool { return progress() > 0.1 })
		second := start(false)
		waitFor(t, "the second member's partitions", func() bool { return len(second.Status().Partitions) > 0 })
		waitFor(t, "progress", func() bool { return progress() > 0.4 })
		if err := second.drain(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "progress", func() bool { return progress() > 0.6 })
		if err := first.drain(); err != nil {
			t.Fatal(err)
		}
	},
}

func TestEveryEventHasItsFate(t *testing.T) {
	for name, disturb := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runWorkload(t, kafkatest.NewFake(t).Endpoint, 20_000, 500, disturb)
		})
	}
}

func TestEveryEventHasItsFateOnARealKafka(t *testing.T) {
	k := kafkatest.Real(t)
	for name, disturb := range scenarios {
		t.Run(name, func(t *testing.T) {
			runWorkload(t, k.Endpoint, 200_000, 20_000, disturb)
		})
	}
}

// A partition that is taken away while a request is in flight waits for the
// answer: the new owner does not send it beside it.
func TestARevokedPartitionWaitsForItsRequests(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	release := make(chan struct{})
	var once sync.Once
	free := func() { once.Do(func() { close(release) }) }
	t.Cleanup(free)
	a.script = func(n int, _ call, _ http.ResponseWriter) bool {
		if n == 0 {
			<-release
		}
		return false
	}
	topic := k.NewTopic(t, 2, nil)
	var records []*kgo.Record
	for i := range 40 {
		records = append(records, create(topic, i))
	}
	k.Produce(t, records...)
	cfg := configure(t, k.Brokers(), "g", topic, a.URL, "")
	first := start(t, sink.Options{Config: cfg, Log: testLog(t)})
	waitFor(t, "the request", func() bool { return len(a.taken()) == 1 })
	second := start(t, sink.Options{Config: cfg, Log: testLog(t)})
	time.Sleep(500 * time.Millisecond) // the rebalance is under way; a broken sink would hand over here
	if n := len(second.Status().Partitions); n != 0 {
		t.Fatalf("the second member has %d partitions while their request is open", n)
	}
	free()
	waitFor(t, "the hand-over", func() bool { return len(second.Status().Partitions) == 1 })
	waitFor(t, "everything", func() bool {
		return first.Status().Totals.Written["create"]+second.Status().Totals.Written["create"] == 40
	})
	if n := a.rows(); n != 40 {
		t.Errorf("%d rows were sent, not 40", n)
	}
}
