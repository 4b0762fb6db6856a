package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// RebalanceTimeout is how long the group waits for a member to give up what was
// revoked: Kafka's own default, and four times what DrainBound leaves to be
// settled in the worst case after it.
const RebalanceTimeout = 60 * time.Second

// Group is told of every change of the assignment. The calls are serialised,
// and never run between Poll and Allow.
type Group interface {
	// Assigned: partitions join. Their first records come after Positioned.
	Assigned(partitions []model.TopicPartition)
	// Barrier: partitions that have joined are about to be read. It returns when whatever must
	// be known before that is known; the context ends when they leave again.
	Barrier(ctx context.Context, partitions []model.TopicPartition) error
	// Positioned: the partition is read from this offset on (-1: unknown yet); metadata is
	// that of the commit that said so.
	Positioned(p model.TopicPartition, committed int64, metadata string)
	// Revoked: partitions leave when the call returns. Commits are possible in it.
	Revoked(ctx context.Context, partitions []model.TopicPartition)
	// Lost: partitions left already. Nothing may be committed.
	Lost(partitions []model.TopicPartition)
	// Replaced: the next Poll will take what is assigned away and give it again. It
	// may be called at any time; whoever does not poll for some other reason must.
	Replaced()
}

// Options is what a Client is made of.
type Options struct {
	Config config.Kafka
	// Topics and Patterns are what to read; Ours are patterns of our own topics,
	// which no pattern may match.
	Topics   []string
	Required []string // of Topics, those that must be there
	Patterns []string
	Ours     []string
	// Memory is the compacted topic that remembers for the group; empty: there is none. Only
	// Check asks for it.
	Memory string
	// FetchAhead bounds what the client has fetched and not handed out, in
	// unpacked bytes.
	FetchAhead int64
	// Dial opens a connection; nil: the network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	Log  zerolog.Logger
	// Group is told of assignments.
	Group Group
	// Fault is told, once or more, of what no retry can mend.
	Fault func(error)
}

// Client is a member of the consumer group.
type Client struct {
	options Options
	kgo     *kgo.Client
	admin   *kadm.Client
	lease   *lease
	fetch   *fetchBudget
	cancel  context.CancelFunc
	// disconnect fails every request, those under way too.
	disconnect context.CancelFunc
	// ready is closed by Begin. The library calls back from the moment when it is made, before
	// it has been returned and could be used in such a call.
	ready chan struct{}

	mu sync.Mutex
	// held are the assigned partitions.
	held map[model.TopicPartition]bool
	// replaced: what is held must begin anew (see lease.hold); stopPoll wakes a poll for it.
	replaced bool
	stopPoll context.CancelFunc
	// limits is the largest batch that each topic takes, so that letters which wait
	// together are not refused for their number.
	limits map[string]int32
}

// Open connects, checks what can be checked, fixes the start positions of a new
// group, and joins it. The Group is not called before Begin.
func Open(ctx context.Context, o Options) (*Client, error) {
	c := &Client{
		options: o, fetch: newFetchBudget(o.FetchAhead), limits: make(map[string]int32),
		held: make(map[model.TopicPartition]bool), ready: make(chan struct{}),
	}
	if err := c.prepare(ctx); err != nil {
		return nil, err
	}
	c.lease = newLease(leaseOptions{
		group: o.Config.Group, instance: o.Config.InstanceID, session: o.Config.SessionTimeout, replaced: c.found,
	})
	connected, disconnect := context.WithCancel(context.WithoutCancel(ctx))
	base, err := c.baseOptions(connected)
	if err == nil {
		c.kgo, err = kgo.NewClient(append(base, c.groupOptions()...)...)
	}
	if err != nil {
		disconnect()
		return nil, fmt.Errorf("kafka: %w", err)
	}
	c.disconnect = disconnect
	c.fetch.apply(c.kgo.UpdateFetchMaxBytes)
	c.admin = kadm.NewClient(c.kgo)
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c.cancel = cancel
	c.lease.start(background, c.kgo)
	return c, nil
}

