package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/config"
)

// CompactedOptions is what a Compacted is made of.
type CompactedOptions struct {
	Config config.Kafka
	Topic  string
	Create CreateWhen
	// Once: it is not followed but read by ReadToEnd, for a person who waits. A cluster that does
	// not answer is given up within seconds.
	Once bool
	// Dial opens a connection; nil: the network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	Log  zerolog.Logger
	// Fault is told of what no retry can mend.
	Fault func(error)
}

// CreateWhen says when a missing topic is made. Where it is not, that is a *MissingTopics, or
// a *LostMemory for a group that has offsets.
type CreateWhen uint8

// When a topic is made.
const (
	CreateNever CreateWhen = iota
	// CreateForNewGroup: as long as the group has no offsets. With them, the topic has been there.
	CreateForNewGroup
	CreateAlways
)

// LostMemory says that a topic which remembers for a group is gone, although the group
// has read its records.
type LostMemory struct{ Topic, Group string }

func (e *LostMemory) Error() string {
	return fmt.Sprintf("kafka: the ledger topic %s is not there, but group %s has offsets: what is known of the CRM records of its rows would be lost, "+
		"and their rows created a second time. If it is the group's first start with a ledger, or the old one is gone for good, make it with "+
		"\"ampersink ledger create\", and give it the ids that you have with \"ampersink ledger import\"; else name the topic that there is under ledger.topic", e.Topic, e.Group)
}

// Compacted is a compacted topic of which this process reads every partition from
// its start, outside of any group, and to which it appends. It promises:
//
//   - What is appended to a partition is acknowledged by all in-sync replicas, in
//     the order of the calls: a record that cannot be written is a Fault, and not left out.
//   - Follow shows every record of a partition in its order.
type Compacted struct {
	options    CompactedOptions
	kgo        *kgo.Client
	disconnect context.CancelFunc
	partitions int
	appendings sync.Pool // of *appending
	hurried    atomic.Bool
	hurry      chan struct{} // Follow goes on at once
}

const (
	// compactedPartitions is how many partitions a new topic has: enough for its load to lie
	// on several brokers, few enough for each process to read all of them.
	compactedPartitions = 8
	// compactedFetch bounds what is fetched ahead, in packed bytes. Such records hardly pack.
	compactedFetch = 2 << 20
)

// compactedSettings are those of a topic that is made here.
func compactedSettings() map[string]*string {
	text := func(s string) *string { return &s }
	return map[string]*string{
		"cleanup.policy": text("compact"),
		// Every start reads the whole topic: what was replaced should not be read for long.
		"min.cleanable.dirty.ratio": text("0.1"),
		"segment.bytes":             text("67108864"),
		// A reader that lags must see that a row is gone before the record that says so goes.
		"delete.retention.ms": text("604800000"),
	}
}

