package demo

import (
	"sync"
	"sync/atomic"

	"github.com/ampersink/ampersink/internal/sandbox"
)

// witness is told by the CRM what happens to creates, and strikes while one is being applied:
// the process that sent it never hears of that.
type witness struct {
	// armed is how many records of a create have to be applied before it strikes; 0: it does not.
	armed  atomic.Int32
	strike func()

	mu      sync.Mutex
	creates map[string]*creates // by request
}

// creates is what became of the records of one request, and whether its sender was told.
type creates struct {
	applied, not int
	lost         bool
}

// observe implements sandbox.Options.Observe. The answer leaves after it.
func (w *witness) observe(e sandbox.Event) {
	if e.Type != "create" {
		return
	}
	w.mu.Lock()
	c := w.creates[e.Client]
	if c == nil {
		c = &creates{}
		w.creates[e.Client] = c
	}
	switch e.Kind {
	case sandbox.Applied:
		c.applied++
	case sandbox.NotApplied:
		c.not++
	}
	c.lost = e.Answer == sandbox.Lost
	w.mu.Unlock()
	if n := w.armed.Load(); n > 0 && e.Kind == sandbox.Applied && e.Position+1 >= int(n) {
		w.strike()
	}
}

// doubts is what creates in doubt came to: they were applied, or they were not.
type doubts struct{ applied, not int }

// doubts counts the creates whose sender does not know what became of them, all of them, and
// those of some requests that were under way at the kill.
func (w *witness) doubts(killed map[string]struct{}) (all, atKill doubts) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for request, c := range w.creates {
		_, cut := killed[request]
		if cut {
			atKill.applied += c.applied
			atKill.not += c.not
		}
		if cut || c.lost {
			all.applied += c.applied
			all.not += c.not
		}
	}
	return all, atKill
}
