package sink

import (
	"context"
	"time"

	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink/kafka"
	"github.com/ampersink/ampersink/sink/offsets"
)

const (
	// commitInterval is how often offsets are committed when nothing waits for
	// them: what a crash could repeat, against a small request a second.
	commitInterval = time.Second
	// commitGap is the least time between two commits that successors wait for, so
	// that a stream of hot keys against a fast API does not become a stream of
	// commits. It is small beside what a CRM takes to answer.
	commitGap = 5 * time.Millisecond
	// commitShare is the part of limits.memory that may wait for a commit before one is asked
	// for: a fast stream does not wait for the interval, which would cost it a good part of the limit.
	commitShare = 16
	// undurableBytes and conflictBytes are what a settled write holds until a commit covers it: its
	// entry here, and those of its keys in the scheduler. 232 bytes were measured with two keys.
	undurableBytes, conflictBytes = 112, 72
	// commitTimeout bounds one commit: a coordinator that does not answer for this
	// long is asked again.
	commitTimeout = 10 * time.Second
)

// committer commits, by interval and at once when a write waits for the
// completion of an earlier one of its key to become durable.
type committer struct {
	sink *Sink
	kick chan struct{}

	// turn is held over a commit and while an assignment ends: a partition that is
	// given up has no commit under way. It is taken before Sink.mu. It is a channel
	// because it is held while the brokers answer: in virtual time, time goes on only
	// while nobody waits for a mutex.
	turn chan struct{}

	// undurable, guarded by Sink.mu, lists the settled writes that no acknowledged commit
	// covers yet, whose keys are therefore still closed.
	undurable []undurable
	held      int64 // what those hold, in bytes of the budget
	failing   error // guarded by Sink.mu: why the last commit failed
}

// undurable is a settled write whose completion a crash could undo.
type undurable struct {
	partition model.TopicPartition
	tracker   *offsets.Tracker // of the assignment that settled it
	offset    int64
	first     [2]model.Conflict
	count     int
	more      []model.Conflict
}

func (u *undurable) size() int64 { return undurableBytes + conflictBytes*int64(u.count) }

func (u *undurable) conflicts() []model.Conflict {
	if u.more != nil {
		return u.more
	}
	return u.first[:u.count]
}

func newCommitter(s *Sink) *committer {
	return &committer{sink: s, kick: make(chan struct{}, 1), turn: make(chan struct{}, 1)}
}

// take waits for the turn and returns what gives it back.
func (c *committer) take() (giveBack func()) {
	c.turn <- struct{}{}
	return func() { <-c.turn }
}

// soon asks for a commit now.
func (c *committer) soon() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// settled takes a write in whose keys stay closed until a commit covers it. Sink.mu is held.
func (c *committer) settled(p model.TopicPartition, w *model.Write) {
	u := undurable{partition: p, tracker: c.sink.parts[p].tracker, offset: w.Source.Offset, count: len(w.Conflicts)}
	// Copied, so that the write and its record are not kept until the commit.
	if copy(u.first[:], w.Conflicts) < len(w.Conflicts) {
		u.more = append([]model.Conflict(nil), w.Conflicts...)
	}
	c.undurable = append(c.undurable, u)
	c.sink.memory.hold(u.size())
	before, share := c.held, max(1, c.sink.memory.limit/commitShare)
	if c.held += u.size(); c.held/share > before/share {
		c.soon()
	}
}

func (c *committer) run(ctx context.Context) {
	interval := time.NewTicker(commitInterval)
	defer interval.Stop()
	gap := time.NewTimer(0)
	defer gap.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-interval.C:
		case <-c.kick:
		}
		c.commit(ctx, false, nil)
		gap.Reset(commitGap)
		select {
		case <-ctx.Done():
			return
		case <-gap.C:
		}
	}
}

// final commits once more before the end; finalOf does so for partitions that are given up.
func (c *committer) final(ctx context.Context) { c.commit(ctx, true, nil) }

