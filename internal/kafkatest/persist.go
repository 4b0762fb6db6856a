package kafkatest

import (
	"cmp"
	"context"
	"errors"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// errUntold: a broker has not heard of a setting yet.
var errUntold = errors.New("it is still another one")

// awaitSetting waits until the brokers tell a setting of a topic as it was set: the controller
// answers before they have heard of it.
func awaitSetting(ctx context.Context, admin *kadm.Client, topic, key, value string) error {
	return persist(ctx, func() error {
		told, err := admin.DescribeTopicConfigs(ctx, topic)
		if err != nil {
			return err
		}
		config, err := told.On(topic, nil)
		if err = cmp.Or(err, config.Err); err != nil {
			return err
		}
		for _, c := range config.Configs {
			if c.Key == key && c.MaybeValue() != value {
				return errUntold
			}
		}
		return nil
	})
}

// awaitLeaders waits until the brokers speak of the topic: the controller answers
// before they have heard of it, and a test should not begin with that.
func awaitLeaders(ctx context.Context, admin *kadm.Client, topic string) error {
	return persist(ctx, func() error {
		topics, err := admin.ListTopics(ctx, topic)
		if err = cmp.Or(err, topics.Error()); err == nil {
			err = partitionErrors(topics[topic].Partitions)
		}
		return err
	})
}

// persist calls again while the error is one that passes: a node that is away takes
// longer to be replaced than the client goes on trying.
func persist(ctx context.Context, call func() error) error {
	const pause = 20 * time.Millisecond
	for {
		err := call()
		if err == nil || !passing(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(pause):
		}
	}
}

// passing reports whether an error is one of a node that is away, or of its leaders that move.
func passing(err error) bool {
	var away *net.OpError
	// Replicas are not placed on a node that is away.
	return kerr.IsRetriable(err) || errors.As(err, &away) || errors.Is(err, errUntold) || errors.Is(err, kerr.InvalidReplicationFactor)
}
