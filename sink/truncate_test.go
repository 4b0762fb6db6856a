package sink_test

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/sink"
)

// on_truncate: stop ends the run at the truncate: what was before it is written and
// committed, neither it nor what is behind it is, and the next start meets it again, until a
// person has decided.
func TestATruncateStopsTheRunAndLeavesItsOffset(t *testing.T) {
	k, a := kafkatest.NewFake(t), newAPI(t)
	topic := k.NewTopic(t, 1, nil)
	truncate := &kgo.Record{Topic: topic, Value: []byte(`{"op":"t","before":null,"after":null,"source":{}}`)}
	k.Produce(t, create(topic, 1), create(topic, 2), truncate, create(topic, 3))
	run := func(word config.OnTruncate) error {
		cfg := configure(t, k.Brokers(), "g", topic, a.URL, "")
		cfg.Routes[0].OnTruncate = word
		return start(t, sink.Options{Config: cfg, Log: testLog(t), UntilEnd: true}).until()
	}
	for range 2 {
		err := run(config.TruncateStop)
		if err == nil {
			t.Fatal("the run ended well")
		}
		for _, part := range []string{`route "customers"`, "topic " + topic + ", partition 0, offset 2", "truncate", "on_truncate: ignore or dead_letter"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q does not say %q", err, part)
			}
		}
		if sum := committed(t, k.Endpoint, "g", topic); sum != 2 {
			t.Errorf("committed %d, want the truncate's own offset, 2", sum)
		}
		if rows := a.rows(); rows != 2 {
			t.Errorf("%d rows were written, want the 2 before the truncate", rows)
		}
	}
	if err := run(config.TruncateIgnore); err != nil {
		t.Fatal(err)
	}
	if sum, rows := committed(t, k.Endpoint, "g", topic), a.rows(); sum != 4 || rows != 3 {
		t.Errorf("decided, committed %d and wrote %d rows; want 4 and 3", sum, rows)
	}
}
