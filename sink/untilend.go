package sink

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/model"
)

// untilEndCheck is how often --until-end looks whether the group has committed up to the end.
const untilEndCheck = 250 * time.Millisecond

// untilEnd ends the run once the group has committed up to the end offsets seen
// at its start, whichever member did it.
func (s *Sink) untilEnd(ctx context.Context, stop context.CancelCauseFunc) {
	ends, err := s.kafka.End(ctx)
	if err != nil {
		s.fault.set(fmt.Errorf("--until-end: %w", err))
		return
	}
	s.log.Info().Int("partitions", len(ends)).Msg("working up to the end offsets of now")
	tick := time.NewTicker(untilEndCheck)
	defer tick.Stop()
	var stuck time.Time
	var records int64
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.commitIfIdle()
		left, err := s.left(ctx, ends)
		switch {
		case err != nil:
			s.log.Warn().Err(err).Msg("--until-end: cannot tell how far the group is; asking again")
			continue
		case left == 0:
			stop(errEnd)
			return
		}
		held, read := s.heldForGood(time.Now()), s.read()
		switch {
		case held == "" || read != records:
			stuck, records = time.Time{}, read
		case stuck.IsZero():
			stuck = time.Now()
		case time.Since(stuck) >= s.config.Retry.Patience:
			s.fault.set(fmt.Errorf("--until-end: %d partitions are not at their end, and what is left is held: %s", left, held))
			return
		}
	}
}

// commitIfIdle asks for a commit when there is nothing left to settle: the run is not to
// wait for the interval.
func (s *Sink) commitIfIdle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, writes, requests := s.sched.Totals(); writes == 0 && requests == 0 {
		s.commits.soon()
	}
}

// read returns how many records were taken in.
func (s *Sink) read() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.totals.Records
}

// left counts the partitions that the group has not committed up to their end.
func (s *Sink) left(ctx context.Context, ends map[model.TopicPartition]int64) (int, error) {
	committed, err := s.kafka.Committed(ctx)
	if err != nil {
		return 0, err
	}
	var open []model.TopicPartition
	topics := make(map[string]bool)
	for p, end := range ends {
		if at, ok := committed[p]; !ok || at < end {
			open = append(open, p)
			topics[p.Topic] = true
		}
	}
	if len(open) == 0 {
		return 0, nil
	}
	names := make([]string, 0, len(topics))
	for t := range topics {
		names = append(names, t)
	}
	starts, err := s.kafka.Start(ctx, names...)
	if err != nil {
		return 0, err
	}
	left := 0
	for _, p := range open {
		if starts[p] < ends[p] { // else it holds nothing
			left++
		}
	}
	return left, nil
}

// heldForGood names what holds the rest, when nothing is left that could go on without it, and is empty
// otherwise.
func (s *Sink) heldForGood(now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	causes := s.stalled(now)
	ledger := s.identity.ledger != nil && !s.identity.log.waiting().IsZero()
	if s.identity.searches.searching() || ledger && s.sent() {
		return ""
	}
	open := false
	s.sched.Lanes(func(l batching.LaneStatus) {
		if held := s.heldLane(l, now); held != "" {
			causes[held] = struct{}{}
		} else if !ledger && (!l.Oldest.IsZero() || l.InFlight > 0) {
			open = true // with a ledger that stalls, what is ready waits behind announcements
		}
	})
	if open {
		return ""
	}
	return strings.Join(slices.Sorted(maps.Keys(causes)), "; ")
}

// stalled names what else than a hold keeps fates from being given.
func (s *Sink) stalled(now time.Time) map[string]struct{} {
	causes := make(map[string]struct{})
	add := func(format string, args ...any) { causes[fmt.Sprintf(format, args...)] = struct{}{} }
	if r := s.lookups.status(now, s.config.Retry.Patience); r != nil && r.Code != "" {
		add("the schema registry since %s (%s: %s)", r.Since.Format(time.RFC3339), r.Code, r.Reason)
	}
	if f := s.letters.fault(now); f != nil {
		add("dead letters, which cannot be written to %s since %s (%s)", f.Topic, f.Since.Format(time.RFC3339), f.Error)
	}
	if s.identity.ledger != nil {
		if since := s.identity.log.waiting(); !since.IsZero() {
			add("the ledger topic %s, which has acknowledged nothing since %s", s.identity.log.topic, since.Format(time.RFC3339))
		}
	}
	return causes
}

// sent reports whether a request is under way that no announcement keeps back.
func (s *Sink) sent() bool {
	for e, f := range s.inFlight {
		if f.batch.Type != model.Create || !announces(e.Write) || f.announced.Announced() {
			return true
		}
	}
	return false
}
