package sink

import (
	"cmp"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink/ampersand"
)

var errLease = errors.New("this member may have lost its partitions: nothing is sent until the group's coordinator has answered")

// finish works an answer in: each write gets its fate or another try.
func (s *Sink) finish(b *batching.Batch, flights []flight, a *model.Answer, began time.Time) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.totals.request(b, a)
	then := make([]batching.Then, len(b.Entries))
	fates := make([]model.Fate, len(b.Entries))
	for i, e := range b.Entries {
		then[i], fates[i] = s.judge(e.Write, &a.Outcomes[i], a)
		s.identity.learned(e, &a.Outcomes[i], &flights[i])
		then[i], fates[i] = s.identity.judge(e, &a.Outcomes[i], then[i], fates[i], &flights[i], began)
		if a.Outcomes[i].Kind != model.Accepted && e.Write.FirstFailure.IsZero() {
			e.Write.FirstFailure = began
		}
	}
	verdict, flooded := s.flood(b, a, then, fates)
	if !flooded {
		verdict = verdictOf(a)
	}
	s.tellVerdict(b, a, verdict)
	for i, e := range b.Entries {
		switch {
		case flights[i].doubted,
			!s.owned(e.Write) && fates[i].Kind != model.Written, // not ours to send or to refuse any more
			then[i] != batching.Settle && s.leavingWith(e.Write):
			then[i], fates[i] = batching.Settle, model.Fate{}
		case then[i] != batching.Settle:
			s.detach(e.Write)
		}
	}
	s.sched.Finish(b, then, verdict, now)
	for i, e := range b.Entries {
		delete(s.inFlight, e)
		switch {
		case then[i] != batching.Settle:
		case fates[i].Kind == model.Open:
			s.abandon(e, flights[i].doubted)
		case fates[i].Kind == model.Written && s.identity.remember(e, &a.Outcomes[i], &flights[i]):
			// It is settled when the ledger has acknowledged what it says of its row.
		default:
			s.identity.end(e, &flights[i], fates[i], began, now)
		}
	}
	s.identity.flush()
	s.announceChange()
	s.pump()
	s.share(now)
}

// end gives a write its fate. The lock is held.
func (s *Sink) end(e *batching.Entry, fate model.Fate, began, now time.Time) {
	if fate.Kind == model.DeadLettered || fate.Kind == model.InDoubt {
		s.letters.refusedWrite(e, fate, began, now)
		return
	}
	s.settle(e, fate)
}

// judge turns an outcome into what happens next, and into a fate when that is settled.
func (s *Sink) judge(w *model.Write, o *model.Outcome, a *model.Answer) (batching.Then, model.Fate) {
	reason := func(code, message string) *model.Reason {
		return &model.Reason{
			Stage: model.StageWrite, Code: code, Message: message,
			OperationID: a.OperationID, RequestID: a.RequestID, ExistingID: o.ExistingID,
		}
	}
	switch o.Kind {
	case model.Accepted:
		return batching.Settle, model.Fate{Kind: model.Written}
	case model.Rejected:
		return batching.Settle, model.Fate{Kind: model.DeadLettered, Reason: reason(o.Code, o.Message)}
	case model.Retry:
		if !a.Sent && a.Code == ampersand.CodeNotReleased {
			return batching.Unsent, model.Fate{}
		}
		return again[o.Again], model.Fate{}
	}
	if w.Type != model.Create || s.config.InDoubt == config.InDoubtResend {
		return batching.WithLane, model.Fate{} // sending it twice does what sending it once does, or the user chose it
	}
	return batching.Settle, model.Fate{Kind: model.InDoubt, Reason: reason("in_doubt",
		"the answer to this create was lost, so the record may exist in the CRM: "+a.Message)}
}

var again = map[model.Again]batching.Then{
	model.WithLane: batching.WithLane, model.Alone: batching.Alone,
	model.Innocent: batching.Innocent, model.Halved: batching.Halved,
}

// verdictOf is what the answer says of its scope.
func verdictOf(a *model.Answer) batching.Verdict {
	if a.Code == ampersand.CodeNotReleased {
		return batching.Verdict{Unsent: true}
	}
	v := batching.Verdict{After: a.After, Code: a.Code, Message: a.Message}
	waits, decided := "", false
	for i := range a.Outcomes {
		switch o := &a.Outcomes[i]; {
		case o.Kind == model.Unknown, o.Kind == model.Retry && o.Again == model.WithLane:
			waits = cmp.Or(waits, o.Code)
			v.Message = cmp.Or(v.Message, o.Message)
		default:
			decided = true
		}
	}
	v.Failed = waits != "" || a.Hold != model.ScopeNone
	switch {
	case a.Hold != model.ScopeNone:
		v.Hold, v.Scope = true, a.Hold
	case v.Failed && !a.Sent:
		v.Scope = model.ScopeAPI // no connection: that is nobody's lane
	case v.Failed && decided:
		v.Scope = model.ScopeDestination // the API answers, and a CRM throttles
	}
	if v.Failed {
		v.Code = cmp.Or(v.Code, waits)
	}
	return v
}

