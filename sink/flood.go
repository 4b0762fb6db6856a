package sink

import (
	"fmt"
	"hash/maphash"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// floods is the guard against dead-lettering for a fault of the destination: when
// most of what a destination was lately sent is refused with one code, over many
// keys, it is not the records. The destination is held then, and probed with
// writes of different keys. It is guarded by Sink.mu.
type floods struct {
	config config.Flood
	seed   maphash.Seed
	// lately has the destinations that refused something lately. The others cost nothing.
	lately map[model.Destination]*window
}

// maxWindows bounds the destinations whose refusals are remembered, at 16 bytes
// a write of a window: beyond it one of them is forgotten, and its count begins anew.
const maxWindows = 4096

// window is what became of the last writes of a destination.
type window struct {
	results []result
	next    int // where the next one goes, once the window is full
	refused int
}

// result is a write that was written (code 0) or refused.
type result struct {
	key  model.Conflict
	code uint64
}

func newFloods(c config.Flood) floods {
	return floods{config: c, seed: maphash.MakeSeed(), lately: make(map[model.Destination]*window)}
}

// look takes in what an answer said of each write of a batch and returns the code
// that floods its destination, empty for none, and what is said of it.
func (f *floods) look(b *batching.Batch, outcomes []model.Outcome, then []batching.Then) (code, message string) {
	w := f.lately[b.Destination]
	for i, e := range b.Entries {
		r := result{}
		switch o := &outcomes[i]; {
		case then[i] == batching.Anew:
			continue // it says that the record is another one
		case o.Kind == model.Rejected:
			r.code = maphash.String(f.seed, o.Code)
		case o.Kind != model.Accepted || w == nil:
			continue // nothing is known of it, or nothing to compare it with
		}
		if len(e.Write.Conflicts) > 0 {
			r.key = e.Write.Conflicts[0]
		}
		if w == nil {
			w = f.open(b.Destination)
		}
		w.add(r, f.config.Window)
	}
	if w == nil {
		return "", ""
	}
	if w.refused == 0 {
		delete(f.lately, b.Destination)
		return "", ""
	}
	return f.judge(w, outcomes)
}

func (f *floods) open(d model.Destination) *window {
	if len(f.lately) >= maxWindows {
		for other := range f.lately {
			delete(f.lately, other)
			break
		}
	}
	w := &window{}
	f.lately[d] = w
	return w
}

func (w *window) add(r result, most int) {
	if r.code != 0 {
		w.refused++
	}
	if len(w.results) < most {
		w.results = append(w.results, r)
		return
	}
	if w.results[w.next].code != 0 {
		w.refused--
	}
	w.results[w.next] = r
	w.next = (w.next + 1) % most
}

// judge looks for a code of this answer that floods the window.
func (f *floods) judge(w *window, outcomes []model.Outcome) (code, message string) {
	var judged string
	for i := range outcomes {
		o := &outcomes[i]
		if o.Kind != model.Rejected || o.Code == judged {
			continue
		}
		judged = o.Code
		n, keys := w.count(maphash.String(f.seed, o.Code))
		if keys >= f.config.Keys && float64(n) > f.config.Share*float64(len(w.results)) {
			return o.Code, fmt.Sprintf("%d of the last %d writes to this destination, of %d different keys, were refused with %s (%s): "+
				"that is taken for a fault of the destination or of the route, not of the records, so they wait instead of being dead-lettered; "+
				"correct it and they go on by themselves, or set flood.action to dead_letter", n, len(w.results), keys, o.Code, o.Message)
		}
	}
	return "", ""
}

// count returns how many results of the window have the code, and how many keys they are of.
func (w *window) count(code uint64) (n, keys int) {
	different := make(map[model.Conflict]struct{}, w.refused)
	for _, r := range w.results {
		if r.code == code {
			n++
			different[r.key] = struct{}{}
		}
	}
	return n, len(different)
}

// flood holds back what an answer refused with a code that floods: those writes
// wait with their lane, which the verdict holds. The lock is held.
func (s *Sink) flood(b *batching.Batch, a *model.Answer, then []batching.Then, fates []model.Fate) (batching.Verdict, bool) {
	if s.config.Flood.Action == config.FloodDeadLetter {
		return batching.Verdict{}, false
	}
	code, message := s.floods.look(b, a.Outcomes, then)
	if code == "" {
		return batching.Verdict{}, false
	}
	for i := range a.Outcomes {
		if then[i] != batching.Anew && a.Outcomes[i].Kind == model.Rejected && a.Outcomes[i].Code == code {
			then[i], fates[i] = batching.WithLane, model.Fate{}
		}
	}
	return batching.Verdict{Failed: true, Hold: true, Scope: model.ScopeDestination, Code: "flood", Message: message}, true
}
