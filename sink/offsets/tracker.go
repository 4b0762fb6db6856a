package offsets

import (
	"fmt"
	"sort"

	"github.com/ampersink/ampersink/internal/model"
)

// Tracker follows one partition during one assignment.
type Tracker struct {
	records  []record // in the order polled, which is the order of offsets
	head     int      // records[:head] are finished and forgotten
	began    int64    // the committed offset, -1 for none
	next     int64    // one past the last record polled; -1 before the first
	epoch    int32    // leader epoch of the last record finished
	restored []run    // from the metadata of the commit that this assignment began with
	known    *Known   // of earlier assignments, beyond that commit
	runs     int      // runs of done records above the low mark
	open     int      // open writes
	tidyAt   int      // live records at which it is worth while to look for finished ones
}

// firstTidy is how many live records there are before finished ones among them are
// joined: what a lane or two keep in flight.
const firstTidy = 1024

// record is a polled record with at least one open write, or with done ones
// above an open one; or neighbours that are finished alike, joined.
type record struct {
	offset int64
	last   int64 // offset of the last one joined; that of the record itself, mostly
	epoch  int32
	open   int32
	first  mark
	more   []mark
}

type mark struct {
	name model.WriteName
	done bool
}

// New makes the tracker of an assignment that begins at the committed offset
// (-1: none is committed) with what that commit's metadata says is done above
// it. Metadata that is not ours, or of an unknown version, is ignored: then
// those writes are sent again, which is the harmless side.
func New(committed int64, metadata string) *Tracker {
	t := &Tracker{began: -1, next: -1, epoch: -1, tidyAt: firstTidy}
	if committed >= 0 {
		t.began, t.next = committed, committed
		t.restored, _ = decode(committed, metadata)
	}
	return t
}

// Restored returns how many runs of done writes the metadata held.
func (t *Tracker) Restored() int { return len(t.restored) }

// WasDone reports whether the commit that this assignment began with says that the
// write is done.
func (t *Tracker) WasDone(offset int64, name model.WriteName) bool {
	return within(t.restored, offset, name)
}

// Begin takes a polled record with its writes, of which the first is first.
// It returns false, and changes nothing, when the offset is not above every
// offset begun before: the record was handed out already.
func (t *Tracker) Begin(offset int64, leaderEpoch int32, first model.WriteName, more ...model.WriteName) bool {
	if offset < t.next {
		return false
	}
	r := record{offset: offset, last: offset, epoch: leaderEpoch, open: int32(1 + len(more)), first: mark{name: first}}
	for _, name := range more {
		r.more = append(r.more, mark{name: name})
	}
	if t.Window() >= t.tidyAt {
		t.tidy()
	}
	t.records = append(t.records, r)
	t.open += int(r.open)
	t.next = offset + 1
	return true
}

// Pass moves past an offset that has no writes: a transaction marker.
func (t *Tracker) Pass(offset int64, leaderEpoch int32) {
	if offset < t.next {
		return
	}
	t.next = offset + 1
	if t.head == len(t.records) {
		t.epoch = leaderEpoch
	}
}

// Done marks a write as settled. It returns false when this assignment does not
// know the write: the answer came after the partition went, or came back. A
// write that is done twice is a bug.
func (t *Tracker) Done(offset int64, name model.WriteName) bool {
	live := t.records[t.head:]
	i := sort.Search(len(live), func(i int) bool { return live[i].offset >= offset })
	if i == len(live) || live[i].offset != offset {
		return false
	}
	r := &live[i]
	m := r.mark(name)
	if m == nil {
		return false
	}
	if m.done {
		panic(fmt.Sprintf("BUG: write %08x of offset %d is settled twice", name, offset))
	}
	before := t.starts(live, i) + t.starts(live, i+1)
	m.done = true
	r.open--
	t.open--
	t.runs += t.starts(live, i) + t.starts(live, i+1) - before
	t.advance()
	return true
}

// advance forgets the finished records at the front.
func (t *Tracker) advance() {
	for t.head < len(t.records) && t.records[t.head].open == 0 {
		live := t.records[t.head:]
		before := t.starts(live, 0) + t.starts(live, 1)
		t.epoch = live[0].epoch
		t.records[t.head] = record{}
		t.head++
		t.runs += t.starts(t.records[t.head:], 0) - before
	}
	if t.head > 256 && t.head > len(t.records)/2 {
		n := copy(t.records, t.records[t.head:])
		clear(t.records[n:])
		t.records, t.head = t.records[:n], 0
	}
}

// tidy joins neighbours that are finished alike, so that one write that stays open
// while its partition goes on does not cost memory for each record above it. What is
// left is open, which the caller bounds, or a run, which Full bounds.
func (t *Tracker) tidy() {
	live := t.records[t.head:]
	kept := t.records[:0]
	for i := range live {
		r := live[i]
		if n := len(kept); n > 0 && r.open == 0 && kept[n-1].same(&r) {
			kept[n-1].last, kept[n-1].epoch = r.last, r.epoch
			continue
		}
		kept = append(kept, r)
	}
	clear(t.records[len(kept):])
	t.records, t.head = kept, 0
	t.tidyAt = max(firstTidy, 2*len(kept))
}

// starts is 1 when a run of done records begins at live[i], else 0.
func (t *Tracker) starts(live []record, i int) int {
	if i >= len(live) || !live[i].marked() || i > 0 && live[i-1].same(&live[i]) {
		return 0
	}
	return 1
}

// Low returns the offset to commit and its leader epoch: the lowest with an open write, or one past the
// last record. It is -1 before anything was polled or committed.
func (t *Tracker) Low() (offset int64, leaderEpoch int32) {
	if t.head < len(t.records) {
		return t.records[t.head].offset, t.epoch
	}
	return t.next, t.epoch
}

// Next returns the offset that is polled next, -1 when unknown.
func (t *Tracker) Next() int64 { return t.next }

// Open returns the number of open writes.
func (t *Tracker) Open() int { return t.open }

// Window returns the number of records that are kept from the low mark up: finished
// neighbours may count as one.
func (t *Tracker) Window() int { return len(t.records) - t.head }

func (r *record) mark(name model.WriteName) *mark {
	if r.first.name == name {
		return &r.first
	}
	for i := range r.more {
		if r.more[i].name == name {
			return &r.more[i]
		}
	}
	return nil
}

// marked reports whether any write of the record is done.
func (r *record) marked() bool { return int(r.open) <= len(r.more) }

// same reports whether the same writes are done in both records.
func (r *record) same(o *record) bool {
	if !r.marked() || !o.marked() || r.first != o.first || len(r.more) != len(o.more) {
		return false
	}
	for i := range r.more {
		if r.more[i] != o.more[i] {
			return false
		}
	}
	return true
}

// done calls f with the name of each write of the record that is done.
func (r *record) done(f func(model.WriteName)) {
	if r.first.done {
		f(r.first.name)
	}
	for _, m := range r.more {
		if m.done {
			f(m.name)
		}
	}
}
