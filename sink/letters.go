package sink

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink/deadletter"
)

// letters writes dead letters until they are acknowledged, however long that
// takes: a letter that cannot be written keeps its record's offset where it is,
// and is shown.
type letters struct {
	sink *Sink
	kick chan struct{}

	mu      sync.Mutex
	queue   []*letter // to be sent, or sent again when due
	flying  int       // handed to the client
	pending map[letterID]*letter
	topics  map[string]bool // known to be there
	failing *LetterFault
	backoff batching.Backoff // guarded by Sink.mu, like all that draws from the random source
	told    map[refusal]bool
}

// letterID names a letter by the write that it is about.
type letterID struct {
	model.TopicPartition
	writeID
}

// letter is a dead letter on its way.
type letter struct {
	id     letterID
	letter *deadletter.Letter
	topic  string       // where it goes
	record model.Record // made when it is sent first: until then it costs nothing beside its write
	due    time.Time
	queued time.Time
	// acknowledged is called with Sink.mu held once the letter is safe.
	acknowledged func()
}

// LetterFault is why dead letters cannot be written.
type LetterFault struct {
	Topic string
	Since time.Time
	Error string
}

// slowLetter is how long a letter may be on its way before that is shown: the
// client hides retries of its own.
const slowLetter = 15 * time.Second

// maxFlying bounds the letters that the client holds at a time: each is a copy
// beside what the memory limit counts.
const maxFlying = 256

func newLetters(s *Sink) *letters {
	return &letters{
		sink: s, kick: make(chan struct{}, 1), pending: make(map[letterID]*letter),
		topics: make(map[string]bool), backoff: s.newBackoff(), told: make(map[refusal]bool),
	}
}

// refused takes a record in that mapping refused. Sink.mu is held.
func (l *letters) refused(k *model.Kept, it *model.Item) {
	s, now := l.sink, time.Now()
	p, id := k.TopicPartition, writeID{k.Offset, it.Name}
	fate, route, size := it.Fate, it.Route, k.Size()
	l.add(p, id, &deadletter.Letter{
		Record: k.Record(), Reason: *fate.Reason, Group: s.config.Kafka.Group, Route: route, First: now, Last: now,
	}, func() {
		s.memory.release(size)
		s.count(route, fate, model.Undecided)
		s.done(p, id)
	})
}

// refusedWrite takes a write in that was refused, or whose answer was lost. Sink.mu is held.
func (l *letters) refusedWrite(e *batching.Entry, fate model.Fate, began, now time.Time) {
	first := e.Write.FirstFailure
	if first.IsZero() {
		first = began
	}
	l.add(e.Write.Source.TopicPartition, idOf(e.Write), l.letterOf(e.Write, fate, first, now), func() {
		l.sink.settle(e, fate)
	})
}

// doubted takes in a create whose fate is given while it is still in a request. Sink.mu is held.
func (l *letters) doubted(e *batching.Entry, fate model.Fate, sent time.Time) {
	s, w := l.sink, e.Write
	p, id := w.Source.TopicPartition, idOf(w)
	l.add(p, id, l.letterOf(w, fate, sent, time.Now()), func() {
		s.count(w.Route, fate, w.Type)
		s.done(p, id)
	})
}

func (l *letters) letterOf(w *model.Write, fate model.Fate, first, last time.Time) *deadletter.Letter {
	d := &deadletter.Letter{
		Record: w.Source.Record(), Reason: *fate.Reason, InDoubt: fate.Kind == model.InDoubt,
		Group: l.sink.config.Kafka.Group, Route: w.Route, Destination: w.Destination, Type: w.Type, ID: w.ID,
		Attempts: w.Attempts, First: first, Last: last,
	}
	if w.Identity != nil && w.Identity.Ends != nil {
		d.Destination = model.Destination{} // mapping refused it, as any other that became no write
	}
	return d
}

