package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

func (c *Client) assigned(_ context.Context, _ *kgo.Client, m map[string][]int32) {
	<-c.ready
	if ps := partitions(m); len(ps) > 0 {
		c.hold(ps, true)
		c.options.Group.Assigned(ps)
	}
	c.lease.now()
}

func (c *Client) revoked(ctx context.Context, _ *kgo.Client, m map[string][]int32) {
	<-c.ready
	ps := partitions(m)
	if len(ps) == 0 {
		return
	}
	if member, _ := c.kgo.GroupMetadata(); c.lease.heldBy(member) {
		c.options.Group.Revoked(ctx, ps)
	} else {
		c.options.Group.Lost(ps) // they were another member's meanwhile (see lease.hold)
	}
	c.hold(ps, false)
}

func (c *Client) lost(_ context.Context, _ *kgo.Client, m map[string][]int32) {
	<-c.ready
	c.lease.extend(neverHeld)
	if ps := partitions(m); len(ps) > 0 {
		c.options.Group.Lost(ps)
		c.hold(ps, false)
	}
}

// hold remembers what is assigned. With nothing assigned the lease is anybody's.
func (c *Client) hold(ps []model.TopicPartition, held bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range ps {
		if held {
			c.held[p] = true
		} else {
			delete(c.held, p)
		}
	}
	if len(c.held) == 0 {
		c.replaced = false
		c.lease.begin()
	}
}

// found is told by the lease that this member is not the one that it was.
func (c *Client) found() {
	c.mu.Lock()
	first := !c.replaced
	c.replaced = true
	stop := c.stopPoll
	c.mu.Unlock()
	if first {
		c.options.Log.Warn().Str("group", c.options.Config.Group).
			Msg("the group gave this member's partitions away and back while it was not looking: they are begun anew at their committed offsets")
		c.options.Group.Replaced()
	}
	if stop != nil {
		stop()
	}
}

// Replaced reports whether the next Poll begins anew with what is assigned.
func (c *Client) Replaced() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.replaced
}

// beginAnew takes what is assigned away and gives it again, at the committed
// offsets of now. No rebalance runs meanwhile: it is called between Poll and Allow.
func (c *Client) beginAnew(ctx context.Context) error {
	c.mu.Lock()
	var ps []model.TopicPartition
	var topics []string
	for p := range c.held {
		ps = append(ps, p)
		topics = append(topics, p.Topic)
	}
	c.mu.Unlock()
	committed, err := c.groupOffsets(ctx, c.admin)
	if err != nil {
		return err
	}
	starts, err := c.admin.ListStartOffsets(ctx, topics...)
	if err != nil {
		return explain(err, "looking up where the topics begin")
	}
	c.options.Group.Lost(ps)
	c.options.Group.Assigned(ps)
	if err := c.options.Group.Barrier(ctx, ps); err != nil {
		// Expelled once more, or told to stop: what is polled next begins anew again, unless the
		// group has taken everything away by then.
		c.options.Log.Warn().Err(err).Msg("what is assigned cannot begin anew yet")
		select {
		case <-ctx.Done():
		case <-time.After(confirmPause):
		}
		return nil
	}
	set := make(epochOffsets)
	for _, p := range ps {
		at := kgo.EpochOffset{Epoch: -1}
		if start, ok := starts.Lookup(p.Topic, p.Partition); ok {
			at.Offset = start.Offset
		}
		if o, ok := committed.Lookup(p.Topic, p.Partition); ok && o.At >= 0 {
			at = kgo.EpochOffset{Epoch: o.LeaderEpoch, Offset: o.At}
			c.options.Group.Positioned(p, o.At, o.Metadata)
		} else {
			c.options.Group.Positioned(p, -1, "")
		}
		set.put(p, at)
	}
	c.kgo.SetOffsets(set)
	c.mu.Lock()
	c.replaced = false
	c.mu.Unlock()
	c.lease.begin()
	c.lease.now()
	return nil
}

// fetched hands out the committed offsets of new partitions, with the metadata
// of their commits.
func (c *Client) fetched(ctx context.Context, _ *kgo.Client, resp *kmsg.OffsetFetchResponse) error {
	<-c.ready
	var ps []model.TopicPartition
	metadataOf(resp, func(p model.TopicPartition, _ int64, _ string) { ps = append(ps, p) })
	if len(ps) == 0 {
		return nil
	}
	if err := c.options.Group.Barrier(ctx, ps); err != nil {
		return err
	}
	metadataOf(resp, c.options.Group.Positioned)
	return nil
}

