package sink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink/kafka"
)

const (
	// pollRecords is how many records are worked in between two chances for a
	// rebalance: about ten milliseconds of mapping.
	pollRecords = 1000
	// chunk is how many records are admitted under one hold of the lock.
	chunk = 128
)

// intake polls, maps and admits until the context ends or a fault stops it.
func (s *Sink) intake(ctx context.Context) {
	room := pollRecords
	defer func() {
		s.leftOut.looked = time.Time{} // a short run has its warning too
		s.tellLeftOut(time.Now())
	}()
	for ctx.Err() == nil {
		if !s.await(ctx, func() bool {
			return s.memory.open(s.kafka.FetchedAhead(), s.shares.still) && !s.shares.gated || s.kafka.Replaced()
		}) {
			return
		}
		polled, err := s.kafka.Poll(ctx, room, s.position)
		if err != nil {
			if polled != nil {
				s.kafka.Allow()
			}
			if ctx.Err() == nil {
				s.fault.set(err)
			}
			return
		}
		s.lookups.quick = quickLookups
		polled.Each(func(p *kafka.Partition) { s.workIn(ctx, p) })
		s.rewind()
		s.kafka.Allow()
		s.tellLeftOut(time.Now())
		room = s.room()
	}
}

// room is how many records to poll next: no more than what is left of the memory
// holds at the size that records have had.
func (s *Sink) room() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.memory.room(pollRecords)
}

func (s *Sink) position(p model.TopicPartition) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if part := s.parts[p]; part != nil && part.tracker != nil {
		return part.tracker.Next()
	}
	return -1
}

// mapped is a record that was mapped and not yet admitted.
type mapped struct {
	offset  int64
	epoch   int32
	control bool
	items   []model.Item
	kept    *model.Kept // when an item was refused: what its dead letter is made of
}

// workIn maps the records of a partition and admits them, chunk by chunk, up to one
// whose schema is awaited. The assignment cannot change meanwhile: rebalances wait for
// Allow.
func (s *Sink) workIn(ctx context.Context, p *kafka.Partition) {
	var (
		scratch model.Record
		ready   = make([]mapped, 0, min(chunk, p.Len()))
		items   = make([]model.Item, 0, 2*chunk)
	)
	admit := func() {
		s.admit(p, ready)
		clear(ready)
		clear(items)
		ready, items = ready[:0], items[:0]
	}
	for i := 0; i < p.Len(); i++ {
		r := p.Record(i, &scratch)
		m := mapped{offset: r.Offset, epoch: r.LeaderEpoch, control: r.Control}
		if !r.Control {
			before := len(items)
			items = s.mapper.Map(r, items)
			if awaited := s.mapper.Awaits(); len(awaited) > 0 {
				admit()
				if !s.known(ctx, p.TopicPartition, awaited) {
					s.postpone(p.TopicPartition, r.Offset)
					return
				}
				i-- // once more
				continue
			}
			m.items = items[before:len(items):len(items)]
			if stop := stopOf(m.items); stop != nil {
				s.admit(p, ready)
				s.stopAt(r, stop)
				return
			}
			for _, it := range m.items {
				if it.Write == nil && it.Fate.Kind == model.DeadLettered {
					m.kept = model.Keep(r)
					break
				}
			}
		}
		if ready = append(ready, m); len(ready) == cap(ready) || i == p.Len()-1 {
			admit()
		}
	}
}

// stopOf returns the item that ends the run, or nil.
func stopOf(items []model.Item) *model.Item {
	for i := range items {
		if items[i].Fate.Kind == model.Stopped {
			return &items[i]
		}
	}
	return nil
}

// stopAt ends the run at a record that a person has to decide about. It is not begun,
// nor is anything behind it in its partition: the next start reads it again.
func (s *Sink) stopAt(r *model.Record, it *model.Item) {
	s.fault.set(fmt.Errorf("route %q stops at topic %s, partition %d, offset %d (%s): %s",
		it.Route, r.Topic, r.Partition, r.Offset, it.Fate.Reason.Code, it.Fate.Reason.Message))
}

// admit takes mapped records into the books of their partition.
func (s *Sink) admit(p *kafka.Partition, records []mapped) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	part := s.parts[p.TopicPartition]
	if part == nil || part.tracker == nil {
		s.fault.set(errors.New("BUG: records of a partition that is not assigned: " + p.Topic))
		return
	}
	part.end, part.endAt = p.End, now
	s.identity.warm(records)
	for i := range records {
		s.admitRecord(part, &records[i], now)
	}
	s.pump()
	s.flow(p.TopicPartition, part)
	s.share(now)
}

func (s *Sink) admitRecord(part *partition, m *mapped, now time.Time) {
	t := part.tracker
	if m.control {
		t.Pass(m.offset, m.epoch)
		return
	}
	var more []model.WriteName
	for _, it := range m.items[1:] {
		more = append(more, it.Name)
	}
	if !t.Begin(m.offset, m.epoch, m.items[0].Name, more...) {
		s.totals.Reread++
		return
	}
	s.totals.Records++
	s.metrics.records.Inc()
	for i := range m.items {
		it := &m.items[i]
		id := writeID{m.offset, it.Name}
		switch {
		case t.WasDone(m.offset, it.Name):
			s.totals.Restored++
			part.meet(id, foreign)
			t.Done(m.offset, it.Name)
		case t.WasKnown(m.offset, it.Name):
			s.recall(part, it, m.offset)
		case part.meet(id, attached):
			// It is in a request since an earlier assignment, whose answer settles it.
		case it.Write != nil:
			s.memory.take(it.Write.Size())
			s.sched.Add(it.Write, now)
		case it.Fate.Kind == model.DeadLettered:
			s.memory.take(m.kept.Size())
			s.letters.refused(m.kept, it)
		default:
			s.count(it.Route, it.Fate, model.Undecided)
			t.Done(m.offset, it.Name)
		}
	}
}

// recall takes in a write that an earlier assignment of this process settled and could
// not commit. Its keys stay closed until that is durable: a crash would have another
// member send it, behind what came after it.
func (s *Sink) recall(part *partition, it *model.Item, offset int64) {
	s.totals.Restored++
	part.tracker.Done(offset, it.Name)
	if it.Write != nil {
		s.sched.Shut(it.Write.Conflicts)
		s.commits.settled(it.Write.Source.TopicPartition, it.Write)
	}
}

// flow pauses a partition whose commit's metadata is about to overflow, and
// resumes it when its low mark has moved. The lock is held.
func (s *Sink) flow(tp model.TopicPartition, part *partition) {
	if part == nil || part.tracker == nil {
		return
	}
	if low, _ := part.tracker.Low(); low != part.low {
		part.low, part.moved = low, time.Now()
	}
	full := part.tracker.Full()
	if full == (part.paused&pausedByMetadata != 0) {
		return
	}
	if full {
		s.log.Warn().Str("topic", tp.Topic).Int32("partition", tp.Partition).
			Msg("too many writes are done above an open one to remember in a commit: the partition takes no new records until the oldest is settled")
	}
	s.pause(tp, part, pausedByMetadata, full)
}
