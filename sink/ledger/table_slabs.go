package ledger

import (
	"math/bits"
	"reflect"
)

const (
	// leastBlock is the smallest block, and the step between the smaller ones.
	leastBlock = 64
	// blockSteps is how many sizes there are from one power of two to the next: of a
	// larger block at most a sixteenth is not needed.
	blockSteps = 16

	leastSlab = 4 << 10
	mostSlab  = 256 << 10
	// slabShare is the part of a class that its next slab is: what is not yet filled
	// is half as much on average.
	slabShare = 16
)

// ref says where a block lies.
type ref struct {
	slab uint32
	at   uint32 // its first byte
}

// none is no block: there is no slab 0.
var none ref

// slab is memory for blocks of one size.
type slab struct {
	mem    []byte
	block  uint32 // the size of its blocks
	mapped bool
}

// class is the blocks of one size. They are dense: the last one moves into each hole, so
// that nothing is ever lost between them.
type class struct {
	slabs []uint32 // full up to current, and one empty behind it at most
	now   int      // which slab is current
	fill  int      // how many blocks the current one has
	bytes int64    // of its slabs
}

// slabs is the memory of all blocks.
type slabs struct {
	all      []slab
	free     []uint32 // numbers of slabs that are gone
	classes  []class
	heap     int64 // bytes of slabs there
	mapped   int64
	mapAfter int64
}

func newSlabs(mapAfter int64) slabs { return slabs{all: make([]slab, 1), mapAfter: mapAfter} }

// classOf returns the class of the blocks that have room for n bytes and are not larger
// than they must be.
func classOf(n int) int {
	steps := (n - 1) / leastBlock
	if steps < 2*blockSteps {
		return steps
	}
	double := bits.Len(uint(steps)) - bits.Len(blockSteps)
	return double*blockSteps + steps>>double
}

// blockOf is the size of the blocks of a class, the inverse of classOf.
func blockOf(class int) int {
	if class < 2*blockSteps {
		return (class + 1) * leastBlock
	}
	double := class/blockSteps - 1
	return (class - double*blockSteps + 1) * leastBlock << double
}

// block is the memory of a block, nil for none.
func (s *slabs) block(r ref) bucket {
	if r == none {
		return nil
	}
	x := &s.all[r.slab]
	return x.mem[r.at:][:x.block:x.block]
}

// take returns a block with room for n bytes. What lies in it is undefined.
func (s *slabs) take(n int) ref {
	k := classOf(n)
	for len(s.classes) <= k {
		s.classes = append(s.classes, class{now: -1})
	}
	c := &s.classes[k]
	if c.now < 0 || c.fill == s.blocks(c.slabs[c.now]) {
		if c.now++; c.now == len(c.slabs) {
			c.slabs = append(c.slabs, s.open(c, blockOf(k)))
		}
		c.fill = 0
	}
	c.fill++
	return s.last(c)
}

// last is the block of a class that was taken last.
func (s *slabs) last(c *class) ref {
	number := c.slabs[c.now]
	return ref{slab: number, at: uint32(c.fill-1) * s.all[number].block}
}

func (s *slabs) blocks(number uint32) int {
	x := &s.all[number]
	return len(x.mem) / int(x.block)
}

// give takes a block back. The last one of its class moves there, unless it is that one;
// moved is where it lies now.
func (s *slabs) give(r ref) (moved bucket) {
	c := &s.classes[classOf(int(s.all[r.slab].block))]
	if last := s.last(c); last != r {
		moved = s.block(r)
		copy(moved, s.block(last))
	}
	if c.fill--; c.fill == 0 {
		if c.now--; c.now >= 0 {
			c.fill = s.blocks(c.slabs[c.now])
		}
	}
	// The empty slab goes when the one before it is half empty: a class that goes back and
	// forth over a border between slabs does not ask the operating system each time.
	for spare := len(c.slabs) - 1; spare > c.now; spare-- {
		if spare == c.now+1 && c.now >= 0 && 2*c.fill > s.blocks(c.slabs[c.now]) {
			break
		}
		s.drop(c, c.slabs[spare])
		c.slabs = c.slabs[:spare]
	}
	return moved
}

// slabBytes is how large the next slab of a class is: powers of two, which nobody rounds up.
func slabBytes(have int64) int {
	share := uint64(have / slabShare)
	return min(max(leastSlab, 1<<bits.Len64(share)>>1), mostSlab)
}

// open makes a slab for a class and returns its number.
func (s *slabs) open(c *class, block int) uint32 {
	x := slab{block: uint32(block)}
	n := max(slabBytes(c.bytes), block)
	if s.heap+int64(n) > s.mapAfter {
		x.mem = mapMemory(n)
		x.mapped = x.mem != nil
	}
	if x.mapped {
		s.mapped += mappedBytes(n)
	} else {
		x.mem = make([]byte, n)
		s.heap += int64(n)
	}
	c.bytes += int64(n)
	if last := len(s.free) - 1; last >= 0 {
		number := s.free[last]
		s.free = s.free[:last]
		s.all[number] = x
		return number
	}
	s.all = append(s.all, x)
	return uint32(len(s.all) - 1)
}

// drop gives the memory of an empty slab back.
func (s *slabs) drop(c *class, number uint32) {
	x := &s.all[number]
	n := len(x.mem)
	c.bytes -= int64(n)
	if x.mapped {
		unmapMemory(x.mem)
		s.mapped -= mappedBytes(n)
	} else {
		s.heap -= int64(n)
	}
	*x = slab{}
	s.free = append(s.free, number)
}

func (s *slabs) close() {
	for i := range s.all {
		if s.all[i].mapped {
			unmapMemory(s.all[i].mem)
		}
	}
}

// heapBytes is what the slabs and what knows them take of the heap.
func (s *slabs) heapBytes() int64 {
	n := s.heap + int64(cap(s.all))*int64(reflect.TypeFor[slab]().Size()) + int64(cap(s.free))*4
	for i := range s.classes {
		n += int64(cap(s.classes[i].slabs)) * 4
	}
	return n + int64(cap(s.classes))*int64(reflect.TypeFor[class]().Size())
}
