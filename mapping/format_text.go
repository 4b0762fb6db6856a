package mapping

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// minText and textRatio bound the JSON text that a binary value becomes: the names
	// of the fields are not in the bytes, and neither are the elements of an array of
	// nulls, so that a few bytes could ask for all memory. A row of nulls
	// takes a byte a column, and a name as long as databases allow is below the first.
	minText   = 1 << 20
	textRatio = 16
	// growAhead is how much room a long text has: at its end it grows to twice its length,
	// where appending alone would copy it five times over.
	growAhead = 16 << 10

	smallerValue = "a value that is smaller as JSON"
)

// jsonName is a name as JSON.
type jsonName struct {
	quoted  []byte // of a field with its colon
	escaped bool
}

// textWriter writes the JSON text of a document, and its index with it: what a
// scan of the text would find.
type textWriter struct {
	d     *document
	out   []byte
	limit int      // of out
	in    []byte   // what is read
	at    int      // how far it is read
	names []string // of the fields around the fault, from the inside out
}

// begin starts a document; its text is that of the record before, written over.
func (w *textWriter) begin(d *document, in []byte) {
	d.nodes, d.fault = append(d.nodes[:0], node{}), fault{}
	w.d, w.in, w.at, w.names = d, in, 0, nil
	w.out, w.limit = recycled(d.own), minText+textRatio*len(in)
}

// end finishes the document, and reports whether it was read.
func (w *textWriter) end(k kind, escaped, ok bool) bool {
	d := w.d
	d.own, d.text = w.out, w.out
	w.d, w.in, w.out = nil, nil, nil
	if !ok {
		slices.Reverse(w.names)
		d.fault.names = w.names
		return false
	}
	root := &d.nodes[0]
	root.to, root.kind, root.escaped, root.next = uint32(len(d.text)), k, escaped, int32(len(d.nodes))
	return true
}

// fail notes what was expected where, and returns false.
func (w *textWriter) fail(want string) bool {
	w.d.fault = fault{at: w.at, want: want}
	return false
}

// failAt is fail for what was read already.
func (w *textWriter) failAt(at int, want string) bool {
	w.at = at
	return w.fail(want)
}

// within notes the field around a fault, and returns false.
func (w *textWriter) within(name string) bool {
	w.names = append(w.names, name)
	return false
}

// fits reports whether the text is inside its bound.
func (w *textWriter) fits() bool {
	if len(w.out) > w.limit {
		return w.fail(smallerValue)
	}
	if len(w.out) > growAhead && cap(w.out)-len(w.out) < growAhead {
		w.out = slices.Grow(w.out, len(w.out))
	}
	return true
}

// member begins a member of an object: a node for it, where there is an index.
// prefix is the name as JSON and the colon.
func (w *textWriter) member(prefix []byte, escaped bool, first, indexed bool) (node int32, ok bool) {
	if !first {
		w.out = append(w.out, ',')
	}
	from := len(w.out) + 1
	w.out = append(w.out, prefix...)
	if !indexed {
		return 0, true
	}
	if len(w.d.nodes) >= maxMembers {
		return 0, w.fail(fewerMembers)
	}
	w.d.nodes = append(w.d.nodes, w.node(from, len(prefix), escaped))
	return int32(len(w.d.nodes) - 1), true
}

func (w *textWriter) node(from, prefix int, escaped bool) node {
	return node{name: uint32(from), nameEnd: uint32(from + prefix - len(`"":`)), from: uint32(len(w.out)), nameEscaped: escaped}
}

// close ends the member that the node is of; 0: it has none.
func (w *textWriter) close(i int32, k kind, escaped bool) {
	if i == 0 {
		return
	}
	n := &w.d.nodes[i]
	n.to, n.kind, n.escaped, n.next = uint32(len(w.out)), k, escaped, int32(len(w.d.nodes))
}

// text writes a string. It fails where that is not UTF-8, at the byte of the input
// that from is.
func (w *textWriter) text(s []byte, from int) (k kind, escaped, ok bool) {
	if w.out, escaped, ok = appendString(w.out, s); !ok {
		w.at = from + invalidUTF8(s)
		return 0, false, w.fail("text that is UTF-8")
	}
	return kindString, escaped, true
}

// appendString quotes text; ok is false where it is not UTF-8.
func appendString(dst, s []byte) (quoted []byte, escaped, ok bool) {
	end, seen := unescaped(s, 0)
	if (seen&highs != 0 || end < len(s)) && !utf8.Valid(s) {
		return dst, false, false
	}
	if end < len(s) {
		return appendQuoted(dst, s), true, true
	}
	dst = append(append(dst, '"'), s...)
	return append(dst, '"'), false, true
}

// float writes a number of 32 or 64 bits; what is not finite as Connect's JSON
// writes it.
func (w *textWriter) float(v float64, bits int) kind {
	switch {
	case math.IsNaN(v):
		w.out = append(w.out, `"NaN"`...)
	case math.IsInf(v, 1):
		w.out = append(w.out, `"Infinity"`...)
	case math.IsInf(v, -1):
		w.out = append(w.out, `"-Infinity"`...)
	default:
		w.out = appendFloatBits(w.out, v, bits)
		return kindNumber
	}
	return kindString
}

func (w *textWriter) boolean(v bool) {
	w.out = strconv.AppendBool(w.out, v)
}

// namePrefix returns a name as JSON with its colon, and whether it has escapes.
func namePrefix(name string) (prefix []byte, escaped, ok bool) {
	quoted, escaped, ok := appendString(nil, []byte(name))
	return append(quoted, ':'), escaped, ok
}

// levelsBelow returns how deep the members of a member are indexed.
func levelsBelow(indexed bool, levels int) int {
	if indexed && levels > 0 {
		return levels - 1
	}
	return 0
}

// isIndexed reports whether the index goes below a member of that name.
func isIndexed(name string) bool { return name == "payload" || name == "after" || name == "before" }

// path says where a fault is in the row.
func (f fault) path() string { return strings.Join(f.names, ".") }
