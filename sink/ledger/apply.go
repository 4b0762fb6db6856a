package ledger

import (
	"bytes"
	"strings"

	"github.com/ampersink/ampersink/internal/model"
)

// apply works a record of the topic in.
func (l *Ledger) apply(r *model.Record) {
	l.mu.Lock()
	if why := l.applyRecord(r); why != "" {
		l.unread[why]++
		if l.unread[why] == 1 {
			l.options.Logger.Warn().Int32("partition", r.Partition).Int64("offset", r.Offset).Str("reason", why).
				Msg("a record of the ledger topic cannot be read and is passed over (said once; a later version may have written it)")
		}
	}
	l.unlock()
}

// applyRecord returns why a record cannot be read, or nothing. What this process wrote itself
// is known since it was put.
func (l *Ledger) applyRecord(r *model.Record) (why string) {
	if len(r.Key) < 2 || r.Key[0] != version {
		return "another version"
	}
	in := reader{rest: r.Key[2:]}
	switch r.Key[1] {
	case kindMark:
		return l.applyMark(&in, r)
	case kindRow:
		return l.applyRow(&in, r)
	case kindOwner:
		return l.applyOwner(&in, r)
	case kindAnn:
		return l.applyAnnouncement(&in, r)
	}
	return "another kind"
}

func (l *Ledger) applyMark(in *reader, r *model.Record) string {
	if in.uvarint() != l.options.Writer || int(r.Partition) >= len(l.marks) {
		return ""
	}
	value := reader{rest: r.Value}
	l.marks[r.Partition] = max(l.marks[r.Partition], value.uvarint())
	close(l.marked)
	l.marked = make(chan struct{})
	l.endRead()
	return ""
}

// applyRow keeps nothing of the record: at the start there are millions of them.
func (l *Ledger) applyRow(in *reader, r *model.Record) string {
	k := RowKey{Space: in.space()}
	row := Row{Epoch: in.number()}
	if in.bad {
		return "a cut key of a row"
	}
	k.Key = view(in.rest)
	if r.Value == nil {
		l.forgetOverdue(k, row.Epoch)
	} else {
		value := reader{rest: r.Value}
		row.State = State(value.byte())
		value.take(writerBytes)
		row.Group, row.ID = value.text(), value.text()
		row.Source, row.Offset = value.source(), value.number()
		if value.bad || row.State == Unknown {
			return "a cut row"
		}
	}
	if wroteRow(r, l.options.Writer) {
		// Yet the topic may say that somebody else owned it by then: nobody else takes it.
		l.overdue(k, &row, r)
		return ""
	}
	key := l.key(k)
	var old Row
	was := l.rows.glance(key, &old)
	if r.Value == nil && !(was && ends(r, &row, &old)) {
		return ""
	}
	if !l.overdue(k, &row, r) {
		l.change(key, &row, &old, was, true)
		if r.Value == nil {
			l.reopen(key, row.Epoch)
		}
	}
	return ""
}

// ends reports whether the end of a row's record is one of what is known: the record was that
// one, or an owner has put a later one and ended it, of which compaction may have left no more than
// this. What this process has put itself can be older: nobody need have seen it.
func ends(r *model.Record, row, known *Row) bool {
	if row.Epoch == known.Epoch {
		return true
	}
	by, _ := ownerOf(r, row)
	return row.Epoch > known.Epoch && by.Topic != ""
}

func (l *Ledger) applyAnnouncement(in *reader, r *model.Record) string {
	id := annID{in.uvarint(), in.uvarint()}
	switch {
	case in.bad:
		return "a cut key of an announcement"
	case id.writer == l.options.Writer:
		return ""
	case r.Value == nil:
		if a := l.announced[id]; a != nil {
			l.end(a)
		}
		return ""
	}
	value := reader{rest: bytes.Clone(r.Value)} // the intents keep parts of it
	value.number()
	count := value.uvarint()
	if count > uint64(len(value.rest)/leastIntent) {
		return "a cut announcement"
	}
	a := &announcement{id: id, intents: make([]intent, 0, count)}
	l.announced[id] = a
	n, k := intent{of: a}, RowKey{}
	for range count {
		value.intent(&n, &k)
		if value.bad {
			return "a cut announcement"
		}
		n.key = strings.Clone(l.key(k))
		a.intents = append(a.intents, n)
		if before := l.open(&a.intents[len(a.intents)-1]); before != nil {
			l.close(before)
		}
	}
	return ""
}
