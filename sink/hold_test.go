package sink_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/sink"
)

func TestARevokedKeyHoldsTheAPIAndResumesByItself(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	var revoked, together, most atomic.Int32
	revoked.Store(1)
	a.script = func(_ int, _ call, w http.ResponseWriter) bool {
		if revoked.Load() == 0 {
			return false
		}
		most.Store(max(most.Load(), together.Add(1)))
		defer together.Add(-1)
		time.Sleep(5 * time.Millisecond)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
	topic := k.NewTopic(t, 2, nil)
	var records []*kgo.Record
	for i := range 500 {
		records = append(records, create(topic, i))
	}
	k.Produce(t, records...)
	s := start(t, sink.Options{Config: configure(t, k.Brokers(), "g", topic, a.URL, ""), Log: testLog(t)})
	waitFor(t, "some probes", func() bool { return len(a.taken()) >= 5 })
	st := s.Status()
	if st.Ready || !strings.Contains(strings.Join(st.Reasons, " "), "api is held") {
		t.Errorf("ready %v, reasons %q: the hold is not shown", st.Ready, st.Reasons)
	}
	if len(st.Holds) != 1 || st.Holds[0].Kind != "api" || st.Holds[0].Code != "unauthorized" || st.Holds[0].Since.IsZero() {
		t.Errorf("holds: %+v", st.Holds)
	}
	for i, c := range a.taken() {
		if i > 0 && len(c.Rows) != 1 {
			t.Errorf("request %d carries %d writes: a probe is one", i, len(c.Rows))
		}
	}
	if most.Load() > 1 {
		t.Errorf("%d requests at a time while the API is held", most.Load())
	}
	revoked.Store(0)
	waitFor(t, "everything written", func() bool { return s.Status().Totals.Written["create"] == 500 })
	if err := s.drain(); err != nil {
		t.Fatal(err)
	}
	if n := s.Status().Totals.DeadLettered; len(n) != 0 {
		t.Errorf("dead-lettered: %v", n)
	}
}

func TestUntilEndWithAHeldLaneEndsWithAFaultThatNamesIt(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	a.script = func(_ int, _ call, w http.ResponseWriter) bool {
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
	topic := k.NewTopic(t, 1, nil)
	k.Produce(t, create(topic, 1))
	cfg := configure(t, k.Brokers(), "g", topic, a.URL, "")
	cfg.Retry.Patience = 300 * time.Millisecond
	err := start(t, sink.Options{Config: cfg, Log: testLog(t), UntilEnd: true}).until()
	if err == nil || !strings.Contains(err.Error(), "api since") || !strings.Contains(err.Error(), "unauthorized") {
		t.Errorf("the run ended with %v, which does not name the hold", err)
	}
	if sum := committed(t, k.Endpoint, "g", topic); sum != 0 {
		t.Errorf("committed %d although nothing was written", sum)
	}
}

func TestOneBadRecordInABatchCostsItselfAlone(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	a.script = func(_ int, c call, w http.ResponseWriter) bool {
		for _, r := range c.Rows {
			if r["email"] == "u37@example.com" {
				w.WriteHeader(http.StatusUnprocessableEntity)
				_, _ = w.Write([]byte(`{"operationId":"op","successCount":0,"failureCount":` + itoa(len(c.Rows)) + `,"errors":[{"message":"one of them is bad"}]}`))
				return true
			}
		}
		return false
	}
	topic := k.NewTopic(t, 1, nil)
	var records []*kgo.Record
	for i := range 100 {
		records = append(records, create(topic, i))
	}
	k.Produce(t, records...)
	s := start(t, sink.Options{Config: configure(t, k.Brokers(), "g", topic, a.URL, ""), Log: testLog(t), UntilEnd: true})
	if err := s.until(); err != nil {
		t.Fatal(err)
	}
	if n := s.Status().Totals.Written["create"]; n != 99 {
		t.Errorf("%d written, not 99", n)
	}
	letters := k.ReadAll(t, topic+".dead")
	if len(letters) != 1 || string(letters[0].Key) != `{"id":37}` {
		t.Errorf("dead letters: %v", letters)
	}
	// 2k*ceil(log2 n)+1 for k=1 of n=100
	if n := len(a.taken()); n > 15 {
		t.Errorf("%d requests, more than 15", n)
	}
}