func (l *letters) add(p model.TopicPartition, id writeID, d *deadletter.Letter, acknowledged func()) {
	now := time.Now()
	x := &letter{
		id: letterID{p, id}, letter: d, topic: l.sink.letterTopic(p.Topic),
		queued: now, due: now, acknowledged: acknowledged,
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tell(x)
	l.pending[x.id] = x
	l.queue = append(l.queue, x)
	l.wake()
}

func (l *letters) wake() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

// run sends letters until the context ends.
func (l *letters) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		for x := l.next(); x != nil; x = l.next() {
			l.send(ctx, x)
		}
		if at, some := l.earliest(); some {
			timer.Reset(time.Until(at))
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			return
		case <-l.kick:
		case <-timer.C:
		}
	}
}

// next takes a letter that is due out of the queue.
func (l *letters) next() *letter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.flying >= maxFlying {
		return nil // looked at again when one is acknowledged
	}
	now := time.Now()
	for i, x := range l.queue {
		if !x.due.After(now) {
			l.queue = append(l.queue[:i], l.queue[i+1:]...)
			return x
		}
	}
	return nil
}

func (l *letters) earliest() (at time.Time, some bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range l.queue {
		if !some || x.due.Before(at) {
			at, some = x.due, true
		}
	}
	return at, some
}

func (l *letters) acknowledged(x *letter) {
	l.mu.Lock()
	delete(l.pending, x.id)
	l.failing = nil
	l.mu.Unlock()

	s := l.sink
	s.metrics.letters.Inc()
	s.mu.Lock()
	defer s.mu.Unlock()
	l.backoff.Reset()
	x.acknowledged()
	s.announceChange()
	s.pump()
}

// retry sends the letter again later: the offset waits for it.
func (l *letters) retry(x *letter, err error) {
	l.mu.Lock()
	first := l.failing == nil
	if first {
		l.failing = &LetterFault{Since: time.Now()}
	}
	l.failing.Topic, l.failing.Error = x.topic, err.Error()
	l.mu.Unlock()
	l.sink.metrics.letterFailures.Inc()
	level := zerolog.ErrorLevel
	if !first {
		level = zerolog.DebugLevel
	}
	l.sink.log.WithLevel(level).Err(err).Str("dead_letter", x.topic).Str("topic", x.id.Topic).Int32("partition", x.id.Partition).Int64("offset", x.id.offset).
		Msg("a dead letter cannot be written; its offset stays and it is tried again")
	l.sink.mu.Lock()
	wait := l.backoff.NextBackOff()
	l.sink.mu.Unlock()
	l.requeue(x, time.Now().Add(wait))
}

func (l *letters) requeue(x *letter, due time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	x.due = due
	l.queue = append(l.queue, x)
	l.wake()
}

func (l *letters) empty() bool {
	return l.count() == 0
}

func (l *letters) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.pending)
}

// unwritten tells, after a drain, how many letters are still to be written, and where to; nil: none.
func (l *letters) unwritten() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := make(map[string]int)
	for _, x := range l.pending {
		counts[x.topic]++
	}
	if len(counts) == 0 {
		return nil
	}
	var each []string
	for _, topic := range slices.Sorted(maps.Keys(counts)) {
		each = append(each, fmt.Sprintf("%d to topic %s", counts[topic], topic))
	}
	return fmt.Errorf("dead letters were not acknowledged before shutdown_timeout had passed: %s. Nothing is lost: "+
		"their offsets were not committed, and their records are read again at the next start", strings.Join(each, ", "))
}

func (l *letters) has(p model.TopicPartition, id writeID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pending[letterID{p, id}] != nil
}

// of lists the letters of a partition that are on their way.
func (l *letters) of(p model.TopicPartition) (ids []writeID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range l.pending {
		if id.TopicPartition == p {
			ids = append(ids, id.writeID)
		}
	}
	return ids
}

func (l *letters) pendingOf(ps []model.TopicPartition) (n int) {
	for _, p := range ps {
		n += len(l.of(p))
	}
	return n
}

// fault returns why letters cannot be written, or nil.
func (l *letters) fault(now time.Time) *LetterFault {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failing != nil {
		f := *l.failing
		return &f
	}
	for _, x := range l.pending {
		if now.Sub(x.queued) > slowLetter {
			return &LetterFault{Topic: x.topic, Since: x.queued, Error: "no acknowledgement from the brokers"}
		}
	}
	return nil
}
