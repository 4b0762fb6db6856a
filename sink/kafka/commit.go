package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ampersink/ampersink/internal/model"
)

// Commit is what is committed for a partition.
type Commit struct {
	Offset      int64
	LeaderEpoch int32
	Metadata    string
}

var errReplaced = errors.New("this member was expelled and has joined again as another one: what it holds begins anew")

// Commit commits and waits for the answer. It returns the error of each
// partition that was not committed; those that are absent are durable. During a
// revocation, final must be set: then nothing cancels the commit.
func (c *Client) Commit(ctx context.Context, commits map[model.TopicPartition]Commit, final bool) map[model.TopicPartition]error {
	offsets := make(epochOffsets)
	for p, commit := range commits {
		offsets.put(p, kgo.EpochOffset{Epoch: commit.LeaderEpoch, Offset: commit.Offset})
	}
	ctx = kgo.PreCommitFnContext(ctx, func(req *kmsg.OffsetCommitRequest) error {
		if !c.lease.heldBy(req.MemberID) {
			return errReplaced // the brokers would take it, and others' newer commits would be undone
		}
		addMetadata(req, commits)
		return nil
	})
	var failed map[model.TopicPartition]error
	done := make(chan struct{})
	answered := func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
		defer close(done)
		failed = commitErrors(commits, resp, err)
	}
	if final {
		c.kgo.CommitOffsetsSync(ctx, offsets, answered)
	} else {
		c.kgo.CommitOffsets(ctx, offsets, answered)
	}
	<-done
	return failed
}

func addMetadata(req *kmsg.OffsetCommitRequest, commits map[model.TopicPartition]Commit) {
	for i := range req.Topics {
		t := &req.Topics[i]
		for j := range t.Partitions {
			p := &t.Partitions[j]
			text := commits[model.TopicPartition{Topic: t.Topic, Partition: p.Partition}].Metadata
			p.Metadata = &text
		}
	}
}

func commitErrors(commits map[model.TopicPartition]Commit, resp *kmsg.OffsetCommitResponse, err error) map[model.TopicPartition]error {
	failed := make(map[model.TopicPartition]error)
	if err != nil {
		for p := range commits {
			failed[p] = explain(err, "committing offsets")
		}
		return failed
	}
	answered := make(map[model.TopicPartition]bool, len(commits))
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			tp := model.TopicPartition{Topic: t.Topic, Partition: p.Partition}
			answered[tp] = true
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				failed[tp] = explain(err, fmt.Sprintf("committing the offset of %s/%d", t.Topic, p.Partition))
			}
		}
	}
	for p := range commits {
		if !answered[p] {
			failed[p] = errors.New("the broker did not answer for this partition")
		}
	}
	return failed
}

// CommitFatal reports whether a commit failed of something that no retry can mend.
func CommitFatal(err error) bool {
	return Fatal(err) && !errors.Is(err, kerr.FencedInstanceID)
}

// End returns the end offsets of every partition that is read: where
// read_committed ends now, transaction markers included.
func (c *Client) End(ctx context.Context) (map[model.TopicPartition]int64, error) {
	topics, err := c.subscribed(ctx, c.admin)
	if err != nil {
		return nil, err
	}
	if len(topics) == 0 {
		return nil, nil
	}
	listed, err := c.admin.ListCommittedOffsets(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("kafka: listing end offsets: %w", err)
	}
	ends := make(map[model.TopicPartition]int64)
	for topic, parts := range listed {
		for p, o := range parts {
			if o.Err != nil {
				return nil, fmt.Errorf("kafka: listing the end offset of %s/%d: %w", topic, p, o.Err)
			}
			ends[model.TopicPartition{Topic: topic, Partition: p}] = o.Offset
		}
	}
	return ends, nil
}

// Ends returns the end offsets of all partitions of the topics that could be asked for: those that
// are missing were not answered. The error says that nothing was. Ends are those of End.
func (c *Client) Ends(ctx context.Context, topics ...string) (map[model.TopicPartition]int64, error) {
	listed, err := c.admin.ListCommittedOffsets(ctx, topics...)
	if err != nil && len(listed) == 0 {
		return nil, fmt.Errorf("kafka: listing end offsets: %w", err)
	}
	ends := make(map[model.TopicPartition]int64)
	listed.Each(func(o kadm.ListedOffset) {
		if o.Err == nil {
			ends[model.TopicPartition{Topic: o.Topic, Partition: o.Partition}] = o.Offset
		}
	})
	return ends, nil
}

// Start returns the first offset that each partition of the topics still holds.
func (c *Client) Start(ctx context.Context, topics ...string) (map[model.TopicPartition]int64, error) {
	listed, err := c.admin.ListStartOffsets(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("kafka: listing start offsets: %w", err)
	}
	starts := make(map[model.TopicPartition]int64)
	listed.Each(func(o kadm.ListedOffset) {
		if o.Err == nil {
			starts[model.TopicPartition{Topic: o.Topic, Partition: o.Partition}] = o.Offset
		}
	})
	return starts, nil
}

// Committed returns the group's committed offsets, whoever committed them.
func (c *Client) Committed(ctx context.Context) (map[model.TopicPartition]int64, error) {
	resp, err := c.groupOffsets(ctx, c.admin)
	if err != nil {
		return nil, err
	}
	committed := make(map[model.TopicPartition]int64)
	for topic, parts := range resp {
		for p, o := range parts {
			committed[model.TopicPartition{Topic: topic, Partition: p}] = o.At
		}
	}
	return committed, nil
}

// groupOffsets fetches what the group has committed: nothing, for a group that nobody
// has heard of.
func (c *Client) groupOffsets(ctx context.Context, admin *kadm.Client) (kadm.OffsetResponses, error) {
	const pause = 100 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, coordinatorPatience)
	defer cancel()
	for {
		resp, err := admin.FetchOffsets(ctx, c.options.Config.Group)
		if err == nil || errors.Is(err, kerr.GroupIDNotFound) {
			return resp, nil
		}
		if kerr.IsRetriable(err) {
			select {
			case <-ctx.Done():
			case <-time.After(pause):
				continue
			}
		}
		return nil, explain(err, "fetching the offsets of group "+c.options.Config.Group)
	}
}

// coordinatorPatience is how long a coordinator may not be there: the first group of a
// cluster waits until the topic of the offsets is made.
const coordinatorPatience = 15 * time.Second
