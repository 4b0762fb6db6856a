package sink

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink/ledger"
)

// announce writes down which creates a batch is about to send. Nothing is sent before that is
// acknowledged.
func (d *identities) announce(ctx context.Context, b *batching.Batch, flights []flight) error {
	if b.Type != model.Create || d.ledger == nil {
		return nil
	}
	creates := make([]ledger.Creating, 0, len(b.Entries))
	for i, e := range b.Entries {
		if announces(e.Write) {
			creates = append(creates, ledger.Creating{Write: e.Write, Epoch: flights[i].voice.epoch})
		}
	}
	if len(creates) == 0 {
		return nil
	}
	a, err := d.ledger.Announce(ctx, creates)
	if err != nil {
		return err
	}
	d.sink.mu.Lock()
	defer d.sink.mu.Unlock()
	n := 0
	for i, e := range b.Entries {
		if announces(e.Write) {
			flights[i].announced = a.Create(n)
			n++
			d.over(e) // an earlier create of it was not applied, as is known by now
		}
	}
	return d.stillOurs(b, flights)
}

// errMoved says that a partition has left since its writes were chosen.
var errMoved = errors.New("a partition was taken away meanwhile")

// stillOurs looks whether a batch that was announced may go. The announcement can have taken
// long, and whoever got a partition meanwhile has not seen it: what is announced is withdrawn.
func (d *identities) stillOurs(b *batching.Batch, flights []flight) error {
	moved := false
	for i, e := range b.Entries {
		moved = moved || !d.sink.asChosen(e.Write, &flights[i])
	}
	if !moved {
		return nil
	}
	for i := range flights {
		if c := flights[i].announced; c.Announced() {
			d.ledger.Over(c)
		}
	}
	return errMoved
}

// announces reports whether the ledger is told of a write's creates, and of its record.
func announces(w *model.Write) bool { return w.Identity != nil && w.Identity.Rules.Ledger }

// over says that what an earlier create of a write came to is known.
func (d *identities) over(e *batching.Entry) {
	if c, doubted := d.doubts[e]; doubted {
		delete(d.doubts, e)
		d.ledger.Over(c)
	}
}

func rowOf(w *model.Write) ledger.RowKey {
	return ledger.RowKey{Space: *w.Identity.Space, Key: w.Identity.Key}
}

// judge is what an outcome means for a write whose record was found late: some say that it
// is another one.
func (d *identities) judge(e *batching.Entry, o *model.Outcome, then batching.Then, fate model.Fate, f *flight, sent time.Time) (batching.Then, model.Fate) {
	w, n := e.Write, e.Write.Identity
	if n == nil {
		return then, fate
	}
	outdated := d.outdated(w, f)
	if outdated {
		n.Learned = model.Learned{}
		if then != batching.Settle {
			then = batching.Anew
		}
	}
	switch {
	case o.Kind == model.Accepted && moving(w):
		// It has left its old group, and is created in the new one, if that has not been done.
		n.Found, n.Searched, n.Doubted, n.Cleared = "", time.Time{}, time.Time{}, !outdated
		return batching.Anew, model.Fate{}
	case unnamed(w, o), o.Kind == model.Unknown && w.Type == model.Create && n.Rules.Ledger && !d.resends(n):
		n.Doubted, n.Lost, n.Cleared, n.Searched = sent, true, false, time.Time{}
		return batching.Anew, model.Fate{}
	case o.Kind == model.Rejected && o.ExistingID != "" && w.Type == model.Create && n.Rules.Conflict == model.RuleUpdate && o.ExistingID != n.Gone && !slices.Contains(n.Stale, o.ExistingID):
		n.Found, n.In = o.ExistingID, w.Destination.Group
		return batching.Anew, model.Fate{}
	case n.Found != "" && n.Found == w.ID && (o.Gone || o.Kind == model.Accepted && w.Type == model.Delete && d.isThere(w)):
		// What a search finds may have been deleted before, as its index lags; and some CRMs take a
		// delete of what is not there. Where a record is known to be there, it need not be this one.
		n.Found, n.Stale, n.Searched = "", append(n.Stale, w.ID), time.Time{}
		return batching.Anew, model.Fate{}
	case o.Kind == model.Rejected && o.Gone && w.Type == model.Update:
		n.Gone = w.ID
		switch n.Rules.Gone {
		case model.RuleRecreate:
			return batching.Anew, model.Fate{}
		case model.RuleIgnore:
			return batching.Settle, model.Skip(n.Rules.Route + ".on_gone")
		}
	}
	return then, fate
}