// Begin lets the Group be told of assignments: whoever opened the client can be called.
func (c *Client) Begin() { close(c.ready) }

// Disconnect ends all waiting for brokers: what is under way fails, and so does what is asked
// later. A context does not: where the brokers are gone, or other members hold up a join, the
// library looks at it minutes later. Close must still be called.
func (c *Client) Disconnect() { c.disconnect() }

// Close leaves the group, or, for a static member, only stops.
func (c *Client) Close() {
	c.cancel()
	c.lease.wait()
	c.kgo.CloseAllowingRebalance()
	c.Disconnect()
}

// LeaseValid reports whether requests may be sent: this member surely still owns
// what it was assigned.
func (c *Client) LeaseValid() bool { return c.lease.valid(time.Now()) }

// LeaseChanged returns a channel that is closed at the next change of the lease
// from invalid to valid.
func (c *Client) LeaseChanged() <-chan struct{} { return c.lease.renewal() }

// FetchedAhead returns the unpacked bytes that the client has fetched and not
// handed out.
func (c *Client) FetchedAhead() int64 { return c.kgo.BufferedFetchBytes() }

// Pause stops the fetching of partitions, and Resume lets it go on. What was
// fetched ahead of a pause is fetched again.
func (c *Client) Pause(ps []model.TopicPartition) { c.kgo.PauseFetchPartitions(byTopic(ps)) }

// Resume is the opposite of Pause.
func (c *Client) Resume(ps []model.TopicPartition) { c.kgo.ResumeFetchPartitions(byTopic(ps)) }

// Rewind makes the next poll read partitions from these offsets again. It is called
// between Poll and Allow, for what was polled.
func (c *Client) Rewind(offsets map[model.TopicPartition]int64) {
	set := make(epochOffsets)
	for p, at := range offsets {
		set.put(p, kgo.EpochOffset{Epoch: -1, Offset: at})
	}
	c.kgo.SetOffsets(set)
}

// Confirm returns once the coordinator has confirmed, in answer to a request that was sent after
// the call, that this member is one of the group: until then nobody else was given its partitions.
func (c *Client) Confirm(ctx context.Context) error { return c.lease.confirm(ctx, c.kgo) }

// Purge makes the client forget topics that were deleted, so that they are
// found anew when they come back.
func (c *Client) Purge(topics ...string) { c.kgo.PurgeTopicsFromClient(topics...) }

// Ping asks any broker for its metadata: the connection works.
func (c *Client) Ping(ctx context.Context) error { return c.kgo.Ping(ctx) }

func byTopic(ps []model.TopicPartition) map[string][]int32 {
	m := make(map[string][]int32)
	for _, p := range ps {
		m[p.Topic] = append(m[p.Topic], p.Partition)
	}
	return m
}

// epochOffsets are offsets of partitions as the library takes them.
type epochOffsets map[string]map[int32]kgo.EpochOffset

func (o epochOffsets) put(p model.TopicPartition, at kgo.EpochOffset) {
	if o[p.Topic] == nil {
		o[p.Topic] = make(map[int32]kgo.EpochOffset)
	}
	o[p.Topic][p.Partition] = at
}

// groupErrors tells of errors that end a group session.
type groupErrors struct{ c *Client }

// OnGroupManageError implements kgo.HookGroupManageError.
func (g groupErrors) OnGroupManageError(err error) {
	switch {
	case errors.Is(err, context.Canceled) || errors.Is(err, kgo.ErrClientClosed):
	case Fatal(err):
		g.c.options.Fault(explain(err, "group "+g.c.options.Config.Group))
	default:
		g.c.options.Log.Warn().Err(err).Str("group", g.c.options.Config.Group).Msg("the group session ended; joining again")
	}
}

var _ kgo.HookGroupManageError = groupErrors{}
