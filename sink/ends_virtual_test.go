//go:build synctests

package sink_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ampersink/ampersink/sink"
)

// Nothing is polled once the memory is full: what comes then is counted all the same.
func TestTheLagGrowsWhileTheIntakeIsPaused(t *testing.T) {
	inVirtualTime(t, func(_ int, _ call, w http.ResponseWriter) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}, func(t *testing.T, v *virtual) {
		const each = 20_000
		produce := func(from int) {
			var all []*kgo.Record
			for i := range each {
				all = append(all, create(v.topic, from+i))
			}
			v.kafka.Produce(t, all...)
		}
		produce(0)
		time.Sleep(time.Minute)
		if st := v.Status(); !st.Memory.Full && st.Partitions[0].Paused == "" {
			t.Fatalf("it is not paused: %+v, %+v", st.Memory, st.Partitions)
		}
		produce(each)
		time.Sleep(16 * time.Second)
		if p := v.Status().Partitions[0]; p.End != 2*each || p.Lag != 2*each || p.EndAge > 15 {
			t.Errorf("%+v, expected a lag of %d", p, 2*each)
		}
	}, func(_ *virtual, o *sink.Options) { o.Config.Limits.Memory = 4 << 20 })
}

func TestTheLagOfAQuietPartitionIsKnown(t *testing.T) {
	inVirtualTime(t, nil, func(t *testing.T, v *virtual) {
		time.Sleep(16 * time.Second)
		if p := v.Status().Partitions[0]; p.End != 0 || p.Lag != 0 {
			t.Errorf("empty: %+v", p)
		}
		v.kafka.Produce(t, create(v.topic, 1))
		time.Sleep(10 * time.Second)
		if err := v.drain(); err != nil {
			t.Fatal(err)
		}
		v.running = start(t, v.options)
		time.Sleep(20 * time.Second)
		if p := v.Status().Partitions[0]; p.End != 1 || p.Lag != 0 {
			t.Errorf("committed, and quiet since the start: %+v", p)
		}
	})
}

func TestTheLastEndIsKeptWhileBrokersDoNotTellIt(t *testing.T) {
	inVirtualTime(t, nil, func(t *testing.T, v *virtual) {
		v.kafka.Produce(t, create(v.topic, 1))
		time.Sleep(20 * time.Second)
		relent := v.kafka.RefuseTopic(v.topic, kerr.NotLeaderForPartition, kmsg.ListOffsets)
		time.Sleep(10 * time.Minute)
		if st := v.Status(); st.Partitions[0].End != 1 || st.Partitions[0].Lag != 0 || st.Partitions[0].EndAge < 9*60 || !st.Ready {
			t.Errorf("not told for ten minutes: %+v, %q", st.Partitions[0], st.Reasons)
		}
		relent()
		time.Sleep(time.Minute)
		if p := v.Status().Partitions[0]; p.EndAge > 15 {
			t.Errorf("told again: %+v", p)
		}
	})
}
