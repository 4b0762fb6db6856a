package mapping

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

func (d *document) literal(at int, want string) int {
	if end := at + len(want); end <= len(d.text) && string(d.text[at:end]) == want {
		return end
	}
	return d.fail(at, want)
}

func (d *document) number(at int) int {
	b := d.text
	if b[at] == '-' {
		at++
	}
	switch {
	case at < len(b) && b[at] == '0':
		at++
	default:
		if at = d.digits(at); at < 0 {
			return -1
		}
	}
	if at < len(b) && b[at] == '.' {
		if at = d.digits(at + 1); at < 0 {
			return -1
		}
	}
	if at < len(b) && b[at]|0x20 == 'e' {
		at++
		if at < len(b) && (b[at] == '+' || b[at] == '-') {
			at++
		}
		return d.digits(at)
	}
	return at
}

// digits reads one digit or more.
func (d *document) digits(at int) int {
	b, from := d.text, at
	for at < len(b) && b[at]-'0' <= 9 {
		at++
	}
	if at == from {
		return d.fail(at, "a digit")
	}
	return at
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// ends marks the bytes of w that end a run of plain string text: a quote, a
// backslash, a control character. Only the lowest mark is exact, because the
// subtractions borrow upwards from a byte that is marked rightly.
func ends(w uint64) uint64 {
	quote := w ^ (ones * '"')
	slash := w ^ (ones * '\\')
	return ((quote-ones)&^quote | (slash-ones)&^slash | (w-ones*0x20)&^w) & highs
}

// str reads the string whose opening quote is text[at] and returns what is
// behind its closing one.
func (d *document) str(at int) (end int, escaped bool) {
	b := d.text
	from := at + 1
	high := uint64(0)
	for at = from; at+8 <= len(b); at += 8 { // most strings are plain, and end here
		w := binary.LittleEndian.Uint64(b[at:])
		high |= w
		if m := ends(w); m != 0 {
			if at += bits.TrailingZeros64(m) >> 3; b[at] == '"' && high&highs == 0 {
				return at + 1, false
			}
			break
		}
	}
	for {
		next, seen := unescaped(b, at)
		at, high = next, high|seen
		if at >= len(b) {
			return d.fail(at, "a closing quote"), false
		}
		switch b[at] {
		case '"':
			if high&highs != 0 && !utf8.Valid(b[from:at]) {
				return d.fail(from+invalidUTF8(b[from:at]), "valid UTF-8"), false
			}
			return at + 1, escaped
		case '\\':
			escaped = true
			if at = d.escape(at); at < 0 {
				return -1, false
			}
		default:
			return d.fail(at, "an escape in place of a control character"), false
		}
	}
}

// unescaped returns where the characters from b[at] end that stand for
// themselves, and all their bits together: some of behind the end too, so that a
// check for UTF-8 may be wasted, but none is missed.
func unescaped(b []byte, at int) (end int, seen uint64) {
	for at+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[at:])
		seen |= w
		if m := ends(w); m != 0 {
			return at + bits.TrailingZeros64(m)>>3, seen
		}
		at += 8
	}
	for at < len(b) {
		c := b[at]
		if c == '"' || c == '\\' || c < 0x20 {
			break
		}
		seen |= uint64(c)
		at++
	}
	return at, seen
}

// escape reads the escape whose backslash is text[at]. A surrogate must come
// with its other half: alone it is no character and cannot be said in UTF-8.
func (d *document) escape(at int) int {
	b := d.text
	if at+1 >= len(b) {
		return d.fail(at, "an escape")
	}
	switch b[at+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return at + 2
	case 'u':
	default:
		return d.fail(at, "an escape")
	}
	r, ok := hex4(b, at)
	if !ok {
		return d.fail(at, "four hexadecimal digits")
	}
	switch {
	case r < 0xd800 || r > 0xdfff:
		return at + 6
	case r < 0xdc00:
		if low, ok := hex4(b, at+6); ok && low >= 0xdc00 && low <= 0xdfff {
			return at + 12
		}
	}
	return d.fail(at, "a surrogate pair")
}

// hex4 reads a \uXXXX at b[at:].
func hex4(b []byte, at int) (r uint32, ok bool) {
	if at+6 > len(b) || b[at] != '\\' || b[at+1] != 'u' {
		return 0, false
	}
	for _, c := range b[at+2 : at+6] {
		switch {
		case c-'0' <= 9:
			r = r<<4 | uint32(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | uint32(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

func invalidUTF8(b []byte) int {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(b)
}

func skipSpace(b []byte, at int) int {
	for at < len(b) && b[at] <= ' ' && (b[at] == ' ' || b[at] == '\n' || b[at] == '\t' || b[at] == '\r') {
		at++
	}
	return at
}
