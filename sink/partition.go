package sink

import (
	"context"
	"time"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink/kafka"
	"github.com/ampersink/ampersink/sink/ledger"
	"github.com/ampersink/ampersink/sink/offsets"
)

// drainBound is how long a revoked partition is held back for its requests and
// their dead letters: half of what the group waits for.
const drainBound = kafka.RebalanceTimeout / 2

// partition is what the sink knows of a partition of the source.
type partition struct {
	// tracker is that of the current assignment, nil while there is none.
	tracker *offsets.Tracker
	// survivors are writes of earlier assignments that are still in a request, or
	// whose dead letter is still on its way. They belong to the process: when the
	// partition comes back before they are settled, the record that is read again
	// attaches to them instead of being sent beside them.
	survivors map[writeID]survivor
	epoch     int64          // of this member as the partition's owner; only with a ledger
	known     *offsets.Known // what is done beyond what is committed, from earlier assignments
	committed kafka.Commit   // as last acknowledged
	end       int64          // offset behind the last record that was there at endAt; -1: not known yet
	endAt     time.Time
	paused    pauseCause
	// leaving: the assignment is being given up. What is in a request still gets its
	// fate, but nothing is sent again: a write that went back to its lane now would be sent
	// beside its new owner's.
	leaving bool
	low     int64     // the lowest open offset, as last looked at
	moved   time.Time // when it came to be the lowest
	awaits  int64     // with pausedBySchema: the offset of the record whose schema is awaited
}

// survivor says what the current assignment knows of a write of an earlier one.
type survivor uint8

const (
	away     survivor = iota // its record was not read again
	attached                 // its record was read again: the answer that is awaited settles it here
	foreign                  // another member settled it meanwhile, as the commit says
)

// writeID names a write within a partition.
type writeID struct {
	offset int64
	name   model.WriteName
}

func idOf(w *model.Write) writeID { return writeID{w.Source.Offset, w.Name} }

// assignments is the sink as the Kafka client sees it.
type assignments struct{ *Sink }

// Assigned implements kafka.Group.
func (s assignments) Assigned(ps []model.TopicPartition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range ps {
		part := s.parts[p]
		if part == nil {
			part = &partition{}
			s.parts[p] = part
		}
		part.tracker, part.leaving = offsets.New(-1, "").Knowing(part.known), false
		part.committed = kafka.Commit{Offset: -1}
		part.end, part.endAt, part.paused, part.low = -1, time.Time{}, 0, -1
		s.log.Info().Str("topic", p.Topic).Int32("partition", p.Partition).Msg("partition assigned")
	}
}

// Positioned implements kafka.Group.
func (s assignments) Positioned(p model.TopicPartition, committed int64, metadata string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	part := s.parts[p]
	if part == nil || part.tracker == nil {
		return
	}
	part.tracker = offsets.New(committed, metadata).Knowing(part.known.Over(committed))
	part.committed = kafka.Commit{Offset: committed, Metadata: metadata}
	s.closeSettled(p, part, committed)
	s.log.Debug().Str("topic", p.Topic).Int32("partition", p.Partition).Int64("committed", committed).
		Int("done_above", part.tracker.Restored()).Msg("partition positioned")
}

// Revoked implements kafka.Group.
func (s assignments) Revoked(ctx context.Context, ps []model.TopicPartition) {
	began := time.Now()
	s.giveUp(ctx, ps)
	s.commits.forget(ps)
	s.log.Info().Int("partitions", len(ps)).Dur("took_ms", time.Since(began)).Msg("partitions revoked")
}

// giveUp brings what is in flight to its fate, within the bound, and commits.
func (s *Sink) giveUp(ctx context.Context, ps []model.TopicPartition) {
	ctx, cancel := context.WithTimeout(ctx, drainBound)
	defer cancel()
	forRequests, cancelRequests := context.WithTimeout(ctx, drainBound-reserve(drainBound))
	defer cancelRequests()

	leaving := s.leaving(ps)
	settling := func() bool { return s.letters.pendingOf(ps) > 0 || s.identity.anyWriting(leaving) }
	if !s.await(forRequests, func() bool { return !s.anyInFlight(leaving) && !settling() }) {
		s.doubt(leaving, "the partition was taken away before the answer came")
		s.await(ctx, func() bool { return !settling() })
	}
	s.commits.finalOf(ctx, ps)
}

// anyInFlight reports whether any of the writes in requests matches.
func (s *Sink) anyInFlight(match func(*model.Write) bool) bool {
	for e := range s.inFlight {
		if match(e.Write) {
			return true
		}
	}
	return false
}