// outdated reports whether what was decided of a write that was in a request is to be decided
// afresh: its partition was away meanwhile and its record was read again, so another owner may have
// done the same to its row, and more.
func (d *identities) outdated(w *model.Write, f *flight) bool {
	return announces(w) && d.sink.owned(w) && d.sink.parts[w.Source.TopicPartition].epoch != f.voice.owner
}

// unnamed reports whether a create was applied, nobody said under which id, and it can be found
// out: a later delete of the row would bring nothing to search by.
func unnamed(w *model.Write, o *model.Outcome) bool {
	return o.Kind == model.Accepted && w.Type == model.Create && o.RecordID == "" && w.Identity.Rules.Ledger && w.Identity.Match != ""
}

// isThere reports whether a record of the row is in the CRM, or may be, under an id that is not known.
func (d *identities) isThere(w *model.Write) bool {
	known := d.ledger.Lookup(rowOf(w))
	return known.State == ledger.Exists || known.State == ledger.Doubt || known.Open != nil
}

func (d *identities) resends(n *model.Identity) bool { return d.decider.Resend && n.Match == "" }

// moving reports whether what was sent is the delete of the record in the group that
// the row has left.
func moving(w *model.Write) bool { return w.Type == model.Delete && w.Want != model.Delete }

// learned is told of each write of an answer, before anything else is done with it: what
// the ledger has to know by then, and what of the announcement is over.
func (d *identities) learned(e *batching.Entry, o *model.Outcome, f *flight) {
	w, n := e.Write, e.Write.Identity
	if !announces(w) {
		return
	}
	if o.Gone || w.Type == model.Delete && o.Kind == model.Accepted {
		d.recent.deleted(w, time.Now())
	}
	switch {
	case unnamed(w, o):
		d.doubts[e] = f.announced
		d.say(rowOf(w), rowAs(w, ledger.Exists, ""), w, d.voiceOf(w, f))
	case w.Type == model.Create && o.Kind == model.Unknown && f.announced.Announced() && !d.resends(n):
		d.doubts[e] = f.announced
	case w.Type == model.Create && o.Kind != model.Accepted && f.announced.Announced():
		d.ledger.Over(f.announced) // surely not applied
	case moving(w) && o.Kind == model.Accepted, o.Gone && o.Kind == model.Rejected && w.Type == model.Update:
		d.forget(w, f)
	}
}

// forget has the ledger forget the record of a write, which is not there any more, under the
// keys that its row has and had. Of a row that has moved, nothing is left where it was; but another
// owner may have created it in its new group meanwhile.
func (d *identities) forget(w *model.Write, f *flight) {
	v, whatever := d.voiceOf(w, f), moving(w) && !d.outdated(w, f)
	for _, key := range []string{w.Identity.Key, w.Identity.Former} {
		k := ledger.RowKey{Space: *w.Identity.Space, Key: key}
		if a := d.ledger.Lookup(k); key != "" && a.State != ledger.Unknown && (a.ID == w.ID || whatever) {
			v.epoch = max(v.epoch, a.Epoch)
			d.say(k, ledger.Row{}, w, v)
		}
	}
}

