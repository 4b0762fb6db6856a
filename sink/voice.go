package sink

import (
	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink/ledger"
)

// voice is with what authority this member speaks of a row.
type voice struct {
	epoch int64 // of what it says
	owner int64 // its own, as the owner of the write's partition
	// replaced: the partition has gone since, and its owner is to judge what is said.
	replaced bool
}

// voice is that with which the owner of a write's partition speaks of its row.
func (d *identities) voice(w *model.Write) voice {
	owner := d.sink.parts[w.Source.TopicPartition].epoch
	if !announces(w) {
		return voice{epoch: owner, owner: owner}
	}
	return voice{epoch: d.ledger.EpochFor(rowOf(w), owner), owner: owner}
}

// voiceOf is that for the answer to a request.
func (d *identities) voiceOf(w *model.Write, f *flight) voice {
	switch {
	case !d.sink.owned(w):
		v := f.voice
		v.replaced = true
		return v
	case d.sink.parts[w.Source.TopicPartition].epoch != f.voice.owner:
		return d.voice(w) // it was away, and its record was read again
	}
	return f.voice
}

// say tells the ledger of a row of a write. Nothing waits for it.
func (d *identities) say(k ledger.RowKey, row ledger.Row, w *model.Write, v voice) {
	row.Epoch = v.epoch
	entries := []ledger.Entry{{RowKey: k, Row: row, By: w.Source.TopicPartition, Owner: v.owner}}
	if v.replaced {
		d.ledger.Report(entries, func() {})
		return
	}
	d.ledger.Put(entries, func(end ledger.End) {
		s := d.sink
		s.mu.Lock()
		defer s.mu.Unlock()
		end(nil, s.kafka.LeaseValid() && s.owned(w))
	})
}

// putting is a write whose fate waits for the ledger.
type putting struct {
	entry  *batching.Entry
	row    ledger.Row
	voice  voice
	create ledger.Create // which is over then
	moves  bool          // the row's former key is still to be forgotten
	// after gives the write its fate, with Sink.mu held; nil: it is written.
	after func()
}

// puttings are what the ledger is told with the next flush.
type puttings struct {
	entries []ledger.Entry
	writes  []putting
}

// flushed are writes whose fates wait for one acknowledgement of the ledger.
type flushed struct {
	writes       []putting
	acknowledged bool
	end          ledger.End // of announcements; nil: a report ends none
	over         []ledger.Create
	replaced     bool // by another owner, for some of them
}

// put puts what is known of a write's row, with the next flush.
func (d *identities) put(p putting) {
	w, to := p.entry.Write, &d.puttings
	if p.voice.replaced {
		to = &d.reports
	}
	p.row.Epoch = p.voice.epoch
	to.entries = append(to.entries, ledger.Entry{RowKey: rowOf(w), Row: p.row, By: w.Source.TopicPartition, Owner: p.voice.owner})
	p.moves = d.former(w).State != ledger.Unknown
	to.writes = append(to.writes, p)
}

// vacate puts that nothing is known any more of the key that a write's row had before, as the id
// went with it to its new one, which is acknowledged by now. The two lie in two partitions of the
// ledger: were they told together, a crash could leave the row with neither.
func (d *identities) vacate(p putting) {
	w := p.entry.Write
	p.moves = false
	// The owner of the old key's partition may be a later one than ours.
	row := ledger.Row{Epoch: max(p.voice.epoch, d.former(w).Epoch)}
	old := ledger.RowKey{Space: *w.Identity.Space, Key: w.Identity.Former}
	d.puttings.entries = append(d.puttings.entries, ledger.Entry{RowKey: old, Row: row, By: w.Source.TopicPartition, Owner: p.voice.owner})
	d.puttings.writes = append(d.puttings.writes, p)
}

