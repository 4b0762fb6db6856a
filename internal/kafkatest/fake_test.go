package kafkatest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
	"go.uber.org/goleak"

	"github.com/ampersink/ampersink/internal/kafkatest"
)

func stable() *kversion.Versions { return kversion.V3_9_0() }

// A client's default is to rewind by a minute when it believes that data was
// lost: the whole topic here. A leader that moved has lost nothing.
func TestFakeLeaderMovesWithoutRewind(t *testing.T) {
	t.Parallel()
	fake := kafkatest.NewFake(t, kfake.NumBrokers(3))
	topic := fake.NewTopic(t, 1, nil)
	consumer := fake.Client(t, kgo.ConsumeTopics(topic), kgo.ConsumerGroup(kafkatest.UniqueName(t)),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.MetadataMinAge(10*time.Millisecond))
	const round = 500
	for move := range int64(3) {
		produceNumbers(t, fake.Endpoint, topic, round)
		expectOffsets(t, consumer, move*round, (move+1)*round)
		leader := fake.Cluster.LeaderFor(topic, 0)
		if err := fake.Cluster.MoveTopicPartition(topic, 0, (leader+1)%3); err != nil {
			t.Fatal(err)
		}
	}
}

func produceNumbers(t *testing.T, e *kafkatest.Endpoint, topic string, n int) {
	t.Helper()
	records := make([]*kgo.Record, n)
	for i := range records {
		records[i] = &kgo.Record{Topic: topic, Value: fmt.Append(nil, i)}
	}
	e.Produce(t, records...)
}

func expectOffsets(t *testing.T, consumer *kgo.Client, from, to int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for next := from; next < to; {
		fetches := consumer.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			t.Fatalf("offset %d did not arrive: %v", next, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset != next {
				t.Fatalf("offset %d arrived where %d is next", r.Offset, next)
			}
			next++
		})
	}
}

func TestFakeLeavesNoGoroutines(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Run("used", func(t *testing.T) {
		fake := kafkatest.NewFake(t)
		topic := fake.NewTopic(t, 1, nil)
		produceNumbers(t, fake.Endpoint, topic, 1)
		fake.ReadAll(t, topic)
	})
	goleak.VerifyNone(t, before)
}
