package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ampersink/ampersink/internal/model"
)

// lookPartition reads a partition of a sample.
//
// It fetches by hand. A client that polls is not told that the end is reached
// when the last offsets hold nothing to deliver (transaction markers, aborted
// records, what compaction took); the answer to a fetch says it.
type lookPartition struct {
	*looker
	model.TopicPartition
	start, end int64 // what it holds: [start, end)
	kept       kept
}

// kept is the records that are kept of what was read: the first ones or the last ones,
// as many as fit.
type kept struct {
	records []model.Record
	bytes   int64
	most    int
	room    int64
	last    bool
	cut     bool // room was what bounded it
}

// trim drops what is too much, at the end that is not wanted.
func (k *kept) trim() {
	drop := 0
	for k.bytes > k.room && drop < len(k.records)-1 || len(k.records)-drop > k.most {
		at := drop
		if !k.last {
			at = len(k.records) - 1 - drop
		}
		k.cut = k.cut || len(k.records)-drop <= k.most
		k.bytes -= size(&k.records[at])
		drop++
	}
	if k.last {
		clear(k.records[:drop])
		k.records = k.records[drop:]
	} else {
		clear(k.records[len(k.records)-drop:])
		k.records = k.records[:len(k.records)-drop]
	}
}

// full reports whether nothing that comes later would be kept.
func (k *kept) full() bool { return !k.last && (len(k.records) >= k.most || k.cut) }

func (l *looker) share() kept {
	return kept{most: l.each, room: l.bytes, last: l.sample.From.IsZero()}
}

func (l *looker) partition(p model.TopicPartition) *lookPartition {
	start, _ := l.starts.Lookup(p.Topic, p.Partition)
	end, _ := l.ends.Lookup(p.Topic, p.Partition)
	return &lookPartition{looker: l, TopicPartition: p, start: start.Offset, end: end.Offset, kept: l.share()}
}

func (p *lookPartition) read(ctx context.Context) error {
	if from, timed := p.from.Lookup(p.Topic, p.Partition); timed {
		k := p.share()
		err := p.span(ctx, max(p.start, from.Offset), p.end, &k)
		p.kept = k
		return err
	}
	// Offsets have gaps, so what the last ones hold may be too few records: then what
	// stands in front of them is read, twice as far each time.
	step := int64(p.each)
	for from := p.end; from > p.start && len(p.kept.records) < p.each && !p.kept.cut; step *= 2 {
		to := from
		from = max(p.start, to-step)
		k := p.share()
		if err := p.span(ctx, from, to, &k); err != nil {
			return err
		}
		k.records = append(k.records, p.kept.records...)
		k.bytes += p.kept.bytes
		k.trim()
		p.kept = k
	}
	return nil
}

// span reads the records with offsets in [from, to).
func (p *lookPartition) span(ctx context.Context, from, to int64, k *kept) error {
	return p.walk(ctx, from, to, func(records []*kgo.Record) (more bool) {
		for _, r := range records {
			if k.full() {
				break
			}
			o := owned(r)
			k.records = append(k.records, o)
			k.bytes += size(&o)
			k.trim()
		}
		return !k.full()
	})
}

// walk calls f for the records with offsets in [from, to), some at a time, for as long as
// it asks for more. They are valid until f returns.
func (p *lookPartition) walk(ctx context.Context, from, to int64, f func([]*kgo.Record) (more bool)) error {
	for at := from; at < to; {
		records, next, err := p.fetch(ctx, at)
		if err != nil {
			return err
		}
		for len(records) > 0 && records[len(records)-1].Offset >= to {
			records = records[:len(records)-1]
		}
		if !f(records) || next <= at {
			return nil // no more is wanted, or nothing is behind it
		}
		at = next
	}
	return nil
}