// flush appends what was put: of a batch together, so that it costs one produce and one
// acknowledgement.
func (d *identities) flush() {
	if f := d.flushed(&d.puttings); f != nil {
		d.ledger.Put(d.puttings.entries, func(end ledger.End) { d.acknowledged(f, end) })
		d.puttings.used()
	}
	if f := d.flushed(&d.reports); f != nil {
		d.ledger.Report(d.reports.entries, func() { d.acknowledged(f, nil) })
		d.reports.used()
	}
}

// flushed takes the writes out of what is to be told; nil: there are none.
func (d *identities) flushed(p *puttings) *flushed {
	if len(p.writes) == 0 {
		return nil
	}
	f := &flushed{writes: p.writes}
	d.writing[f] = struct{}{}
	p.writes = make([]putting, 0, len(f.writes)) // the next ones are mostly as many
	return f
}

// used empties what the ledger has been told of.
func (p *puttings) used() {
	clear(p.entries)
	p.entries = p.entries[:0]
}

// acknowledged gives writes their fates, of which the ledger knows durably.
func (d *identities) acknowledged(f *flushed, end ledger.End) {
	s := d.sink
	s.mu.Lock()
	defer s.mu.Unlock()
	f.acknowledged, f.end = true, end
	d.finish(f)
	d.flush()
	s.announceChange()
	s.pump()
}

// finish gives those writes their fates of which it is sure who owns them. What was announced ends
// by the word of an owner that was not replaced: while the lease has run out, nobody can tell,
// and the writes wait for it.
func (d *identities) finish(f *flushed) {
	s := d.sink
	unsure := f.writes[:0]
	for i := range f.writes {
		p := &f.writes[i]
		switch w := p.entry.Write; {
		case !s.owned(w):
			// The owner judges what was reported, and may not take it over: so it must not be known
			// as done here, should this member become the owner again. What was announced is the
			// owner's to end.
			f.replaced = true
			s.abandon(p.entry, false)
		case p.voice.replaced || s.parts[w.Source.TopicPartition].epoch != p.voice.owner:
			// It is the owner again, has read the record again, and has to say it as that.
			f.replaced = true
			p.voice = d.voice(w)
			d.put(*p)
		case !s.kafka.LeaseValid():
			unsure = append(unsure, *p)
		case p.moves:
			d.vacate(*p)
		default:
			f.over = d.takeOver(f.over, p)
			p.done(s)
		}
	}
	clear(f.writes[len(unsure):])
	if f.writes = unsure; len(unsure) > 0 {
		d.unsure = true
		return
	}
	delete(d.writing, f)
	if f.end != nil {
		f.end(f.over, !f.replaced)
	}
}

// carryOnUnsure finishes what waits for the lease, or for the loss of its partition.
func (d *identities) carryOnUnsure() {
	if !d.unsure {
		return
	}
	d.unsure = false
	for f := range d.writing {
		if f.acknowledged {
			d.finish(f)
		}
	}
	d.flush()
}

// takeOver appends the creates that are over with what was put.
func (d *identities) takeOver(over []ledger.Create, p *putting) []ledger.Create {
	if p.create.Announced() {
		over = append(over, p.create)
	}
	if c, doubted := d.doubts[p.entry]; doubted {
		delete(d.doubts, p.entry)
		over = append(over, c)
	}
	return over
}

// done gives the write its fate.
func (p *putting) done(s *Sink) {
	if p.after != nil {
		p.after()
		return
	}
	s.settle(p.entry, model.Fate{Kind: model.Written})
}

// eachWriting calls f for every write whose fate waits for the ledger, until it returns false.
func (d *identities) eachWriting(f func(*batching.Entry) bool) {
	each := func(writes []putting) bool {
		for i := range writes {
			if !f(writes[i].entry) {
				return false
			}
		}
		return true
	}
	if !each(d.puttings.writes) || !each(d.reports.writes) {
		return
	}
	for w := range d.writing {
		if !each(w.writes) {
			return
		}
	}
}

// anyWriting reports whether one of them matches.
func (d *identities) anyWriting(match func(*model.Write) bool) (found bool) {
	d.eachWriting(func(e *batching.Entry) bool {
		found = match(e.Write)
		return !found
	})
	return found
}
