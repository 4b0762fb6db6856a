package sink

import (
	"context"
	"fmt"
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
		held := s.heldForGood()
		switch {
		case held == "":
			stuck = time.Time{}
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

// heldForGood names the holds when nothing but held lanes is left to send, or nothing but what
// waits for a schema registry that fails, and is empty otherwise.
func (s *Sink) heldForGood() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, writes, _ := s.sched.Totals(); writes == 0 {
		if r := s.lookups.status(time.Now(), s.config.Retry.Patience); r != nil && r.Code != "" {
			return fmt.Sprintf("the schema registry since %s (%s: %s)", r.Since.Format(time.RFC3339), r.Code, r.Reason)
		}
		return ""
	}
	holds := make(map[model.Scope]batching.Hold)
	open := false
	s.sched.Lanes(func(l batching.LaneStatus) {
		if h, ok := s.sched.Blocking(l.Destination); ok && h.Held {
			holds[h.Scope] = h
		} else if l.Writes > 0 {
			open = true
		}
	})
	if open || len(holds) == 0 {
		return ""
	}
	var said []string
	for _, h := range holds {
		said = append(said, fmt.Sprintf("%s since %s (%s: %s)", h.Scope, h.Since.Format(time.RFC3339), h.Code, h.Message))
	}
	return strings.Join(said, "; ")
}
