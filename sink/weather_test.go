package sink_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/sink"
)

// refuse answers that the rows for which bad is true were refused with the code.
func refuse(c call, w http.ResponseWriter, code string, bad func(map[string]any) bool) {
	var results []map[string]any
	failed := 0
	for i, r := range c.Rows {
		if bad(r) {
			failed++
			results = append(results, map[string]any{"success": false, "errors": []any{map[string]any{"message": code + ": no such field", "code": code}}})
			continue
		}
		results = append(results, map[string]any{"success": true, "recordId": "crm" + itoa(i)})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"operationId": "op", "successCount": len(results) - failed, "failureCount": failed, "results": results,
	})
}

func TestAFloodOfOneCodeHoldsTheDestinationInsteadOfDeadLettering(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	var broken atomic.Bool
	broken.Store(true)
	a.script = func(_ int, c call, w http.ResponseWriter) bool {
		if !broken.Load() {
			return false
		}
		refuse(c, w, "PROPERTY_DOESNT_EXIST", func(map[string]any) bool { return true })
		return true
	}
	topic := k.NewTopic(t, 1, nil)
	var records []*kgo.Record
	for i := range 500 {
		records = append(records, create(topic, i))
	}
	k.Produce(t, records...)
	s := start(t, sink.Options{Config: configure(t, k.Brokers(), "g", topic, a.URL, "flood: {window: 50, share: 0.5, keys: 25}"), Log: testLog(t)})
	// A probe is counted as it is sent, and the next one after its answer: the fifth says that four have arrived.
	waitFor(t, "probes of the hold", func() bool { h := s.Status().Holds; return len(h) == 1 && h[0].Probes >= 5 })
	st := s.Status()
	if st.Holds[0].Code != "flood" || !strings.Contains(st.Holds[0].Reason, "PROPERTY_DOESNT_EXIST") {
		t.Errorf("holds: %+v", st.Holds)
	}
	probed := map[any]bool{}
	taken := a.taken()
	for _, c := range taken[len(taken)-4:] {
		probed[c.Rows[0]["email"]] = true
	}
	if len(probed) != 4 {
		t.Errorf("probed with %v: each probe should be of another key", probed)
	}
	lost := st.Totals.DeadLettered["PROPERTY_DOESNT_EXIST"]
	if lost >= 25 {
		t.Errorf("%d dead-lettered: as many as make a flood", lost)
	}
	broken.Store(false)
	waitFor(t, "everything else written", func() bool { return s.Status().Totals.Written["create"] == 500-lost })
	if err := s.drain(); err != nil {
		t.Fatal(err)
	}
}

func TestTheFloodGuardCanBeReleasedToDeadLetter(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	a.script = func(_ int, c call, w http.ResponseWriter) bool {
		refuse(c, w, "PROPERTY_DOESNT_EXIST", func(map[string]any) bool { return true })
		return true
	}
	topic := k.NewTopic(t, 1, nil)
	var records []*kgo.Record
	for i := range 300 {
		records = append(records, create(topic, i))
	}
	k.Produce(t, records...)
	s := start(t, sink.Options{
		Config: configure(t, k.Brokers(), "g", topic, a.URL, "flood: {window: 50, share: 0.5, keys: 25, action: dead_letter}"),
		Log:    testLog(t), UntilEnd: true,
	})
	if err := s.until(); err != nil {
		t.Fatal(err)
	}
	if n := s.Status().Totals.DeadLettered["PROPERTY_DOESNT_EXIST"]; n != 300 {
		t.Errorf("%d dead-lettered, not 300", n)
	}
}

func TestRefusalsOfFewKeysAreNoFlood(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	a.script = func(_ int, c call, w http.ResponseWriter) bool {
		refuse(c, w, "INVALID_EMAIL", func(r map[string]any) bool { return r["name"] == "N" })
		return true
	}
	topic := k.NewTopic(t, 1, nil)
	var records []*kgo.Record
	for i := range 200 {
		records = append(records, update(topic, i%5, i))
	}
	k.Produce(t, records...)
	s := start(t, sink.Options{
		Config: configure(t, k.Brokers(), "g", topic, a.URL, "flood: {window: 50, share: 0.5, keys: 25}"), Log: testLog(t), UntilEnd: true,
	})
	if err := s.until(); err != nil {
		t.Fatal(err)
	}
	if n := s.Status().Totals.DeadLettered["INVALID_EMAIL"]; n != 200 {
		t.Errorf("%d dead-lettered, not 200", n)
	}
}

