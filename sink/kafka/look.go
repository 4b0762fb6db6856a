package kafka

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/ampersink/ampersink/internal/model"
)

// Sample says which records to look at, and how many at most.
type Sample struct {
	// Topics are those to read, of what the options read; none: all of that.
	Topics []string
	// From is the time to begin at. Zero: the last records are read.
	From time.Time
	// Last is the most records of a topic, Limit the most of all topics together: each
	// topic has an equal share of it, one record at least, so that a busy one does not
	// hide the others.
	Last, Limit int
	// Bytes is the most bytes of keys, values and headers, shared in the same way.
	Bytes int64
}

// Looked is what Look has read.
type Looked struct {
	// Records are in the order of their timestamps, but those of a partition always
	// in its own. They own their bytes.
	Records []model.Record
	// Topics are those that were looked at, in the order of their names.
	Topics []LookedAt
	// Each is the most records of a topic that there could be.
	Each int
}

// LookedAt is what was read of a topic.
type LookedAt struct {
	Topic      string
	Partitions int
	Records    int
	// Cut says that there would have been more records, but for Sample.Bytes.
	Cut bool

	records []model.Record
}

const (
	// answerTimeout bounds the first contact, and each step that brings nothing new: a person
	// waits, and a healthy cluster has answered long before.
	answerTimeout = 10 * time.Second
	// lookTimeout bounds the whole: what takes longer is no look any more.
	lookTimeout = time.Minute
	// looks is how many topics are read at a time.
	looks = 4
	// lookRetries is how often the client tries a request again: about a second.
	lookRetries = 3
)

// Look reads records as a consumer without a group would: committed ones only, up
// to the end offsets of now. It joins nothing, commits nothing and creates
// nothing. A topic that is named and not there is a *MissingTopics.
func Look(ctx context.Context, o Options, s Sample) (*Looked, error) {
	c := &Client{options: o}
	base, err := c.baseOptions(ctx)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(append(base, impatient()...)...)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	defer client.Close()
	if err := answers(ctx, client, o.Config.Brokers, answerTimeout); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, lookTimeout, fmt.Errorf("more than %s: ask for fewer topics or records", lookTimeout))
	defer cancel()
	l := &looker{client: client, admin: kadm.NewClient(client), sample: s}
	topics, err := c.toLookAt(ctx, l.admin, s.Topics)
	if err != nil || len(topics) == 0 {
		return new(Looked), err
	}
	if err := l.open(ctx, topics); err != nil {
		return nil, err
	}
	return l.all(ctx, topics)
}

// impatient are the options of a client for which a person waits.
func impatient() []kgo.Opt {
	return []kgo.Opt{
		kgo.RequestRetries(lookRetries), kgo.RetryTimeout(answerTimeout), kgo.DisableClientMetrics(),
		kgo.RequestTimeoutOverhead(answerTimeout / 2), // a first connection asks twice before it fails
	}
}

// answers finds a wrong address, a missing TLS or a wrong password at once.
func answers(ctx context.Context, client *kgo.Client, brokers []string, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := client.Ping(ctx); err != nil {
		return explain(err, fmt.Sprintf("no answer from %v", brokers))
	}
	return nil
}

// toLookAt returns the topics to read, in order, and refuses those that are named and not there.
func (c *Client) toLookAt(ctx context.Context, admin *kadm.Client, only []string) ([]string, error) {
	there, err := c.subscribed(ctx, admin)
	if err != nil {
		return nil, err
	}
	named := c.options.Required
	if len(only) > 0 {
		there = slices.DeleteFunc(there, func(t string) bool { return !slices.Contains(only, t) })
		named = only
	}
	slices.Sort(there)
	var missing []string
	for _, topic := range named {
		if !slices.Contains(there, topic) {
			missing = append(missing, topic)
		}
	}
	if len(missing) > 0 {
		return nil, &MissingTopics{missing}
	}
	return there, nil
}

// looker reads the sample.
type looker struct {
	client *kgo.Client
	admin  *kadm.Client
	sample Sample

	each  int   // records of a topic
	bytes int64 // of a topic

	starts, ends, from kadm.ListedOffsets // from: where the time of the sample begins

	mu     sync.Mutex
	topics kadm.TopicDetails // who leads what
}

