package mapping

import (
	"fmt"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"
)

// protoScratch is what the messages around the one that is read have collected.
type protoScratch struct {
	pieces []piece
	// heads has for each field of a message its first and its last piece, and behind
	// them for each oneof the field that is set; -1: none.
	heads  []int32
	prefix []byte
}

// piece is what was written of a field at one place.
type piece struct {
	from, to uint32
	next     int32 // of the same field; -1: none
	wire     protowire.Type
}

const noPiece = -1

// recycle drops what a large record has left.
func (s *protoScratch) recycle() {
	if cap(s.pieces)*int(unsafe.Sizeof(piece{})) > maxScratch {
		s.pieces = nil
	}
	if cap(s.heads)*4 > maxScratch {
		s.heads = nil
	}
	s.prefix = recycled(s.prefix)
}

// collected is where the fields of a message stand in the scratch.
type collected struct {
	m           *protoMessage
	heads, mark int // what was in heads and in pieces before
}

// enter makes room for the fields of a message, until leave.
func (r *protoReader) enter(m *protoMessage) collected {
	c := collected{m, len(r.heads), len(r.pieces)}
	for range 2*len(m.fields) + m.oneofs {
		r.heads = append(r.heads, noPiece)
	}
	return c
}

func (r *protoReader) leave(c collected) { r.heads, r.pieces = r.heads[:c.heads], r.pieces[:c.mark] }

func (r *protoReader) first(c collected, i int) int32 { return r.heads[c.heads+2*i] }
func (r *protoReader) last(c collected, i int) int32  { return r.heads[c.heads+2*i+1] }

// collect notes the pieces of the fields in r.in[from:to].
func (r *protoReader) collect(c collected, from, to int) bool {
	for at := from; at < to; {
		tag, wire, n := protowire.ConsumeTag(r.in[at:to])
		if n < 0 || tag > protowire.MaxValidNumber {
			return r.failAt(at, "the number and the type of a field")
		}
		value := at + n
		size := protowire.ConsumeFieldValue(tag, wire, r.in[value:to])
		if size < 0 {
			return r.failAt(value, fmt.Sprintf("a value of field %d of type %d", tag, wire))
		}
		at = value + size
		if i, known := c.m.byTag[tag]; known && c.m.fields[i].takes(wire) {
			r.note(c, int(i), r.contents(tag, wire, value, at))
		}
	}
	return true
}

// contents returns the piece of a value, without its length or its end.
func (r *protoReader) contents(tag protowire.Number, wire protowire.Type, from, to int) piece {
	switch wire {
	case protowire.BytesType:
		_, size := protowire.ConsumeVarint(r.in[from:to])
		from += size
	case protowire.StartGroupType:
		group, _ := protowire.ConsumeGroup(tag, r.in[from:to])
		to = from + len(group)
	}
	return piece{from: uint32(from), to: uint32(to), next: noPiece, wire: wire}
}

// takes reports whether a field is written in that way; what is not counts as unknown.
func (f *protoField) takes(wire protowire.Type) bool {
	return wire == f.wire || wire == protowire.BytesType && f.list && f.packable()
}

func (f *protoField) packable() bool {
	return f.wire != protowire.BytesType && f.wire != protowire.StartGroupType
}

func (r *protoReader) note(c collected, i int, p piece) {
	r.pieces = append(r.pieces, p)
	n := int32(len(r.pieces) - 1)
	heads := r.heads[c.heads:]
	if o := c.m.fields[i].oneof; o >= 0 {
		chosen := &heads[2*len(c.m.fields)+o]
		if *chosen != noPiece && *chosen != int32(i) {
			heads[2**chosen], heads[2**chosen+1] = noPiece, noPiece
		}
		*chosen = int32(i)
	}
	if heads[2*i] == noPiece {
		heads[2*i] = n
	} else {
		r.pieces[heads[2*i+1]].next = n
	}
	heads[2*i+1] = n
}
