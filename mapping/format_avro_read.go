package mapping

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
)

// avroReader turns Avro's binary form into the text of a document.
type avroReader struct {
	textWriter
	finder  *finder // for values that are settled while they are read
	scratch []byte
}

// read reads a value that was written with a schema, to the end of the bytes.
func (r *avroReader) read(d *document, t *avroType, in []byte) bool {
	r.begin(d, in)
	k, escaped, ok := r.value(t, 0, indexLevels)
	if ok && r.at != len(in) {
		ok = r.fail("the end of the value")
	}
	return r.end(k, escaped, ok)
}

// value reads a value that stands in depth objects and arrays. levels is how deep
// its members are indexed.
func (r *avroReader) value(t *avroType, depth, levels int) (k kind, escaped, ok bool) {
	switch t.kind {
	case avroSettled:
		return r.settle(t.items, depth, levels)
	case avroNull:
		r.out = append(r.out, "null"...)
		return kindNull, false, true
	case avroBoolean:
		return kindBool, false, r.truth()
	case avroInt, avroLong:
		return kindNumber, false, r.integer(t.kind)
	case avroFloat, avroDouble:
		k, ok = r.number(t.kind)
		return k, false, ok
	case avroString:
		s, ok := r.counted()
		if !ok {
			return 0, false, false
		}
		return r.text(s, r.at-len(s))
	case avroBytes:
		s, ok := r.counted()
		r.base64(s)
		return kindString, false, ok
	case avroFixed, avroUUID, avroDuration:
		return kindString, false, r.fixed(t)
	case avroEnum:
		return r.symbol(t)
	case avroUnion:
		at := r.at
		n, ok := r.long()
		if !ok || n < 0 || n >= int64(len(t.branches)) {
			return 0, false, r.failAt(at, fmt.Sprintf("the number of one of the %d types of a union", len(t.branches)))
		}
		return r.value(t.branches[n], depth, levels)
	}
	if depth >= maxDepth {
		return 0, false, r.fail(lessNesting)
	}
	switch t.kind {
	case avroArray:
		return kindArray, false, r.array(t, depth+1)
	case avroMap:
		return kindObject, false, r.mapping(t, depth+1, levels)
	case avroPair:
		return kindArray, false, r.pair(t, depth+1)
	}
	return kindObject, false, r.record(t, depth+1, levels)
}

func (r *avroReader) record(t *avroType, depth, levels int) bool {
	r.out = append(r.out, '{')
	for i := range t.fields {
		f := &t.fields[i]
		node, ok := r.member(f.quoted, f.escaped, i == 0, levels > 0)
		if !ok {
			return r.within(f.name)
		}
		k, escaped, ok := r.value(f.typ, depth, levelsBelow(f.indexed, levels))
		if !ok {
			return r.within(f.name)
		}
		r.close(node, k, escaped)
	}
	r.out = append(r.out, '}')
	return r.fits()
}

// pair reads an entry of a map as Connect's JSON writes it: [key, value].
func (r *avroReader) pair(t *avroType, depth int) bool {
	r.out = append(r.out, '[')
	for i := range t.fields {
		if i > 0 {
			r.out = append(r.out, ',')
		}
		if _, _, ok := r.value(t.fields[i].typ, depth, 0); !ok {
			return r.within(t.fields[i].name)
		}
	}
	r.out = append(r.out, ']')
	return r.fits()
}

func (r *avroReader) array(t *avroType, depth int) bool {
	r.out = append(r.out, '[')
	ok := r.elements(func(first bool) bool {
		if !first {
			r.out = append(r.out, ',')
		}
		_, _, ok := r.value(t.items, depth, 0)
		return ok
	})
	r.out = append(r.out, ']')
	return ok
}

func (r *avroReader) mapping(t *avroType, depth, levels int) bool {
	r.out = append(r.out, '{')
	ok := r.elements(func(first bool) bool {
		name, ok := r.counted()
		return ok && r.entry(t.items, name, first, depth, levels)
	})
	r.out = append(r.out, '}')
	return ok
}

// elements reads those of an array or a map with each, block by block.
func (r *avroReader) elements(each func(first bool) bool) bool {
	for first := true; ; {
		n, ok := r.block()
		if !ok || n == 0 {
			return ok
		}
		for range n {
			if !each(first) || !r.fits() {
				return false
			}
			first = false
		}
	}
}

// entry reads the value of an entry of a map.
func (r *avroReader) entry(t *avroType, name []byte, first bool, depth, levels int) bool {
	prefix, escaped, ok := appendString(r.scratch[:0], name)
	if !ok {
		return r.failAt(r.at-len(name)+invalidUTF8(name), "text that is UTF-8")
	}
	r.scratch = append(prefix, ':')
	node, ok := r.member(r.scratch, escaped, first, levels > 0)
	if !ok {
		return false
	}
	k, escaped, ok := r.value(t, depth, levelsBelow(levels > 0 && isIndexed(string(name)), levels))
	if !ok {
		return r.within(string(name))
	}
	r.close(node, k, escaped)
	return true
}

