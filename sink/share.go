package sink

import (
	"time"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// shares keeps a lane that does not move from taking the memory of those that
// do. It is guarded by Sink.mu.
//
//   - A lane that is still (paused, without an answer for stillAfter, or most of it waiting for
//     other rows) may hold
//     limits.lane_share of the memory, and all that are still together half of it. Beyond that the
//     partitions that feed it are paused; the others go on.
//   - A lane that moves may hold three eighths, or what is left of that half. Beyond it the
//     intake as a whole waits, which is short: either the lane goes on, or it is found to be
//     still. Without this bound a lane that hangs would fill the memory before anybody knows.
type shares struct {
	many   bool  // there can be more than one lane
	memory int64 // limits.memory
	lane   int64 // what one still lane may hold
	over   map[model.Destination]bool
	still  int64 // bytes that still lanes hold
	all    bool  // that is too much
	gated  bool  // a moving lane holds too much
	looked time.Time
	used   int64 // the memory in use then
}

const (
	// stillAfter is how long a lane with requests under way may be without an answer
	// before it counts as still: longer than an API in use takes, short beside what the others would lose.
	stillAfter = time.Second
	// shareInterval bounds how often the lanes are looked at, which costs time for each of them.
	shareInterval = 50 * time.Millisecond
	// stillShare is the part of the memory for all still lanes.
	stillShare = 2
	// movingMost and movingLeast are the eighths that a moving lane may hold when no lane
	// is still, and in any case.
	movingMost, movingLeast = 3, 1
)

func newShares(c *config.Config) shares {
	memory := int64(c.Limits.Memory)
	return shares{
		many: manyLanes(c.Routes), memory: memory, lane: int64(float64(memory) * c.Limits.LaneShare),
		over: make(map[model.Destination]bool),
	}
}

// manyLanes reports whether the routes can write to more than one destination.
func manyLanes(routes []config.Route) bool {
	for i := range routes {
		to, first := routes[i].To, routes[0].To
		if to.Group.Value == "" || to.Group.Value != first.Group.Value || to.Integration != first.Integration || to.Object != first.Object {
			return true
		}
	}
	return false
}

// active reports whether time alone can change what share finds.
func (h *shares) active() bool { return len(h.over) > 0 || h.gated }

// share looks at what the lanes hold and pauses and resumes the partitions that
// feed them. The lock is held.
func (s *Sink) share(now time.Time) {
	h := &s.shares
	if !h.many || !h.active() && s.memory.used < min(h.lane, h.memory/8*movingMost) {
		return
	}
	if grown := s.memory.used - h.used; grown < h.memory/pollShare && now.Sub(h.looked) < shareInterval {
		return
	}
	h.looked, h.used = now, s.memory.used
	over, gated := h.look(s.sched, now)
	s.tellShares(over)
	h.over, h.gated = over, gated
	s.feed()
	s.announceChange()
}

// look returns the still lanes that hold too much, and whether a moving one does.
func (h *shares) look(sched *batching.Scheduler, now time.Time) (over map[model.Destination]bool, gated bool) {
	over = make(map[model.Destination]bool)
	var together, most int64
	var still []model.Destination
	sched.Lanes(func(l batching.LaneStatus) {
		d := l.Destination
		_, paused := sched.Blocking(d)
		was := h.over[d]
		moves := l.InFlight == 0 && l.Waits <= l.Bytes/2 || l.InFlight > 0 && now.Sub(l.Answered) < stillAfter
		if !paused && !was && moves {
			most = max(most, l.Bytes)
			return
		}
		together += l.Bytes
		if paused || l.Waits > l.Bytes/2 {
			still = append(still, d)
		}
		// What was too much is so until half of it is gone, so as not to flap.
		if l.Bytes > h.lane || was && l.Bytes > h.lane/2 {
			over[d] = true
		}
	})
	h.still = together
	half := h.memory / stillShare
	if h.all = together > half || h.all && together > half/2; h.all {
		for _, d := range still {
			over[d] = true
		}
	}
	may := max(h.memory/8*movingLeast, min(h.memory/8*movingMost, half-together))
	if h.gated {
		may = may / 4 * 3
	}
	return over, most > may
}

// tellShares says loudly which lanes begin and end to keep partitions back.
func (s *Sink) tellShares(over map[model.Destination]bool) {
	for d := range over {
		if s.shares.over[d] {
			continue
		}
		event := s.log.Warn().Stringer("destination", d).Int64("share", s.shares.lane)
		if hold, ok := s.sched.Blocking(d); ok {
			event = event.Str("code", hold.Code).Str("reason", hold.Message).Time("since", hold.Since)
		}
		event.Msg("this destination does not take its writes and its share of the memory is full: the partitions that feed it are paused, the others go on")
	}
	for d := range s.shares.over {
		if !over[d] {
			s.log.Info().Stringer("destination", d).Msg("this destination is inside its share of the memory again: its partitions go on")
		}
	}
}

// feed pauses the partitions that have writes in a lane over its share, and resumes the others.
func (s *Sink) feed() {
	feeding := make(map[model.TopicPartition]bool)
	if len(s.shares.over) > 0 {
		s.sched.Each(func(d model.Destination, w *model.Write) {
			if s.shares.over[d] {
				feeding[w.Source.TopicPartition] = true
			}
		})
	}
	for tp, part := range s.parts {
		if part.tracker != nil {
			s.pause(tp, part, pausedByShare, feeding[tp])
		}
	}
}

// pauseCause is why a partition is paused; there can be several causes.
type pauseCause uint8

const (
	pausedByMetadata pauseCause = 1 << iota // more is done above its low mark than a commit can remember
	pausedByShare                           // it feeds a lane that is over its share of the memory
	pausedBySchema                          // its next record needs a schema that is not known yet
)

func (c pauseCause) String() string {
	switch {
	case c&pausedBySchema != 0:
		return "its next record needs a schema that the registry has not handed out yet"
	case c&pausedByMetadata != 0:
		return "too many writes are done above an open one to remember in a commit"
	case c&pausedByShare != 0:
		return "it feeds a destination that does not take its writes"
	}
	return ""
}

// pause sets or clears a cause. The lock is held.
func (s *Sink) pause(tp model.TopicPartition, part *partition, cause pauseCause, set bool) {
	before := part.paused
	if set {
		part.paused |= cause
	} else {
		part.paused &^= cause
	}
	switch {
	case before == 0 && part.paused != 0:
		s.kafka.Pause([]model.TopicPartition{tp})
	case before != 0 && part.paused == 0:
		s.kafka.Resume([]model.TopicPartition{tp})
	}
}
