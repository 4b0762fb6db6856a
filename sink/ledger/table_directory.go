package ledger

import (
	"math/bits"
	"reflect"
)

// segmentRefs is how many buckets one piece of the directory knows: it grows by pieces,
// so that it is never copied as a whole.
const segmentRefs = 512

// directory says where the buckets lie. There are n of them; the hash of a key is taken
// modulo the next power of two, or half of that where there is no such bucket yet. So
// one more bucket takes rows of one other alone.
type directory struct {
	segments [][]ref
	n        uint32
	mask     uint32 // the least power of two that is not below n, minus one
}

func newDirectory() directory {
	return directory{n: 1, segments: [][]ref{make([]ref, segmentRefs)}}
}

func (d *directory) of(hash uint64) uint32 {
	n := uint32(hash) & d.mask
	if n >= d.n {
		n &= d.mask >> 1
	}
	return n
}

func (d *directory) at(n uint32) ref     { return d.segments[n/segmentRefs][n%segmentRefs] }
func (d *directory) set(n uint32, r ref) { d.segments[n/segmentRefs][n%segmentRefs] = r }

// siblings returns the bucket n, n > 0, and the one whose rows it shares.
func siblings(n uint32) (older, younger uint32) { return n - 1<<(bits.Len32(n)-1), n }

// resize sets the number of buckets, one more or one less than before.
func (d *directory) resize(n uint32) {
	d.n = n
	d.mask = 1<<bits.Len32(n-1) - 1
	if need := (int(n) + segmentRefs - 1) / segmentRefs; need > len(d.segments) {
		d.segments = append(d.segments, make([]ref, segmentRefs))
	} else if need+1 < len(d.segments) { // one is kept, not to go back and forth
		d.segments[need+1] = nil
		d.segments = d.segments[:need+1]
	}
}

func (d *directory) bytes() int64 {
	each := segmentRefs * int64(reflect.TypeFor[ref]().Size())
	return int64(len(d.segments))*each + int64(cap(d.segments))*int64(reflect.TypeFor[[]ref]().Size())
}
