package sink_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/internal/sandbox"
)

// gauge returns the value of a gauge, by the value of its label if it has one; -1 when it is not there.
func gauge(t *testing.T, g prometheus.Gatherer, name, label string) float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (label == "" || m.GetLabel()[0].GetValue() == label) {
				return m.GetGauge().GetValue()
			}
		}
	}
	return -1
}

func TestWhatTheLedgerHoldsAndWhatWaitsIsMeasured(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
	children, parents := k.NewTopic(t, 1, nil), k.NewTopic(t, 1, nil)
	o := c.family(t, k, children, parents)
	registry := prometheus.NewRegistry()
	o.UntilEnd, o.Registerer = false, registry
	s := start(t, o)
	k.Produce(t, employee(children, "c", 1, "null"), employee(children, "c", 2, "7"))
	waitFor(t, "the one that waits for its company", func() bool {
		return gauge(t, registry, "ampersink_awaiting_writes", "") == 1 && gauge(t, registry, "ampersink_ledger_rows", "") == 1
	})
	if n := gauge(t, registry, "ampersink_ledger_bytes", ""); n < 1 {
		t.Errorf("a row takes %v bytes", n)
	}
	if n := gauge(t, registry, "ampersink_ledger_open_intents", ""); n != 0 {
		t.Errorf("%v creates are open", n)
	}
	k.Produce(t, company(parents, 7))
	waitFor(t, "nothing to wait", func() bool {
		return gauge(t, registry, "ampersink_awaiting_writes", "") == 0 && gauge(t, registry, "ampersink_ledger_rows", "") == 3
	})
	if err := s.drain(); err != nil {
		t.Fatal(err)
	}
}

func TestSearchesThatAreHeldAreMeasured(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
	topic := k.NewTopic(t, 1, nil)
	o := c.lateSink(t, k, topic, matching)
	registry := prometheus.NewRegistry()
	o.UntilEnd, o.Registerer, o.Config.Retry.Patience = false, registry, 50*time.Millisecond
	c.fault(t, sandbox.Fault{Type: "search", Do: sandbox.DoStatus, Status: 503})
	k.Produce(t, change(topic, "c", 1, 1))
	s := start(t, o)
	waitFor(t, "the searches to be held", func() bool { return gauge(t, registry, "ampersink_holds", "search") == 1 })
	c.fault(t)
	waitFor(t, "them to go on", func() bool { return gauge(t, registry, "ampersink_holds", "search") == 0 })
	if err := s.drain(); err != nil {
		t.Fatal(err)
	}
}
