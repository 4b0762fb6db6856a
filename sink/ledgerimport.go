package sink

import (
	"context"
	"fmt"
	"time"

	"github.com/ampersink/ampersink/sink/ledger"
)

// ImportOptions say how rows are imported.
type ImportOptions struct {
	// Overwrite: what is known with another id or group is replaced.
	Overwrite bool
	// DryRun: it is found out what would become of the rows, and nothing is written.
	DryRun bool
	// Kept, if it is there, is told of each row that stays as it is known.
	Kept func(row *SaidRow, known *ledger.Answer)
	// Progress, if it is there, is told how many rows are done.
	Progress func(done int)
}

// Imported is what became of rows that were imported.
type Imported struct {
	Added    int // nothing was known of them
	Resolved int // they were in doubt, or in the CRM under an id that was not known
	Same     int // they were known
	Replaced int // they were known with another id or group
	Kept     int // and are still known with that
}

const (
	// importChunk is how many rows wait for their acknowledgement together: enough that the round
	// trip does not count, few enough that a person sees it go on.
	importChunk = 2000
	// importPatience is how long they wait: longer than it takes to elect a leader.
	importPatience = 30 * time.Second
)

// Import puts rows, and waits until all of them are acknowledged. Those that are known with
// another id or group are kept as they are, unless Overwrite says otherwise. It may run beside
// members: they see what it puts, and what they find out themselves takes its place.
func (t *LedgerTool) Import(ctx context.Context, rows *RowSet, o ImportOptions) (out Imported, err error) {
	t.log.writes = t.There() && !o.DryRun
	done := 0
	err = rows.chunks(importChunk, func(chunk []*SaidRow) error {
		was := out
		put := t.judge(chunk, &o, &out)
		if len(put) > 0 && t.log.writes {
			if err := t.put(ctx, put); err != nil {
				out = was
				return err
			}
		}
		if done += len(chunk); o.Progress != nil {
			o.Progress(done)
		}
		return nil
	})
	return out, err
}

// judge counts what becomes of rows, and returns those that are to be put.
func (t *LedgerTool) judge(rows []*SaidRow, o *ImportOptions, out *Imported) (put []LedgerRow) {
	for _, r := range rows {
		old := t.ledger.Lookup(r.RowKey)
		switch {
		case old.State == ledger.Unknown && old.Open == nil:
			out.Added++
		case old.State != ledger.Known && r.State == ledger.Known:
			out.Resolved++
		case old.State != ledger.Known, r.State != ledger.Known, old.ID == r.ID && old.Group == r.Group:
			out.Same++
			continue
		case !o.Overwrite:
			out.Kept++
			if o.Kept != nil {
				o.Kept(r, &old)
			}
			continue
		default:
			out.Replaced++
		}
		put = append(put, r.LedgerRow)
	}
	return put
}

func (t *LedgerTool) put(ctx context.Context, rows []LedgerRow) error {
	const again = "import them again, those that are there by then are passed over"
	acknowledged := make(chan struct{})
	t.ledger.Import(rows, func() { close(acknowledged) })
	patience := time.NewTimer(importPatience)
	defer patience.Stop()
	select {
	case <-acknowledged:
		return nil
	case err := <-t.fault:
		return err
	case <-patience.C:
		return fmt.Errorf("the brokers have not acknowledged rows for %s: %s", importPatience, again)
	case <-ctx.Done():
		return fmt.Errorf("stopped before all rows were acknowledged: %s", again)
	}
}
