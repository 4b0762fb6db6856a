package mapping

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// scalar writes a value that holds no others; of no bytes the zero value.
func (r *protoReader) scalar(f *protoField, b []byte, from int) (k kind, escaped, ok bool) {
	switch f.kind {
	case protoreflect.StringKind:
		return r.text(b, from)
	case protoreflect.BytesKind:
		r.out = base64.StdEncoding.AppendEncode(append(r.out, '"'), b)
		r.out = append(r.out, '"')
		return kindString, false, true
	case protoreflect.BoolKind:
		r.boolean(varint(b) != 0)
		return kindBool, false, true
	case protoreflect.EnumKind:
		return r.symbol(f, protoreflect.EnumNumber(int32(varint(b))))
	case protoreflect.FloatKind:
		return r.float(float64(math.Float32frombits(fixed32(b))), 32), false, true
	case protoreflect.DoubleKind:
		return r.float(math.Float64frombits(fixed64(b)), 64), false, true
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind:
		r.out = strconv.AppendUint(r.out, unsigned(f.kind, b), 10)
	default:
		r.out = strconv.AppendInt(r.out, signed(f.kind, b), 10)
	}
	return kindNumber, false, true
}

func (r *protoReader) symbol(f *protoField, n protoreflect.EnumNumber) (k kind, escaped, ok bool) {
	name, known := f.symbols[n]
	switch {
	case f.null:
		r.out = append(r.out, "null"...)
		return kindNull, false, true
	case known:
		r.out = append(r.out, name...)
		return kindString, false, true
	}
	r.out = strconv.AppendInt(r.out, int64(n), 10) // of a newer schema
	return kindNumber, false, true
}

// moment writes what a message says of a time, without quotes.
func (r *protoReader) moment(c collected) bool {
	number := func(i int) int64 {
		if p := r.last(c, i); p != noPiece {
			return signed(c.m.fields[i].kind, r.in[r.pieces[p].from:r.pieces[p].to])
		}
		return 0
	}
	ns := number(len(c.m.fields) - 1)
	if c.m.form != protoDate && (ns <= -nsPerSecond || ns >= nsPerSecond || ns < 0 && c.m.form != protoDuration) {
		return r.fail("nanoseconds of less than a second")
	}
	switch c.m.form {
	case protoTimestamp:
		switch sec := number(0); {
		case sec < firstSecond:
			r.out = append(r.out, "-infinity"...)
		case sec > lastSecond:
			r.out = append(r.out, "infinity"...)
		default:
			r.out = appendMoment(r.out, sec, ns)
		}
	case protoDuration:
		r.out = appendDuration(r.out, number(0), ns)
	case protoDate:
		r.out = fmt.Appendf(r.out, "%04d-%02d-%02d", number(0), number(1), number(2))
	default:
		r.out = appendFraction(fmt.Appendf(r.out, "%02d:%02d:%02d", number(0), number(1), number(2)), ns)
	}
	return true
}

// decimal writes a decimal as Debezium writes those that have a scale each.
func (r *protoReader) decimal(c collected, levels int) bool {
	scale, unscaled := int64(0), []byte{0}
	if p := r.last(c, 2); p != noPiece {
		scale = signed(protoreflect.Int32Kind, r.in[r.pieces[p].from:r.pieces[p].to])
	}
	if p := r.last(c, 0); p != noPiece && r.pieces[p].from < r.pieces[p].to {
		unscaled = r.in[r.pieces[p].from:r.pieces[p].to]
	}
	r.out = append(r.out, '{')
	node, ok := r.member([]byte(`"scale":`), false, true, levels > 0)
	if !ok {
		return false
	}
	r.out = strconv.AppendInt(r.out, scale, 10)
	r.close(node, kindNumber, false)
	if node, ok = r.member([]byte(`"value":`), false, false, levels > 0); !ok {
		return false
	}
	r.out = base64.StdEncoding.AppendEncode(append(r.out, '"'), unscaled)
	r.out = append(r.out, '"')
	r.close(node, kindString, false)
	r.out = append(r.out, '}')
	return r.fits()
}

func varint(b []byte) uint64 {
	v, n := protowire.ConsumeVarint(b)
	if n < 0 {
		return 0
	}
	return v
}

func fixed32(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return binary.LittleEndian.Uint32(b)
}

func fixed64(b []byte) uint64 {
	if len(b) < 8 {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

func unsigned(k protoreflect.Kind, b []byte) uint64 {
	switch k {
	case protoreflect.Uint32Kind:
		return uint64(uint32(varint(b)))
	case protoreflect.Fixed32Kind:
		return uint64(fixed32(b))
	case protoreflect.Fixed64Kind:
		return fixed64(b)
	}
	return varint(b)
}

func signed(k protoreflect.Kind, b []byte) int64 {
	switch k {
	case protoreflect.Int32Kind:
		return int64(int32(varint(b)))
	case protoreflect.Sint32Kind:
		return protowire.DecodeZigZag(varint(b) & math.MaxUint32)
	case protoreflect.Sint64Kind:
		return protowire.DecodeZigZag(varint(b))
	case protoreflect.Sfixed32Kind:
		return int64(int32(fixed32(b)))
	case protoreflect.Sfixed64Kind:
		return int64(fixed64(b))
	}
	return int64(varint(b))
}
