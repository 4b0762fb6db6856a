package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/model"
)

// Polled is what one poll brought, partition by partition.
type Polled struct{ fetches kgo.Fetches }

// Partition is the records of one partition of a poll, in order.
type Partition struct {
	model.TopicPartition
	// End is the offset behind the last record that a consumer can see now: what lag
	// is counted against.
	End     int64
	records []*kgo.Record
}

// Len returns the number of records.
func (p *Partition) Len() int { return len(p.records) }

// Poll waits for records, at most limit of them. Call Allow when they are worked
// in; no partition comes or goes before. position tells where a partition
// stands, for the message when its offset is lost.
func (c *Client) Poll(ctx context.Context, limit int, position func(model.TopicPartition) int64) (*Polled, error) {
	fetches := c.poll(ctx, limit)
	if fetches.IsClientClosed() {
		return nil, kgo.ErrClientClosed
	}
	if c.Replaced() {
		// What was polled belongs to an assignment that is over.
		return &Polled{}, c.beginAnew(ctx)
	}
	var fault error
	fetches.EachError(func(topic string, partition int32, err error) {
		if e := c.fetchError(ctx, model.TopicPartition{Topic: topic, Partition: partition}, err, position); e != nil && fault == nil {
			fault = e
		}
	})
	return &Polled{fetches}, fault
}

// poll polls until there are records, or until what is assigned must begin anew.
func (c *Client) poll(ctx context.Context, limit int) kgo.Fetches {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	c.mu.Lock()
	c.stopPoll = stop
	if c.replaced {
		stop()
	}
	c.mu.Unlock()
	return c.kgo.PollRecords(ctx, limit)
}

// fetchError handles one error of a poll; it returns those that must stop the program.
func (c *Client) fetchError(ctx context.Context, p model.TopicPartition, err error, position func(model.TopicPartition) int64) error {
	where := fmt.Sprintf("reading %s/%d", p.Topic, p.Partition)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, kgo.ErrClientClosed):
		return nil
	case errors.Is(err, kerr.OffsetOutOfRange):
		return c.recover(ctx, p, position(p))
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.UnknownTopicID), errors.Is(err, kerr.InconsistentTopicID):
		return fmt.Errorf("kafka: %s: %w: the topic was deleted, or deleted and made anew; "+
			"start again when it is there (its committed offset is then checked against what it holds)", where, err)
	case Fatal(err):
		return explain(err, where)
	default:
		c.options.Log.Warn().Err(err).Str("topic", p.Topic).Int32("partition", p.Partition).Msg("fetching failed; the client tries again")
		return nil
	}
}

// Allow lets the assignment change again, and the next poll begin.
func (c *Client) Allow() { c.kgo.AllowRebalance() }

// Each calls f for each partition that brought records.
func (p *Polled) Each(f func(*Partition)) {
	p.fetches.EachPartition(func(t kgo.FetchTopicPartition) {
		if len(t.Records) == 0 {
			return
		}
		end := t.LastStableOffset
		if end < 0 {
			end = t.HighWatermark
		}
		f(&Partition{
			TopicPartition: model.TopicPartition{Topic: t.Topic, Partition: t.Partition},
			End:            end, records: t.Records,
		})
	})
}

// Record returns the i-th record of the partition, in scratch: it is valid until
// the next call with the same scratch.
func (p *Partition) Record(i int, scratch *model.Record) *model.Record {
	fill(scratch, p.TopicPartition, p.records[i])
	return scratch
}

// fill makes a record of the client's, which it aliases.
func fill(scratch *model.Record, p model.TopicPartition, k *kgo.Record) {
	headers := scratch.Headers[:0]
	for _, h := range k.Headers {
		headers = append(headers, model.Header{Key: h.Key, Value: h.Value})
	}
	*scratch = model.Record{
		TopicPartition: p,
		Offset:         k.Offset, LeaderEpoch: k.LeaderEpoch, Timestamp: k.Timestamp,
		Key: k.Key, Value: k.Value, Headers: headers, Control: k.Attrs.IsControl(),
	}
}
