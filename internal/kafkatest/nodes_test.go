package kafkatest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/kafkatest"
)

// Whichever node goes, in order or by a power cut, what was acknowledged is there
// and more can be written; the node comes back.
func TestNodesComeAndGo(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.RealCluster(t, 3)
	topic := cluster.NewTopic(t, 1, nil)
	written := 0
	write := func() {
		t.Helper()
		const more = 50
		var records []*kgo.Record
		for range more {
			records = append(records, &kgo.Record{Topic: topic, Value: fmt.Append(nil, written)})
			written++
		}
		cluster.Produce(t, records...)
	}
	write()
	leader := leaderOf(t, cluster, topic)
	cluster.Kill(leader)
	if read := len(cluster.ReadAll(t, topic)); read != written { // while nobody leads
		t.Fatalf("read %d of %d with the leader gone", read, written)
	}
	write()
	if now := leaderOf(t, cluster, topic); now == leader {
		t.Fatalf("node %d leads although it was killed", leader)
	}
	cluster.Start(t, leader)
	leader = leaderOf(t, cluster, topic)
	cluster.Stop(leader)
	write()
	cluster.Start(t, leader)
	for i, record := range cluster.ReadAll(t, topic) {
		if string(record.Value) != fmt.Sprint(i) {
			t.Fatalf("record %d is %q", i, record.Value)
		}
	}
	if ends := cluster.EndOffsets(t, topic); ends[0] != int64(written) {
		t.Fatalf("the topic ends at %d of %d", ends[0], written)
	}
}

// leaderOf returns the node (from 0) that leads the topic's only partition.
func leaderOf(t *testing.T, cluster *kafkatest.Nodes, topic string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	topics, err := kadm.NewClient(cluster.Client(t)).ListTopics(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	return int(topics[topic].Partitions[0].Leader) - 1
}