// tellVerdict logs a request that failed.
func (s *Sink) tellVerdict(b *batching.Batch, a *model.Answer, v batching.Verdict) {
	if v.Failed {
		level := zerolog.WarnLevel
		if hold, paused := s.sched.Blocking(b.Destination); paused && b.Probe() && hold.Code == v.Code {
			level = zerolog.DebugLevel // nothing new; /status counts the probes
		}
		s.log.WithLevel(level).
			Stringer("destination", b.Destination).Stringer("type", b.Type).Int("writes", len(b.Entries)).
			Str("code", v.Code).Str("reason", v.Message).Str("operation_id", a.OperationID).Str("request_id", a.RequestID).
			Bool("hold", v.Hold).Bool("probe", b.Probe()).Dur("after_ms", v.After).Msg("a request failed; its writes wait")
	}
}

// settle gives a write its one fate. The lock is held.
func (s *Sink) settle(e *batching.Entry, fate model.Fate) {
	w := e.Write
	s.sched.Settled(e)
	s.identity.over(e)
	s.memory.release(w.Size())
	s.count(w.Route, fate, w.Type)
	p := w.Source.TopicPartition
	if !s.done(p, idOf(w)) {
		// Its assignment is over, so no commit of ours will ever cover it: whoever
		// owns the partition sends it again, and its successors after it.
		s.sched.Durable(w.Conflicts, time.Now())
		return
	}
	s.commits.settled(p, w)
	s.flow(p, s.parts[p])
}

// doubt gives the creates in flight that match their fate now, as in doubt: there
// is no time left to wait for their answers.
func (s *Sink) doubt(match func(*model.Write) bool, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.config.InDoubt == config.InDoubtResend {
		return
	}
	for e, f := range s.inFlight {
		if f.batch.Type != model.Create || f.doubted || announces(e.Write) || !match(e.Write) {
			continue // what was announced is found open by whoever reads it next
		}
		f.doubted = true
		s.letters.doubted(e, model.Fate{Kind: model.InDoubt, Reason: &model.Reason{
			Stage: model.StageWrite, Code: "in_doubt",
			Message: "the record may exist in the CRM: " + why,
		}}, f.sent)
	}
}

// owned reports whether a write that was in a request is still this member's to
// send again or to refuse: its partition is assigned, and, if the partition was
// away meanwhile, its record was read again and attached to it.
func (s *Sink) owned(w *model.Write) bool {
	part := s.parts[w.Source.TopicPartition]
	if part == nil || part.tracker == nil {
		return false
	}
	state, survives := part.survivors[idOf(w)]
	return !survives || state == attached
}

// leavingWith reports whether the write is not to be sent again: its partition, or
// everything, is being given up.
func (s *Sink) leavingWith(w *model.Write) bool {
	return s.closed || s.parts[w.Source.TopicPartition].leaving
}

// detach makes a write of an earlier assignment, whose record was read again, one
// of this assignment: it goes back to its lane and is in no request any more.
func (s *Sink) detach(w *model.Write) {
	delete(s.parts[w.Source.TopicPartition].survivors, idOf(w))
}

// abandon ends a write that is not ours any more: either its fate was given as in doubt
// before its answer came, or whoever owns the partition gives it one.
func (s *Sink) abandon(e *batching.Entry, doubted bool) {
	w := e.Write
	s.sched.Settled(e)
	delete(s.identity.doubts, e)
	s.memory.release(w.Size())
	s.sched.Durable(w.Conflicts, time.Now())
	p, id := w.Source.TopicPartition, idOf(w)
	part := s.parts[p]
	if part == nil {
		return
	}
	state := part.survivors[id]
	delete(part.survivors, id)
	if doubted && state == attached && part.tracker != nil && !s.letters.has(p, id) {
		// In doubt, its dead letter acknowledged, but the commit that said so was
		// lost and the record read again.
		part.tracker.Done(id.offset, id.name)
	}
	s.forgetPartition(p, part)
}
