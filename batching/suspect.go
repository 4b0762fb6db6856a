package batching

import "github.com/ampersink/ampersink/internal/model"

// A failure without an answer is the destination's, until it is seen to follow a
// write: one that fails again and again while the destination answers others in
// between. It must not stop its lane for ever, nor may it be given up, since the
// failure says nothing about it. It is found by halving and then goes alone, at its own
// pace.
const (
	// poisonBatch is from which such failure on a batch is halved: two can be the bad luck
	// of an API that drops one request in ten, three hardly.
	poisonBatch = 3
	// poisonAlone is from which a single write's failures are its own.
	poisonAlone = poisonBatch
)

// examine looks whether a failure follows its writes rather than the destination.
// It returns what happens to them then, and the verdict that is left.
func (l *lane) examine(b *Batch, then []Then, v Verdict) ([]Then, Verdict) {
	if !v.Failed {
		if !v.Unsent {
			l.answers++
		}
		return then, v
	}
	if v.Hold || v.Scope != model.ScopeNone {
		return then, v
	}
	most := 0
	for i, e := range b.Entries {
		if then[i] != WithLane {
			return then, v
		}
		if e.suspect == 0 || l.answers > e.seen {
			e.suspect++
			e.seen = l.answers
		}
		most = max(most, e.suspect)
	}
	instead := WithLane
	switch {
	case len(b.Entries) > 1 && most >= poisonBatch:
		instead = Halved
	case len(b.Entries) == 1 && most >= poisonAlone && b.probes == nil:
		instead = Alone
		v = Verdict{After: v.After, own: true}
	}
	if instead != WithLane {
		then = make([]Then, len(b.Entries))
		for i := range then {
			then[i] = instead
		}
	}
	return then, v
}
