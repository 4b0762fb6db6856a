package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/model"
)

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
