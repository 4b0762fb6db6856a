package kafkatest

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// callTimeout bounds one call of a helper. A loaded machine answers in
// milliseconds; a broker that takes longer than this is broken, and a test
// should say so before the test binary's own timeout does.
const callTimeout = 60 * time.Second

// Endpoint is how a cluster is reached, with what every test does to one. Each
// call uses a client of its own, so that the helpers share neither connections
// nor metadata with what is under test. A call that fails ends the test.
type Endpoint struct {
	brokers []string
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
}

// Brokers returns the seed brokers as host:port.
func (e *Endpoint) Brokers() []string { return slices.Clone(e.brokers) }

// Dial connects to a broker of this cluster: the dialer to hand to the code
// under test.
func (e *Endpoint) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return e.dial(ctx, network, address)
}

// Client returns a client of this cluster that is closed when the test ends.
func (e *Endpoint) Client(tb testing.TB, opts ...kgo.Opt) *kgo.Client {
	tb.Helper()
	client := e.open(tb, opts...)
	tb.Cleanup(client.Close)
	return client
}

func (e *Endpoint) open(tb testing.TB, opts ...kgo.Opt) *kgo.Client {
	tb.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(e.brokers...), kgo.Dialer(e.dial)}, opts...)...)
	if err != nil {
		tb.Fatalf("kafkatest: client for %s: %v", strings.Join(e.brokers, ","), err)
	}
	return client
}

// admin runs do with an admin client and a deadline.
func (e *Endpoint) admin(tb testing.TB, do func(ctx context.Context, admin *kadm.Client)) {
	tb.Helper()
	client := e.open(tb)
	defer client.Close()
	ctx, cancel := callContext(tb)
	defer cancel()
	do(ctx, kadm.NewClient(client))
}

// callContext outlives the test's own context, which is cancelled before the
// cleanups run: helpers are called there too.
func callContext(tb testing.TB) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(tb.Context()), callTimeout)
}

// UniqueName returns a name for a topic or a group that no other test of any
// process uses: the test's own name and a random ending.
func UniqueName(tb testing.TB) string {
	// Kafka takes 249 characters of [a-zA-Z0-9._-]; what derives its own topics
	// from this one (name.dead, group.ledger) needs room behind it.
	const longest = 120
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-':
			return r
		}
		return '-'
	}, tb.Name())
	return name[:min(len(name), longest)] + "-" + strings.ToLower(rand.Text()[:10])
}

// NewTopic creates a topic with a unique name and deletes it when the test ends.
// Config holds Kafka's topic settings, nil for the broker's own.
func (e *Endpoint) NewTopic(tb testing.TB, partitions int32, config map[string]string) string {
	tb.Helper()
	topic := UniqueName(tb)
	e.CreateTopic(tb, topic, partitions, config)
	return topic
}

// CreateTopic creates the named topic and deletes it when the test ends.
func (e *Endpoint) CreateTopic(tb testing.TB, topic string, partitions int32, config map[string]string) {
	tb.Helper()
	settings := make(map[string]*string, len(config))
	for key, value := range config {
		settings[key] = &value
	}
	const brokersDefault = -1 // one replica on one node, three on three
	e.admin(tb, func(ctx context.Context, admin *kadm.Client) {
		if _, err := admin.CreateTopic(ctx, partitions, brokersDefault, settings, topic); err != nil {
			tb.Fatalf("kafkatest: create topic %s: %v", topic, err)
		}
		if err := awaitLeaders(ctx, admin, topic); err != nil {
			tb.Fatalf("kafkatest: topic %s was created and does not appear: %v", topic, err)
		}
	})
	tb.Cleanup(func() { e.deleteTopic(tb, topic) })
}

// SetTopic changes one setting of a topic.
func (e *Endpoint) SetTopic(tb testing.TB, topic, key, value string) {
	tb.Helper()
	e.admin(tb, func(ctx context.Context, admin *kadm.Client) {
		answers, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: key, Value: &value}}, topic)
		for _, a := range answers {
			err = cmp.Or(err, a.Err)
		}
		if err != nil {
			tb.Fatalf("kafkatest: set %s of topic %s to %s: %v", key, topic, value, err)
		}
		if err := awaitSetting(ctx, admin, topic, key, value); err != nil {
			tb.Fatalf("kafkatest: topic %s does not get %s=%s: %v", topic, key, value, err)
		}
	})
}

// Grow gives a topic that many partitions.
func (e *Endpoint) Grow(tb testing.TB, topic string, partitions int) {
	tb.Helper()
	e.admin(tb, func(ctx context.Context, admin *kadm.Client) {
		err := persist(ctx, func() error {
			answers, err := admin.UpdatePartitions(ctx, partitions, topic)
			return cmp.Or(err, answers.Error())
		})
		if err != nil {
			tb.Fatalf("kafkatest: give topic %s %d partitions: %v", topic, partitions, err)
		}
		if err := awaitLeaders(ctx, admin, topic); err != nil {
			tb.Fatalf("kafkatest: topic %s got partitions that do not appear: %v", topic, err)
		}
	})
}

