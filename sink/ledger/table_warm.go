package ledger

import "hash/maphash"

// warmRows is how many rows are warmed together: some times what the processor can wait for at
// once, and no more than its nearest cache holds.
const warmRows = 64

// warmFrom is the number of rows from which on warming pays: a smaller table is in the caches.
const warmFrom = 50_000

// warmer brings into the processor's caches what finding rows takes. Where a row is found depends
// on nothing but its key, so here the processor waits for many of them at once; one who looks
// them up in turn waits for each alone, which is most of what that costs in a large table.
type warmer struct {
	table *table
	tags  [warmRows]uint16
	refs  [warmRows]ref
	n     int
	sum   byte // what is read has to go somewhere, or it is not read
}

// add takes a key in.
func (w *warmer) add(key string) {
	hash := maphash.String(w.table.seed, key)
	w.tags[w.n], w.refs[w.n] = tagOf(hash), w.table.dir.at(w.table.dir.of(hash))
	if w.n++; w.n == warmRows {
		w.warm()
	}
}

// warm reads the beginnings of the buckets that were taken in, then those of the rows.
func (w *warmer) warm() {
	for _, r := range w.refs[:w.n] {
		if b := w.table.slabs.block(r); b != nil {
			w.sum += b[0]
		}
	}
	for i, r := range w.refs[:w.n] {
		if b := w.table.slabs.block(r); b != nil {
			w.sum += b.glance(w.tags[i])
		}
	}
	w.n = 0
}
