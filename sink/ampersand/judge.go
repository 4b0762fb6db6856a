package ampersand

import (
	"cmp"
	"slices"

	"github.com/ampersink/ampersink/internal/model"
)

// judgement is a request and its answer on the way to outcomes.
type judgement struct {
	r   *Request
	a   *answer
	out model.Answer
}

// onlyID is the id of the request's write if it has one write, else empty.
func (j *judgement) onlyID() string {
	if len(j.r.Writes) == 1 {
		return j.r.Writes[0].ID
	}
	return ""
}

func (j *judgement) all(o model.Outcome) {
	for i := range j.out.Outcomes {
		j.out.Outcomes[i] = o
	}
}

// uncertain is the outcome of a write of which nothing is known: a create that
// left may be there, the others are sent again as how says.
func (j *judgement) uncertain(code, message string, how model.Again) model.Outcome {
	if j.r.Type == model.Create && j.a.sent {
		return model.Outcome{Kind: model.Unknown, Code: code, Message: message}
	}
	return model.Outcome{Kind: model.Retry, Again: how, Code: code, Message: message}
}

// lost is an answer that never came, or that cannot be believed.
func (j *judgement) lost(code, message string) {
	j.out.Code, j.out.Message = code, message
	j.all(j.uncertain(code, message, model.WithLane))
}

// blame judges a request that was refused as a whole, for the reason that stands
// beside it; code and message are for a reason without its own.
func (j *judgement) blame(code, message string) {
	f := j.a.reply.why
	if f.class == unclassed && f.code == "" {
		f.code = code
	}
	f.message = cmp.Or(f.message, message)
	if len(j.r.Writes) == 1 {
		j.out.Outcomes[0] = j.alone(&f)
		return
	}
	how := model.Halved
	if f.class != unclassed {
		how = effectOf(f.class, j.r.Type).whole
	}
	j.all(model.Outcome{Kind: model.Retry, Again: how, Code: f.code, Message: f.message})
}

// outcome is what a reason makes of its write.
func (j *judgement) outcome(f *fault) model.Outcome {
	e := effectOf(f.class, j.r.Type)
	o := model.Outcome{Kind: e.kind, Again: e.again, Code: cmp.Or(f.code, CodeRejected),
		Message: cmp.Or(f.message, "the CRM gave no reason")}
	if e.hold != model.ScopeNone {
		j.hold(e.hold, f)
	}
	if f.class == conflict {
		o.ExistingID = f.existing
	}
	o.Gone = f.class == gone
	return o
}

func (j *judgement) hold(scope model.ScopeKind, f *fault) {
	j.out.Hold, j.out.Code = scope, f.code
	j.out.Message = cmp.Or(f.message, "the CRM refuses the tenant's requests for now")
}

// heed holds the destination when the answer names a spent quota or a revoked
// token, also where nothing else of it can be used.
func (j *judgement) heed() {
	open := func(o model.Outcome) bool { return o.Kind != model.Accepted }
	if j.a.reply.why.class == held && j.out.Hold == model.ScopeNone && slices.ContainsFunc(j.out.Outcomes, open) {
		j.hold(model.ScopeDestination, &j.a.reply.why)
	}
}

// alone judges a write that had no neighbours. Others cannot be its reason: if
// the answer says so and nothing else, it is tried again and never rejected.
func (j *judgement) alone(f *fault) model.Outcome {
	if f.collateral && f.class == unclassed {
		return model.Outcome{Kind: model.Retry, Again: model.WithLane, Code: CodeRolledBack, Message: f.message}
	}
	return j.outcome(f)
}

// accepted is the outcome of a write whose entry says so.
func accepted(e *entry) model.Outcome {
	return model.Outcome{Kind: model.Accepted, RecordID: e.id}
}

// apportion gives every write the outcome of its entry. Writes without one, or
// whose entry blames the batch or gives no reason, failed for a reason that is
// not theirs: when somebody else was named they go again without the named, else
// they are halved until the guilty stands alone.
func (j *judgement) apportion(entries []entry) {
	if len(entries) == 1 {
		j.out.Outcomes[0] = j.only(&entries[0])
		return
	}
	failed := 0
	for i := range entries {
		if e := &entries[i]; e.ok {
			j.out.Outcomes[i] = accepted(e)
		} else {
			e.why.settle(j.r.Writes[i].ID)
			failed++
		}
	}
	if failed == 0 {
		return
	}
	names := failed < len(entries) || !sameReason(entries)
	named := 0
	for i := range entries {
		if e := &entries[i]; !e.ok && names && e.why.guilty() {
			j.out.Outcomes[i] = j.outcome(e.why)
			named++
		}
	}
	if named < failed {
		j.spare(entries, names, named > 0)
	}
}

// only judges a batch of one. A reason beside the entry is the entry's.
func (j *judgement) only(e *entry) model.Outcome {
	if e.ok {
		return accepted(e)
	}
	f := &j.a.reply.why
	e.why.settle(j.onlyID())
	if e.why != nil && (e.why.explained() || !f.explained()) {
		f = e.why
	}
	return j.alone(f)
}

// spare gives the writes that nobody accused another turn.
func (j *judgement) spare(entries []entry, names, named bool) {
	f := &j.a.reply.why
	o := model.Outcome{Kind: model.Retry, Again: model.Halved, Code: f.code,
		Message: cmp.Or(f.message, "writes of the batch failed and none was named as the cause")}
	e := effectOf(f.class, j.r.Type)
	switch {
	case f.class != unclassed && e.whole == model.WithLane:
		o.Again = model.WithLane
		if e.hold != model.ScopeNone {
			j.hold(e.hold, f)
		}
	case j.out.Hold != model.ScopeNone:
		o.Again = model.WithLane
	case named:
		o.Again, o.Code = model.Innocent, CodeRolledBack
	}
	for i := range entries {
		why := entries[i].why
		if entries[i].ok || names && why.guilty() {
			continue
		}
		j.out.Outcomes[i] = o
		if why != nil {
			j.out.Outcomes[i].Code = cmp.Or(o.Code, why.code)
			j.out.Outcomes[i].Message = cmp.Or(why.message, o.Message)
		}
		out := &j.out.Outcomes[i]
		out.Code = cmp.Or(out.Code, CodeNobodyNamed)
		if !named && j.out.Code == "" {
			j.out.Code, j.out.Message = out.Code, out.Message
		}
	}
}

// sameReason reports whether all entries, none of which was written, failed for
// one and the same reason, word by word. The service copies the CRM's refusal of
// a whole request onto every record of it (a value that one of them has and the
// CRM cannot parse): that names nobody.
func sameReason(entries []entry) bool {
	first := entries[0].why
	for i := range entries {
		f := entries[i].why
		if !f.guilty() || f.code != first.code || f.message != first.message {
			return false
		}
	}
	return effectOf(first.class, model.Update).kind == model.Rejected
}
