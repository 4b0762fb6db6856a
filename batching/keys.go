package batching

import (
	"slices"

	"github.com/ampersink/ampersink/internal/model"
)

// keyState is who owns a key and who waits for it, in order of arrival.
type keyState struct {
	owner   *Entry // nil while the key is settled but not durable
	waiters []*Entry
	// settled counts the writes of this key that have their fate but whose
	// completion a crash could still undo. No successor goes while it is not zero.
	settled int
}

// keyTable is the conflict sets of everything that is not yet durable.
type keyTable struct {
	keys map[model.Conflict]*keyState
	free []*keyState // reused: a busy key table would otherwise allocate per write
	// wanting counts the keys that are settled, not durable, and waited for: the
	// demand for a commit.
	wanting int
}

func newKeyTable() *keyTable { return &keyTable{keys: make(map[model.Conflict]*keyState)} }

// acquire queues the entry for each of its keys and returns how many of them an
// earlier write owns.
func (t *keyTable) acquire(e *Entry) (blocked int) {
	for _, c := range e.Write.Conflicts {
		k := t.keys[c]
		if k == nil {
			t.open(c).owner = e
			continue
		}
		if n := len(k.waiters); k.owner == e || n > 0 && k.waiters[n-1] == e {
			continue // the same member twice in one set
		}
		t.queue(k, e)
		blocked++
	}
	return blocked
}

// join queues an entry that owns all its keys for one more. It reports whether it owns that too.
//
// Who has it and waits for another key waits behind it then: that other key may be the entry's.
func (t *keyTable) join(e *Entry, c model.Conflict) bool {
	k := t.keys[c]
	switch {
	case k == nil:
		t.open(c).owner = e
		return true
	case k.owner != nil && k.owner.state == waiting:
		k.owner.blocked++
		k.waiters = slices.Insert(k.waiters, 0, k.owner)
		k.owner = e
		return true
	}
	t.queue(k, e)
	e.blocked++
	return false
}

// queue puts an entry behind those that wait for a key.
func (t *keyTable) queue(k *keyState, e *Entry) {
	if k.owner == nil && len(k.waiters) == 0 {
		t.wanting++
	}
	k.waiters = append(k.waiters, e)
}

// settle marks the entry's keys as done but not durable.
func (t *keyTable) settle(e *Entry) {
	for _, c := range e.Write.Conflicts {
		k := t.keys[c]
		if k == nil || k.owner != e {
			continue // the same member twice in one set
		}
		k.owner = nil
		k.settled++
		if len(k.waiters) > 0 {
			t.wanting++
		}
	}
}

// shut closes the keys of a write that was done before it came here and is not durable.
func (t *keyTable) shut(set []model.Conflict) {
	for i, c := range set {
		if slices.Contains(set[:i], c) {
			continue
		}
		k := t.keys[c]
		if k == nil {
			k = t.open(c)
		}
		k.settled++
	}
}

// release lets the next write of a key go, if no other completion of the key is
// still undurable. It reports the entries that own all their keys now.
func (t *keyTable) release(c model.Conflict, freed func(*Entry)) {
	k := t.keys[c]
	if k == nil || k.settled == 0 {
		return
	}
	k.settled--
	if k.settled > 0 || k.owner != nil {
		return
	}
	if len(k.waiters) > 0 {
		t.wanting--
	}
	t.pass(c, k, freed)
}

// abandon takes an entry out that will never be settled (its partition went
// away before it was sent).
func (t *keyTable) abandon(e *Entry, freed func(*Entry)) {
	for i, c := range e.Write.Conflicts {
		if !slices.Contains(e.Write.Conflicts[:i], c) {
			t.surrender(e, c, freed)
		}
	}
}

// surrender takes an entry out of one key.
func (t *keyTable) surrender(e *Entry, c model.Conflict, freed func(*Entry)) {
	k := t.keys[c]
	if k == nil {
		return
	}
	if k.owner == e {
		k.owner = nil
		t.pass(c, k, freed)
		return
	}
	for i := len(k.waiters) - 1; i >= 0; i-- { // who goes is mostly the last
		if k.waiters[i] != e {
			continue
		}
		k.waiters = slices.Delete(k.waiters, i, i+1)
		if k.owner == nil && len(k.waiters) == 0 {
			t.wanting--
		}
		return
	}
}

// pass hands the key to its next waiter, or forgets the key.
func (t *keyTable) pass(c model.Conflict, k *keyState, freed func(*Entry)) {
	if len(k.waiters) == 0 {
		delete(t.keys, c)
		*k = keyState{waiters: k.waiters[:0]}
		if len(t.free) < maxFreeKeys {
			t.free = append(t.free, k)
		}
		return
	}
	next := k.waiters[0]
	k.waiters[0] = nil
	k.waiters = k.waiters[1:]
	k.owner = next
	next.blocked--
	if next.blocked == 0 {
		freed(next)
	}
}

// maxFreeKeys bounds the key states that are kept for reuse: enough for the
// writes between two commits of a busy sink, at about 60 bytes each.
const maxFreeKeys = 16 << 10

// open begins the state of a key that nothing is known of.
func (t *keyTable) open(c model.Conflict) *keyState {
	var k *keyState
	if len(t.free) == 0 {
		k = new(keyState)
	} else {
		k = popLast(&t.free)
	}
	t.keys[c] = k
	return k
}