func (c *committer) finalOf(ctx context.Context, ps []model.TopicPartition) { c.commit(ctx, true, ps) }

// forget ends the assignment of partitions: nothing of them is committed from here on.
func (c *committer) forget(ps []model.TopicPartition) {
	defer c.take()() // a commit under way comes to its end first
	s := c.sink
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endAssignment(ps)
	// Writes whose completion will not be committed by us any more let their
	// successors go: those are read again behind them.
	c.release(func(u *undurable) bool {
		part := s.parts[u.partition]
		return part == nil || part.tracker != u.tracker
	})
	s.announceChange()
	s.pump()
}

// commit commits what changed, of all partitions or of some.
func (c *committer) commit(ctx context.Context, final bool, only []model.TopicPartition) {
	defer c.take()()
	snapshot, upTo := c.snapshot(only)
	if len(snapshot) == 0 {
		return
	}
	commits := make(map[model.TopicPartition]kafka.Commit, len(snapshot))
	for p, o := range snapshot {
		commits[p] = kafka.Commit{Offset: o.Offset, LeaderEpoch: o.LeaderEpoch, Metadata: o.Metadata}
	}
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	failed := c.sink.kafka.Commit(ctx, commits, final)
	c.committed(snapshot, commits, failed, upTo)
}

// snapshot returns what to commit, by partition, and how many of the undurable writes it
// can cover: those that were settled before it was taken.
func (c *committer) snapshot(only []model.TopicPartition) (map[model.TopicPartition]offsets.Commit, int) {
	s := c.sink
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[model.TopicPartition]offsets.Commit)
	take := func(p model.TopicPartition, part *partition) {
		if part == nil || part.tracker == nil {
			return
		}
		o, ok := part.tracker.Commit()
		if ok && (o.Offset != part.committed.Offset || o.Metadata != part.committed.Metadata) {
			out[p] = o
		}
	}
	if only == nil {
		for p, part := range s.parts {
			take(p, part)
		}
		return out, len(c.undurable)
	}
	for _, p := range only {
		take(p, s.parts[p])
	}
	return out, len(c.undurable)
}

// committed works the answers of a commit in: what it covers is durable, and the
// writes that waited for it may go.
func (c *committer) committed(
	snapshot map[model.TopicPartition]offsets.Commit, commits map[model.TopicPartition]kafka.Commit,
	failed map[model.TopicPartition]error, upTo int,
) {
	s := c.sink
	s.mu.Lock()
	defer s.mu.Unlock()
	s.metrics.commits.Inc()
	for p, commit := range commits {
		if failed[p] == nil {
			if part := s.parts[p]; part != nil && part.tracker != nil {
				part.committed = commit
			}
		}
	}
	c.report(failed)
	i := 0
	c.release(func(u *undurable) bool {
		i++
		o, ok := snapshot[u.partition]
		return i <= upTo && ok && failed[u.partition] == nil && u.offset <= o.CoveredTo
	})
	s.announceChange()
	s.pump()
}

// release opens the keys of the undurable writes that match. Sink.mu is held.
func (c *committer) release(durable func(*undurable) bool) {
	now := time.Now()
	kept := c.undurable[:0]
	for i := range c.undurable {
		u := &c.undurable[i]
		if durable(u) {
			c.held -= u.size()
			c.sink.memory.release(u.size())
			c.sink.sched.Durable(u.conflicts(), now)
		} else {
			kept = append(kept, *u)
		}
	}
	clear(c.undurable[len(kept):])
	c.undurable = kept
}

func (c *committer) report(failed map[model.TopicPartition]error) {
	before := c.failing
	c.failing = nil
	for p, err := range failed {
		c.failing = err
		c.sink.metrics.commitFailures.Inc()
		if kafka.CommitFatal(err) {
			c.sink.fault.set(err)
		}
		if before == nil {
			c.sink.log.Warn().Err(err).Str("topic", p.Topic).Int32("partition", p.Partition).Msg("offsets were not committed; they are tried again")
			before = err
		}
	}
}
