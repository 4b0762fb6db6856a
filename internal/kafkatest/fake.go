package kafkatest

import (
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Fake is an in-process broker. Beside kfake's own behaviour it
//
//   - answers for leader epochs so that a moved leader does not rewind a
//     consumer (kfake says "unknown epoch" until the new leader has a batch, and
//     a client takes that for data loss),
//   - refuses offset metadata over 4,096 bytes, as Kafka does by default.
//
// Control functions and faults of a test go to Cluster. A fault on
// OffsetForLeaderEpoch needs a control function of its own that runs first: the
// one here answers before faults are looked at.
type Fake struct {
	*Endpoint
	Cluster *kfake.Cluster
}

// NewFake starts a broker on loopback and closes it when the test ends. It has
// one node and takes session timeouts from 100 ms on; later options win.
func NewFake(tb testing.TB, opts ...kfake.Opt) *Fake {
	tb.Helper()
	var dialer net.Dialer
	fake := start(tb, opts)
	fake.dial = dialer.DialContext
	return fake
}

// NewVirtual is NewFake on a network inside the process, for use within a
// testing/synctest bubble: call it in the bubble, and hand Dial to every client.
// Tests that use it are built with the tag synctests: without it a client that
// waits for one of its own locks never counts as blocked, and virtual time stops.
func NewVirtual(tb testing.TB, opts ...kfake.Opt) *Fake {
	tb.Helper()
	network := new(kfake.VirtualNetwork)
	var ports atomic.Int32
	ports.Store(firstVirtualPort)
	listen := func(proto, address string) (net.Listener, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		// The virtual network takes "any port" for port 0 itself, so that a
		// second node would find it in use.
		if port == "0" {
			address = net.JoinHostPort(host, strconv.Itoa(int(ports.Add(1)-1)))
		}
		return network.Listen(proto, address)
	}
	fake := start(tb, append([]kfake.Opt{kfake.ListenFn(listen)}, opts...))
	fake.dial = network.DialContext
	return fake
}

const firstVirtualPort = 9092

// RefuseTopic makes the broker answer these requests with err where they are about the
// topic, and do nothing, until the returned function is called.
func (f *Fake) RefuseTopic(topic string, err *kerr.Error, requests ...kmsg.Key) (relent func()) {
	return f.Cluster.Fault(kfake.Fault{Keys: requests, Topic: topic, Err: err, Count: -1}).Remove
}

// RefuseGroup is RefuseTopic for what is about a group.
func (f *Fake) RefuseGroup(group string, err *kerr.Error, requests ...kmsg.Key) (relent func()) {
	return f.Cluster.Fault(kfake.Fault{Keys: requests, Group: group, Err: err, Count: -1}).Remove
}

func start(tb testing.TB, opts []kfake.Opt) *Fake {
	tb.Helper()
	// Tests of expelled members should not take Kafka's six seconds.
	const minSession = 100 * time.Millisecond
	cluster, err := kfake.NewCluster(append([]kfake.Opt{
		kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(minSession),
	}, opts...)...)
	if err != nil {
		tb.Fatalf("kafkatest: start kfake: %v", err)
	}
	tb.Cleanup(cluster.Close)
	answerLeaderEpochs(cluster)
	limitMetadata(cluster)
	return &Fake{Endpoint: &Endpoint{brokers: cluster.ListenAddrs()}, Cluster: cluster}
}

// answerLeaderEpochs makes the high watermark the end of every known epoch: a
// log that never truncates has lost nothing, whichever epoch a client asks for.
func answerLeaderEpochs(cluster *kfake.Cluster) {
	cluster.ControlKey(int16(kmsg.OffsetForLeaderEpoch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		request := r.(*kmsg.OffsetForLeaderEpochRequest)
		node := cluster.CurrentNode()
		response := request.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
		for _, topic := range request.Topics {
			answer := kmsg.NewOffsetForLeaderEpochResponseTopic()
			answer.Topic = topic.Topic
			for _, partition := range topic.Partitions {
				info := cluster.PartitionInfo(topic.Topic, partition.Partition)
				answer.Partitions = append(answer.Partitions, epochEnd(partition, info, node))
			}
			response.Topics = append(response.Topics, answer)
		}
		return response, nil, true
	})
}

func epochEnd(asked kmsg.OffsetForLeaderEpochRequestTopicPartition, info *kfake.PartitionInfo, node int32) kmsg.OffsetForLeaderEpochResponseTopicPartition {
	answer := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
	answer.Partition = asked.Partition
	current := asked.CurrentLeaderEpoch
	switch {
	case info == nil:
		answer.ErrorCode = kerr.UnknownTopicOrPartition.Code
	case info.Leader != node:
		answer.ErrorCode = kerr.NotLeaderForPartition.Code
	case current != -1 && current < info.Epoch:
		answer.ErrorCode = kerr.FencedLeaderEpoch.Code
	case current > info.Epoch:
		answer.ErrorCode = kerr.UnknownLeaderEpoch.Code
	case asked.LeaderEpoch <= info.Epoch:
		answer.LeaderEpoch = asked.LeaderEpoch
		answer.EndOffset = info.HighWatermark
	}
	return answer
}

// MaxMetadata is the most bytes that Kafka keeps with a committed offset
// (offset.metadata.max.bytes, its default).
const MaxMetadata = 4096

// limitMetadata refuses the partitions of a commit whose metadata is too large,
// and those alone, by a fault for each that the very same request then meets.
func limitMetadata(cluster *kfake.Cluster) {
	cluster.ControlKey(int16(kmsg.OffsetCommit), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		request := r.(*kmsg.OffsetCommitRequest)
		for _, topic := range request.Topics {
			for _, partition := range topic.Partitions {
				if partition.Metadata == nil || len(*partition.Metadata) <= MaxMetadata {
					continue
				}
				cluster.Fault(kfake.Fault{
					Keys: []kmsg.Key{kmsg.OffsetCommit}, Group: request.Group,
					Topic: topic.Topic, TopicID: topic.TopicID, Partitions: []int32{partition.Partition},
					Err:  kerr.OffsetMetadataTooLarge,
					When: func(other kmsg.Request) bool { return other == r },
				})
			}
		}
		return nil, nil, false
	})
}
