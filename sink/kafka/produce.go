package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/model"
)

// Produce sends a record and calls done once it is acknowledged by all in-sync
// replicas, or refused. done must not block.
func (c *Client) Produce(ctx context.Context, r model.Record, done func(error)) {
	k := &kgo.Record{
		Topic: r.Topic, Partition: r.Partition, Timestamp: r.Timestamp, Key: r.Key, Value: r.Value,
	}
	for _, h := range r.Headers {
		k.Headers = append(k.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	c.kgo.Produce(ctx, k, func(_ *kgo.Record, err error) { done(err) })
}

// TooLarge reports whether a record was refused for its size.
func TooLarge(err error) bool {
	return errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge)
}

// NoTopic reports whether a record was refused because its topic is not there.
func NoTopic(err error) bool { return errors.Is(err, kerr.UnknownTopicOrPartition) }

// defaultBatch is what a topic takes by default (message.max.bytes of 1 MiB plus
// the batch's own header), as the client assumes too.
const defaultBatch = 1000012

// batchLimit returns the largest batch to send to a topic.
func (c *Client) batchLimit(topic string) int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n, ok := c.limits[topic]; ok {
		return n
	}
	return defaultBatch
}

// Learn looks up how large a record the topic takes.
func (c *Client) Learn(ctx context.Context, topic string) {
	n, ok := c.maxMessageBytes(ctx, topic)
	if ok && c.limit(topic, int32(min(n, maxBatchBytes))) {
		// The client asks for the limit once for as long as it knows the topic. What it
		// still holds for the topic fails by this, and is produced again.
		c.kgo.PurgeTopicsFromProducing(topic)
	}
}

// limit remembers how large a record the topic takes, and reports whether it was
// another size before.
func (c *Client) limit(topic string, n int32) (changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, known := c.limits[topic]
	c.limits[topic] = n
	return known && old != n
}

// headroom is what a dead letter may be larger than its record, in bytes: the
// headers that say why, each bounded.
const headroom = 64 << 10

// CreateLike creates a topic like another: as many partitions, and records as
// large plus the headers of a dead letter. It is no error if it is there.
func (c *Client) CreateLike(ctx context.Context, topic, source string) error {
	details, err := c.admin.ListTopics(ctx, source)
	if err != nil {
		return explain(err, "looking up topic "+source)
	}
	partitions := int32(max(1, len(details[source].Partitions)))
	settings := map[string]*string{}
	if largest, ok := c.maxMessageBytes(ctx, source); ok {
		text := strconv.Itoa(largest + headroom)
		settings["max.message.bytes"] = &text
	}
	resp, err := c.admin.CreateTopic(ctx, partitions, -1, settings, topic)
	if err == nil {
		err = resp.Err
	}
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("kafka: creating dead-letter topic %s: %w", topic, err)
	}
	return nil
}

// maxMessageBytes returns the largest record batch that a topic takes, when this
// user may read that.
func (c *Client) maxMessageBytes(ctx context.Context, topic string) (int, bool) {
	configs, err := c.admin.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return 0, false
	}
	for _, rc := range configs {
		for _, entry := range rc.Configs {
			if entry.Key == "max.message.bytes" && entry.Value != nil {
				n, err := strconv.Atoi(*entry.Value)
				return n, err == nil
			}
		}
	}
	return 0, false
}

// HasTopic reports whether a topic is there.
func (c *Client) HasTopic(ctx context.Context, topic string) (bool, error) {
	details, err := c.admin.ListTopics(ctx, topic)
	if err != nil {
		return false, explain(err, "looking up topic "+topic)
	}
	d := details[topic]
	if Fatal(d.Err) {
		return false, explain(d.Err, "topic "+topic)
	}
	return d.Err == nil && len(d.Partitions) > 0, nil
}
