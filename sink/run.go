package sink

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/sink/deadletter"
	"github.com/ampersink/ampersink/sink/kafka"
)

// Run works until the context ends, then drains within the shutdown timeout. It
// returns nil after a clean drain, and otherwise the fault that ended it.
func (s *Sink) Run(ctx context.Context) error {
	// Two contexts: intake ends with the first; work goes on under the second until
	// the drain is over.
	intake, stopIntake := context.WithCancelCause(ctx)
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	s.fault.cancel = stopIntake
	s.requestCtx, s.cancelRequest = context.WithCancelCause(work)
	defer s.cancelRequest(nil)
	s.begin()

	s.letters = newLetters(s)
	s.commits = newCommitter(s)
	closeLedger, err := s.openLedger(intake, work)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	client, err := kafka.Open(intake, s.kafkaOptions())
	if err != nil {
		closeLedger(work)
		if ctx.Err() != nil {
			return nil // asked to stop before anything was read
		}
		return err
	}
	s.setClient(client)
	client.Begin()

	var background sync.WaitGroup
	background.Go(func() { s.letters.run(work) })
	background.Go(func() { s.commits.run(work) })
	background.Go(func() { s.keepTime(work) })
	var intakes sync.WaitGroup
	if s.options.UntilEnd {
		intakes.Go(func() { s.untilEnd(intake, stopIntake) })
	}
	s.intake(intake)
	stopIntake(errStopped)
	intakes.Wait()
	s.log.Info().AnErr("cause", context.Cause(intake)).Msg("stopping: draining what was taken in")

	s.drain(work)
	flush, cancel := context.WithTimeout(work, flushTimeout)
	closeLedger(flush)
	cancel()
	stopWork()
	background.Wait()
	client.Close()
	if err := s.fault.get(); err != nil {
		return err
	}
	if cause := context.Cause(intake); errors.Is(cause, errEnd) || ctx.Err() != nil {
		return nil
	}
	return context.Cause(intake)
}

// flushTimeout is how long what was written down last may take to be acknowledged: ends of
// announcements, which a later reader would take for open otherwise.
const flushTimeout = 5 * time.Second

// begin notes when the run began: the status may be asked for before it.
func (s *Sink) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = time.Now()
}

func (s *Sink) setClient(c *kafka.Client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kafka = c
}

// Reading returns what a configuration reads: that part of the options which it
// decides alone.
func Reading(c *config.Config) kafka.Options {
	var topics, patterns []string
	add := func(t config.Topics) {
		topics = append(topics, t.Names...)
		if t.Regex != "" {
			patterns = append(patterns, t.Regex)
		}
	}
	for _, r := range c.Routes {
		add(r.Topics)
	}
	required := len(topics)
	for _, r := range c.Skip {
		add(r.Topics)
	}
	return kafka.Options{
		Config: c.Kafka, Topics: topics, Required: topics[:required:required], Patterns: patterns,
		Ours: []string{kafka.OwnPattern(c.DeadLetter.Topic), kafka.OwnPattern(ledgerTopic(c))},
	}
}

func (s *Sink) kafkaOptions() kafka.Options {
	o := Reading(s.config)
	o.FetchAhead = s.memory.fetchAhead()
	o.Dial, o.Log, o.Group, o.Fault = s.options.Dial, s.log, assignments{s}, s.fault.set
	return o
}

// drain gives the writes that were taken in their fates within the shutdown
// timeout. Part of the timeout is kept for what must follow the requests: the
// dead letters of creates in doubt, and the last commit.
func (s *Sink) drain(work context.Context) {
	total := s.config.ShutdownTimeout
	deadline, cancel := context.WithTimeout(work, total)
	defer cancel()
	inTime := context.AfterFunc(deadline, s.kafka.Disconnect)
	defer inTime()
	forRequests, cancelRequests := context.WithTimeout(deadline, total-reserve(total))
	defer cancelRequests()

	s.mu.Lock()
	s.stopping = true
	s.sched.Drain(time.Now())
	s.pump()
	s.mu.Unlock()
	drained := s.await(forRequests, func() bool { return !s.sched.Sendable() })
	if !drained {
		s.log.Warn().Dur("after", total-reserve(total)).Msg("the drain's time is up: requests are cancelled, what was not sent is left for the next start")
	}
	s.mu.Lock()
	s.closed = true
	s.sched.Drop(everything, time.Now())
	s.mu.Unlock()
	s.cancelRequest(errStopped)
	s.requests.Wait()
	if !s.await(deadline, func() bool { return s.letters.empty() && !s.identity.anyWriting(everything) }) {
		s.log.Error().Msg("dead letters could not be written before the shutdown timeout: their records are read again at the next start")
	}
	s.commits.final(deadline)
}

// reserve is the part of a bound that is kept for dead letters and the commit: a third,
// and no more than they can need.
func reserve(total time.Duration) time.Duration { return min(total/3, 10*time.Second) }

// await waits until the condition holds, which it looks at under the lock
// whenever a write was settled. It reports whether it holds.
func (s *Sink) await(ctx context.Context, condition func() bool) bool {
	for {
		s.mu.Lock()
		ok, changed := condition(), s.changed
		s.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-changed:
		}
	}
}

// announceChange tells everyone who awaits that something was settled. The lock
// is held.
func (s *Sink) announceChange() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// letterTopic returns where the dead letters of a topic go.
func (s *Sink) letterTopic(source string) string {
	return deadletter.TopicFor(s.config.DeadLetter.Topic, source)
}
