package sink

import (
	"context"

	"github.com/rs/zerolog"

	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink/ledger"
)

// RowSet is rows that somebody says, each of them once. They are packed as the ledger packs
// them: ten million are no reason to split a file.
type RowSet struct {
	rows *ledger.Ledger
	n    int
}

// NewRowSet makes an empty set.
func NewRowSet() *RowSet {
	return &RowSet{rows: ledger.New(ledger.Options{Log: nowhere{}, Changed: func() {}, Logger: zerolog.Nop()})}
}

// nowhere is a log that keeps nothing.
type nowhere struct{}

// Partitions implements ledger.Log.
func (nowhere) Partitions() int { return 1 }

// Append implements ledger.Log.
func (nowhere) Append([]model.Record, func(int64)) {}

// Hurry implements ledger.Log.
func (nowhere) Hurry(bool) {}

// Follow implements ledger.Log.
func (nowhere) Follow(context.Context, func(*model.Record)) {}

// SaidRow is a row, and the line of a file that says it.
type SaidRow struct {
	LedgerRow
	Line int
}

// Add takes a row in. Where an earlier line said something of the same row, that is
// returned, and stays.
func (s *RowSet) Add(r *SaidRow) (before *SaidRow) {
	if known := s.rows.Lookup(r.RowKey); known.State != ledger.Unknown {
		return said(LedgerRow{RowKey: r.RowKey, Row: known.Row})
	}
	// The line stands where the ledger has the epoch, which no row has that somebody says.
	packed := r.LedgerRow
	packed.Epoch = int64(r.Line)
	s.rows.Put([]LedgerRow{packed}, func(ledger.End) {})
	s.n++
	return nil
}

func said(packed LedgerRow) *SaidRow {
	r := &SaidRow{LedgerRow: packed, Line: int(packed.Epoch)}
	r.Epoch = 0
	return r
}

// Len returns how many rows there are.
func (s *RowSet) Len() int { return s.n }

// chunks calls f for all rows, some at a time and in no order, until it fails.
func (s *RowSet) chunks(size int, f func([]*SaidRow) error) (err error) {
	var chunk []*SaidRow
	s.rows.Each(func(k ledger.RowKey, r *ledger.Row) bool {
		if chunk = append(chunk, said(LedgerRow{RowKey: k, Row: *r})); len(chunk) == size {
			err = f(chunk)
			chunk = chunk[:0]
		}
		return err == nil
	})
	if err == nil && len(chunk) > 0 {
		err = f(chunk)
	}
	return err
}
