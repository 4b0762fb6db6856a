package sink

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink/registry"
)

// lookups are the schemas that partitions wait for. A registry that is well answers
// while the intake waits a moment. Otherwise a record whose schema is not known yet
// stays in its topic: its partition is paused, and read again from there when the schema is
// known. So a registry that is down holds what needs it and nothing else, costs no
// memory, and leaves the group to itself. It is guarded by Sink.mu, the registry's
// client and quick apart.
type lookups struct {
	registry *registry.Client // nil: no route needs one
	wake     chan struct{}
	backoff  batching.Backoff
	queue    []*lookup // in the order in which they are asked for
	failing  bool      // the last question had no answer
	// quick is how long the intake may still wait in this poll.
	quick time.Duration
}

// quickLookups is how long the intake waits for answers in one poll, in which no rebalance
// can run: many times what a registry takes, and nothing beside what a rebalance may. What
// takes longer pauses the partition, whose records are then fetched again.
const quickLookups = 200 * time.Millisecond

// lookup is one schema that is awaited.
type lookup struct {
	id         model.SchemaID
	partitions map[model.TopicPartition]bool // never empty
	failed     time.Time                     // when it first failed; zero: it did not
	fault      *registry.Unavailable
	tries      int
	next       time.Time
}

// useRegistry makes the registry's client, where a route needs one.
func (s *Sink) useRegistry() error {
	c, needed := s.config.Registry()
	if !needed {
		return nil
	}
	client, err := registry.New(registry.Options{Config: c, Transport: s.options.Registry})
	if err != nil {
		return err
	}
	s.lookups = lookups{registry: client, wake: make(chan struct{}, 1), backoff: s.newBackoff()}
	s.mapper.WithSchemas(client)
	return nil
}

func (l *lookups) close() {
	if l.registry != nil {
		l.registry.Close()
	}
}

// known asks for the schemas that a record of a partition needs, waits a moment, and
// reports whether they are known now.
func (s *Sink) known(ctx context.Context, p model.TopicPartition, awaited []model.SchemaID) bool {
	l := &s.lookups
	s.mu.Lock()
	for _, id := range awaited {
		l.await(id, p)
	}
	s.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, l.quick)
	defer cancel()
	known := false
	s.await(ctx, func() bool {
		known = !l.awaits(p)
		return known || l.failing
	})
	l.quick -= time.Since(began)
	return known
}

// postpone leaves a record, and what follows it in its partition, for when the schemas
// that it awaits are known.
func (s *Sink) postpone(p model.TopicPartition, offset int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	part := s.parts[p]
	if part == nil || part.tracker == nil {
		return // told already
	}
	s.rewinds[p] = offset
	if s.lookups.awaits(p) { // else the answer came just now
		part.awaits = offset
		s.pause(p, part, pausedBySchema, true)
	}
}

// rewind makes the client read again what was postponed. The intake calls it between Poll and Allow.
func (s *Sink) rewind() {
	if len(s.rewinds) > 0 {
		s.kafka.Rewind(s.rewinds)
		clear(s.rewinds)
	}
}

func (l *lookups) await(id model.SchemaID, p model.TopicPartition) {
	for _, one := range l.queue {
		if one.id == id {
			one.partitions[p] = true
			return
		}
	}
	l.queue = append(l.queue, &lookup{id: id, partitions: map[model.TopicPartition]bool{p: true}})
}

// forget ends the waiting of a partition.
func (l *lookups) forget(p model.TopicPartition) {
	l.queue = slices.DeleteFunc(l.queue, func(one *lookup) bool {
		delete(one.partitions, p)
		return len(one.partitions) == 0
	})
}

func (l *lookups) awaits(p model.TopicPartition) bool {
	return slices.ContainsFunc(l.queue, func(one *lookup) bool { return one.partitions[p] })
}

// lookUp asks the registry for what is awaited, one schema after another. While it has
// no answer, that is its one probe.
func (s *Sink) lookUp(ctx context.Context) {
	l := &s.lookups
	if l.registry == nil {
		return
	}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		id, wait, some := s.nextLookup()
		if some && wait <= 0 {
			s.answered(ctx, id, s.fetch(ctx, id))
			continue
		}
		timer.Reset(wait)
		wake := l.wake
		if some {
			wake = nil // backing off: more that is awaited changes nothing
		}
		select {
		case <-ctx.Done():
		case <-wake:
		case <-timer.C:
		}
	}
}

// fetch asks for a schema, unless it became known meanwhile.
func (s *Sink) fetch(ctx context.Context, id model.SchemaID) error {
	if _, state := s.lookups.registry.Schema(id); state != model.SchemaAwaited {
		return nil
	}
	return s.lookups.registry.Fetch(ctx, id)
}

// nextLookup returns what to ask for next, and after which wait.
func (s *Sink) nextLookup() (id model.SchemaID, wait time.Duration, some bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.lookups
	if len(l.queue) == 0 {
		l.failing = false
		return id, time.Hour, false
	}
	return l.queue[0].id, time.Until(l.queue[0].next), true
}

// answered works in what a question came to.
func (s *Sink) answered(ctx context.Context, id model.SchemaID, err error) {
	if ctx.Err() != nil {
		return // the intake is over
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.lookups
	if fault, ok := errors.AsType[*registry.Unavailable](err); ok {
		s.metrics.lookups.WithLabelValues("failed").Inc()
		s.unanswered(id, fault)
		return
	}
	result := "known"
	if _, state := l.registry.Schema(id); state == model.SchemaMissing {
		result = "missing"
	}
	s.metrics.lookups.WithLabelValues(result).Inc()
	if l.failing {
		s.log.Info().Stringer("schema", id).Msg("the schema registry answers again")
	}
	l.recover()
	at := slices.IndexFunc(l.queue, func(one *lookup) bool { return one.id == id })
	if at < 0 {
		return // nobody waits for it any more
	}
	waited := l.queue[at]
	l.queue = slices.Delete(l.queue, at, at+1)
	for p := range waited.partitions {
		if part := s.parts[p]; part != nil && part.tracker != nil && !l.awaits(p) {
			s.pause(p, part, pausedBySchema, false)
		}
	}
	s.announceChange()
}

// recover lets what is awaited be asked for at once.
func (l *lookups) recover() {
	l.failing = false
	l.backoff.Reset()
	for _, one := range l.queue {
		one.next = time.Time{}
	}
}

// unanswered notes that a question had no answer; the others have their turn first.
func (s *Sink) unanswered(id model.SchemaID, fault *registry.Unavailable) {
	l := &s.lookups
	now, wait := time.Now(), l.backoff.NextBackOff()
	level := zerolog.DebugLevel // nothing new; /status counts the tries
	if !l.failing {
		level = zerolog.WarnLevel
	}
	s.log.WithLevel(level).Stringer("schema", id).Str("code", fault.Code).Str("reason", fault.Message).Dur("after_ms", wait).
		Msg("the schema registry cannot be asked: the partitions that need it wait, nothing is dead-lettered")
	l.failing = true
	defer s.announceChange()
	at := slices.IndexFunc(l.queue, func(one *lookup) bool { return one.id == id })
	if at < 0 {
		return
	}
	one := l.queue[at]
	if one.failed.IsZero() {
		one.failed = now
	}
	one.fault, one.tries = fault, one.tries+1
	l.queue = append(slices.Delete(l.queue, at, at+1), one)
	for _, each := range l.queue {
		each.next = now.Add(wait)
	}
}