func TestAPoisonRecordThatBreaksTheAPIDoesNotStopTheOthers(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	var poison atomic.Int32
	a.script = func(_ int, c call, w http.ResponseWriter) bool {
		for _, r := range c.Rows {
			if r["email"] == "u37@example.com" {
				poison.Add(1)
				w.WriteHeader(http.StatusInternalServerError)
				return true
			}
		}
		return false
	}
	topic := k.NewTopic(t, 1, nil)
	var records []*kgo.Record
	for i := range 1000 {
		records = append(records, update(topic, i, 1))
	}
	k.Produce(t, records...)
	cfg := configure(t, k.Brokers(), "g", topic, a.URL, "")
	cfg.ShutdownTimeout = time.Second // the poison record has no fate that a drain could wait for
	s := start(t, sink.Options{Config: cfg, Log: testLog(t)})
	waitFor(t, "all others written", func() bool { return s.Status().Totals.Written["update"] == 999 })
	tries := poison.Load()
	waitFor(t, "more tries of the poison record", func() bool { return poison.Load() > tries+2 })
	st := s.Status()
	if len(st.Holds) != 0 || !st.Ready {
		t.Errorf("holds %+v: the poison record holds its lane", st.Holds)
	}
	if n := len(a.taken()); n > 80 {
		t.Errorf("%d requests to write 999 of 1000", n)
	}
	if sum := committed(t, k.Endpoint, "g", topic); sum > 37 {
		t.Errorf("committed %d beyond the poison record", sum)
	}
}

// TestADestinationThatHangsLeavesTheOthersTheirMemory has two topics, two destinations, and a
// memory that the writes of one would fill several times.
func TestADestinationThatHangsLeavesTheOthersTheirMemory(t *testing.T) {
	for name, answer := range map[string]func(c call, w http.ResponseWriter, gone <-chan struct{}){
		"hangs": func(_ call, _ http.ResponseWriter, gone <-chan struct{}) { <-gone },
		"is held": func(c call, w http.ResponseWriter, _ <-chan struct{}) {
			refuse(c, w, "INVALID_GRANT", func(map[string]any) bool { return true })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := kafkatest.NewFake(t)
			a := newAPI(t)
			gone := make(chan struct{})
			t.Cleanup(func() { close(gone) }) // before the server is closed, which waits for its handlers
			a.script = func(_ int, c call, w http.ResponseWriter) bool {
				if c.Object != "company" {
					return false
				}
				answer(c, w, gone)
				return true
			}
			fast, stuck := k.NewTopic(t, 2, nil), k.NewTopic(t, 2, nil)
			var records []*kgo.Record
			padding := strings.Repeat("x", 2000)
			const n = 10_000
			for i := range n {
				for _, topic := range []string{fast, stuck} {
					records = append(records, event(topic, "u", i, fmt.Sprintf(
						`{"id":%d,"tenant":"acme","email":"","version":1,"name":%q,"crm_id":"%d"}`, i, padding, i)))
				}
			}
			k.Produce(t, records...)
			cfg := configure(t, k.Brokers(), "g", fast, a.URL, "limits: {memory: 16MiB}")
			second := cfg.Routes[0]
			second.Name, second.Topics.Names, second.To.Object = "companies", []string{stuck}, "company"
			cfg.Routes = append(cfg.Routes, second)
			cfg.Ampersand.Timeout, cfg.ShutdownTimeout = time.Hour, time.Second
			s := start(t, sink.Options{Config: cfg, Log: testLog(t)})
			waitFor(t, "the fast destination's end", func() bool { return s.Status().Totals.Written["update"] == n })
			waitFor(t, "the partitions that feed the other to be paused, and no others", func() bool {
				return !slices.ContainsFunc(s.Status().Partitions, func(p sink.PartitionStatus) bool {
					return (p.Paused != "") != (p.Topic == stuck)
				})
			})
			if peak := s.Status().Memory.Peak; peak > 16<<20 {
				t.Errorf("%d bytes held at the most", peak)
			}
		})
	}
}

// TestWhatCannotBeCommittedCountsAsMemory has a coordinator that keeps its members and takes no
// offset, as one whose own topic has too few replicas: what is settled stays in memory until it does.
func TestWhatCannotBeCommittedCountsAsMemory(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	topic := k.NewTopic(t, 2, nil)
	relent := k.RefuseGroup("g", kerr.CoordinatorNotAvailable, kmsg.OffsetCommit)
	const n = 40_000
	records := make([]*kgo.Record, n)
	for i := range records {
		records[i] = update(topic, i, 1)
	}
	k.Produce(t, records...)
	s := start(t, sink.Options{Config: configure(t, k.Brokers(), "g", topic, a.URL, "limits: {memory: 8MiB}"), Log: testLog(t)})
	waitFor(t, "the intake to stop", func() bool {
		st := s.Status()
		return st.Memory.Full && len(st.Lanes) == 0 && st.Memory.Used > 4<<20 // what is settled alone
	})
	st := s.Status()
	if written := st.Totals.Written["update"]; written < 16_000 || written > 30_000 {
		t.Errorf("%d are written as the intake stops", written)
	}
	if st.Memory.Peak > 8<<20 {
		t.Errorf("%d bytes held at the most", st.Memory.Peak)
	}
	relent()
	waitFor(t, "the rest", func() bool { return committed(t, k.Endpoint, "g", topic) == n })
	if used := s.Status().Memory.Used; used != 0 {
		t.Errorf("%d bytes are counted with nothing left", used)
	}
}