// open looks up what the topics hold: their offsets from the start to the end of now.
func (l *looker) open(ctx context.Context, topics []string) (err error) {
	l.each = max(1, min(l.sample.Last, l.sample.Limit/len(topics)))
	l.bytes = l.sample.Bytes / int64(len(topics))
	if err := l.learn(ctx, topics...); err != nil {
		return err
	}
	list := func(what string, f func(context.Context, ...string) (kadm.ListedOffsets, error)) kadm.ListedOffsets {
		listed, e := f(ctx, topics...)
		if e = cmp.Or(e, listed.Error()); e != nil && err == nil {
			err = explain(e, "looking up "+what+" of topic "+strings.Join(topics, ", topic "))
		}
		return listed
	}
	l.starts = list("the start offsets", l.admin.ListStartOffsets)
	l.ends = list("the end offsets", l.admin.ListCommittedOffsets)
	if !l.sample.From.IsZero() {
		at := l.sample.From.UnixMilli()
		l.from = list("the offsets at a time", func(ctx context.Context, topics ...string) (kadm.ListedOffsets, error) {
			return l.admin.ListOffsetsAfterMilli(ctx, at, topics...)
		})
	}
	return err
}

// learn looks up who leads the partitions.
func (l *looker) learn(ctx context.Context, topics ...string) error {
	details, err := l.admin.ListTopics(ctx, topics...)
	if err = cmp.Or(err, details.Error()); err != nil {
		return explain(err, "looking up the topics")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.topics == nil {
		l.topics = make(kadm.TopicDetails)
	}
	maps.Copy(l.topics, details)
	return nil
}

func (l *looker) all(ctx context.Context, topics []string) (*Looked, error) {
	looked := &Looked{Topics: make([]LookedAt, len(topics)), Each: l.each}
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(looks)
	for i, topic := range topics {
		group.Go(func() error {
			t, err := l.topic(within, topic)
			looked.Topics[i] = t
			return err
		})
	}
	if err := group.Wait(); err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, fmt.Errorf("kafka: reading the topics takes %w (%w)", context.Cause(ctx), err)
		}
		return nil, err
	}
	for i := range looked.Topics {
		t := &looked.Topics[i]
		looked.Records = inTime(looked.Records, t.records)
		t.Records, t.records = len(t.records), nil
	}
	return looked, nil
}

// topic reads the share of a topic, partition by partition.
func (l *looker) topic(ctx context.Context, topic string) (LookedAt, error) {
	read := LookedAt{Topic: topic, Partitions: len(l.ends[topic])}
	for p := range int32(read.Partitions) {
		part := l.partition(model.TopicPartition{Topic: topic, Partition: p})
		if err := part.read(ctx); err != nil {
			return read, err
		}
		all := part.share()
		all.records = inTime(read.records, part.kept.records)
		all.bytes = sizeOf(all.records)
		all.trim()
		read.records = all.records
		read.Cut = read.Cut || part.kept.cut || all.cut
	}
	return read, nil
}

// inTime merges two lists by their timestamps, each in its own order.
func inTime(a, b []model.Record) []model.Record {
	if len(a) == 0 {
		return b
	}
	merged := make([]model.Record, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if b[0].Timestamp.Before(a[0].Timestamp) {
			merged, b = append(merged, b[0]), b[1:]
		} else {
			merged, a = append(merged, a[0]), a[1:]
		}
	}
	return append(append(merged, a...), b...)
}

func sizeOf(records []model.Record) (n int64) {
	for i := range records {
		n += size(&records[i])
	}
	return n
}

// size is what a record retains, in bytes.
func size(r *model.Record) int64 {
	n := len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return int64(n)
}

// owned copies a record out of the client's buffers, which hold a whole batch.
func owned(k *kgo.Record) model.Record {
	r := model.Record{
		TopicPartition: model.TopicPartition{Topic: k.Topic, Partition: k.Partition},
		Offset:         k.Offset, LeaderEpoch: k.LeaderEpoch, Timestamp: k.Timestamp,
		Key: bytes.Clone(k.Key), Value: bytes.Clone(k.Value),
	}
	for _, h := range k.Headers {
		r.Headers = append(r.Headers, model.Header{Key: h.Key, Value: bytes.Clone(h.Value)})
	}
	return r
}