func partitionErrors(partitions kadm.PartitionDetails) error {
	for _, partition := range partitions {
		if partition.Err != nil {
			return partition.Err
		}
	}
	return nil
}

// DeleteTopic deletes a topic.
func (e *Endpoint) DeleteTopic(tb testing.TB, topic string) {
	tb.Helper()
	e.admin(tb, func(ctx context.Context, admin *kadm.Client) {
		if _, err := admin.DeleteTopic(ctx, topic); err != nil {
			tb.Fatalf("kafkatest: delete topic %s: %v", topic, err)
		}
	})
}

// deleteTopic keeps a broker that many tests share small. A cluster that the
// test has stopped by then took the topic with it.
func (e *Endpoint) deleteTopic(tb testing.TB, topic string) {
	const enough = 5 * time.Second
	client := e.open(tb)
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), enough)
	defer cancel()
	if _, err := kadm.NewClient(client).DeleteTopic(ctx, topic); err != nil {
		tb.Logf("kafkatest: topic %s is left behind: %v", topic, err)
	}
}

// Produce appends the records and waits until all are acknowledged. Records with
// equal keys go to one partition, as Kafka's own producers do it; offset,
// partition and timestamp are filled in.
func (e *Endpoint) Produce(tb testing.TB, records ...*kgo.Record) {
	tb.Helper()
	e.produce(tb, records)
}

// ProduceTo is Produce with each record going to the partition that it names.
func (e *Endpoint) ProduceTo(tb testing.TB, records ...*kgo.Record) {
	tb.Helper()
	e.produce(tb, records, kgo.RecordPartitioner(kgo.ManualPartitioner()))
}

func (e *Endpoint) produce(tb testing.TB, records []*kgo.Record, opts ...kgo.Opt) {
	tb.Helper()
	client := e.open(tb, opts...)
	defer client.Close()
	ctx, cancel := callContext(tb)
	defer cancel()
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		tb.Fatalf("kafkatest: produce %d records: %v", len(records), err)
	}
}

// Commit is a committed offset of one partition.
type Commit struct {
	Offset      int64 // the next offset to read
	LeaderEpoch int32 // -1: none was committed
	Metadata    string
}

// Committed returns what the group has committed, by topic and partition.
// Partitions without a commit are absent.
func (e *Endpoint) Committed(tb testing.TB, group string) map[string]map[int32]Commit {
	tb.Helper()
	commits := make(map[string]map[int32]Commit)
	e.admin(tb, func(ctx context.Context, admin *kadm.Client) {
		var offsets kadm.OffsetResponses
		err := persist(ctx, func() (err error) {
			offsets, err = admin.FetchOffsets(ctx, group)
			return err
		})
		if errors.Is(err, kerr.GroupIDNotFound) {
			return
		}
		if err != nil {
			tb.Fatalf("kafkatest: offsets of group %s: %v", group, err)
		}
		offsets.Each(func(o kadm.OffsetResponse) {
			if o.Err != nil {
				tb.Fatalf("kafkatest: offset of group %s in %s/%d: %v", group, o.Topic, o.Partition, o.Err)
			}
			if o.At < 0 {
				return
			}
			if commits[o.Topic] == nil {
				commits[o.Topic] = make(map[int32]Commit)
			}
			commits[o.Topic][o.Partition] = Commit{Offset: o.At, LeaderEpoch: o.LeaderEpoch, Metadata: o.Metadata}
		})
	})
	return commits
}

// HasTopic reports whether the topic is there.
func (e *Endpoint) HasTopic(tb testing.TB, topic string) (there bool) {
	tb.Helper()
	e.admin(tb, func(ctx context.Context, admin *kadm.Client) {
		details, err := admin.ListTopics(ctx, topic)
		if err != nil {
			tb.Fatalf("kafkatest: look up topic %s: %v", topic, err)
		}
		there = details.Has(topic) && details[topic].Err == nil
	})
	return there
}

// EndOffsets returns the next offset of each partition, transaction markers
// counted: what a group that has read everything ends with.
func (e *Endpoint) EndOffsets(tb testing.TB, topic string) map[int32]int64 {
	tb.Helper()
	ends := make(map[int32]int64)
	e.admin(tb, func(ctx context.Context, admin *kadm.Client) {
		var listed kadm.ListedOffsets
		err := persist(ctx, func() (err error) {
			listed, err = admin.ListEndOffsets(ctx, topic)
			return cmp.Or(err, listed.Error())
		})
		if err != nil {
			tb.Fatalf("kafkatest: end offsets of %s: %v", topic, err)
		}
		listed.Each(func(o kadm.ListedOffset) { ends[o.Partition] = o.Offset })
	})
	return ends
}
