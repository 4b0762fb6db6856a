//go:build synctests

package sink_test

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The ledger takes nothing any more: --until-end ends after retry.patience and names its topic;
// what was not announced was not sent, and the next run sends it.
func TestUntilEndNamesALedgerThatTakesNothing(t *testing.T) {
	for name, c := range map[string]*kerr.Error{
		"not authorised":     kerr.TopicAuthorizationFailed,
		"topic gone":         kerr.UnknownTopicOrPartition,
		"too few in sync":    kerr.NotEnoughReplicas,
		"a broker's trouble": kerr.KafkaStorageError,
	} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, nil, func(t *testing.T, v *virtual) {
				time.Sleep(5 * time.Second)
				if err := v.drain(); err != nil {
					t.Fatal(err)
				}
				for id := range 5 {
					v.kafka.Produce(t, change(v.topic, "c", id, 1))
				}
				v.options.UntilEnd = true
				began := time.Now()
				v.options.Config.Routes[0].Batch.Linger = 20 * time.Second
				first := start(t, v.options)
				time.Sleep(10 * time.Second) // the rows are taken in, and not announced
				relent := v.kafka.RefuseTopic("g.ledger", c, kmsg.Produce)
				err := first.until()
				if err == nil || !strings.Contains(err.Error(), "g.ledger") {
					t.Errorf("the run ended with %v, which does not name the ledger", err)
				}
				if took := time.Since(began); took > 10*time.Minute {
					t.Errorf("it took %s", took)
				}
				relent()
				sent := v.rows()
				v.running = start(t, v.options)
				if err := v.until(); err != nil {
					t.Error(err)
				}
				if n := v.rows(); n != 5 || len(v.creates()) != 5 {
					t.Errorf("%d rows were sent, %d of them before: %v", n, sent, v.creates())
				}
			}, remembering(t))
		})
	}
}

func TestUntilEndNamesALedgerThatTakesNothingFromItsStart(t *testing.T) {
	inVirtualTime(t, nil, func(t *testing.T, v *virtual) {
		time.Sleep(5 * time.Second)
		if err := v.drain(); err != nil {
			t.Fatal(err)
		}
		v.kafka.Produce(t, change(v.topic, "c", 1, 1))
		relent := v.kafka.RefuseTopic("g.ledger", kerr.NotEnoughReplicas, kmsg.Produce)
		v.options.UntilEnd = true
		began := time.Now()
		err := start(t, v.options).until()
		if err == nil || !strings.Contains(err.Error(), "g.ledger has acknowledged nothing since") {
			t.Errorf("the run ended with %v, which does not name the ledger", err)
		}
		if took := time.Since(began); took > 10*time.Minute {
			t.Errorf("it took %s", took)
		}
		relent()
		v.running = start(t, v.options)
		if err := v.until(); err != nil || v.rows() != 1 {
			t.Errorf("the next run: %v, %d rows sent", err, v.rows())
		}
	}, remembering(t))
}
