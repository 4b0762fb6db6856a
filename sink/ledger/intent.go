package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

// announcement is the intents of one batch: one record of the topic, which is there until
// all of them are known to be over.
type announcement struct {
	id      annID
	intents []intent // of all its rows; it never grows, they are pointed at
	open    int      // of how many it is not known, durably, what became of them
	// ours: this process has found out about some of them, and so ends the record when it is the
	// last one. Whoever announced them may be gone.
	ours bool
	// unsaid: some are over of which no row says that.
	unsaid bool
}

// intent is a create that may be under way, or may have been applied.
type intent struct {
	of     *announcement
	key    string // of its row
	source model.TopicPartition
	offset int64
	name   model.WriteName
	group  string // whose CRM
	epoch  int64
	open   bool // it counts in the announcement's
}

// over reports whether a row says what became of an intent.
func (n *intent) over(r *Row) bool {
	same := r.Source == n.source && r.Offset == n.offset
	return same || r.Epoch > n.epoch || r.Epoch == n.epoch && r.Source == n.source && r.Offset > n.offset
}

// Announcement is a batch of creates that was announced.
type Announcement struct{ of *announcement }

// Create returns one of them, as they were announced.
func (a *Announcement) Create(i int) Create { return Create{&a.of.intents[i]} }

// Create is a create that was announced; the zero value is none.
type Create struct{ intent *intent }

// Announced reports whether it is one.
func (c Create) Announced() bool { return c.intent != nil }

// Creating is a create that is about to be sent.
type Creating struct {
	*model.Write
	Epoch int64 // of the owner of its partition
}

// row is the key of its row.
func (c *Creating) row() RowKey { return RowKey{*c.Identity.Space, c.Identity.Key} }

// Announce writes down that creates are about to be sent, and returns when that is
// acknowledged.
func (l *Ledger) Announce(ctx context.Context, creates []Creating) (*Announcement, error) {
	a := &announcement{id: annID{l.options.Writer, l.numbers.Add(1)}, intents: make([]intent, len(creates)), ours: true}
	value := annValue(creates, time.Now())
	l.mu.Lock()
	l.fill(a, creates)
	var replaced []*intent
	for i := range a.intents {
		if before := l.open(&a.intents[i]); before != nil {
			replaced = append(replaced, before)
		}
	}
	l.announced[a.id] = a
	l.mu.Unlock()
	acknowledged := make(chan struct{})
	record := l.record(l.annPartition(a.id), annKey(a.id), value)
	l.append(append(make([]model.Record, 0, 1+companions), record), func(int64) { close(acknowledged) })
	select {
	case <-acknowledged:
		l.acknowledged(replaced, nil)
		return &Announcement{a}, nil
	case <-ctx.Done():
		l.withdraw(a)
		return nil, fmt.Errorf("the ledger topic does not take an announcement: %w", context.Cause(ctx))
	}
}

// fill makes the intents of an announcement. Their keys share one allocation. The lock is held.
func (l *Ledger) fill(a *announcement, creates []Creating) {
	var text strings.Builder
	text.Grow(len(creates) * (len(creates[0].Identity.Key) + 8))
	for i := range creates {
		c, from := &creates[i], text.Len()
		text.WriteString(l.key(c.row()))
		a.intents[i] = intent{
			of: a, key: text.String()[from:], source: c.Source.TopicPartition, offset: c.Source.Offset, name: c.Name,
			group: c.Destination.Group, epoch: c.Epoch,
		}
	}
}

// annPartition keeps the announcements of a process in one partition, and so in order.
func (l *Ledger) annPartition(id annID) int32 { return int32(id.writer % uint64(len(l.marks))) }

func (l *Ledger) isOurs(a *announcement) bool { return a.id.writer == l.options.Writer }

// open notes an intent. It takes the place of an earlier one of its row, whose owner found it
// to be over, and which it returns; and it is over already when a row of a later write, or of
// a later owner, was read before it: the partitions of the topic are not in step.
func (l *Ledger) open(n *intent) (replaced *intent) {
	if !l.isOurs(n.of) {
		l.listed[n.key]++
	}
	var r Row
	before := l.intents[n.key]
	// Of our own it was just decided by what is known of the row.
	if before != nil && before.epoch > n.epoch || !l.isOurs(n.of) && l.rows.glance(n.key, &r) && n.over(&r) {
		return nil
	}
	n.open = true
	n.of.open++
	l.intents[n.key] = n
	return before
}

// Over says that a create is over: its row was put and acknowledged, or it was surely not
// applied.
func (l *Ledger) Over(c Create) {
	l.mu.Lock()
	c.intent.of.unsaid = true
	l.over(c.intent)
	l.unlock()
}

func (l *Ledger) over(n *intent) {
	if l.intents[n.key] == n {
		delete(l.intents, n.key)
		l.absent(n.key, n.epoch)
	}
	l.close(n)
}

// close counts an intent as over, durably.
func (l *Ledger) close(n *intent) {
	if n.open {
		n.open = false
		n.of.open--
	}
	l.endIfOver(n.of)
}

// absent writes down that a row is not there, where an announcement of another process still
// says that it may be.
func (l *Ledger) absent(key string, epoch int64) {
	var r Row
	if l.listed[key] == 0 || l.rows.glance(key, &r) {
		return
	}
	r = Row{State: absent, Epoch: epoch}
	l.rows.put(key, &r)
	l.late = append(l.late, l.rowRecord(l.rowKeyOf(key), &r, model.TopicPartition{}, 0))
}

