package offsets

import (
	"slices"

	"github.com/ampersink/ampersink/internal/model"
)

// naive is a Tracker as one would write it without a care for memory: every write
// of every record, in a list.
type naive struct {
	next    int64
	records []naiveRecord
	before  map[naiveMark]bool // done by earlier assignments
}

type naiveRecord struct {
	offset int64
	epoch  int32
	writes []naiveWrite
}

type naiveWrite struct {
	name model.WriteName
	done bool
}

type naiveMark struct {
	offset int64
	name   model.WriteName
}

func (n *naive) begin(offset int64, epoch int32, names ...model.WriteName) bool {
	if offset < n.next {
		return false
	}
	r := naiveRecord{offset: offset, epoch: epoch}
	for _, name := range names {
		r.writes = append(r.writes, naiveWrite{name: name})
	}
	n.records = append(n.records, r)
	n.next = offset + 1
	return true
}

// low is the lowest offset with an open write, else the one behind the last record.
func (n *naive) low() int64 {
	for _, r := range n.records {
		if r.open() > 0 {
			return r.offset
		}
	}
	return n.next
}

func (r *naiveRecord) open() (open int) {
	for _, w := range r.writes {
		if !w.done {
			open++
		}
	}
	return open
}

func (n *naive) open() (open int) {
	for i := range n.records {
		open += n.records[i].open()
	}
	return open
}

// done lists what is done from the low mark on, of this assignment and, where it has
// not polled yet, of the ones before.
func (n *naive) done() map[naiveMark]bool {
	done := make(map[naiveMark]bool)
	low := n.low()
	for _, r := range n.records {
		for _, w := range r.writes {
			if w.done && r.offset >= low {
				done[naiveMark{r.offset, w.name}] = true
			}
		}
	}
	for m := range n.before {
		if m.offset >= n.next {
			done[m] = true
		}
	}
	return done
}

// runs counts the runs of records, from the low mark on, of which the same writes are done.
func (n *naive) runs() (runs int) {
	var last []naiveWrite
	low := n.low()
	for _, r := range n.records {
		if r.offset < low {
			continue
		}
		if !slices.ContainsFunc(r.writes, func(w naiveWrite) bool { return w.done }) {
			last = nil
			continue
		}
		if !slices.Equal(last, r.writes) {
			runs++
		}
		last = r.writes
	}
	return runs
}
