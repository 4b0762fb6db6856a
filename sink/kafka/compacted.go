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
	"github.com/ampersink/ampersink/internal/model"
)

// CompactedOptions is what a Compacted is made of.
type CompactedOptions struct {
	Config config.Kafka
	Topic  string
	Create CreateWhen
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
	base, err := c.baseOptions()
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(append(base,
		kgo.ConsumeTopics(o.Topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxBytes(compactedFetch), kgo.FetchMaxPartitionBytes(compactedFetch/2),
		kgo.FetchMaxWait(500*time.Millisecond),
		kgo.MaxConcurrentFetches(maxFetches),
		kgo.MaxDecompressBatchBytes(maxBatchBytes),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		// What is appended together leaves together: the calls come by the batch. They are bounded
		// by the requests under way and must not block.
		kgo.ProducerLinger(0), kgo.MaxBufferedRecords(1<<20),
		kgo.UnknownTopicRetries(3),
	)...)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	l := &Compacted{options: o, kgo: client, hurry: make(chan struct{}, 1)}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	if err := l.ensure(ctx, kadm.NewClient(client)); err != nil {
		client.Close()
		return nil, err
	}
	return l, nil
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
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
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
			return fmt.Errorf("kafka: topic %s has cleanup.policy=%s, which deletes what is old: set it to compact, or name another topic",
				topic, *rc.Configs[i].Value)
		}
	}
	return nil
}

// Partitions returns how many partitions the topic has.
func (l *Compacted) Partitions() int { return l.partitions }

// Append appends records, each to its own partition, and calls done with the offset of the first
// once all are acknowledged. done must not block. It is not called when the topic was closed
// before, or when a record could not be written, which is a Fault.
func (l *Compacted) Append(records []model.Record, done func(first int64)) {
	a, _ := l.appendings.Get().(*appending)
	if a == nil {
		a = &appending{log: l}
		a.answer = a.answered
	}
	a.records, a.done = slices.Grow(a.records[:0], len(records))[:len(records)], done
	a.left.Store(int64(len(records)))
	for i := range records {
		r, k := &records[i], &a.records[i]
		*k = kgo.Record{Topic: l.options.Topic, Partition: r.Partition, Key: r.Key, Value: r.Value, Headers: k.Headers[:0]}
		for _, h := range r.Headers {
			k.Headers = append(k.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		l.kgo.Produce(context.Background(), k, a.answer)
	}
}

// appending is records on their way. It is used again when all of them are acknowledged: the
// client lets go of a record as it answers.
type appending struct {
	log     *Compacted
	records []kgo.Record
	done    func(first int64)
	answer  func(*kgo.Record, error) // answered, made once
	left    atomic.Int64
	failed  atomic.Bool
}

func (a *appending) answered(_ *kgo.Record, err error) {
	first := err != nil && !a.failed.Swap(true)
	switch last := a.left.Add(-1) == 0; {
	case last && !a.failed.Load():
		done, offset := a.done, a.records[0].Offset
		for i := range a.records {
			a.records[i].Key, a.records[i].Value = nil, nil
		}
		a.done = nil
		a.log.appendings.Put(a)
		done(offset)
	case first && !errors.Is(err, kgo.ErrClientClosed) && !errors.Is(err, context.Canceled):
		a.log.options.Fault(explain(err, "writing to topic "+a.log.options.Topic))
	}
}

// Hurry says whether somebody waits for what is read. It does not block.
func (l *Compacted) Hurry(waits bool) {
	l.hurried.Store(waits)
	if waits {
		select {
		case l.hurry <- struct{}{}:
		default:
		}
	}
}

// followPause is how long Follow lets records gather when nobody waits for them: each of our own
// appends would be answered by a fetch else, which costs as much as the append.
const followPause = 100 * time.Millisecond

// Follow calls apply for every record of the topic, from its start on, until the context
// ends. The record is valid until apply returns.
func (l *Compacted) Follow(ctx context.Context, apply func(*model.Record)) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for l.poll(ctx, apply) {
		if l.hurried.Load() {
			continue
		}
		pause.Reset(followPause)
		select {
		case <-ctx.Done():
			return
		case <-l.hurry:
		case <-pause.C:
		}
	}
}

// poll waits for records and calls apply for each. It reports whether there may be more.
func (l *Compacted) poll(ctx context.Context, apply func(*model.Record)) bool {
	fetches := l.kgo.PollFetches(ctx)
	if ctx.Err() != nil || fetches.IsClientClosed() {
		return false
	}
	fetches.EachError(func(topic string, partition int32, err error) {
		switch {
		case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.UnknownTopicID), Fatal(err):
			l.options.Fault(explain(err, fmt.Sprintf("reading %s/%d", topic, partition)))
		default:
			l.options.Log.Warn().Err(err).Str("topic", topic).Int32("partition", partition).Msg("fetching failed; the client tries again")
		}
	})
	var scratch model.Record
	fetches.EachPartition(func(t kgo.FetchTopicPartition) {
		p := Partition{TopicPartition: model.TopicPartition{Topic: t.Topic, Partition: t.Partition}, records: t.Records}
		for i := range p.Len() {
			apply(p.Record(i, &scratch))
		}
	})
	return true
}

// quietAtEnd is how long a partition may bring nothing before it is taken to be at its end: its
// last records may have been removed, and then no record has the offset before the end.
const quietAtEnd = 3 * time.Second

// ReadToEnd calls apply for every record that is in the topic now, and returns.
func (l *Compacted) ReadToEnd(ctx context.Context, apply func(*model.Record)) error {
	ends, err := kadm.NewClient(l.kgo).ListEndOffsets(ctx, l.options.Topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return explain(err, "listing the end offsets of topic "+l.options.Topic)
	}
	left := make(map[int32]int64)
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
		}
	})
	reading, stop := context.WithCancel(ctx)
	defer stop()
	quiet := time.AfterFunc(quietAtEnd, stop)
	defer quiet.Stop()
	if len(left) == 0 {
		return nil
	}
	work := func(r *model.Record) {
		quiet.Reset(quietAtEnd)
		if end, reads := left[r.Partition]; !reads || r.Offset >= end {
			return
		}
		apply(r)
		if r.Offset+1 >= left[r.Partition] {
			if delete(left, r.Partition); len(left) == 0 {
				stop()
			}
		}
	}
	for l.poll(reading, work) { //nolint:revive // until the context ends
	}
	return ctx.Err()
}

// Flush waits until what was appended is acknowledged, or the context ends.
func (l *Compacted) Flush(ctx context.Context) { _ = l.kgo.Flush(ctx) }

// Close ends it. What was appended and is not acknowledged is given up.
func (l *Compacted) Close() { l.kgo.Close() }
