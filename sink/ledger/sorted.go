package ledger

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// Sorted calls f for every row, ordered by space and key, until it returns false: what is
// written from that can be compared with what is written later. It takes the length of its
// key and 12 bytes for each row, and holds the lock.
func (l *Ledger) Sorted(f func(RowKey, *Row) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	keys := make([]byte, 0, 32*l.rows.len())
	type span struct {
		at uint64
		n  uint32
	}
	spans := make([]span, 0, l.rows.len())
	l.rows.each(func(key []byte, r *Row) bool {
		if r.State != absent {
			spans = append(spans, span{uint64(len(keys)), uint32(len(key))})
			keys = append(keys, key...)
		}
		return true
	})
	key := func(s span) []byte { return keys[s.at : s.at+uint64(s.n)] }
	slices.SortFunc(spans, func(a, b span) int { return l.compare(key(a), key(b)) })
	var r Row
	for _, s := range spans {
		text := string(key(s))
		if l.rows.get(text, &r); !f(l.rowKeyOf(text), &r) {
			return
		}
	}
}

// compare orders two keys of this process by the names of their spaces, and then by the
// source keys.
func (l *Ledger) compare(a, b []byte) int {
	x, n := binary.Uvarint(a)
	y, m := binary.Uvarint(b)
	if x != y {
		return l.names[x].Compare(l.names[y])
	}
	return bytes.Compare(a[n:], b[m:])
}
