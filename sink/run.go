package sink

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/sink/deadletter"
	"github.com/ampersink/ampersink/sink/kafka"
)

// Run works until the context ends, then drains within the shutdown timeout. It
// returns nil after a clean drain, and otherwise the fault that ended it, or what the drain
// could not write.
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
	client, closeLedger, err := s.open(intake, work)
	if err != nil {
		if ctx.Err() != nil {
			return nil // asked to stop before anything was read
		}
		return err
	}
	s.setClient(client)
	end := s.watchTheEnd(intake, work, client)
	defer end.over()
	client.Begin()

	var background sync.WaitGroup
	background.Go(func() { s.letters.run(work) })
	background.Go(func() { s.commits.run(work) })
	background.Go(func() { s.keepTime(work) })
	background.Go(func() { s.lookUp(intake) })
	background.Go(func() { s.followEnds(intake) })
	var intakes sync.WaitGroup
	if s.options.UntilEnd {
		intakes.Go(func() { s.untilEnd(intake, stopIntake) })
	}
	s.intake(intake)
	stopIntake(errStopped)
	intakes.Wait()
	s.log.Info().AnErr("cause", context.Cause(intake)).Msg("stopping: draining what was taken in")

	unwritten := s.drain(end)
	closeLedger(end.kafka)
	stopWork()
	background.Wait()
	client.Close()
	s.lookups.close()
	if err := cmp.Or(s.fault.get(), unwritten); err != nil {
		return err
	}
	if cause := context.Cause(intake); errors.Is(cause, errEnd) || ctx.Err() != nil {
		return nil
	}
	return context.Cause(intake)
}

// open reaches the brokers, reads the ledger, and joins the group.
func (s *Sink) open(intake, work context.Context) (*kafka.Client, func(context.Context), error) {
	options := s.kafkaOptions()
	if err := kafka.Reach(intake, options); err != nil {
		return nil, nil, err
	}
	closeLedger, err := s.openLedger(intake, work)
	if err != nil {
		return nil, nil, err
	}
	client, err := kafka.Open(intake, options)
	if err != nil {
		nothing, cancel := context.WithCancel(work)
		cancel() // is waited for
		closeLedger(nothing)
		return nil, nil, err
	}
	return client, closeLedger, nil
}

// ending is the time that is left once the intake was ended. Whoever stops the program kills
// it when the shutdown timeout has passed, whatever holds the intake up by then (a rebalance
// waits for requests too): so the time runs from the end of the intake's context.
type ending struct {
	requests context.Context // ends when requests are cancelled: what must follow them has its reserve
	kafka    context.Context // ends when the brokers are waited for no longer
	over     func()          // stops the clock, and waits for it
}

// watchTheEnd returns the time that is left, which begins to run when the intake's ends.
func (s *Sink) watchTheEnd(intake, work context.Context, client *kafka.Client) ending {
	total := s.config.ShutdownTimeout
	requests, endRequests := context.WithCancel(work)
	brokers, endBrokers := context.WithCancel(work)
	stopped := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		defer endRequests()
		defer endBrokers()
		<-intake.Done()
		if !passes(total-reserve(total), stopped) {
			return
		}
		endRequests()
		s.closeRequests()
		if !passes(reserve(total), stopped) {
			return
		}
		// What Kafka did not answer until now is done again at the next start, and the group
		// finds out by the session timeout.
		endBrokers()
		client.Disconnect()
	})
	return ending{requests, brokers, func() { close(stopped); watch.Wait() }}
}

// passes waits, and reports false when it was stopped before the time had passed.
func passes(d time.Duration, stopped <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-stopped:
		return false
	}
}

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
	if needsLedger(s.config.Routes) {
		o.Memory = ledgerTopic(s.config)
	}
	o.FetchAhead = s.memory.fetchAhead()
	o.Dial, o.Log, o.Group, o.Fault = s.options.Dial, s.log, assignments{s}, s.fault.set
	return o
}

// drain gives the writes that were taken in their fates within the time that is left. Part of
// it is kept for what must follow the requests: the dead letters of creates in doubt, and the
// last commit. It returns which dead letters could not be written.
func (s *Sink) drain(end ending) (unwritten error) {
	s.mu.Lock()
	s.stopping = true
	s.sched.Drain(time.Now())
	s.pump()
	s.mu.Unlock()
	if !s.await(end.requests, func() bool { return !s.sched.Sendable() }) {
		s.log.Warn().Msg("the drain's time is up: requests are cancelled, what was not sent is left for the next start")
	}
	s.closeRequests()
	s.requests.Wait()
	remembered := func() bool { return len(s.identity.writing) == 0 }
	// Together: a refused write of which the ledger has to know first is a letter behind that.
	s.await(end.kafka, func() bool { return s.letters.empty() && remembered() })
	if unwritten = s.letters.unwritten(); !s.await(end.kafka, remembered) {
		s.log.Warn().Str("topic", ledgerTopic(s.config)).
			Msg("the ledger topic did not acknowledge everything before the shutdown timeout: the records that it is about are read again at the next start")
	}
	s.commits.final(end.kafka)
	return unwritten
}

// closeRequests lets no request go any more and cancels those that are under way.
func (s *Sink) closeRequests() {
	s.mu.Lock()
	s.closed = true
	s.sched.Drop(everything, time.Now())
	s.mu.Unlock()
	s.cancelRequest(errStopped)
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
