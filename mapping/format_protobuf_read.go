package mapping

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// protoReader turns Protobuf's wire form into the text of a document. Fields come
// in any order, in pieces, and more than once, so those of a message are collected
// first and then written in the order of the schema.
type protoReader struct {
	textWriter
	*protoScratch
}

// read reads a message to the end of the bytes.
func (r *protoReader) read(d *document, m *protoMessage, in []byte) bool {
	r.begin(d, in)
	r.pieces, r.heads = append(r.pieces[:0], piece{to: uint32(len(in)), next: noPiece}), r.heads[:0]
	k, escaped, ok := r.message(m, 0, true, 0, indexLevels)
	return r.end(k, escaped, ok)
}

// message reads the message that a piece holds, and, where it is all of them, those
// behind it: they are one message then.
func (r *protoReader) message(m *protoMessage, at int32, all bool, depth, levels int) (k kind, escaped, ok bool) {
	if depth >= maxDepth {
		return 0, false, r.fail(lessNesting)
	}
	c := r.enter(m)
	for ; at != noPiece; at = r.pieces[at].next {
		if !r.collect(c, int(r.pieces[at].from), int(r.pieces[at].to)) {
			return 0, false, false
		}
		if !all {
			break
		}
	}
	k, escaped, ok = r.write(c, depth, levels)
	r.leave(c)
	return k, escaped, ok
}

// write writes a message whose fields are collected.
func (r *protoReader) write(c collected, depth, levels int) (k kind, escaped, ok bool) {
	switch c.m.form {
	case protoPlain:
		return kindObject, false, r.object(c, depth+1, levels)
	case protoFirst:
		return r.field(c, 0, depth+1, levels)
	case protoChosen:
		chosen := r.heads[c.heads+2*len(c.m.fields)]
		if chosen == noPiece {
			r.out = append(r.out, "null"...)
			return kindNull, false, true
		}
		return r.field(c, int(chosen), depth+1, levels)
	case protoDecimal:
		return kindObject, false, r.decimal(c, levels)
	}
	r.out = append(r.out, '"')
	ok = r.moment(c)
	r.out = append(r.out, '"')
	return kindString, false, ok
}

func (r *protoReader) object(c collected, depth, levels int) bool {
	r.out = append(r.out, '{')
	for i := range c.m.fields {
		f := &c.m.fields[i]
		node, ok := r.member(f.quoted, f.escaped, i == 0, levels > 0)
		if !ok {
			return r.within(f.name)
		}
		k, escaped, ok := r.field(c, i, depth, levelsBelow(f.indexed, levels))
		if !ok {
			return r.within(f.name)
		}
		r.close(node, k, escaped)
	}
	r.out = append(r.out, '}')
	return r.fits()
}

// field writes all of a field.
func (r *protoReader) field(c collected, i, depth, levels int) (k kind, escaped, ok bool) {
	f := &c.m.fields[i]
	switch last := r.last(c, i); {
	case f.list:
		return kindArray, false, r.list(f, r.first(c, i), depth)
	case f.mapped:
		return kindObject, false, r.mapping(f, r.first(c, i), depth, levels)
	case last == noPiece && f.tells && c.m.form != protoFirst:
		r.out = append(r.out, "null"...)
		return kindNull, false, true
	case f.message != nil:
		return r.message(f.message, r.first(c, i), true, depth, levels)
	case last == noPiece:
		return r.scalar(f, nil, 0)
	default:
		p := r.pieces[last]
		return r.scalar(f, r.in[p.from:p.to], int(p.from))
	}
}

func (r *protoReader) list(f *protoField, at int32, depth int) bool {
	if depth >= maxDepth {
		return r.fail(lessNesting)
	}
	r.out = append(r.out, '[')
	first := true
	for ; at != noPiece; at = r.pieces[at].next {
		p := r.pieces[at]
		from, to := int(p.from), int(p.to)
		for more := true; more; more = from < to {
			end := to
			if p.wire != f.wire { // packed: one behind the other
				if from == to {
					break
				}
				if end = r.packed(f, from, to); end < 0 {
					return r.failAt(from, "an element of a packed field")
				}
			}
			if !first {
				r.out = append(r.out, ',')
			}
			first = false
			if !r.element(f, at, from, end, depth+1) {
				return false
			}
			from = end
		}
	}
	r.out = append(r.out, ']')
	return true
}

