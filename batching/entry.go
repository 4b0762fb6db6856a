package batching

import (
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

// state is where an entry is.
type state uint8

const (
	waiting   state = iota // behind an earlier write of one of its keys
	resolving              // owns its keys; its type or id is being decided
	ready                  // in its lane
	delayed                // owns its keys; waits for a backoff of its own
	pieced                 // in a piece: goes again with exactly these others
	inFlight               // in a request
	pending                // answered; its fate is being made durable (a dead letter)
	gone                   // settled or dropped
)

// Entry is a write in the scheduler, from Add to Settled.
type Entry struct {
	Write *model.Write

	lane    *lane
	size    int64  // as counted with the lane
	seq     uint64 // order of arrival
	added   time.Time
	decided time.Duration // after it was added, by an answer that took its time
	readyAt time.Time     // when it last became ready: bounds how long it may be passed over
	due     time.Time     // delayed: when it may go again
	blocked int           // keys that an earlier write owns
	state   state
	locked  bool // the last of its keys came by Lock
	alone   bool // goes in a batch of one
	waits   bool // resolving, for longer than a drain may take
	tries   int  // backoffs of its own so far
	// suspect counts the requests with this write that failed although its
	// destination had answered others since the one before; seen is the count of
	// answers at the last of them.
	suspect int
	seen    uint64

	prev, next *Entry // all entries, in order of arrival
}

// since returns when it began to wait for company.
func (e *Entry) since() time.Time { return e.added.Add(e.decided) }

// list is the intrusive list of all entries in order of arrival.
type list struct{ head, tail *Entry }

func (l *list) push(e *Entry) {
	e.prev = l.tail
	if l.tail == nil {
		l.head = e
	} else {
		l.tail.next = e
	}
	l.tail = e
}

func (l *list) remove(e *Entry) {
	if e.prev == nil {
		l.head = e.next
	} else {
		e.prev.next = e.next
	}
	if e.next == nil {
		l.tail = e.prev
	} else {
		e.next.prev = e.prev
	}
	e.prev, e.next = nil, nil
}

// bySeq is a heap of entries, the oldest arrival first.
type bySeq []*Entry

func (h bySeq) Len() int           { return len(h) }
func (h bySeq) Less(i, j int) bool { return h[i].seq < h[j].seq }
func (h bySeq) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *bySeq) Push(x any)        { *h = append(*h, x.(*Entry)) }
func (h *bySeq) Pop() any          { return popLast((*[]*Entry)(h)) }

// byDue is a heap of entries, the earliest due first.
type byDue []*Entry

func (h byDue) Len() int           { return len(h) }
func (h byDue) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h byDue) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byDue) Push(x any)        { *h = append(*h, x.(*Entry)) }
func (h *byDue) Pop() any          { return popLast((*[]*Entry)(h)) }

// popLast removes the last element and clears its slot, so that the array does
// not keep it alive.
func popLast[T any](s *[]*T) *T {
	last := len(*s) - 1
	x := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	return x
}