// leaving drops what is queued of the partitions and returns a test for their writes.
func (s *Sink) leaving(ps []model.TopicPartition) func(*model.Write) bool {
	gone := make(map[model.TopicPartition]bool, len(ps))
	for _, p := range ps {
		gone[p] = true
	}
	match := func(w *model.Write) bool { return gone[w.Source.TopicPartition] }
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range ps {
		if part := s.parts[p]; part != nil {
			part.leaving = true
		}
	}
	for _, w := range s.sched.Drop(match, time.Now()) {
		s.memory.release(w.Size())
	}
	s.identity.forgetGone()
	s.pump()
	s.announceChange()
	return match
}

// Lost implements kafka.Group.
func (s assignments) Lost(ps []model.TopicPartition) {
	s.leaving(ps)
	s.commits.forget(ps)
	s.log.Warn().Int("partitions", len(ps)).Msg("partitions lost: another member may have them; nothing is committed for them")
}

// Replaced implements kafka.Group.
func (s assignments) Replaced() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.announceChange() // the intake may be waiting for memory that only a new beginning frees
}

// endAssignment forgets the trackers. What is still in a request survives. The lock is held.
func (s *Sink) endAssignment(ps []model.TopicPartition) {
	if s.identity.ledger != nil {
		s.identity.ledger.Disown(ps)
	}
	for _, p := range ps {
		part := s.parts[p]
		if part == nil {
			continue
		}
		if part.tracker != nil {
			part.known = part.tracker.Known(part.committed.Offset, part.committed.Metadata)
			part.tracker = nil
		}
		s.lookups.forget(p)
		if part.paused != 0 {
			part.paused = 0
			s.kafka.Resume([]model.TopicPartition{p}) // the client remembers a pause beyond the assignment
		}
		for e := range s.inFlight {
			if e.Write.Source.TopicPartition == p {
				part.survive(idOf(e.Write))
			}
		}
		s.identity.eachWriting(func(e *batching.Entry) bool {
			if e.Write.Source.TopicPartition == p {
				part.survive(idOf(e.Write))
			}
			return true
		})
		for _, id := range s.letters.of(p) {
			part.survive(id)
		}
		s.forgetPartition(p, part)
	}
}

// forgetPartition drops what is known of a partition that is not assigned, when that is
// nothing.
func (s *Sink) forgetPartition(p model.TopicPartition, part *partition) {
	if part.tracker == nil && len(part.survivors) == 0 && part.known == nil {
		delete(s.parts, p)
	}
}

func (p *partition) survive(id writeID) {
	if p.survivors == nil {
		p.survivors = make(map[writeID]survivor)
	}
	p.survivors[id] = away
}

// meet says what was found of a survivor as its record was read again, and
// reports whether there is one.
func (p *partition) meet(id writeID, found survivor) bool {
	if _, ok := p.survivors[id]; !ok {
		return false
	}
	p.survivors[id] = found
	return true
}

// done marks a write as settled with its partition, and reports whether the
// current assignment knows it. The lock is held.
func (s *Sink) done(p model.TopicPartition, id writeID) bool {
	part := s.parts[p]
	if part == nil {
		return false
	}
	state := part.survivors[id]
	delete(part.survivors, id)
	switch {
	case part.tracker == nil:
		part.known = part.known.Late(part.committed.Offset, id.offset, id.name)
		return false
	case state == foreign:
		return false
	case part.tracker.Done(id.offset, id.name):
		return true
	}
	part.tracker.Late(id.offset, id.name)
	return false
}

// asChosen reports whether a write that was chosen to be sent still is what it was chosen as:
// its partition has not left since, and so nobody else can have sent it.
func (s *Sink) asChosen(w *model.Write, f *flight) bool {
	part := s.parts[w.Source.TopicPartition]
	if part == nil || part.tracker == nil || part.leaving || part.epoch != f.voice.owner {
		return false
	}
	_, survives := part.survivors[idOf(w)]
	return !survives
}

func everything(*model.Write) bool { return true }

// flight is what is known of a write in a request.
type flight struct {
	batch *batching.Batch
	sent  time.Time
	// voice is its owner's of when it was sent: an answer that comes after the partition has gone
	// still says so.
	voice     voice
	announced ledger.Create // none: the ledger does not know it
	// doubted: its fate was given already, at the end of a drain, as in doubt.
	doubted bool
}
