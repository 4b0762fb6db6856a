//go:build synctests

package kafkatest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/kafkatest"
)

// A group member reads a record an hour for a day: its heartbeats, fetches and
// timers all run in virtual time, over a network of three nodes.
func TestVirtualDayPassesInAMoment(t *testing.T) {
	t.Parallel()
	started := time.Now()
	synctest.Test(t, func(t *testing.T) {
		fake := kafkatest.NewVirtual(t, kfake.NumBrokers(3))
		topic := fake.NewTopic(t, 1, nil)
		consumer := fake.Client(t, kgo.ConsumeTopics(topic), kgo.ConsumerGroup("g"), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
		began := time.Now()
		for hour := range int64(24) {
			fake.Produce(t, &kgo.Record{Topic: topic, Value: []byte("tick")})
			expectOffsets(t, consumer, hour, hour+1)
			time.Sleep(time.Hour)
		}
		if passed := time.Since(began); passed < 24*time.Hour {
			t.Fatalf("only %v of virtual time passed", passed)
		}
		if read := fake.ReadAll(t, topic); len(read) != 24 {
			t.Fatalf("read %d records of 24", len(read))
		}
	})
	if took := time.Since(started); took > time.Minute {
		t.Fatalf("a virtual day took %v", took)
	}
}
