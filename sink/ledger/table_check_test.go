package ledger

import (
	"hash/maphash"
	"maps"
	"math"
	"testing"
)

// failer is what tests and rapid's share.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkTable holds a table to what it should have, and to what its parts know of one another.
func checkTable(t failer, x *table, want map[string]Row) {
	t.Helper()
	if x.len() != len(want) {
		t.Fatalf("%d rows, expected %d", x.len(), len(want))
	}
	got := make(map[string]Row, len(want))
	x.each(func(key []byte, r *Row) bool {
		if _, twice := got[string(key)]; twice {
			t.Fatalf("each has key %.40q twice", key)
		}
		got[string(key)] = *r
		return true
	})
	if !maps.Equal(got, want) {
		t.Fatalf("each has other rows than were put: %d, expected %d", len(got), len(want))
	}
	checkNames(t, &x.groups, want, func(r Row) groupName { return groupName(r.Group) })
	checkNames(t, &x.sources, want, func(r Row) source { return source(r.Source) })
	checkBuckets(t, x)
	checkSlabs(t, x)
}

func checkNames[K named[K]](t failer, s *names[K], want map[string]Row, of func(Row) K) {
	t.Helper()
	rows := make(map[K]int)
	for _, r := range want {
		rows[of(r)]++
	}
	text := 0
	for k := range rows {
		text += k.textBytes()
	}
	if len(s.numbers) != len(rows) || len(s.list) != len(rows)+len(s.free) || s.text != int64(text) {
		t.Fatalf("%d names in a list of %d with %d free and %d bytes, expected %d and %d", len(s.numbers), len(s.list), len(s.free), s.text, len(rows), text)
	}
	for k, n := range s.numbers {
		if s.list[n].name != k || s.list[n].rows != rows[k] {
			t.Fatalf("%v has number %d, which is %+v, expected %d rows", k, n, s.list[n], rows[k])
		}
	}
}

// checkBuckets: each row lies in the bucket where it is looked for, with its tag.
func checkBuckets(t failer, x *table) {
	t.Helper()
	rows, used := 0, int64(0)
	for n := range x.dir.n {
		b := x.bucket(n)
		if b == nil {
			continue
		}
		if b.number() != n || b.rows() == 0 || b.free() < 0 {
			t.Fatalf("bucket %d: number %d, %d rows, %d bytes free", n, b.number(), b.rows(), b.free())
		}
		if classOf(b.used())+1 < classOf(len(b)) {
			t.Fatalf("bucket %d: %d bytes in a block of %d", n, b.used(), len(b))
		}
		for i := range b.rows() {
			key, _ := cutText(b.row(i))
			if hash := maphash.Bytes(x.seed, key); x.dir.of(hash) != n || tagOf(hash) != b.tag(i) {
				t.Fatalf("bucket %d, row %d: tag %x, expected bucket %d and %x", n, i, b.tag(i), x.dir.of(hash), tagOf(hash))
			}
			rows++
			used += int64(entryBytes + len(b.row(i)))
		}
	}
	if rows != x.rows || used != x.used {
		t.Fatalf("%d rows with %d bytes, counted as %d and %d", rows, used, x.rows, x.used)
	}
	for n := x.dir.n; n < uint32(len(x.dir.segments)*segmentRefs); n++ {
		if x.dir.at(n) != none {
			t.Fatalf("bucket %d is beyond the %d that there are", n, x.dir.n)
		}
	}
}

// checkSlabs: each block that was taken is that of the bucket whose number it has, blocks
// are dense, and the bytes are counted.
func checkSlabs(t failer, x *table) {
	t.Helper()
	s := &x.slabs
	var blocks, slabs int
	var heap, mapped int64
	for k := range s.classes {
		c := &s.classes[k]
		var bytes int64
		for i, number := range c.slabs {
			if got := int(s.all[number].block); got != blockOf(k) {
				t.Fatalf("a slab of class %d has blocks of %d bytes, expected %d", k, got, blockOf(k))
			}
			n := 0
			switch {
			case i < c.now:
				n = s.blocks(number)
			case i == c.now:
				n = c.fill
			}
			for j := range n {
				r := ref{slab: number, at: uint32(j) * s.all[number].block}
				if b := s.block(r); x.dir.at(b.number()) != r {
					t.Fatalf("block %v says that it is of bucket %d, which is at %v", r, b.number(), x.dir.at(b.number()))
				}
			}
			blocks += n
			bytes += int64(len(s.all[number].mem))
			if s.all[number].mapped {
				mapped += mappedBytes(len(s.all[number].mem))
			} else {
				heap += int64(len(s.all[number].mem))
			}
		}
		if slabs += len(c.slabs); len(c.slabs) > c.now+2 || bytes != c.bytes {
			t.Fatalf("class %d: %d slabs for %d, %d bytes counted as %d", k, len(c.slabs), c.now+1, bytes, c.bytes)
		}
	}
	taken := 0
	for n := range x.dir.n {
		if x.dir.at(n) != none {
			taken++
		}
	}
	if blocks != taken || heap != s.heap || mapped != s.mapped || slabs+len(s.free)+1 != len(s.all) {
		t.Fatalf("%d blocks for %d buckets; %d bytes on the heap, counted as %d; %d mapped, counted as %d; %d slabs and %d free of %d",
			blocks, taken, heap, s.heap, mapped, s.mapped, slabs, len(s.free), len(s.all)-1)
	}
}

// A block is as small as its class allows, and each size is in one class.
func TestABlockIsAtMostASixteenthLargerThanItsBucket(t *testing.T) {
	t.Parallel()
	for n := 1; n < 1<<20; n += 1 + n/1000 {
		k := classOf(n)
		size := blockOf(k)
		if size < n || k > 0 && blockOf(k-1) >= n {
			t.Fatalf("%d bytes are in class %d with %d bytes", n, k, size)
		}
		if classOf(size) != k || size-n >= max(leastBlock, size/blockSteps) {
			t.Fatalf("%d bytes get %d, which is class %d", n, size, classOf(size))
		}
	}
}

// A block that comes and goes at the border between two slabs costs the operating system
// nothing; one that is half a slab away from it does not keep the memory either.
func TestAnEmptySlabIsKeptWhileTheOneBeforeItIsHalfFull(t *testing.T) {
	t.Parallel()
	s := newSlabs(math.MaxInt64)
	var taken []ref
	for len(s.all) < 4 { // none, and three slabs of which the last has a block
		taken = append(taken, s.take(leastBlock))
	}
	c := &s.classes[classOf(leastBlock)]
	give := func() {
		s.give(taken[len(taken)-1])
		taken = taken[:len(taken)-1]
	}
	for range 3 {
		if give(); len(c.slabs) != 3 {
			t.Fatalf("%d slabs after the last one was emptied, expected that it is kept", len(c.slabs))
		}
		if taken = append(taken, s.take(leastBlock)); len(s.all) != 4 {
			t.Fatalf("%d slabs were opened, expected the one that was kept", len(s.all)-1)
		}
	}
	for range 1 + s.blocks(c.slabs[1])/2 {
		give()
	}
	if len(c.slabs) != 2 {
		t.Errorf("%d slabs when the second is half empty, expected 2", len(c.slabs))
	}
	for len(taken) > 0 {
		give()
	}
	if len(c.slabs) != 0 || s.heap != 0 || c.bytes != 0 {
		t.Errorf("%d slabs with %d bytes are left without a block", len(c.slabs), s.heap)
	}
}
