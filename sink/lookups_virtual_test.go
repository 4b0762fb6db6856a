//go:build synctests

package sink_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/sink"
)

// readingAvro makes a virtual sink read its topic in Avro, with that registry.
func readingAvro(t *testing.T, r *schemaRegistry) func(*virtual, *sink.Options) {
	return func(v *virtual, o *sink.Options) {
		retry := o.Config.Retry
		o.Config = configureFormats(t, v.kafka.Brokers(), "g", "http://127.0.0.1:1", registryURL, map[string]string{v.topic: "avro"})
		o.Config.Retry, o.Registry = retry, r
	}
}

// A registry that is down for an hour: one probe at a time with the backoff of the
// configuration, the member stays in its group, and nothing is lost of what came meanwhile.
// The next outage is probed as if it were the first.
func TestARegistryThatIsDownForAnHourIsProbedAndCostsNoRecord(t *testing.T) {
	r := newRegistry()
	r.seed(4)
	r.down.Store(true)
	inVirtualTime(t, nil, func(t *testing.T, v *virtual) {
		for i := range 90 {
			v.kafka.Produce(t, inAvro(t, create(v.topic, i), i%3))
		}
		time.Sleep(time.Minute)
		if st := v.Status(); !st.Ready || st.Registry.State != "retrying" {
			t.Errorf("within patience: ready %v, registry %+v", st.Ready, st.Registry)
		}
		time.Sleep(time.Hour - time.Minute)
		st := v.Status()
		if st.Ready || st.Registry.State != "held" || !st.Lease || len(st.Partitions) != 1 {
			t.Errorf("after an hour: ready %v, lease %v, %d partitions, registry %+v", st.Ready, st.Lease, len(st.Partitions), st.Registry)
		}
		if since := time.Since(st.Registry.Since); since < 59*time.Minute || since > 61*time.Minute {
			t.Errorf("down since %s", since)
		}
		// Every half minute, jittered by a half to each side.
		if n := r.asked.Load(); n < 70 || n > 260 {
			t.Errorf("%d probes in an hour", n)
		}
		r.down.Store(false)
		time.Sleep(time.Minute)
		if totals := v.Status().Totals; totals.Written["create"] != 90 || len(totals.DeadLettered) != 0 || totals.Records != 90 {
			t.Errorf("%+v", totals)
		}
		r.down.Store(true)
		asked := r.asked.Load()
		v.kafka.Produce(t, inAvro(t, create(v.topic, 90), 3))
		time.Sleep(5 * time.Second)
		if n := r.asked.Load() - asked; n < 4 {
			t.Errorf("%d probes in the first seconds of the next outage", n)
		}
		r.down.Store(false)
		time.Sleep(10 * time.Second)
		if n := v.Status().Totals.Written["create"]; n != 91 {
			t.Errorf("%d rows are written", n)
		}
	}, readingAvro(t, r))
}

// A registry that takes longer than the intake waits: the partition is paused for
// each new schema and read again from there, nothing lost and nothing twice.
func TestASlowRegistryLosesNothingAndRepeatsNothing(t *testing.T) {
	const versions, records = 8, 400
	r := newRegistry()
	r.seed(versions)
	r.answer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		time.Sleep(3 * time.Second)
		r.Handler().ServeHTTP(w, req)
	}))
	inVirtualTime(t, nil, func(t *testing.T, v *virtual) {
		var all []*kgo.Record
		for i := range records {
			all = append(all, inAvro(t, create(v.topic, i), i*versions/records))
		}
		v.kafka.Produce(t, all...)
		time.Sleep(time.Second)
		if st := v.Status(); st.Registry.State != "asking" || st.Registry.Partitions != 1 || !st.Ready || st.Partitions[0].Paused == "" {
			t.Errorf("while it is asked: ready %v, %+v, %+v", st.Ready, st.Registry, st.Partitions)
		}
		time.Sleep(5 * time.Minute)
		if totals := v.Status().Totals; totals.Written["create"] != records || len(totals.DeadLettered) != 0 || totals.Records != records {
			t.Errorf("%+v", totals)
		}
		if got, want := emails(v.api), wantEmails(records); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%d rows were sent, not %d, or others", len(got), records)
		}
		if n := r.asked.Load(); n != versions+1 {
			t.Errorf("%d questions for %d schemas", n, versions+1)
		}
	}, readingAvro(t, r))
}