// OpenCompacted connects and makes sure that the topic is there and compacted.
func OpenCompacted(ctx context.Context, o CompactedOptions) (*Compacted, error) {
	c := &Client{options: Options{Config: o.Config, Dial: o.Dial, Log: o.Log}}
	connected, disconnect := context.WithCancel(context.WithoutCancel(ctx))
	base, err := c.baseOptions(connected)
	if err != nil {
		disconnect()
		return nil, err
	}
	client, err := kgo.NewClient(append(append(base, o.reading()...),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		// What is appended together leaves together: the calls come by the batch. They are bounded
		// by the requests under way and must not block.
		kgo.ProducerLinger(0), kgo.MaxBufferedRecords(1<<20),
		kgo.UnknownTopicRetries(3),
	)...)
	if err != nil {
		disconnect()
		return nil, fmt.Errorf("kafka: %w", err)
	}
	l := &Compacted{options: o, kgo: client, disconnect: disconnect, hurry: make(chan struct{}, 1)}
	timeout := reachTimeout
	if o.Once {
		timeout = answerTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	if err = answers(ctx, client, o.Config.Brokers, timeout); err == nil {
		err = l.ensure(ctx, kadm.NewClient(client))
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// reading are the options of how it is read.
func (o CompactedOptions) reading() []kgo.Opt {
	if o.Once {
		return impatient()
	}
	return []kgo.Opt{
		kgo.ConsumeTopics(o.Topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxBytes(compactedFetch), kgo.FetchMaxPartitionBytes(compactedFetch / 2),
		kgo.FetchMaxWait(500 * time.Millisecond),
		kgo.MaxConcurrentFetches(maxFetches),
		kgo.MaxDecompressBatchBytes(maxBatchBytes),
	}
}

// ensure looks the topic up, makes it when it may, and refuses one that would lose what it holds.
func (l *Compacted) ensure(ctx context.Context, admin *kadm.Client) error {
	topic := l.options.Topic
	n, err := partitionsOf(ctx, admin, topic)
	if err != nil {
		return err
	}
	if n == 0 {
		if err := l.mayCreate(ctx, admin); err != nil {
			return err
		}
		if n, err = l.create(ctx, admin); err != nil {
			return err
		}
	}
	l.partitions = n
	return checkCompacted(ctx, admin, topic)
}

func (l *Compacted) mayCreate(ctx context.Context, admin *kadm.Client) error {
	switch l.options.Create {
	case CreateNever:
		return &MissingTopics{[]string{l.options.Topic}}
	case CreateForNewGroup:
		c := &Client{options: Options{Config: l.options.Config}}
		committed, err := c.groupOffsets(ctx, admin)
		if err != nil {
			return err
		}
		if len(committed) > 0 {
			return &LostMemory{l.options.Topic, l.options.Config.Group}
		}
	}
	return nil
}

func (l *Compacted) create(ctx context.Context, admin *kadm.Client) (partitions int, err error) {
	topic := l.options.Topic
	resp, err := admin.CreateTopic(ctx, compactedPartitions, -1, compactedSettings(), topic)
	if err == nil {
		err = resp.Err
	}
	switch {
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		return 0, fmt.Errorf("kafka: topic %s is not there, and creating it: %w: grant this user CREATE on it, or have it made with cleanup.policy=compact", topic, err)
	case err != nil && !errors.Is(err, kerr.TopicAlreadyExists):
		return 0, explain(err, "creating the compacted topic "+topic)
	}
	l.options.Log.Info().Str("topic", topic).Msg("compacted topic created")
	for {
		// The controller answers before the brokers have heard of it.
		if n, err := partitionsOf(ctx, admin, topic); err != nil || n > 0 {
			return n, err
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("kafka: topic %s was created and does not appear: %w", topic, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// partitionsOf returns how many partitions a topic has: none when it is not there.
func partitionsOf(ctx context.Context, admin *kadm.Client, topic string) (partitions int, err error) {
	details, err := admin.ListTopics(ctx, topic)
	if err != nil {
		return 0, explain(err, "looking up topic "+topic)
	}
	d := details[topic]
	if Fatal(d.Err) {
		return 0, explain(d.Err, "topic "+topic)
	}
	if d.Err == nil {
		partitions = len(d.Partitions)
	}
	return partitions, nil
}

// checkCompacted refuses a topic that forgets by age what nobody has replaced. Where the
// settings may not be read, nothing is known.
func checkCompacted(ctx context.Context, admin *kadm.Client, topic string) error {
	configs, err := admin.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return nil //nolint:nilerr // this user may not read settings
	}
	for _, rc := range configs {
		i := slices.IndexFunc(rc.Configs, func(c kadm.Config) bool { return c.Key == "cleanup.policy" })
		if i >= 0 && rc.Configs[i].Value != nil && *rc.Configs[i].Value != "compact" {
			return fmt.Errorf("kafka: topic %s has cleanup.policy=%s, which deletes what is old: set it to compact "+
				"(kafka-configs --alter --topic %s --add-config cleanup.policy=compact), or name another topic under ledger.topic",
				topic, *rc.Configs[i].Value, topic)
		}
	}
	return nil
}

// Partitions returns how many partitions the topic has.
func (l *Compacted) Partitions() int { return l.partitions }

// Flush waits until what was appended is acknowledged, or the context ends.
func (l *Compacted) Flush(ctx context.Context) { _ = l.kgo.Flush(ctx) }

// Close ends it, and waits for no broker. What was appended and is not acknowledged is given up.
func (l *Compacted) Close() {
	l.disconnect()
	l.kgo.Close()
}
