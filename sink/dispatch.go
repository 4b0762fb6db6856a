package sink

import (
	"context"
	"time"

	"github.com/ampersink/ampersink/batching"
)

// pump sends every batch that may go now. The lock is held. It is called
// whenever something changed that could let a batch go.
func (s *Sink) pump() {
	s.identity.carryOnUnsure()
	if s.kafka == nil || s.closed || !s.kafka.LeaseValid() {
		return // keepTime looks again when the lease is renewed
	}
	now := time.Now()
	s.identity.carryOn(now)
	for b := s.sched.Next(now); b != nil; b = s.sched.Next(now) {
		flights := make([]flight, len(b.Entries))
		for i, e := range b.Entries {
			flights[i] = flight{batch: b, sent: now, voice: s.identity.voice(e.Write)}
			s.inFlight[e] = &flights[i]
		}
		s.requests.Go(func() { s.request(b, flights) })
	}
	if s.sched.WantsDurable() {
		s.commits.soon()
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// keepTime pumps when time alone makes a batch due, and when the lease comes back.
func (s *Sink) keepTime(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		s.mu.Lock()
		at, some := s.sched.Wake()
		if due, waits := s.identity.wake(); waits && (!some || due.Before(at)) {
			at, some = due, true
		}
		if s.closed || !s.kafka.LeaseValid() {
			some = false // nothing may go, however long it is due: the lease's return wakes us
		}
		if look := time.Now().Add(2 * shareInterval); s.shares.active() && (!some || look.Before(at)) {
			at, some = look, true
		}
		s.mu.Unlock()
		if some {
			timer.Reset(time.Until(at))
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
			continue
		case <-timer.C:
		case <-s.kafka.LeaseChanged():
		}
		s.mu.Lock()
		s.pump()
		s.share(time.Now())
		s.mu.Unlock()
	}
}

// request sends a batch and works its answer in.
func (s *Sink) request(b *batching.Batch, flights []flight) {
	ctx := s.requestCtx
	if err := s.identity.announce(ctx, b, flights); err != nil {
		s.unsent(b, flights, err)
		return
	}
	r := RequestOf(s.config.Routes, b)
	for _, w := range r.Writes {
		w.Attempts++
	}
	began := time.Now()
	body := s.api.Encode(r)
	answer := s.api.Send(ctx, r, body, s.release)
	s.metrics.request(b, &answer, time.Since(began))
	if answer.Status == 401 {
		s.keys.reread()
	}
	s.finish(b, flights, &answer, began)
}

// release is asked as the body of a request is released: a process that was
// frozen since the batch was chosen may have lost its partitions.
func (s *Sink) release() error {
	if !s.kafka.LeaseValid() {
		return errLease
	}
	return nil
}

// unsent gives a batch back of which nothing was sent.
func (s *Sink) unsent(b *batching.Batch, flights []flight, err error) {
	s.log.Warn().Err(err).Stringer("destination", b.Destination).Int("writes", len(b.Entries)).
		Msg("a batch could not be announced; it is sent later")
	s.mu.Lock()
	defer s.mu.Unlock()
	then := make([]batching.Then, len(b.Entries))
	for i, e := range b.Entries {
		if then[i] = batching.Unsent; !s.owned(e.Write) || s.leavingWith(e.Write) {
			then[i] = batching.Settle
			continue
		}
		if !s.asChosen(e.Write, &flights[i]) {
			then[i] = batching.Anew // another owner may have created it
		}
		s.detach(e.Write)
	}
	s.sched.Finish(b, then, batching.Verdict{Unsent: true}, time.Now())
	for i, e := range b.Entries {
		delete(s.inFlight, e)
		if then[i] == batching.Settle {
			s.abandon(e, false)
		}
	}
	s.announceChange()
	s.pump()
}