// CloseSettled says that writes of a partition are over: those that are settled, as only the
// partition's owner knows, whose epoch this is.
func (l *Ledger) CloseSettled(p model.TopicPartition, epoch int64, settled func(offset int64, name model.WriteName) bool) {
	l.mu.Lock()
	for key, n := range l.intents {
		if n.source != p || l.isOurs(n.of) || !settled(n.offset, n.name) {
			continue
		}
		delete(l.intents, key)
		n.of.ours, n.of.unsaid = true, true
		l.absent(key, max(epoch, n.epoch+1))
		l.close(n)
	}
	l.unlock()
}

// closeIntent closes the intent of a row that a record speaks of. Of the record of another
// process it is known that it is durable; of our own, when it is acknowledged (acknowledged).
func (l *Ledger) closeIntent(key string, r *Row, durable bool) {
	n := l.intents[key]
	// That a row is forgotten says nothing of a create of the same owner: the two records lie in
	// different partitions, and which of them came first cannot be told.
	if n == nil || r.State != Unknown && !n.over(r) || r.State == Unknown && r.Epoch <= n.epoch {
		return
	}
	if durable || r.State != Doubt { // that one says no more than the intent, and may be a replaced owner's
		delete(l.intents, key)
	}
	switch {
	case durable:
		l.close(n)
	case !l.isOurs(n.of): // of our own, Over is told
		l.closing = append(l.closing, n)
	}
}

// reopen is told that another process has ended a row's record. It was ours where its epoch is that of a create
// that we announced and have not ended: what we said of the create came late, nobody took it,
// and so we may not either.
func (l *Ledger) reopen(key string, epoch int64) {
	if l.intents[key] != nil {
		return
	}
	var last *intent
	for _, a := range l.announced {
		if !l.isOurs(a) || a.open == 0 || last != nil && a.id.number < last.of.id.number {
			continue
		}
		for i := range a.intents {
			if n := &a.intents[i]; n.open && n.key == key && n.epoch >= epoch {
				last = n
			}
		}
	}
	if last != nil {
		l.intents[last.key] = last
		l.note(last.key)
	}
}

// acknowledged closes what an acknowledged record has replaced, and announced creates that are
// over by it.
func (l *Ledger) acknowledged(replaced []*intent, over []Create) {
	if len(replaced)+len(over) == 0 {
		return
	}
	l.mu.Lock()
	for _, n := range replaced {
		if !l.isOurs(n.of) { // of our own, Over is told
			if l.intents[n.key] == n {
				delete(l.intents, n.key)
			}
			n.of.ours = true
			l.close(n)
		}
	}
	for _, c := range over {
		l.over(c.intent)
	}
	l.unlock()
}

// endIfOver ends the record of an announcement of which nothing is open.
func (l *Ledger) endIfOver(a *announcement) {
	if a.open > 0 || !a.ours || l.announced[a.id] != a {
		return
	}
	l.drop(a)
	end := l.record(l.annPartition(a.id), annKey(a.id), nil)
	if a.unsaid {
		l.late = append(l.late, end)
	} else {
		l.ends = append(l.ends, end)
	}
}

// withdraw takes an announcement back of which nothing was sent.
func (l *Ledger) withdraw(a *announcement) {
	l.mu.Lock()
	a.open, a.unsaid = 0, true
	for i := range a.intents {
		n := &a.intents[i]
		n.open = false
		if l.intents[n.key] == n {
			delete(l.intents, n.key)
		}
	}
	l.endIfOver(a)
	l.unlock()
}

// ended is an announcement whose record has ended, and the mark up to which the topic is to be
// read until that counts.
type ended struct {
	of   *announcement
	mark uint64
}

// end takes note that the record of an announcement has ended. By then the rows of its creates
// were acknowledged, but the partitions of the topic are not read in step: where the next
// write of such a row is ours to decide, it stays open until everything up to here is read.
func (l *Ledger) end(a *announcement) {
	ours := func(n intent) bool {
		_, owned := l.owners.own[n.source]
		open := l.intents[n.key]
		return owned && open != nil && open.of == a
	}
	if !slices.ContainsFunc(a.intents, ours) {
		l.drop(a)
		return
	}
	mark := l.numbers.Add(1)
	l.ended = append(l.ended, ended{a, mark})
	l.late = l.appendMarks(l.late, mark)
}

// endRead drops the announcements up to whose end everything is read.
func (l *Ledger) endRead() {
	for read := slices.Min(l.marks); len(l.ended) > 0 && l.ended[0].mark <= read; l.ended = l.ended[1:] {
		l.drop(l.ended[0].of)
	}
}

// drop forgets an announcement whose record has ended.
func (l *Ledger) drop(a *announcement) {
	if l.announced[a.id] != a {
		return
	}
	delete(l.announced, a.id)
	for i := range a.intents {
		n := &a.intents[i]
		if n.open && l.intents[n.key] == n {
			delete(l.intents, n.key)
			l.note(n.key)
		}
		if l.isOurs(a) {
			continue
		}
		if l.listed[n.key]--; l.listed[n.key] <= 0 {
			delete(l.listed, n.key)
		}
	}
}