func (r *protoReader) element(f *protoField, at int32, from, to, depth int) bool {
	var ok bool
	if f.message != nil {
		_, _, ok = r.message(f.message, at, false, depth, 0)
	} else {
		_, _, ok = r.scalar(f, r.in[from:to], from)
	}
	return ok && r.fits()
}

// packed returns the end of the element at r.in[from:to], negative where it is none.
func (r *protoReader) packed(f *protoField, from, to int) int {
	n := protowire.ConsumeFieldValue(1, f.wire, r.in[from:to])
	if n < 0 {
		return -1
	}
	return from + n
}

// mapping writes a map as an object. A key that stands twice stays so, and is refused
// where it would be sent.
func (r *protoReader) mapping(f *protoField, at int32, depth, levels int) bool {
	if depth >= maxDepth {
		return r.fail(lessNesting)
	}
	r.out = append(r.out, '{')
	for first := true; at != noPiece; at = r.pieces[at].next {
		c := r.enter(f.message)
		if !r.collect(c, int(r.pieces[at].from), int(r.pieces[at].to)) || !r.entry(c, first, depth+1, levels) || !r.fits() {
			return false
		}
		first = false
		r.leave(c)
	}
	r.out = append(r.out, '}')
	return true
}

// entry writes an entry of a map: its key is text, whatever it is.
func (r *protoReader) entry(c collected, first bool, depth, levels int) bool {
	key, value := &c.m.fields[0], &c.m.fields[1]
	var b []byte
	at := 0
	if p := r.last(c, 0); p != noPiece {
		at = int(r.pieces[p].from)
		b = r.in[at:r.pieces[p].to]
	}
	escaped, ok := r.keyPrefix(key, b)
	if !ok {
		return r.failAt(at+invalidUTF8(b), "text that is UTF-8")
	}
	from := len(r.out)
	node, ok := r.member(r.prefix, escaped, first, levels > 0)
	if !ok {
		return false
	}
	to := len(r.out)
	indexed := isIndexed(string(r.prefix[1 : len(r.prefix)-len(`":`)]))
	k, escaped, ok := r.mapped(c, value, depth, levelsBelow(indexed, levels))
	if !ok {
		return r.within(string(r.out[from:to]))
	}
	r.close(node, k, escaped)
	return true
}

// keyPrefix makes the key of an entry the prefix of a member.
func (r *protoReader) keyPrefix(f *protoField, b []byte) (escaped, ok bool) {
	r.prefix = r.prefix[:0]
	switch ok = true; f.kind {
	case protoreflect.StringKind:
		r.prefix, escaped, ok = appendString(r.prefix, b)
	case protoreflect.BoolKind:
		r.prefix = fmt.Appendf(r.prefix, `"%t"`, varint(b) != 0)
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind:
		r.prefix = fmt.Appendf(r.prefix, `"%d"`, unsigned(f.kind, b))
	default:
		r.prefix = fmt.Appendf(r.prefix, `"%d"`, signed(f.kind, b))
	}
	r.prefix = append(r.prefix, ':')
	return escaped, ok
}

// mapped writes the value of an entry of a map; one that is not set has its zero value.
func (r *protoReader) mapped(c collected, f *protoField, depth, levels int) (k kind, escaped, ok bool) {
	if f.message != nil {
		return r.message(f.message, r.first(c, 1), true, depth, levels)
	}
	if p := r.last(c, 1); p != noPiece {
		return r.scalar(f, r.in[r.pieces[p].from:r.pieces[p].to], int(r.pieces[p].from))
	}
	return r.scalar(f, nil, 0)
}
