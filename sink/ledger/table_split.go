package ledger

import (
	"hash/maphash"
	"math"
)

// joinBelow is how much of rows a bucket has on average when two become one: so much less
// than when one becomes two that a table does not go back and forth.
const joinBelow = bucketBytes * 3 / 4

// move gives a bucket another block, with room for size bytes.
func (t *table) move(n uint32, size int) bucket {
	old := t.dir.at(n)
	now := t.slabs.take(size)
	if b := t.slabs.block(old); b != nil {
		b.copyTo(t.slabs.block(now))
	} else {
		t.slabs.block(now).begin(n)
	}
	t.dir.set(n, now)
	t.give(old)
	return t.bucket(n)
}

// give gives a block back, to which nothing refers any more. Another block may move by it.
func (t *table) give(r ref) {
	if r == none {
		return
	}
	if moved := t.slabs.give(r); moved != nil {
		t.dir.set(moved.number(), r)
	}
}

// shrink gives a bucket that became smaller a block of its size, if its own is two sizes
// too large.
func (t *table) shrink(n uint32, b bucket) {
	if b.rows() == 0 {
		r := t.dir.at(n)
		t.dir.set(n, none)
		t.give(r)
		return
	}
	if used := b.used(); classOf(used)+1 < classOf(len(b)) {
		t.move(n, used)
	}
}

// balance brings the number of buckets nearer, by one, to what the rows need.
func (t *table) balance() {
	n := int64(t.dir.n)
	switch {
	case t.used > bucketBytes*n && n < math.MaxUint32:
		t.split()
	case t.used < joinBelow*(n-1):
		t.join()
	}
}

// split adds a bucket, which takes its rows from its sibling.
func (t *table) split() {
	t.dir.resize(t.dir.n + 1)
	older, younger := siblings(t.dir.n - 1)
	old := t.dir.at(older)
	b := t.slabs.block(old)
	sizes := [2]int{bucketHead, bucketHead} // of what stays and of what goes
	t.leaves = t.leaves[:0]
	for i := range b.rows() {
		key, _ := cutText(b.row(i))
		goes := t.dir.of(maphash.Bytes(t.seed, key)) == younger
		t.leaves = append(t.leaves, goes)
		sizes[index(goes)] += entryBytes + len(b.row(i))
	}
	switch {
	case sizes[1] == bucketHead: // nothing goes
		return
	case sizes[0] == bucketHead: // nothing stays
		t.inherit(younger, older)
		return
	}
	refs := [2]ref{t.slabs.take(sizes[0]), t.slabs.take(sizes[1])}
	into := [2]bucket{t.slabs.block(refs[0]), t.slabs.block(refs[1])}
	into[0].begin(older)
	into[1].begin(younger)
	for i, goes := range t.leaves {
		into[index(goes)].add(b.tag(i), b.row(i))
	}
	t.dir.set(older, refs[0])
	t.dir.set(younger, refs[1])
	t.give(old)
}

func index(goes bool) int {
	if goes {
		return 1
	}
	return 0
}

// inherit gives the block of one bucket to another, which has none.
func (t *table) inherit(heir, n uint32) {
	r := t.dir.at(n)
	t.slabs.block(r).renumber(heir)
	t.dir.set(heir, r)
	t.dir.set(n, none)
}

// join takes the last bucket away, whose rows go to its sibling.
func (t *table) join() {
	older, younger := siblings(t.dir.n - 1)
	from, into := t.bucket(younger), t.bucket(older)
	switch {
	case from == nil:
	case into == nil:
		t.inherit(older, younger)
	default:
		if more := from.used() - bucketHead; into.free() < more {
			into = t.move(older, into.used()+more)
			from = t.bucket(younger) // it may have moved
		}
		for i := range from.rows() {
			into.add(from.tag(i), from.row(i))
		}
		r := t.dir.at(younger)
		t.dir.set(younger, none)
		t.give(r)
	}
	t.dir.resize(t.dir.n - 1)
}
