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
	id   annID
	keys []string            // of all its rows
	open map[string]struct{} // those of which it is not known, durably, what became of them
	// ours: this process has found out about some of them, and so ends the record when it is the
	// last one. Whoever announced them may be gone.
	ours bool
}

// intent is a create that may be under way, or may have been applied.
type intent struct {
	of     *announcement
	source model.TopicPartition
	offset int64
	name   model.WriteName
	group  string // whose CRM
	epoch  int64
}

// over reports whether a row says what became of an intent.
func (n *intent) over(r *Row) bool {
	same := r.Source == n.source && r.Offset == n.offset
	return same || r.Epoch > n.epoch || r.Epoch == n.epoch && r.Source == n.source && r.Offset > n.offset
}

// Announcement is a batch of creates that was announced.
type Announcement struct {
	ledger *Ledger
	of     *announcement
}

// Announce writes down that creates are about to be sent, and returns when that is
// acknowledged. epochs are those of their partitions.
func (l *Ledger) Announce(ctx context.Context, intents []Intent, epochs map[model.TopicPartition]int64) (*Announcement, error) {
	a := newAnnouncement(annID{l.options.Writer, l.numbers.Add(1)})
	a.ours = true
	var replaced []closing
	l.mu.Lock()
	for i := range intents {
		n := &intents[i]
		key := l.key(n.RowKey)
		if before := l.open(a, key, &intent{of: a, source: n.Source, offset: n.Offset, name: n.Name, group: n.Group, epoch: epochs[n.Source]}); before != nil {
			replaced = append(replaced, closing{before, strings.Clone(key)})
		}
	}
	l.announced[a.id] = a
	l.mu.Unlock()
	acknowledged := make(chan struct{})
	l.log.Append([]model.Record{l.record(l.annPartition(a.id), annKey(a.id), annValue(epochs, intents, time.Now()))},
		func([]int64) { close(acknowledged) })
	select {
	case <-acknowledged:
		l.acknowledged(replaced)
		return &Announcement{l, a}, nil
	case <-ctx.Done():
		l.withdraw(a)
		return nil, fmt.Errorf("the ledger topic does not take an announcement: %w", context.Cause(ctx))
	}
}

func newAnnouncement(id annID) *announcement {
	return &announcement{id: id, open: make(map[string]struct{})}
}

// annPartition keeps the announcements of a process in one partition, and so in order.
func (l *Ledger) annPartition(id annID) int32 { return int32(id.writer % uint64(len(l.marks))) }

func (l *Ledger) isOurs(a *announcement) bool { return a.id.writer == l.options.Writer }

// open notes an intent. It takes the place of an earlier one of its row, whose owner found it
// to be over, and whose announcement it returns; and it is over already when a row of a later
// write, or of a later owner, was read before it: the partitions of the topic are not in step.
func (l *Ledger) open(a *announcement, key string, n *intent) (replaced *announcement) {
	text := strings.Clone(key)
	a.keys = append(a.keys, text)
	if !l.isOurs(a) {
		l.listed[text]++
	}
	var r Row
	before := l.intents[text]
	if before != nil && before.epoch > n.epoch || l.rows.get(key, &r) && n.over(&r) {
		return nil
	}
	a.open[text] = struct{}{}
	l.intents[text] = n
	if before != nil {
		replaced = before.of
	}
	return replaced
}

// Over says that a create of the announcement is over: its row was put and acknowledged, or it
// was surely not applied.
func (a *Announcement) Over(k RowKey) {
	l := a.ledger
	l.mu.Lock()
	key := strings.Clone(l.key(k))
	if n := l.intents[key]; n != nil && n.of == a.of {
		delete(l.intents, key)
		l.absent(k, key, n.epoch)
	}
	delete(a.of.open, key)
	l.endIfOver(a.of)
	l.mu.Unlock()
	l.tell()
}

// absent writes down that a row is not there, where an announcement of another process still
// says that it may be.
func (l *Ledger) absent(k RowKey, key string, epoch int64) {
	var r Row
	if l.listed[key] == 0 || l.rows.get(key, &r) {
		return
	}
	r = Row{State: absent, Epoch: epoch}
	l.rows.put(key, &r)
	l.late = append(l.late, l.record(partitionOf(k, len(l.marks)), rowKey(k, epoch), rowValue(&r)))
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
		delete(n.of.open, key)
		n.of.ours = true
		l.absent(l.rowKeyOf(key), key, epoch)
		l.endIfOver(n.of)
	}
	l.mu.Unlock()
	l.tell()
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
	delete(l.intents, key)
	if durable {
		delete(n.of.open, key)
		l.endIfOver(n.of)
	} else {
		l.closing = append(l.closing, closing{n.of, strings.Clone(key)})
	}
}

// closing is an intent that is over when what was put is acknowledged.
type closing struct {
	of  *announcement
	key string
}

// acknowledged closes what was put.
func (l *Ledger) acknowledged(over []closing) {
	if len(over) == 0 {
		return
	}
	l.mu.Lock()
	for _, c := range over {
		if !l.isOurs(c.of) { // of our own, Over is told
			c.of.ours = true
			delete(c.of.open, c.key)
			l.endIfOver(c.of)
		}
	}
	l.mu.Unlock()
	l.tell()
}

// endIfOver ends the record of an announcement of which nothing is open.
func (l *Ledger) endIfOver(a *announcement) {
	if len(a.open) > 0 || !a.ours || l.announced[a.id] != a {
		return
	}
	l.drop(a)
	l.late = append(l.late, l.record(l.annPartition(a.id), annKey(a.id), nil))
}

// withdraw takes an announcement back of which nothing was sent.
func (l *Ledger) withdraw(a *announcement) {
	l.mu.Lock()
	clear(a.open)
	for _, key := range a.keys {
		if n := l.intents[key]; n != nil && n.of == a {
			delete(l.intents, key)
		}
	}
	l.endIfOver(a)
	l.mu.Unlock()
	l.tell()
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
	ours := slices.ContainsFunc(a.keys, func(key string) bool {
		n := l.intents[key]
		if n == nil || n.of != a {
			return false
		}
		_, owned := l.owned[n.source]
		return owned
	})
	if !ours {
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
	for _, key := range a.keys {
		if n := l.intents[key]; n != nil && n.of == a {
			delete(l.intents, key)
			l.note(key)
		}
		if l.isOurs(a) {
			continue
		}
		if l.listed[key]--; l.listed[key] <= 0 {
			delete(l.listed, key)
		}
	}
}
