package sink

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

const (
	// endsInterval is how often the ends of the owned partitions are asked for: as often as
	// Prometheus mostly looks, so that what it sees is not older than one of its own intervals, against one
	// small request to each broker.
	endsInterval = 15 * time.Second
	// endsTimeout bounds one question. Brokers that take longer are asked again.
	endsTimeout = 10 * time.Second
)

// followEnds keeps the ends of the partitions fresh until the context ends. A poll tells them
// too, and nothing polls a partition that is paused or has nothing new: without this the lag would
// stand still in an outage, when it is looked at. What brokers do not tell stays as it was.
func (s *Sink) followEnds(ctx context.Context) {
	tick := time.NewTicker(endsInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.askEnds(ctx)
		}
	}
}

func (s *Sink) askEnds(ctx context.Context) {
	before, topics := s.toAsk()
	if len(topics) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, endsTimeout)
	defer cancel()
	ends, err := s.kafka.Ends(ctx, topics...)
	if err != nil {
		s.log.Debug().Err(err).Msg("the ends of the partitions are not known; their last ones are kept")
		return
	}
	s.learnEnds(before, ends, time.Now())
}

// toAsk returns the owned partitions, with the times at which their ends were told, and their topics.
func (s *Sink) toAsk() (partitions map[model.TopicPartition]time.Time, topics []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	partitions, names := make(map[model.TopicPartition]time.Time), make(map[string]struct{})
	for p, part := range s.parts {
		if part.tracker != nil {
			partitions[p] = part.endAt
			names[p.Topic] = struct{}{}
		}
	}
	return partitions, slices.Sorted(maps.Keys(names))
}

// learnEnds takes the ends in, but for those that a poll has told since they were asked for, and
// of partitions that went away meanwhile.
func (s *Sink) learnEnds(before map[model.TopicPartition]time.Time, ends map[model.TopicPartition]int64, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p, was := range before {
		end, told := ends[p]
		part := s.parts[p]
		if told && part != nil && part.tracker != nil && part.endAt.Equal(was) {
			part.end, part.endAt = end, now
		}
	}
}
