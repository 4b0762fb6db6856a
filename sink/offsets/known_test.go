package offsets

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ampersink/ampersink/internal/model"
)

// life is a process over several assignments of one partition, and what it did.
type life struct {
	*testing.T
	random   *rand.Rand
	x        *Tracker
	open     []naiveMark
	done     map[naiveMark]bool
	acked    Commit // the last acknowledged commit
	names    []model.WriteName
	restarts int
}

// TestWhatWasDoneIsKnownInTheNextAssignment settles, commits and loses partitions at
// random: in the next assignment all that was done above the committed offset is known,
// by the commit or by the process, and nothing else is.
func TestWhatWasDoneIsKnownInTheNextAssignment(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		l := &life{
			T: t, random: rand.New(rand.NewPCG(seed, 1)), x: New(0, ""), done: make(map[naiveMark]bool),
			names: []model.WriteName{1, 2},
		}
		for range 200 {
			l.step()
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func (l *life) step() {
	switch p := l.random.IntN(100); {
	case p < 45:
		l.read()
	case p < 85 && len(l.open) > 0:
		i := l.random.IntN(len(l.open))
		m := l.open[i]
		l.open = append(l.open[:i], l.open[i+1:]...)
		l.done[m] = true
		if !l.x.Done(m.offset, m.name) {
			l.x.Late(m.offset, m.name) // in a request since an earlier assignment
		}
	case p < 92:
		l.acked, _ = l.x.Commit()
	default:
		l.reassign()
	}
}

// read polls the next record, and settles of it what was done before, as the sink does.
func (l *life) read() {
	offset := l.x.Next()
	if !l.x.Begin(offset, 0, l.names[0], l.names[1:]...) {
		l.Fatalf("offset %d was read already", offset)
	}
	for _, name := range l.names {
		m := naiveMark{offset, name}
		known := l.x.WasDone(offset, name) || l.x.WasKnown(offset, name)
		if known != l.done[m] {
			l.Errorf("after %d assignments: done %v, known %v: %+v", l.restarts, l.done[m], known, m)
		}
		switch {
		case known:
			l.x.Done(offset, name)
		case !l.isOpen(m):
			l.open = append(l.open, m)
		}
	}
}

func (l *life) isOpen(m naiveMark) bool { return slices.Contains(l.open, m) }

// reassign begins anew at the last acknowledged commit. What is open stays in its
// request, or is dropped and read again.
func (l *life) reassign() {
	l.restarts++
	known := l.x.Known(l.acked.Offset, l.acked.Metadata)
	for i := len(l.open) - 1; i >= 0; i-- {
		if l.random.IntN(2) == 0 {
			l.open = append(l.open[:i], l.open[i+1:]...)
		}
	}
	if len(l.open) > 0 && l.random.IntN(2) == 0 { // answered while nobody had the partition
		m := l.open[0]
		l.open = l.open[1:]
		l.done[m] = true
		known = known.Late(l.acked.Offset, m.offset, m.name)
	}
	l.x = New(l.acked.Offset, l.acked.Metadata).Knowing(known.Over(l.acked.Offset))
}

func TestACommitThatWentBackwardsIsObeyed(t *testing.T) {
	t.Parallel()
	x := New(5, "")
	for offset := int64(5); offset < 8; offset++ {
		x.Begin(offset, 0, 1)
		x.Done(offset, 1)
	}
	k := x.Known(5, "")
	if y := New(5, "").Knowing(k.Over(5)); !y.WasKnown(6, 1) {
		t.Error("what was done and not committed is forgotten")
	}
	if y := New(3, "").Knowing(k.Over(3)); y.WasKnown(6, 1) {
		t.Error("a person moved the offset to have the writes once more")
	}
	if c, _ := x.Commit(); x.Known(c.Offset, c.Metadata) != nil {
		t.Error("something is kept beyond a commit that says it all")
	}
}