// fetch returns records from an offset on, and the offset behind them: the same one when
// the rest of the partition holds nothing. It tries again as long as that can help.
func (p *lookPartition) fetch(ctx context.Context, at int64) ([]*kgo.Record, int64, error) {
	const pause = 100 * time.Millisecond // while a leader is elected
	within, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	var why error // that it is tried again
	for {
		records, next, err := p.try(within, at)
		switch {
		case err == nil:
			return records, next, nil
		case errors.Is(err, kerr.OffsetOutOfRange):
			// Retention took what was to be read.
			if at, err = p.begin(within, at); err == nil {
				continue
			}
		case kerr.IsRetriable(err) && within.Err() == nil:
			why = err
			select {
			case <-within.Done():
			case <-time.After(pause):
			}
			if err = p.learn(within, p.Topic); err == nil || kerr.IsRetriable(err) {
				continue
			}
		}
		if within.Err() != nil && why != nil {
			err = fmt.Errorf("%w for %s", why, answerTimeout)
		}
		return nil, at, explain(err, fmt.Sprintf("reading %s/%d at offset %d", p.Topic, p.Partition, at))
	}
}

// begin returns where the partition begins now, which is behind the offset.
func (p *lookPartition) begin(ctx context.Context, at int64) (int64, error) {
	starts, err := p.admin.ListStartOffsets(ctx, p.Topic)
	if err != nil {
		return at, err
	}
	start, ok := starts.Lookup(p.Topic, p.Partition)
	if !ok || start.Err != nil || start.Offset <= at {
		return at, kerr.OffsetOutOfRange
	}
	return start.Offset, nil
}

// errNoAnswer is an answer without the partition: the broker throttles.
var errNoAnswer = kerr.ThrottlingQuotaExceeded

func (p *lookPartition) try(ctx context.Context, at int64) ([]*kgo.Record, int64, error) {
	request, leader := p.request(at)
	if leader < 0 {
		return nil, at, kerr.LeaderNotAvailable
	}
	answer, err := p.client.Broker(int(leader)).RetriableRequest(ctx, request)
	if err != nil {
		return nil, at, err
	}
	response := answer.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
		return nil, at, err
	}
	if len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1 {
		return nil, at, errNoAnswer
	}
	return p.take(&response.Topics[0].Partitions[0], at)
}

func (p *lookPartition) take(answer *kmsg.FetchResponseTopicPartition, at int64) ([]*kgo.Record, int64, error) {
	var unpacked int
	fetched, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		Offset: at, IsolationLevel: kgo.ReadCommitted(), Topic: p.Topic, Partition: p.Partition,
	}, answer, kgo.DefaultDecompressor(), func(m kgo.FetchBatchMetrics) { unpacked = max(unpacked, m.UncompressedBytes) })
	switch {
	case fetched.Err != nil:
		return nil, at, fetched.Err
	case unpacked > maxBatchBytes:
		return nil, at, &kgo.ErrDecompressTooLarge{Topic: p.Topic, Partition: p.Partition, Offset: at, NextOffset: next}
	case next == at && len(answer.RecordBatches) > 0:
		return nil, at, fmt.Errorf("a batch of %d bytes cannot be read", len(answer.RecordBatches))
	case next == at && answer.LastStableOffset < p.end:
		return nil, at, kerr.NotLeaderForPartition // one that is behind what the leader said
	}
	return fetched.Records, next, nil
}

func (p *lookPartition) request(at int64) (request *kmsg.FetchRequest, leader int32) {
	p.mu.Lock()
	details := p.topics[p.Topic]
	p.mu.Unlock()
	const (
		noSession     = -1
		readCommitted = 1
		bytes         = 1 << 20 // packed; a larger batch comes alone
		waitMillis    = 500     // only where there is nothing left, or not on the broker's own disk
	)
	partition := kmsg.NewFetchRequestTopicPartition()
	partition.Partition, partition.FetchOffset, partition.PartitionMaxBytes = p.Partition, at, bytes
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID = p.Topic, details.ID // older brokers know the name, newer ones the id
	topic.Partitions = []kmsg.FetchRequestTopicPartition{partition}
	request = kmsg.NewPtrFetchRequest()
	request.SessionEpoch, request.IsolationLevel = noSession, readCommitted
	request.MinBytes, request.MaxWaitMillis, request.MaxBytes = 1, waitMillis, bytes
	request.Topics = []kmsg.FetchRequestTopic{topic}
	part, ok := details.Partitions[p.Partition]
	if !ok {
		return request, -1
	}
	return request, part.Leader
}