// remember puts what an accepted write says of its row, and settles it when that is
// acknowledged. It reports false when the ledger knows all of it already.
func (d *identities) remember(e *batching.Entry, o *model.Outcome, f *flight) bool {
	w := e.Write
	if !announces(w) {
		return false
	}
	row := rowAs(w, ledger.Known, w.ID)
	known := d.ledger.Lookup(rowOf(w))
	switch w.Type {
	case model.Create:
		if row.ID = o.RecordID; row.ID == "" {
			row.State = ledger.Exists
		}
		d.recent.add(w, row.ID, time.Now())
	case model.Delete:
		if row = (ledger.Row{}); known.State == ledger.Unknown {
			return false
		}
	default:
		d.recent.updated(w, time.Now())
		same := known.State == ledger.Known && known.ID == row.ID && known.Group == row.Group
		if same && !d.doubts[e].Announced() && d.former(w).State == ledger.Unknown {
			return false
		}
	}
	d.put(putting{entry: e, row: row, voice: d.voiceOf(w, f), create: f.announced})
	return true
}

// rowAs is what a write says of its row.
func rowAs(w *model.Write, state ledger.State, id string) ledger.Row {
	return ledger.Row{State: state, Group: w.Destination.Group, ID: id, Source: w.Source.TopicPartition, Offset: w.Source.Offset}
}

// former is what is known of a write's row under the key that it had before this write.
func (d *identities) former(w *model.Write) (a ledger.Answer) {
	if w.Identity.Former != "" {
		a = d.ledger.Lookup(ledger.RowKey{Space: *w.Identity.Space, Key: w.Identity.Former})
	}
	return a
}

// end gives a write the fate that its answer means, when the ledger knows what it has to by then.
func (d *identities) end(e *batching.Entry, f *flight, fate model.Fate, began, now time.Time) {
	row := d.keeps(e, fate)
	if row.State == ledger.Unknown {
		d.sink.end(e, fate, began, now)
		return
	}
	d.put(putting{entry: e, row: row, voice: d.voiceOf(e.Write, f), after: func() { d.sink.end(e, fate, began, now) }})
}

// keeps is what has to be put of the row of a write that the CRM has answered; Unknown: nothing.
func (d *identities) keeps(e *batching.Entry, fate model.Fate) (row ledger.Row) {
	w := e.Write
	if !announces(w) {
		return row
	}
	refused := fate.Kind == model.DeadLettered || fate.Kind == model.InDoubt
	if refused && d.doubts[e].Announced() && w.Type == model.Update && w.ID != w.Identity.Gone {
		// The create in doubt turned out to be this record: a later write of the row need not bring
		// what it was found by.
		return rowAs(w, ledger.Known, w.ID)
	}
	return d.carries(w)
}

// carries is what is known of a row under its former key, where the write that gives it a new
// one comes to nothing: the next one would take it for a row that was never seen. Unknown: there
// is nothing to carry.
func (d *identities) carries(w *model.Write) (row ledger.Row) {
	if w.Identity.Former == "" {
		return row
	}
	own, a := d.ledger.Lookup(rowOf(w)), d.former(w)
	switch {
	case own.State != ledger.Unknown:
		if own.ID != "" && a.ID == own.ID {
			row = own.Row // it was carried, and the old key was not forgotten: this member lost the partition between the two
		}
		return row
	case a.State == ledger.Unknown && a.Open != nil:
		return ledger.Row{State: ledger.Doubt, Group: a.Open.Group, Source: a.Open.Source, Offset: a.Open.Offset}
	}
	return a.Row // known by the write that it was known by: this one has not created it
}

// forgetGone drops what is kept of writes that were dropped.
func (d *identities) forgetGone() {
	for e := range d.doubts {
		if d.sink.sched.Gone(e) {
			delete(d.doubts, e)
		}
	}
	for e := range d.awaiting {
		if d.sink.sched.Gone(e) {
			delete(d.awaiting, e)
		}
	}
}