// block reads how many elements follow; 0: none, the array or map ends.
func (r *avroReader) block() (n int64, ok bool) {
	at := r.at
	if n, ok = r.long(); !ok || n >= 0 {
		return n, ok
	}
	size, ok := r.long() // so that readers could pass over the block
	if !ok || n == math.MinInt64 || size < 0 || size > int64(len(r.in)-r.at) {
		return 0, r.failAt(at, "a block of elements")
	}
	return -n, true
}

// settle reads a value of a union of several types as what it is, in its default
// form: from outside it could not be told which type it is. A value that is not what its
// type says stays as it is.
func (r *avroReader) settle(t *avroType, depth, levels int) (k kind, escaped, ok bool) {
	from := len(r.out)
	if k, escaped, ok = r.value(t, depth, 0); !ok {
		return k, escaped, false
	}
	r.scratch = append(r.scratch[:0], r.out[from:]...)
	d, want := r.finder.understand(value{raw: r.scratch, kind: k, escaped: escaped}, t.typ)
	if want == "" {
		r.out, want = r.finder.appendDatum(r.out[:from], &d)
	}
	if want != "" {
		r.out = append(r.out[:from], r.scratch...)
	}
	r.d.text = r.out
	if k == kindObject && levels > 0 && r.out[from] == '{' {
		return k, false, r.d.index(from, depth+1, levels) == len(r.out) || r.fail(fewerMembers)
	}
	_, k, escaped = r.d.skip(from, depth)
	return k, escaped, true
}

func (r *avroReader) symbol(t *avroType) (k kind, escaped, ok bool) {
	at := r.at
	n, ok := r.long()
	if !ok || n < 0 || n >= int64(len(t.symbols)) {
		return 0, false, r.failAt(at, fmt.Sprintf("the number of one of the %d symbols of an enum", len(t.symbols)))
	}
	s := &t.symbols[n]
	r.out = append(r.out, s.quoted...)
	return kindString, s.escaped, true
}

func (r *avroReader) fixed(t *avroType) bool {
	if t.size < 0 || t.size > len(r.in)-r.at {
		return r.fail(fmt.Sprintf("%d bytes", t.size))
	}
	s := r.in[r.at : r.at+t.size]
	r.at += t.size
	switch t.kind {
	case avroUUID:
		r.out = append(r.out, '"')
		for i, c := range [][]byte{s[:4], s[4:6], s[6:8], s[8:10], s[10:]} {
			if i > 0 {
				r.out = append(r.out, '-')
			}
			r.out = hex.AppendEncode(r.out, c)
		}
		r.out = append(r.out, '"')
	case avroDuration:
		months, days, ms := binary.LittleEndian.Uint32(s), binary.LittleEndian.Uint32(s[4:]), binary.LittleEndian.Uint32(s[8:])
		r.out = fmt.Appendf(r.out, `"P%dM%dDT%d`, months, days, ms/1000)
		r.out = append(appendFraction(r.out, int64(ms%1000)*1_000_000), `S"`...)
	default:
		r.base64(s)
	}
	return true
}

func (r *avroReader) base64(s []byte) {
	r.out = base64.StdEncoding.AppendEncode(append(r.out, '"'), s)
	r.out = append(r.out, '"')
}

func (r *avroReader) truth() bool {
	if r.at >= len(r.in) || r.in[r.at] > 1 {
		return r.fail("a byte that is 0 or 1")
	}
	r.boolean(r.in[r.at] == 1)
	r.at++
	return true
}

func (r *avroReader) integer(k avroKind) bool {
	at := r.at
	n, ok := r.long()
	if !ok {
		return false
	}
	if k == avroInt && int64(int32(n)) != n {
		return r.failAt(at, "a number of 32 bits")
	}
	r.out = strconv.AppendInt(r.out, n, 10)
	return true
}

func (r *avroReader) number(k avroKind) (kind, bool) {
	if k == avroFloat {
		if len(r.in)-r.at < 4 {
			return 0, r.fail("a number of 4 bytes")
		}
		v := math.Float32frombits(binary.LittleEndian.Uint32(r.in[r.at:]))
		r.at += 4
		return r.float(float64(v), 32), true
	}
	if len(r.in)-r.at < 8 {
		return 0, r.fail("a number of 8 bytes")
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(r.in[r.at:]))
	r.at += 8
	return r.float(v, 64), true
}

// long reads a number of variable length.
func (r *avroReader) long() (int64, bool) {
	if r.at < len(r.in) && r.in[r.at] < 0x80 {
		u := uint64(r.in[r.at])
		r.at++
		return int64(u>>1) ^ -int64(u&1), true
	}
	n, size := binary.Varint(r.in[r.at:])
	if size <= 0 {
		return 0, r.fail("a number of at most 10 bytes")
	}
	r.at += size
	return n, true
}

// counted reads bytes with their length before them.
func (r *avroReader) counted() ([]byte, bool) {
	at := r.at
	n, ok := r.long()
	if !ok {
		return nil, false
	}
	if n < 0 || n > int64(len(r.in)-r.at) {
		return nil, r.failAt(at, fmt.Sprintf("a length of at most %d", len(r.in)-r.at))
	}
	s := r.in[r.at : r.at+int(n)]
	r.at += int(n)
	return s, true
}
