package kafka

import (
	"context"
	"hash/fnv"
	"regexp"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/config"
)

// baseOptions are those that every connection to the cluster needs. All of them end with the
// context, and so does what is under way: the library waits for its dials and requests when it
// is closed, which is for seconds each where a broker is frozen.
func (c *Client) baseOptions(connected context.Context) ([]kgo.Opt, error) {
	dial, err := dialer(c.options.Config, c.options.Dial)
	if err != nil {
		return nil, err
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.options.Config.Brokers...),
		kgo.ClientID(c.options.Config.ClientID),
		kgo.SoftwareNameAndVersion("ampersink", "1"),
		kgo.WithContext(connected),
		kgo.Dialer(dial),
		kgo.WithLogger(logger{c.options.Log}),
		kgo.MetadataMaxAge(30 * time.Second), // new partitions and topics of a pattern are seen within this
		// A new topic's metadata, or a leader that moved, is looked up again at once
		// instead of after the client's default of five seconds.
		kgo.MetadataMinAge(250 * time.Millisecond),
	}
	if mechanism := mechanism(c.options.Config.SASL); mechanism != nil {
		opts = append(opts, kgo.SASL(mechanism))
	}
	return opts, nil
}

func (c *Client) groupOptions() []kgo.Opt {
	cfg := c.options.Config
	balancer := kgo.CooperativeStickyBalancer()
	if cfg.Balancer == config.Range {
		balancer = kgo.RangeBalancer()
	}
	opts := []kgo.Opt{
		kgo.ConsumerGroup(cfg.Group),
		kgo.Balancers(balancer),
		kgo.SessionTimeout(cfg.SessionTimeout),
		kgo.HeartbeatInterval(min(3*time.Second, cfg.SessionTimeout/3)),
		kgo.RebalanceTimeout(RebalanceTimeout),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // a transaction marker moves the position too
		// A latest start was written as a commit before we joined: whatever has no
		// commit now appeared later and is read from its beginning.
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.OnPartitionsAssigned(c.assigned),
		kgo.OnPartitionsRevoked(c.revoked),
		kgo.OnPartitionsLost(c.lost),
		kgo.OnOffsetsFetched(c.fetched),
		kgo.AdjustFetchOffsetsFn(c.adjust),
		kgo.WithHooks(c.fetch, groupErrors{c}),
		kgo.FetchMaxWait(500 * time.Millisecond),
		kgo.MaxConcurrentFetches(maxFetches),
		kgo.MaxDecompressBatchBytes(maxBatchBytes),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(partitionOf)),
		kgo.ProducerLinger(0),
		kgo.ProducerBatchMaxBytesFn(c.batchLimit),
		// A dead letter waits as long as it takes, and says so; the record's offset waits with it.
		kgo.UnknownTopicRetries(3),
	}
	fetch, part := c.fetch.sizes()
	opts = append(opts, kgo.FetchMaxBytes(fetch), kgo.FetchMaxPartitionBytes(part))
	if cfg.InstanceID != "" {
		opts = append(opts, kgo.InstanceID(cfg.InstanceID))
	}
	return append(opts, c.topicOptions()...)
}

// topicOptions say what to read. With a pattern, names become patterns too: the
// client takes either names or patterns.
func (c *Client) topicOptions() []kgo.Opt {
	if len(c.options.Patterns) == 0 {
		return []kgo.Opt{kgo.ConsumeTopics(c.options.Topics...)}
	}
	var all []string
	for _, t := range c.options.Topics {
		all = append(all, "^"+regexp.QuoteMeta(t)+"$")
	}
	for _, p := range c.options.Patterns {
		all = append(all, "^(?:"+p+")$")
	}
	opts := []kgo.Opt{kgo.ConsumeRegex(), kgo.ConsumeTopics(all...)}
	if len(c.options.Ours) > 0 {
		opts = append(opts, kgo.ConsumeExcludeTopics(c.options.Ours...))
	}
	return opts
}

// OwnPattern returns the pattern of a topic name template: {topic} stands for any
// source topic.
func OwnPattern(template string) string {
	return "^" + strings.ReplaceAll(regexp.QuoteMeta(template), regexp.QuoteMeta("{topic}"), ".+") + "$"
}

// partitionOf keeps a dead letter in its source's partition where the topic has
// that many, so that its partitions can be replayed side by side; else the key decides.
func partitionOf(string) func(*kgo.Record, int) int {
	return func(r *kgo.Record, n int) int {
		if int(r.Partition) < n {
			return int(r.Partition)
		}
		h := fnv.New32a()
		_, _ = h.Write(r.Key)
		return int(h.Sum32() % uint32(n))
	}
}
