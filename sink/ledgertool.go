package sink

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/mapping"
	"github.com/ampersink/ampersink/sink/kafka"
	"github.com/ampersink/ampersink/sink/ledger"
)

// LedgerTool is the ledger of a configuration outside of a run, as it is when it is opened.
type LedgerTool struct {
	config *LedgerToolOptions
	topic  *snapshot
	ledger *ledger.Ledger
	mapper *mapping.Mapper
	fault  chan error
}

// LedgerToolOptions are what a LedgerTool is made of.
type LedgerToolOptions struct {
	Options
	// Create makes the topic when it is missing.
	Create bool
}

// snapshot is a topic that is read once, and written only by an import.
type snapshot struct {
	*kafka.Compacted
	err    error
	writes bool
}

// Append implements ledger.Log.
func (s *snapshot) Append(records []model.Record, done func(int64)) {
	if s.writes {
		s.Compacted.Append(records, done)
	}
}

// Follow implements ledger.Log.
func (s *snapshot) Follow(ctx context.Context, apply func(*model.Record)) {
	s.err = s.ReadToEnd(ctx, apply)
}

// OpenLedgerTool reads the ledger. Nothing is written to it.
func OpenLedgerTool(ctx context.Context, o LedgerToolOptions) (*LedgerTool, error) {
	mapper, err := mapping.New(o.Config.Routes, o.Config.Skip)
	if err != nil {
		return nil, fmt.Errorf("compiling the routes: %w", err)
	}
	create := kafka.CreateNever
	if o.Create {
		create = kafka.CreateAlways
	}
	fault := make(chan error, 1)
	topic, err := kafka.OpenCompacted(ctx, kafka.CompactedOptions{
		Config: o.Config.Kafka, Topic: ledgerTopic(o.Config), Create: create, Dial: o.Dial, Log: o.Log,
		Fault: func(err error) {
			select {
			case fault <- err:
			default:
			}
		},
	})
	if err != nil {
		return nil, err
	}
	once := &snapshot{Compacted: topic}
	l := ledger.New(ledger.Options{Log: once, Writer: rand.Uint64(), Changed: func() {}, Logger: o.Log})
	l.Follow(ctx)
	t := &LedgerTool{config: &o, topic: once, ledger: l, mapper: mapper, fault: fault}
	select {
	case err = <-fault:
	default:
		err = once.err
	}
	if err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// Close ends it.
func (t *LedgerTool) Close() { t.topic.Close() }

// Topic returns the topic's name.
func (t *LedgerTool) Topic() string { return ledgerTopic(t.config.Config) }

// Stats returns what the ledger holds.
func (t *LedgerTool) Stats() ledger.Stats { return t.ledger.Stats() }

// LedgerRow is a row of the ledger.
type LedgerRow = ledger.Entry

// Each calls f for every row, in no order, until it returns false.
func (t *LedgerTool) Each(f func(LedgerRow) bool) {
	t.ledger.Each(func(k ledger.RowKey, r *ledger.Row) bool { return f(LedgerRow{RowKey: k, Row: *r}) })
}

// Open returns the intents that are open.
func (t *LedgerTool) Open() []ledger.Intent { return t.ledger.OpenIntents() }

// Key returns what a row of a route is known by, from the key of its records. topic may be
// empty where the route has one topic or an identity space.
func (t *LedgerTool) Key(route, topic string, recordKey []byte) (ledger.RowKey, error) {
	if topic == "" {
		for _, r := range t.config.Config.Routes {
			switch {
			case r.Name != route:
			case len(r.Topics.Names) == 1, len(r.Topics.Names) > 0 && r.IdentitySpace != "":
				topic = r.Topics.Names[0]
			default:
				return ledger.RowKey{}, fmt.Errorf("route %q takes several topics, and a key may be a row in each: say which with --topic", route)
			}
		}
	}
	space, key, err := t.mapper.SourceKey(route, topic, recordKey)
	return ledger.RowKey{Space: space, Key: key}, err
}

// Get returns what is known of a row.
func (t *LedgerTool) Get(k ledger.RowKey) ledger.Answer { return t.ledger.Lookup(k) }

// Imported is what became of rows that were imported.
type Imported struct{ Added, Same, Replaced, Kept int }

// Import puts rows, and waits until all of them are acknowledged. Those that are known with
// another id are kept as they are, unless overwrite says otherwise. It may run beside
// members: they see what it puts.
func (t *LedgerTool) Import(ctx context.Context, rows []LedgerRow, overwrite bool) (Imported, error) {
	t.topic.writes = true
	var out Imported
	for chunk := range slices.Chunk(rows, importChunk) {
		if err := t.importSome(ctx, chunk, overwrite, &out); err != nil {
			return out, err
		}
	}
	return out, nil
}

// importChunk is how many rows wait for their acknowledgement together: enough that the round
// trip does not count, few enough that a person sees it go on.
const importChunk = 2000

func (t *LedgerTool) importSome(ctx context.Context, rows []LedgerRow, overwrite bool, out *Imported) error {
	var put []ledger.Entry
	for _, r := range rows {
		old := t.ledger.Lookup(r.RowKey)
		switch {
		case old.State == ledger.Known && old.ID == r.ID && old.Group == r.Group:
			out.Same++
			continue
		case old.State == ledger.Known && !overwrite:
			out.Kept++
			continue
		case old.State == ledger.Unknown:
			out.Added++
		default:
			out.Replaced++
		}
		// With the owner's epoch it takes the place of what there is, and the owner's next record that of it.
		r.State, r.Epoch = ledger.Known, old.Epoch
		put = append(put, r)
	}
	if len(put) == 0 {
		return nil
	}
	acknowledged := make(chan struct{})
	t.ledger.Put(put, nil, func() { close(acknowledged) })
	select {
	case <-acknowledged:
		return nil
	case err := <-t.fault:
		return err
	case <-ctx.Done():
		return errors.New("stopped before all rows were acknowledged: import them again, those that are there already are passed over")
	}
}
