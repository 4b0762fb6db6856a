package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

func (c *Client) assigned(_ context.Context, _ *kgo.Client, m map[string][]int32) {
	if len(m) > 0 {
		c.options.Group.Assigned(partitions(m))
	}
	c.lease.now()
}

func (c *Client) revoked(ctx context.Context, _ *kgo.Client, m map[string][]int32) {
	if len(m) > 0 {
		c.options.Group.Revoked(ctx, partitions(m))
	}
}

func (c *Client) lost(_ context.Context, _ *kgo.Client, m map[string][]int32) {
	c.lease.extend(neverHeld)
	if len(m) > 0 {
		c.options.Group.Lost(partitions(m))
	}
}

// fetched hands out the committed offsets of new partitions, with the metadata
// of their commits.
func (c *Client) fetched(_ context.Context, _ *kgo.Client, resp *kmsg.OffsetFetchResponse) error {
	metadataOf(resp, c.options.Group.Positioned)
	return nil
}

// adjust checks, before the first fetch, that what was committed is still there.
func (c *Client) adjust(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	var topics []string
	for topic := range offsets {
		topics = append(topics, topic)
	}
	if len(topics) == 0 {
		return offsets, nil
	}
	starts, err := c.admin.ListStartOffsets(ctx, topics...)
	if err != nil {
		return offsets, nil // the fetch will find out
	}
	ends, err := c.admin.ListEndOffsets(ctx, topics...)
	if err != nil {
		return offsets, nil
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
