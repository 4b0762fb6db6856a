package sink

import (
	"maps"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/model"
)

// Totals count what became of what was read since the start. Writes, and not
// records, have fates: Records is smaller than the sum of the fates where several
// routes take one topic.
type Totals struct {
	Records      int64            `json:"records"`
	Reread       int64            `json:"reread"`   // handed out by the client a second time, and ignored
	Restored     int64            `json:"restored"` // done by an earlier assignment, as its commit says
	Written      map[string]int64 `json:"written"`  // by type
	Unchanged    int64            `json:"unchanged"`
	Skipped      map[string]int64 `json:"skipped"` // by rule
	DeadLettered map[string]int64 `json:"dead_lettered"`
	InDoubt      int64            `json:"in_doubt"` // of the dead-lettered
	Requests     int64            `json:"requests"`
	Batched      int64            `json:"batched"`        // writes in batch requests (not deletes)
	BatchCount   int64            `json:"batch_requests"` // requests that carry a batch
}

func newTotals() Totals {
	return Totals{Written: map[string]int64{}, Skipped: map[string]int64{}, DeadLettered: map[string]int64{}}
}

// Settled returns how many fates were given.
func (t *Totals) Settled() int64 {
	n := t.Unchanged
	for _, m := range []map[string]int64{t.Written, t.Skipped, t.DeadLettered} {
		for _, v := range m {
			n += v
		}
	}
	return n
}

func (t *Totals) clone() Totals {
	c := *t
	c.Written, c.Skipped, c.DeadLettered = maps.Clone(t.Written), maps.Clone(t.Skipped), maps.Clone(t.DeadLettered)
	return c
}

// request counts a request that left.
func (t *Totals) request(b *batching.Batch, a *model.Answer) {
	if !a.Sent && a.Status == 0 {
		return
	}
	t.Requests++
	if b.Type != model.Delete {
		t.BatchCount++
		t.Batched += int64(len(b.Entries))
	}
}

// count counts a fate. The lock is held.
func (s *Sink) count(route string, f model.Fate, t model.Type) {
	switch f.Kind {
	case model.Written:
		s.totals.Written[t.String()]++
	case model.Unchanged:
		s.totals.Unchanged++
	case model.Skipped:
		s.totals.Skipped[f.Rule]++
	case model.InDoubt:
		s.totals.InDoubt++
		s.totals.DeadLettered[f.Reason.Code]++
	case model.DeadLettered:
		s.totals.DeadLettered[f.Reason.Code]++
	}
	s.metrics.fate(route, f, t)
}
