package ledger

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/rs/zerolog"

	"github.com/ampersink/ampersink/internal/model"
)

// Log is the compacted topic.
type Log interface {
	// Partitions returns how many there are.
	Partitions() int
	// Append appends records, each to its own partition, and calls done with the offset of the
	// first once all are acknowledged; never, when they cannot be written. It keeps their texts,
	// and not the slice.
	Append(records []model.Record, done func(first int64))
	// Follow calls apply for every record from the start on, until the context ends.
	Follow(ctx context.Context, apply func(*model.Record))
	// Hurry says whether somebody waits for what is read. While nobody does, records may come a
	// little later and many together, which is cheaper.
	Hurry(waits bool)
}

// Options is what a Ledger is made of.
type Options struct {
	Log Log
	// Writer tells this process from every other that ever wrote to the topic.
	Writer uint64
	// Changed is told that a row has changed which Watch asked for. It is called
	// without locks of the ledger.
	Changed func()
	Logger  zerolog.Logger
}

// Ledger is what this process knows of the rows. Its methods may be called concurrently.
type Ledger struct {
	options Options
	log     Log
	header  []model.Header // says that a record is ours

	numbers   atomic.Uint64 // of marks and announcements
	mu        sync.Mutex
	rows      *table
	spaces    map[model.Space]uint64
	names     []model.Space // by number
	space     uint64        // the number that was asked for last
	scratch   []byte
	intents   map[string]*intent // by row
	listed    map[string]int     // the rows of announcements of others that have not ended
	closing   []*intent          // what is over when the put under way is acknowledged
	announced map[annID]*announcement
	watched   map[string]RowKey
	changes   map[RowKey]struct{} // watched rows that have changed
	marks     []uint64            // by partition: the last one of ours that was read
	marked    chan struct{}       // closed and replaced when one is read
	barriers  int                 // how many wait
	hurried   bool                // as the log was told
	owners    owners
	ended     []ended
	late      []model.Record    // to be appended: what late records of old owners ask for
	adopted   []*intent         // what is over when those are acknowledged
	ends      []model.Record    // to be appended with others: of announcements, which rows say to be over
	ending    bool              // Flush is due
	spare     []model.Record    // empty, to be used again
	unread    map[string]uint64 // records of another form, by what is wrong
}

// New makes an empty ledger. Follow fills it.
func New(o Options) *Ledger {
	return &Ledger{
		options: o, log: o.Log,
		header:    []model.Header{{Key: writerHeader, Value: binary.LittleEndian.AppendUint64(nil, o.Writer)}},
		rows:      newTable(),
		spaces:    make(map[model.Space]uint64),
		intents:   make(map[string]*intent),
		listed:    make(map[string]int),
		announced: make(map[annID]*announcement),
		watched:   make(map[string]RowKey),
		changes:   make(map[RowKey]struct{}),
		marks:     make([]uint64, o.Log.Partitions()),
		marked:    make(chan struct{}),
		unread:    make(map[string]uint64),
		owners:    newOwners(o.Log.Partitions()),
	}
}

// Follow keeps the ledger at what the topic says, until the context ends.
func (l *Ledger) Follow(ctx context.Context) { l.log.Follow(ctx, l.apply) }

// Barrier waits until everything is known that was acknowledged before it was called.
func (l *Ledger) Barrier(ctx context.Context) error {
	n := l.numbers.Add(1)
	return l.readBehind(ctx, l.appendMarks(nil, n), n)
}

// readBehind appends records, the last of which are the marks of that number, and waits
// until those are read.
func (l *Ledger) readBehind(ctx context.Context, records []model.Record, n uint64) error {
	l.waits(1)
	defer l.waits(-1)
	l.append(records, func(int64) {})
	for {
		read, marked := l.readTo(n)
		if read {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the ledger topic does not take a mark, or is not read up to it: %w", context.Cause(ctx))
		case <-marked:
		}
	}
}

// waits counts the barriers that wait.
func (l *Ledger) waits(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.barriers += n
	l.pace()
}

// pace tells the log whether somebody waits for what is read. The lock is held.
func (l *Ledger) pace() {
	if waits := l.barriers > 0 || len(l.watched) > 0 || len(l.ended) > 0; waits != l.hurried {
		l.hurried = waits
		l.log.Hurry(waits)
	}
}

// appendMarks appends a mark for each partition.
func (l *Ledger) appendMarks(records []model.Record, n uint64) []model.Record {
	for i := range l.marks {
		records = append(records, l.mark(int32(i), n))
	}
	return records
}

