package ledger

import (
	"cmp"
	"slices"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

// Entry is a row with its key.
type Entry struct {
	RowKey
	Row
	// By is the partition of the source whose owner says so; none: Source.
	By model.TopicPartition
	// Owner is that owner's epoch, which the row's may be above (EpochFor); 0: it is not.
	Owner int64
}

// End ends announcements: those of creates that are over by what was put and acknowledged, and
// with all also those that it has put something into the place of. That is for the owner of the rows
// to call, who was not replaced: of an open create, a later owner finds out what became of it.
type End func(over []Create, all bool)

// Put says what rows are from now on; with State Unknown nothing is known of one any more. Lookup
// answers it at once; done is called when it is acknowledged. Nothing of the entries is kept.
func (l *Ledger) Put(entries []Entry, done func(End)) {
	l.put(entries, rowRecords{}, done)
}

// Report appends what an owner that was replaced has to say of rows, and calls done when
// it is acknowledged. This process takes it as every other does, when it reads it: the rightful owner
// may know better. Nothing of the entries is kept.
func (l *Ledger) Report(entries []Entry, done func()) {
	l.put(entries, rowRecords{reports: true}, func(End) { done() })
}

func (l *Ledger) put(entries []Entry, out rowRecords, done func(End)) {
	out.ledger = l
	l.mu.Lock()
	out.records, l.spare = slices.Grow(l.spare, len(entries)+companions), nil
	l.warm(func(yield func(RowKey) bool) {
		for i := range entries {
			yield(entries[i].RowKey)
		}
	})
	for i := range entries {
		out.left = len(entries) - i
		out.put(&entries[i])
	}
	closing := l.closing
	l.closing = nil
	l.unlock()
	l.append(out.records, func(int64) {
		done(func(over []Create, all bool) {
			if !all {
				closing = nil
			}
			l.acknowledged(closing, over)
		})
	})
}

// Import puts rows that a person says, each in the place of what is known of it, whoever owns
// it: its owner's next record takes the place of that. A create of the row that is still in
// doubt is over with it.
func (l *Ledger) Import(entries []Entry, done func()) {
	l.mu.Lock()
	for i := range entries {
		e := &entries[i]
		key := l.key(e.RowKey)
		var old Row
		if l.rows.get(key, &old) {
			e.Epoch = old.Epoch
		}
		if n := l.intents[key]; n != nil {
			e.Source, e.Offset, e.Epoch = n.source, n.offset, max(e.Epoch, n.epoch)
		}
	}
	l.mu.Unlock()
	l.put(entries, rowRecords{imported: true}, func(end End) {
		end(nil, true)
		done()
	})
}

// put applies an entry and appends its records. Those of one row go to one partition,
// and so stay in their order.
func (w *rowRecords) put(e *Entry) {
	l := w.ledger
	key := l.key(e.RowKey)
	row := e.Row
	if row.State == Unknown && l.listed[key] > 0 {
		row = Row{State: absent, Epoch: e.Epoch} // or the create that is still announced would count again
	}
	says := speaker{source: e.By, epoch: cmp.Or(e.Owner, e.Epoch), reports: w.reports}
	switch {
	case w.imported:
		says = speaker{}
	case says.source.Topic == "":
		says.source = e.Source
	}
	var old Row
	was := l.rows.glance(key, &old)
	in := partitionOf(e.RowKey, len(l.marks))
	if l.owners.replaced(says.source, says.epoch, in) {
		// The topic says so already. With the epoch of what the new owner has said, this would take the
		// place of that in the topic, until the new one has said it again; and so would the end of it.
		if was && old.Epoch >= row.Epoch {
			row.Epoch = says.epoch
		}
		says.reports = true
		w.append(in, e.RowKey, &row, says)
		return
	}
	if !w.reports {
		l.change(key, &row, &old, was, false)
	}
	w.append(in, e.RowKey, &row, says)
	if was && old.Epoch < row.Epoch {
		w.append(in, e.RowKey, &Row{Epoch: old.Epoch}, says)
	}
}

// speaker is whose owner says something of a row; without a source, no owner does.
type speaker struct {
	source model.TopicPartition
	epoch  int64
	// reports: this process takes it as it does what others say.
	reports bool
}

// rowRecords are records of rows. Their texts share one allocation, or a few.
type rowRecords struct {
	ledger  *Ledger
	records []model.Record
	text    []byte
	left    int // how many are still to come, about
	// imported: no owner says so, but a person, who is not late.
	imported bool
	reports  bool // of what its speakers say
}

// append appends the record that says what a row is, or, with State Unknown, that the record
// of this epoch has ended, to the row's partition.
func (w *rowRecords) append(in int32, k RowKey, r *Row, says speaker) {
	l := w.ledger
	if size := recordBytes(&k, r.Group, r.ID, r.Source.Topic); cap(w.text)-len(w.text) < size {
		w.text = make([]byte, 0, size*max(1, w.left))
	}
	record := model.Record{TopicPartition: model.TopicPartition{Partition: in}}
	from := len(w.text)
	w.text = appendRowKey(w.text, k, r.Epoch)
	record.Key = w.text[from:len(w.text):len(w.text)]
	switch {
	case r.State != Unknown:
		writer := l.options.Writer
		if says.reports {
			writer = nobody
		}
		from = len(w.text)
		w.text = appendRowValue(w.text, r, writer)
		record.Value = w.text[from:len(w.text):len(w.text)]
	case !says.reports:
		record.Headers = l.header
	}
	said := r.State != Unknown && r.Source == says.source && r.Epoch == says.epoch // by the record's own key and value
	if says.source.Topic != "" && !said || says.source.Topic == "" && r.Source.Topic != "" {
		record.Headers = by(record.Headers, says.source, says.epoch)
	}
	w.records = append(w.records, record)
}

// rowRecord is one such record.
func (l *Ledger) rowRecord(k RowKey, r *Row, source model.TopicPartition, epoch int64) model.Record {
	w := rowRecords{ledger: l}
	w.append(partitionOf(k, len(l.marks)), k, r, speaker{source: source, epoch: epoch})
	return w.records[0]
}

// change works a row in, if it is the rightful one. old is what is there, without its id.
func (l *Ledger) change(key string, r, old *Row, was, durable bool) {
	switch {
	case !was || r.Epoch >= old.Epoch:
		if r.State == Unknown {
			l.rows.delete(key)
		} else {
			l.rows.put(key, r)
		}
	case r.State != Unknown:
		l.obsolete(l.rowKeyOf(key), r.Epoch)
		return
	default:
		return
	}
	if r.State != Unknown || !was || old.State != Doubt || !durable { // that a doubt ends says nothing of its create
		l.closeIntent(key, r, durable)
	}
	l.note(key)
}

// note notes that a row has changed which somebody may watch.
func (l *Ledger) note(key string) {
	if k, ok := l.watched[key]; ok {
		delete(l.watched, key)
		l.changes[k] = struct{}{}
	}
}

// obsolete ends the record of an old owner that came behind the new owner's: compaction
// keeps both, as their keys differ, and with the new one's end it would count again.
func (l *Ledger) obsolete(k RowKey, epoch int64) {
	l.late = append(l.late, l.rowRecord(k, &Row{Epoch: epoch}, model.TopicPartition{}, 0))
}

// unlock gives the lock back. Then it tells of watched rows that have changed, and appends
// what the change has led to.
func (l *Ledger) unlock() {
	changed, late, adopted := len(l.changes) > 0, l.late, l.adopted
	l.late, l.adopted = nil, nil
	if len(l.ends) > 0 && !l.ending {
		l.ending = true
		time.AfterFunc(endAfter, l.Flush)
	}
	l.pace()
	l.mu.Unlock()
	if len(late) > 0 {
		l.append(late, func(int64) { l.acknowledged(adopted, nil) })
	}
	if changed {
		l.options.Changed()
	}
}

// endAfter is how long the end of an announcement waits for records to travel with: it
// is a produce of its own otherwise, with each batch. Nobody waits for it, as
// the rows say the same; it is little beside the time for which a dead announcement is kept.
const endAfter = 100 * time.Millisecond

// Flush appends what was left for other records to take along.
func (l *Ledger) Flush() {
	l.mu.Lock()
	ends := l.ends
	l.ends, l.ending = nil, false
	l.mu.Unlock()
	if len(ends) > 0 {
		l.log.Append(ends, func(int64) {})
	}
}

// companions is the room for what an append takes along, which is mostly an end or two.
const companions = 4

// append appends records, and takes along what was left for that. The slice is the ledger's
// from here on.
func (l *Ledger) append(records []model.Record, done func(first int64)) {
	l.mu.Lock()
	records = append(records, l.ends...)
	l.ends = nil
	l.mu.Unlock()
	l.log.Append(records, done)
	clear(records)
	l.mu.Lock()
	if cap(records) > cap(l.spare) && cap(records) <= mostSpare {
		l.spare = records[:0]
	}
	l.mu.Unlock()
}

// mostSpare bounds the records that are kept to be used again: those of a full batch, and some.
const mostSpare = 512
