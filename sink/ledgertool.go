package sink

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink/kafka"
	"github.com/ampersink/ampersink/sink/ledger"
)

// LedgerTool is the ledger of a configuration outside of a run, as it is when it is opened. It
// writes nothing but what is imported.
type LedgerTool struct {
	topic  string
	log    *snapshot
	ledger *ledger.Ledger
	fault  chan error
}

// LedgerToolOptions are what a LedgerTool is made of.
type LedgerToolOptions struct {
	Options
	Missing MissingLedger
	// Progress, if there is one, is told how many of how many offsets of the topic are read.
	Progress func(read, all int64)
}

// MissingLedger says what becomes of a topic that is not there.
type MissingLedger uint8

const (
	// MissingRefused makes it a *NoLedger.
	MissingRefused MissingLedger = iota
	// MissingMade makes the topic.
	MissingMade
	// MissingEmpty takes it for one in which nothing is.
	MissingEmpty
)

// NoLedger says that the topic of the ledger is not there.
type NoLedger struct{ Topic, Group string }

func (e *NoLedger) Error() string {
	return fmt.Sprintf("the ledger topic %s is not there, so nothing is known of any row. \"ampersink run\" makes it when group %s is new, "+
		"\"ampersink ledger import\" and \"ampersink ledger create\" make it at once; if it has another name, say it under ledger.topic", e.Topic, e.Group)
}

// snapshot is a topic that is read once, and written only by an import.
type snapshot struct {
	*kafka.Compacted // nil: it is not there
	progress         func(read, all int64)
	err              error
	writes           bool
}

// Partitions implements ledger.Log.
func (s *snapshot) Partitions() int {
	if s.Compacted == nil {
		return 1
	}
	return s.Compacted.Partitions()
}

// Append implements ledger.Log. What reading leads to is left to the members.
func (s *snapshot) Append(records []model.Record, done func(int64)) {
	if s.writes {
		s.Compacted.Append(records, done)
	}
}

// Follow implements ledger.Log.
func (s *snapshot) Follow(ctx context.Context, apply func(*model.Record)) {
	if s.Compacted != nil {
		s.err = s.ReadToEnd(ctx, apply, s.progress)
	}
}

// OpenLedgerTool reads the ledger. Nothing is written to it.
func OpenLedgerTool(ctx context.Context, o LedgerToolOptions) (*LedgerTool, error) {
	t := &LedgerTool{topic: ledgerTopic(o.Config), log: &snapshot{progress: o.Progress}, fault: make(chan error, 1)}
	create := kafka.CreateNever
	if o.Missing == MissingMade {
		create = kafka.CreateAlways
	}
	topic, err := kafka.OpenCompacted(ctx, kafka.CompactedOptions{
		Config: o.Config.Kafka, Topic: t.topic, Create: create, Once: true, Dial: o.Dial, Log: o.Log,
		Fault: func(err error) {
			select {
			case t.fault <- err:
			default:
			}
		},
	})
	var missing *kafka.MissingTopics
	switch {
	case errors.As(err, &missing) && o.Missing == MissingRefused:
		return nil, &NoLedger{t.topic, o.Config.Kafka.Group}
	case err != nil && missing == nil:
		return nil, err
	}
	t.log.Compacted = topic
	t.ledger = ledger.New(ledger.Options{Log: t.log, Writer: rand.Uint64(), Changed: func() {}, Logger: o.Log})
	t.ledger.Follow(ctx)
	if t.log.err != nil {
		t.Close()
		return nil, t.log.err
	}
	return t, nil
}

// flushTimeout is how long what an import wrote last may take to be acknowledged: ends of
// announcements that it found to be over.
const flushTimeout = 5 * time.Second

// Close ends it. What an import has led to is acknowledged by then, if anything still is.
func (t *LedgerTool) Close() {
	if t.log.Compacted == nil {
		return
	}
	if t.log.writes {
		ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
		t.log.Flush(ctx)
		cancel()
	}
	t.log.Compacted.Close()
}

// Topic returns the topic's name.
func (t *LedgerTool) Topic() string { return t.topic }

// There reports whether the topic is there.
func (t *LedgerTool) There() bool { return t.log.Compacted != nil }

// Stats returns what the ledger holds.
func (t *LedgerTool) Stats() ledger.Stats { return t.ledger.Stats() }

// LedgerRow is a row of the ledger.
type LedgerRow = ledger.Entry

// Each calls f for every row, in no order, until it returns false.
func (t *LedgerTool) Each(f func(LedgerRow) bool) {
	t.ledger.Each(func(k ledger.RowKey, r *ledger.Row) bool { return f(LedgerRow{RowKey: k, Row: *r}) })
}

// Open returns the intents that are open, ordered by space and key.
func (t *LedgerTool) Open() []ledger.Intent {
	open := t.ledger.OpenIntents()
	slices.SortFunc(open, func(a, b ledger.Intent) int { return a.Compare(b.RowKey) })
	return open
}

// Export calls f for every row, ordered by space and key, until it returns false. A row of
// which nothing is known but that a create was announced is one in doubt: whoever
// takes that for nothing creates it a second time.
func (t *LedgerTool) Export(f func(LedgerRow) bool) {
	var doubts []LedgerRow
	for _, n := range t.Open() {
		if t.ledger.Lookup(n.RowKey).State == ledger.Unknown {
			doubts = append(doubts, LedgerRow{RowKey: n.RowKey, Row: ledger.Row{State: ledger.Doubt, Group: n.Group, Source: n.Source, Offset: n.Offset}})
		}
	}
	more := true
	t.ledger.Sorted(func(k ledger.RowKey, r *ledger.Row) bool {
		for len(doubts) > 0 && more && doubts[0].Compare(k) < 0 {
			more = f(doubts[0])
			doubts = doubts[1:]
		}
		more = more && f(LedgerRow{RowKey: k, Row: *r})
		return more
	})
	for _, d := range doubts {
		if more = more && f(d); !more {
			return
		}
	}
}

// Get returns what is known of a row.
func (t *LedgerTool) Get(k ledger.RowKey) ledger.Answer { return t.ledger.Lookup(k) }