// adjust checks, before the first fetch, that what was committed is still there.
func (c *Client) adjust(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	<-c.ready
	var topics []string
	for topic := range offsets {
		topics = append(topics, topic)
	}
	if len(topics) == 0 {
		return offsets, nil
	}
	starts, startErr := c.admin.ListStartOffsets(ctx, topics...)
	ends, endErr := c.admin.ListEndOffsets(ctx, topics...)
	if startErr != nil || endErr != nil {
		return offsets, nil //nolint:nilerr // the fetch will find out
	}
	for topic, parts := range offsets {
		for p, o := range parts {
			at := o.EpochOffset().Offset
			start, ok1 := starts.Lookup(topic, p)
			end, ok2 := ends.Lookup(topic, p)
			if at < 0 || !ok1 || !ok2 || start.Err != nil || end.Err != nil || at >= start.Offset && at <= end.Offset {
				continue
			}
			lost := &LostOffset{model.TopicPartition{Topic: topic, Partition: p}, at, start.Offset, end.Offset}
			to, err := c.afterLoss(lost)
			if err != nil {
				return nil, err
			}
			parts[p] = kgo.NewOffset().At(to)
			c.options.Group.Positioned(lost.Partition, to, "")
		}
	}
	return offsets, nil
}

// afterLoss says where to go on behind a lost offset, or fails when the
// configuration says to stop.
func (c *Client) afterLoss(lost *LostOffset) (int64, error) {
	switch c.options.Config.OnLostOffset {
	case config.LostEarliest:
		c.options.Log.Error().Err(lost).Int64("resumes", lost.Start).Msg("records were lost; going on at the earliest, as kafka.on_lost_offset says")
		return lost.Start, nil
	case config.LostLatest:
		c.options.Log.Error().Err(lost).Int64("resumes", lost.End).Msg("records were lost; going on at the latest, as kafka.on_lost_offset says")
		return lost.End, nil
	default:
		c.options.Fault(lost)
		return 0, lost
	}
}

// recover handles an offset that went out of range while it was read.
func (c *Client) recover(ctx context.Context, p model.TopicPartition, position int64) error {
	starts, err := c.admin.ListStartOffsets(ctx, p.Topic)
	if err != nil {
		return fmt.Errorf("kafka: looking up what is left of %s: %w", p.Topic, err)
	}
	ends, err := c.admin.ListEndOffsets(ctx, p.Topic)
	if err != nil {
		return fmt.Errorf("kafka: looking up what is left of %s: %w", p.Topic, err)
	}
	start, _ := starts.Lookup(p.Topic, p.Partition)
	end, _ := ends.Lookup(p.Topic, p.Partition)
	to, err := c.afterLoss(&LostOffset{p, position, start.Offset, end.Offset})
	if err != nil {
		return err
	}
	c.options.Group.Lost([]model.TopicPartition{p})
	c.options.Group.Assigned([]model.TopicPartition{p})
	c.options.Group.Positioned(p, to, "")
	c.kgo.SetOffsets(map[string]map[int32]kgo.EpochOffset{p.Topic: {p.Partition: {Epoch: -1, Offset: to}}})
	return nil
}

func partitions(m map[string][]int32) (ps []model.TopicPartition) {
	for t, parts := range m {
		for _, p := range parts {
			ps = append(ps, model.TopicPartition{Topic: t, Partition: p})
		}
	}
	return ps
}

// metadataOf indexes the metadata of an offset fetch.
func metadataOf(resp *kmsg.OffsetFetchResponse, f func(p model.TopicPartition, offset int64, metadata string)) {
	each := func(topic string, partition int32, offset int64, metadata *string) {
		text := ""
		if metadata != nil {
			text = *metadata
		}
		f(model.TopicPartition{Topic: topic, Partition: partition}, offset, text)
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			each(t.Topic, p.Partition, p.Offset, p.Metadata)
		}
	}
	for _, g := range resp.Groups {
		for _, t := range g.Topics {
			for _, p := range t.Partitions {
				each(t.Topic, p.Partition, p.Offset, p.Metadata)
			}
		}
	}
}
