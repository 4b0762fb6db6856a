package ledger

import "reflect"

// named is what many rows share and is kept once.
type named[K any] interface {
	comparable
	// own returns a copy whose text is not part of a larger one.
	own() K
	// textBytes is what the copy takes beside K itself.
	textBytes() int
}

// names numbers names that many rows have. A name goes when no row has it any more, and
// its number is given again.
type names[K named[K]] struct {
	numbers map[K]uint32
	list    []nameRows[K] // by number
	free    []uint32
	last    uint32 // the number that was asked for last: most rows have their neighbour's
	text    int64
	most    int // that there ever were at once: a map does not shrink
}

type nameRows[K any] struct {
	name K
	rows int
}

func (s *names[K]) name(n uint32) K { return s.list[n].name }

// hold returns the number of a name for one more row.
func (s *names[K]) hold(k K) uint32 {
	if int(s.last) < len(s.list) && s.list[s.last].rows > 0 && s.list[s.last].name == k {
		s.list[s.last].rows++
		return s.last
	}
	n, ok := s.numbers[k]
	if !ok {
		n = s.begin(k.own())
	}
	s.list[n].rows++
	s.last = n
	return n
}

func (s *names[K]) begin(k K) uint32 {
	if s.numbers == nil {
		s.numbers = make(map[K]uint32)
	}
	n := uint32(len(s.list))
	if last := len(s.free) - 1; last >= 0 {
		n, s.free = s.free[last], s.free[:last]
		s.list[n] = nameRows[K]{name: k}
	} else {
		s.list = append(s.list, nameRows[K]{name: k})
	}
	s.numbers[k] = n
	s.text += int64(k.textBytes())
	s.most = max(s.most, len(s.numbers))
	return n
}

// release takes a row away from a name.
func (s *names[K]) release(n uint32) {
	x := &s.list[n]
	if x.rows--; x.rows > 0 {
		return
	}
	delete(s.numbers, x.name)
	s.text -= int64(x.name.textBytes())
	*x = nameRows[K]{}
	s.free = append(s.free, n)
}

// swap gives a row another name, or the one that it has.
func (s *names[K]) swap(n uint32, k K) uint32 {
	if s.list[n].name == k {
		return n
	}
	m := s.hold(k)
	s.release(n)
	return m
}

// bytes is what the names take. A map's slots are from half to seven eighths full.
func (s *names[K]) bytes() int64 {
	list := int64(cap(s.list)) * int64(reflect.TypeFor[nameRows[K]]().Size())
	slot := int64(reflect.TypeFor[struct {
		name   K
		number uint32
	}]().Size()) + 1
	return list + int64(cap(s.free))*4 + s.text + int64(s.most)*3/2*slot
}
