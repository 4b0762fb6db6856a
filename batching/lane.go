package batching

import (
	"container/heap"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

// Settings say how the writes of a destination travel.
type Settings struct {
	Size     int           // writes in a batch, 1 to 100
	Bytes    int64         // of the writes in a batch; one write may exceed it alone
	Linger   time.Duration // how long the oldest write waits for company
	InFlight int           // requests at a time
}

// lane is the queue in front of one destination.
type lane struct {
	destination model.Destination
	settings    Settings

	ready    [model.Types]readyQueue
	pieces   []*piece  // sets that go again as they are, before anything else
	inFlight int       // requests
	entries  int       // writes to this destination: waiting for their keys, ready, in flight
	bytes    int64     // what they retain
	waits    int64     // what of that waits to be decided, for long
	answers  uint64    // requests that decided something about a write
	answered time.Time // when a request last came back, or else when the first left

	queued bool      // in the run queue, or waiting for a paused scope
	due    time.Time // when its oldest ready write has lingered; zero: not in the heap
	dueAt  int       // index in the heap of lanes
}

// readyQueue is the writes of one type that may go.
type readyQueue struct {
	heap  bySeq
	bytes int64
}

// piece is a set of writes that goes again as it is: a half of a batch that
// failed without naming anybody, or the innocent of one that was all-or-none.
type piece struct{ entries []*Entry }

// size returns how many writes of a type make a batch. Deletes go one by one:
// the API takes no batch of them.
func (l *lane) size(t model.Type) int {
	if t == model.Delete {
		return 1
	}
	return l.settings.Size
}

func (l *lane) push(e *Entry, now time.Time) {
	e.state, e.readyAt = ready, now
	q := &l.ready[e.Write.Type]
	heap.Push(&q.heap, e)
	q.bytes += wireSize(e.Write)
}

func (l *lane) pop(t model.Type) *Entry {
	q := &l.ready[t]
	e := heap.Pop(&q.heap).(*Entry)
	q.bytes -= wireSize(e.Write)
	return e
}

// wireSize estimates what a write adds to a request body, in bytes.
func wireSize(w *model.Write) int64 {
	const frame = 24 // {"record":{"id":"",}},
	return int64(len(w.Fields)+len(w.ID)+len(w.Associations)) + frame
}

func (l *lane) full(t model.Type) bool {
	q := &l.ready[t]
	return len(q.heap) >= l.size(t) || q.bytes >= l.settings.Bytes
}

// choose returns the type of the next batch, or false when none may go yet.
//
// The oldest write that may go decides, but a full batch of another type goes
// first while the oldest one's batch is not full: on a backlog every write has
// lingered, and sending what happens to be ready of its type would send batches
// of a few. How long it is passed over is bounded by passOver.
func (l *lane) choose(now time.Time, drain bool) (model.Type, bool) {
	var oldest, oldestFull model.Type
	for t := model.Create; t < model.Types; t++ {
		q := l.ready[t].heap
		if len(q) == 0 {
			continue
		}
		if oldest == 0 || q[0].seq < l.ready[oldest].heap[0].seq {
			oldest = t
		}
		if (l.full(t) || q[0].alone) && (oldestFull == 0 || q[0].seq < l.ready[oldestFull].heap[0].seq) {
			oldestFull = t
		}
	}
	if oldest == 0 {
		return 0, false
	}
	head := l.ready[oldest].heap[0]
	switch {
	case now.Sub(head.readyAt) >= l.passOver():
		return oldest, true
	case oldestFull != 0:
		return oldestFull, true
	case drain || now.Sub(head.since()) >= l.settings.Linger:
		return oldest, true
	}
	return 0, false
}

// passOver is how long a ready write may be passed over by full batches of
// another type: a few lingers, so that the batches of a rare type fill on a
// backlog, where everything is late anyway; and a second at least, which is many
// requests.
func (l *lane) passOver() time.Duration { return max(4*l.settings.Linger, time.Second) }

// lingers returns when the oldest ready write has waited long enough: the one that
// choose looks at, whatever arrived before it and was put behind it since.
func (l *lane) lingers() (at time.Time, some bool) {
	oldest := l.oldest()
	if oldest == nil {
		return time.Time{}, false
	}
	return oldest.since().Add(l.settings.Linger), true
}

// oldest returns the ready write that arrived first, or nil.
func (l *lane) oldest() *Entry {
	var oldest *Entry
	for t := model.Create; t < model.Types; t++ {
		if q := l.ready[t].heap; len(q) > 0 && (oldest == nil || q[0].seq < oldest.seq) {
			oldest = q[0]
		}
	}
	return oldest
}

// take removes the next batch's entries from the lane. A probe is one write.
func (l *lane) take(now time.Time, drain, probe bool) *Batch {
	if len(l.pieces) > 0 {
		p := l.pieces[0]
		if probe && len(p.entries) > 1 {
			first := p.entries[:1:1]
			p.entries = p.entries[1:]
			return l.batch(first, true, now)
		}
		l.pieces = l.pieces[1:]
		return l.batch(p.entries, true, now)
	}
	t, ok := l.choose(now, drain || probe)
	if !ok {
		return nil
	}
	limit := l.size(t)
	if probe {
		limit = 1
	}
	entries := make([]*Entry, 0, min(limit, len(l.ready[t].heap)))
	var bytes int64
	for len(entries) < limit && len(l.ready[t].heap) > 0 {
		head := l.ready[t].heap[0]
		size := wireSize(head.Write)
		if len(entries) > 0 && (bytes+size > l.settings.Bytes || head.alone) {
			break
		}
		entries = append(entries, l.pop(t))
		bytes += size
		if head.alone {
			break
		}
	}
	return l.batch(entries, false, now)
}

func (l *lane) batch(entries []*Entry, again bool, now time.Time) *Batch {
	b := &Batch{Destination: l.destination, Type: entries[0].Write.Type, Entries: entries, lane: l, piece: again, left: now}
	for _, e := range entries {
		e.state = inFlight
	}
	l.inFlight++
	if l.answered.IsZero() || l.inFlight == 1 {
		l.answered = now
	}
	return b
}

// dispatchable reports whether the lane has something that may go now, pauses
// and request slots aside.
func (l *lane) dispatchable(now time.Time, drain bool) bool {
	if l.inFlight >= l.settings.InFlight {
		return false
	}
	if len(l.pieces) > 0 {
		return true
	}
	_, ok := l.choose(now, drain)
	return ok
}

// hasWork reports whether anything waits to be sent.
func (l *lane) hasWork() bool {
	if len(l.pieces) > 0 {
		return true
	}
	for t := range l.ready {
		if len(l.ready[t].heap) > 0 {
			return true
		}
	}
	return false
}

// drop removes the entries that match from the lane's queues and returns them.
func (l *lane) drop(match func(*Entry) bool) (dropped []*Entry) {
	keep := func(entries []*Entry) []*Entry {
		kept := entries[:0]
		for _, e := range entries {
			if match(e) {
				dropped = append(dropped, e)
			} else {
				kept = append(kept, e)
			}
		}
		clear(entries[len(kept):])
		return kept
	}
	for t := range l.ready {
		q := &l.ready[t]
		q.heap = keep(q.heap)
		q.bytes = 0
		for _, e := range q.heap {
			q.bytes += wireSize(e.Write)
		}
		heap.Init(&q.heap)
	}
	pieces := l.pieces[:0]
	for _, p := range l.pieces {
		if p.entries = keep(p.entries); len(p.entries) > 0 {
			pieces = append(pieces, p)
		}
	}
	l.pieces = pieces
	return dropped
}

// lanesByDue is a heap of lanes, the earliest due first.
type lanesByDue []*lane

func (h lanesByDue) Len() int           { return len(h) }
func (h lanesByDue) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h lanesByDue) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].dueAt, h[j].dueAt = i, j
}

func (h *lanesByDue) Push(x any) {
	l := x.(*lane)
	l.dueAt = len(*h)
	*h = append(*h, l)
}
func (h *lanesByDue) Pop() any { return popLast((*[]*lane)(h)) }
