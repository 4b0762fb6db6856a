package ledger

import (
	"encoding/binary"

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
	l.mu.Unlock()
	l.tell()
}

// applyRecord returns why a record cannot be read, or nothing.
func (l *Ledger) applyRecord(r *model.Record) (why string) {
	if len(r.Key) < 2 || r.Key[0] != version {
		return "another version"
	}
	if w, ok := r.Header(writerHeader); ok && len(w) == 8 && binary.LittleEndian.Uint64(w) == l.options.Writer && r.Key[1] != kindMark {
		return "" // it is known since it was put
	}
	in := reader{rest: r.Key[2:]}
	switch r.Key[1] {
	case kindMark:
		return l.applyMark(&in, r)
	case kindRow:
		return l.applyRow(&in, r)
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

func (l *Ledger) applyRow(in *reader, r *model.Record) string {
	k := RowKey{Space: in.space()}
	row := Row{Epoch: in.number()}
	if in.bad {
		return "a cut key of a row"
	}
	k.Key = string(in.rest)
	key := l.key(k)
	if r.Value == nil {
		var old Row
		if l.rows.get(key, &old) && old.Epoch == row.Epoch {
			l.change(k, key, &row, true)
		}
		return ""
	}
	value := reader{rest: r.Value}
	row.State = State(value.byte())
	row.Group, row.ID = string(value.text()), string(value.text())
	row.Source, row.Offset = value.source(), value.number()
	if value.bad || row.State == Unknown {
		return "a cut row"
	}
	l.change(k, key, &row, true)
	return ""
}

func (l *Ledger) applyAnnouncement(in *reader, r *model.Record) string {
	id := annID{in.uvarint(), in.uvarint()}
	if in.bad {
		return "a cut key of an announcement"
	}
	if r.Value == nil {
		if a := l.announced[id]; a != nil {
			l.end(a)
		}
		return ""
	}
	value := reader{rest: r.Value}
	value.number()
	count := value.uvarint()
	if count > uint64(len(value.rest)) {
		return "a cut announcement"
	}
	a := newAnnouncement(id)
	l.announced[id] = a
	for range count {
		k := RowKey{Space: value.space()}
		k.Key = string(value.text())
		n := &intent{of: a, group: string(value.text())}
		n.source = value.source()
		n.offset, n.name, n.epoch = value.number(), model.WriteName(value.number()), value.number()
		if value.bad {
			return "a cut announcement"
		}
		key := l.key(k)
		if before := l.open(a, key, n); before != nil {
			delete(before.open, key)
			l.endIfOver(before)
		}
	}
	return ""
}
