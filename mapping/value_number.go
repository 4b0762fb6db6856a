package mapping

import (
	"encoding/base64"
	"math/big"
	"strconv"
)

const (
	// minScale and maxScale bound the scale of a decimal to what PostgreSQL, which
	// goes farthest, has: the digits of a row must not be able to ask for
	// gigabytes of zeros.
	minScale, maxScale = -1000, 16383
	// maxUnscaled bounds the bytes of a decimal: PostgreSQL's largest numeric has
	// 147,455 digits, 61,232 bytes.
	maxUnscaled = 64 << 10
)

// number reads a number in one of its forms.
func (f *finder) number(v value, t *typ) (datum, bool) {
	switch t.means {
	case meansDecimal:
		if v.kind == kindString && t.scaled {
			return f.unscaled(v, t.scale)
		}
	case meansVariableDecimal:
		return f.variable(v)
	}
	if v.kind == kindString && t.means != meansDecimal {
		return numberIn(f.unquoted(v))
	}
	return datum{kind: datumNumber, json: v.raw, text: v.raw}, v.kind == kindNumber
}

// numberIn reads a text that is a number, or says that there is none.
func numberIn(text []byte) (datum, bool) {
	switch {
	case isNumber(text):
		return datum{kind: datumNumber, text: text}, true
	case spelled(text, "NaN", "Infinity", "-Infinity", "POSITIVE_INFINITY", "NEGATIVE_INFINITY", "NOT_A_NUMBER", "inf", "-inf"):
		return datum{kind: datumNotFinite, text: text}, true
	}
	return datum{}, false
}

// isNumber reports whether a text is a number as JSON writes it.
func isNumber(text []byte) bool {
	if len(text) == 0 || text[0] != '-' && text[0]-'0' > 9 {
		return false
	}
	d := document{text: text}
	return d.number(0) == len(text)
}

// variable reads {"scale", "value"}, the form of decimals whose scale each row
// has for itself.
func (f *finder) variable(v value) (datum, bool) {
	if v.kind == kindNumber {
		return datum{kind: datumNumber, json: v.raw, text: v.raw}, true
	}
	if v.kind != kindObject || !f.nested.scan(v.raw, 1) {
		return datum{}, false
	}
	scale, bytes := f.nested.find(0, "scale"), f.nested.find(0, "value")
	if scale <= 0 || bytes <= 0 || f.nested.nodes[scale].kind != kindNumber {
		return datum{}, false
	}
	n, ok := integer(f.nested.read(scale).raw)
	if !ok || n < minScale || n > maxScale {
		return datum{}, false
	}
	return f.unscaled(f.nested.read(bytes), int(n))
}

// unscaled reads the base64 of a decimal's unscaled value: big-endian, in two's
// complement.
func (f *finder) unscaled(v value, scale int) (datum, bool) {
	if v.kind != kindString || len(v.raw) > maxUnscaled*4/3+8 || scale < minScale || scale > maxScale {
		return datum{}, false
	}
	var err error
	from := len(f.arena)
	if f.arena, err = base64.StdEncoding.AppendDecode(f.arena, f.unquoted(v)); err != nil || len(f.arena) == from {
		return datum{}, false
	}
	b := f.arena[from:]
	at := len(f.arena)
	if len(b) <= 8 {
		n := int64(int8(b[0]))
		for _, c := range b[1:] {
			n = n<<8 | int64(c)
		}
		f.arena = strconv.AppendInt(f.arena, n, 10)
	} else {
		n := new(big.Int).SetBytes(b)
		if b[0]&0x80 != 0 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		}
		f.arena = n.Append(f.arena, 10)
	}
	f.arena = pointed(f.arena, at, scale)
	return datum{kind: datumNumber, text: f.arena[at:]}, true
}

// pointed puts the decimal point into the whole number at b[at:].
func pointed(b []byte, at, scale int) []byte {
	digits := at
	if b[digits] == '-' {
		digits++
	}
	for ; scale < 0 && b[digits] != '0'; scale++ {
		b = append(b, '0')
	}
	if scale <= 0 {
		return b
	}
	if missing := scale + 1 - (len(b) - digits); missing > 0 {
		for range missing {
			b = append(b, '0')
		}
		copy(b[digits+missing:], b[digits:])
		for i := range missing {
			b[digits+i] = '0'
		}
	}
	b = append(b, 0)
	point := len(b) - 1 - scale
	copy(b[point+1:], b[point:])
	b[point] = '.'
	return b
}

// integer reads a whole number of JSON that an int64 holds.
func integer(raw []byte) (int64, bool) {
	digits := raw
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > 19 {
		return 0, false
	}
	var n uint64
	for _, c := range digits {
		if c-'0' > 9 {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	if len(digits) < len(raw) {
		return -int64(n), n <= 1<<63
	}
	return int64(n), n < 1<<63
}