func (l *Ledger) mark(partition int32, n uint64) model.Record {
	return l.record(partition, markKey(l.options.Writer), binary.AppendUvarint(nil, n))
}

// readTo reports whether the marks of that number were read in every partition.
func (l *Ledger) readTo(n uint64) (bool, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Min(l.marks) >= n, l.marked
}

// Answer is what is known of a row.
type Answer struct {
	Row
	// Open is the intent whose create may have been applied, or nil.
	Open *OpenIntent
}

// OpenIntent is an announced create of which no record says what became of it.
type OpenIntent struct {
	Source model.TopicPartition
	Offset int64
	Name   model.WriteName
	Group  string // whose CRM
	Epoch  int64
	Own    bool // this process announced it
}

// Lookup returns what is known of a row: State is Unknown when that is nothing.
func (l *Ledger) Lookup(k RowKey) (a Answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := l.key(k)
	if l.rows.get(key, &a.Row) && a.State == absent {
		a.Row = Row{}
	}
	if n := l.intents[key]; n != nil {
		a.Open = &OpenIntent{Source: n.source, Offset: n.offset, Name: n.name, Group: n.group, Epoch: n.epoch, Own: n.of.id.writer == l.options.Writer}
	}
	return a
}

// Warm is told of rows that are looked up next. It makes that cheaper, and nothing else.
func (l *Ledger) Warm(rows iter.Seq[RowKey]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.warm(rows)
}

func (l *Ledger) warm(rows iter.Seq[RowKey]) {
	if l.rows.len() < warmFrom {
		return
	}
	w := warmer{table: l.rows}
	for k := range rows {
		w.add(l.key(k))
	}
	w.warm()
}

// Watch has Changed told when the row changes. It is forgotten with the change.
func (l *Ledger) Watch(k RowKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watched[strings.Clone(l.key(k))] = k
	l.pace()
}

// Changes returns the watched rows that have changed since the last call.
func (l *Ledger) Changes() map[RowKey]struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	changes := l.changes
	l.changes = make(map[RowKey]struct{})
	return changes
}

// record is a record that says by its key who wrote it, if that matters.
func (l *Ledger) record(partition int32, key, value []byte) model.Record {
	return model.Record{TopicPartition: model.TopicPartition{Partition: partition}, Key: key, Value: value}
}

// key is a row's key in this process: the number of its space, and its source key. It is
// valid until the next call: what is to be kept is cloned. The lock is held.
func (l *Ledger) key(k RowKey) string {
	n := l.space
	if n == uint64(len(l.names)) || l.names[n] != k.Space { // most rows have their neighbour's
		n = l.spaceNumber(k.Space)
		l.space = n
	}
	l.scratch = append(binary.AppendUvarint(l.scratch[:0], n), k.Key...)
	return view(l.scratch)
}

func (l *Ledger) spaceNumber(s model.Space) uint64 {
	n, ok := l.spaces[s]
	if !ok {
		n = uint64(len(l.names))
		s = cloneSpace(s)
		l.spaces[s] = n
		l.names = append(l.names, s)
	}
	return n
}

// rowKeyOf is the opposite of key, and valid as long.
func (l *Ledger) rowKeyOf(key string) RowKey {
	n, size := binary.Uvarint([]byte(key[:min(len(key), binary.MaxVarintLen64)]))
	return RowKey{Space: l.names[n], Key: key[size:]}
}

// Stats is what the ledger holds.
type Stats struct {
	Rows    int   `json:"rows"`
	Bytes   int64 `json:"bytes"` // of memory
	Intents int   `json:"open_intents"`
	Unread  int   `json:"unreadable_records"`
}

// Stats returns what the ledger holds now.
func (l *Ledger) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Stats{Rows: l.rows.len(), Bytes: l.rows.bytes(), Intents: len(l.intents)}
	for _, n := range l.unread {
		s.Unread += int(n)
	}
	return s
}

// Each calls f for every row, in no order, until it returns false. It holds the lock.
func (l *Ledger) Each(f func(RowKey, *Row) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rows.each(func(key []byte, r *Row) bool {
		return r.State == absent || f(l.rowKeyOf(string(key)), r)
	})
}

// OpenIntents lists the announced creates of which it is not known what became of them.
func (l *Ledger) OpenIntents() (open []Intent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, n := range l.intents {
		open = append(open, Intent{RowKey: l.rowKeyOf(key), Group: n.group, Source: n.source, Offset: n.offset, Name: n.name})
	}
	return open
}
