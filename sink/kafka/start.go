package kafka

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/config"
)

// neverHeld is the end of a lease that is not held.
var neverHeld time.Time

// reachTimeout bounds the first contact: long enough for a broker that is being
// restarted, short enough for a person who mistyped its address.
const reachTimeout = 30 * time.Second

// prepare checks the cluster before the group is joined: a wrong address, a
// missing right or a missing topic is found now, and said.
func (c *Client) prepare(ctx context.Context) error {
	base, err := c.baseOptions(ctx)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(append(base, kgo.RetryTimeout(reachTimeout))...)
	if err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	if err := c.ping(ctx, client); err != nil {
		return err
	}
	admin := kadm.NewClient(client)
	if err := c.checkTopics(ctx, admin); err != nil {
		return err
	}
	if c.options.Config.Start == config.StartLatest {
		return c.startAtLatest(ctx, admin)
	}
	return nil
}

func (c *Client) ping(ctx context.Context, client *kgo.Client) error {
	if err := client.Ping(ctx); err != nil {
		return explain(err, fmt.Sprintf("no answer from %v", c.options.Config.Brokers))
	}
	return nil
}

// reachPause is between two tries to reach the brokers.
const reachPause = time.Second

// Reach waits until a broker answers, for as long as one takes that is being restarted:
// whoever starts everything at once need not start Kafka first. What no waiting mends, and what
// is left of the time, ends it.
func Reach(ctx context.Context, o Options) error {
	c := &Client{options: o}
	c.options.Log = zerolog.Nop() // the client would tell of each try
	base, err := c.baseOptions(ctx)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(base...)
	if err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	for told := false; ; told = true {
		err := c.ping(ctx, client)
		if err == nil || Fatal(err) || ctx.Err() != nil {
			return err
		}
		if !told {
			o.Log.Warn().Err(err).Dur("patience_ms", reachTimeout).Msg("Kafka does not answer yet; trying again")
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(reachPause):
		}
	}
}

// propagation is how long a broker may not have heard of a topic that was just created.
const propagation = 2 * time.Second

// checkTopics refuses a topic that may not be read, and a route's that is not there: a
// name that was mistyped would be waited for in silence. A pattern waits for what appears.
func (c *Client) checkTopics(ctx context.Context, admin *kadm.Client) error {
	missing, err := c.missing(ctx, admin)
	if err == nil && len(missing) > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(propagation):
		}
		missing, err = c.missing(ctx, admin)
	}
	if err != nil || len(missing) == 0 {
		return err
	}
	return &MissingTopics{missing}
}

// missing lists the topics of routes that are not there.
func (c *Client) missing(ctx context.Context, admin *kadm.Client) (missing []string, err error) {
	if len(c.options.Topics) == 0 {
		return nil, nil
	}
	details, err := admin.ListTopics(ctx, c.options.Topics...)
	if err != nil {
		return nil, explain(err, "looking up the topics")
	}
	for _, name := range c.options.Topics {
		switch d := details[name]; {
		case Fatal(d.Err):
			return nil, explain(d.Err, "topic "+name)
		case d.Err == nil:
		case slices.Contains(c.options.Required, name):
			missing = append(missing, name)
		}
	}
	return missing, nil
}

// subscribed lists the topics that are there and that the configuration reads.
func (c *Client) subscribed(ctx context.Context, admin *kadm.Client) ([]string, error) {
	details, err := admin.ListTopics(ctx)
	if err != nil {
		return nil, explain(err, "listing the topics")
	}
	var topics []string
	for name := range details {
		if slices.Contains(c.options.Topics, name) || c.options.Reads(name) && !details[name].IsInternal {
			topics = append(topics, name)
		}
	}
	return topics, nil
}

// Reads reports whether a topic is one of those to read: named, or matched by a
// pattern and not our own.
func (o Options) Reads(topic string) bool {
	match := func(patterns []string, full bool) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			if full {
				p = "^(?:" + p + ")$"
			}
			ok, err := regexp.MatchString(p, topic)
			return ok && err == nil
		})
	}
	return slices.Contains(o.Topics, topic) || match(o.Patterns, true) && !match(o.Ours, false)
}

// startAtLatest commits the end offsets for a group that has no offsets at all,
// before it is joined. So a restart before the first record does not skip what
// came between, a partition that appears later is read from its beginning, and
// two members that start at once agree: the group takes such a commit only while
// it is empty, and whoever comes second finds the first one's.
func (c *Client) startAtLatest(ctx context.Context, admin *kadm.Client) error {
	group := c.options.Config.Group
	committed, err := c.groupOffsets(ctx, admin)
	if err != nil {
		return err
	}
	if len(committed) > 0 {
		return nil
	}
	topics, err := c.subscribed(ctx, admin)
	if err != nil || len(topics) == 0 {
		return err
	}
	ends, err := admin.ListCommittedOffsets(ctx, topics...)
	if err != nil {
		return explain(err, "listing end offsets")
	}
	var offsets kadm.Offsets
	ends.Each(func(o kadm.ListedOffset) {
		if o.Err == nil {
			offsets.AddOffset(o.Topic, o.Partition, o.Offset, o.LeaderEpoch)
		}
	})
	if err := admin.CommitAllOffsets(ctx, group, offsets); err != nil {
		again, ferr := c.groupOffsets(ctx, admin)
		if ferr == nil && len(again) > 0 {
			return nil // another member was first
		}
		return explain(err, "committing the start positions of group "+group)
	}
	return nil
}
