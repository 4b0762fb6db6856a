package sink

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink/kafka"
	"github.com/ampersink/ampersink/sink/ledger"
)

// needsLedger reports whether a route asks for what is remembered of rows.
func needsLedger(routes []config.Route) bool {
	return slices.ContainsFunc(routes, func(r config.Route) bool { return r.ID.Late() || r.HasParents() })
}

// ledgerTopic returns the topic of the ledger.
func ledgerTopic(c *config.Config) string { return c.Ledger.TopicOf(c.Kafka.Group) }

// openLedger reads the whole ledger before the group is joined, so that no partition waits
// for that. It returns what ends it.
func (s *Sink) openLedger(ctx, work context.Context) (end func(context.Context), err error) {
	if !needsLedger(s.config.Routes) {
		return func(context.Context) {}, nil
	}
	topic, err := kafka.OpenCompacted(ctx, kafka.CompactedOptions{
		Config: s.config.Kafka, Topic: ledgerTopic(s.config), Create: kafka.CreateForNewGroup,
		Dial: s.options.Dial, Log: s.log, Fault: s.fault.set,
	})
	if err != nil {
		return nil, err
	}
	log := &acknowledging{Log: topic, topic: ledgerTopic(s.config), log: s.log}
	l := ledger.New(ledger.Options{
		Log: log, Writer: rand.New(s.options.Rand).Uint64(), Changed: s.identity.ledgerChanged, Logger: s.log,
	})
	follow, stop := context.WithCancel(work)
	var following sync.WaitGroup
	following.Go(func() { l.Follow(follow) })
	end = func(ctx context.Context) {
		l.Flush()
		topic.Flush(ctx)
		log.stop()
		stop()
		following.Wait()
		topic.Close()
	}
	s.log.Info().Str("topic", ledgerTopic(s.config)).Msg("reading the ledger")
	began := time.Now()
	if err := s.readLedger(ctx, l, log); err != nil {
		over, cancel := context.WithCancel(ctx)
		cancel()
		end(over) // a mark is all that was appended
		return nil, err
	}
	stats := l.Stats()
	s.log.Info().Int("rows", stats.Rows).Int64("bytes", stats.Bytes).Int("open_intents", stats.Intents).Dur("took_ms", time.Since(began)).
		Msg("the ledger is read")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.identity.open(l, log)
	return end, nil
}

// readLedger waits until the ledger is read. A run that has an end does not wait for a topic that takes no
// mark for longer than for anything else.
func (s *Sink) readLedger(ctx context.Context, l *ledger.Ledger, log *acknowledging) error {
	if !s.options.UntilEnd {
		return l.Barrier(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer time.AfterFunc(max(s.config.Retry.Patience, ackPatience), func() {
		if since := log.waiting(); !since.IsZero() {
			cancel(fmt.Errorf("%s has acknowledged nothing since %s", log.topic, since.Format(time.RFC3339)))
		}
	}).Stop()
	return l.Barrier(ctx)
}

// Barrier implements kafka.Group: what earlier owners of the partitions have written down is
// known when it returns, and what is written down from here on is the rightful owner's.
func (s assignments) Barrier(ctx context.Context, ps []model.TopicPartition) error {
	if s.identity.ledger == nil {
		return nil
	}
	began := time.Now()
	epoch, err := s.identity.ledger.Own(ctx, ps, s.kafka.Confirm)
	if err != nil {
		return fmt.Errorf("waiting for the ledger: %w", err)
	}
	s.log.Info().Int("partitions", len(ps)).Int64("epoch", epoch).Dur("took_ms", time.Since(began)).Msg("the ledger is known up to here")
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range ps {
		if part := s.parts[p]; part != nil {
			part.epoch = max(part.epoch, epoch) // two barriers may wait at once, and end in any order
		}
	}
	return nil
}

// closeSettled tells the ledger which announced creates of a partition are over, now that
// it is known what its earlier owners have settled.
func (s *Sink) closeSettled(p model.TopicPartition, part *partition, committed int64) {
	if s.identity.ledger == nil {
		return
	}
	s.identity.ledger.CloseSettled(p, part.epoch, func(offset int64, name model.WriteName) bool {
		return offset < committed || part.tracker.WasDone(offset, name)
	})
}
