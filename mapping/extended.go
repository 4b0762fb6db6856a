package mapping

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
)

// MongoDB's Extended JSON, in its canonical, its relaxed and its first form
// ({"$binary": ..., "$type": ...}), which is what Debezium writes.

// appendPlain appends a value of Extended JSON, which a scan has validated, as
// plain JSON: {"$numberLong": "5"} is 5, a date is its text in ISO 8601. What it does not know stays
// as it is.
func appendPlain(dst []byte, v value) []byte {
	switch v.kind {
	case kindArray:
		return appendPlainList(dst, v.raw)
	case kindObject:
		if plain, ok := appendExtended(dst, v.raw); ok {
			return plain
		}
		return appendPlainObject(dst, v.raw)
	}
	return append(dst, v.raw...)
}

func appendPlainList(dst, raw []byte) []byte {
	d := document{text: raw}
	dst = append(dst, '[')
	at := skipSpace(raw, 1)
	for n := 0; raw[at] != ']'; n++ {
		if n > 0 {
			dst, at = append(dst, ','), skipSpace(raw, at+1)
		}
		v, end := d.valueAt(at)
		dst = appendPlain(dst, v)
		at = skipSpace(raw, end)
	}
	return append(dst, ']')
}

func appendPlainObject(dst, raw []byte) []byte {
	d := document{text: raw}
	dst = append(dst, '{')
	at := skipSpace(raw, 1)
	for n := 0; raw[at] != '}'; n++ {
		if n > 0 {
			dst, at = append(dst, ','), skipSpace(raw, at+1)
		}
		end, _ := d.str(at)
		dst = append(append(dst, raw[at:end]...), ':')
		v, end := d.valueAt(d.colon(end))
		dst = appendPlain(dst, v)
		at = skipSpace(raw, end)
	}
	return append(dst, '}')
}

// valueAt returns the value at text[at:] and what is behind it.
func (d *document) valueAt(at int) (v value, end int) {
	end, k, escaped := d.skip(at, 0)
	return value{raw: d.text[at:end], kind: k, escaped: escaped}, end
}

// wrapped is the one or two members of an object that stands for a value.
type wrapped struct {
	name   []byte // of the first
	first  value
	other  []byte
	second value
}

// unwrap reads an object whose first name begins with $ and that has two members at most.
func unwrap(raw []byte) (w wrapped, ok bool) {
	d := document{text: raw}
	for at, n := skipSpace(raw, 1), 0; ; n++ {
		if n == 2 || raw[at] != '"' {
			return w, false
		}
		end, escaped := d.str(at)
		name := raw[at+1 : end-1]
		if escaped || len(name) < 2 || name[0] != '$' {
			return w, false
		}
		v, end := d.valueAt(d.colon(end))
		if n == 0 {
			w.name, w.first = name, v
		} else {
			w.other, w.second = name, v
		}
		at = skipSpace(raw, end)
		if raw[at] == '}' {
			return w, true
		}
		at = skipSpace(raw, at+1)
	}
}

// appendExtended appends the value that an object stands for. It reports false for an
// object that stands for none, or for one that is not written as it should be.
func appendExtended(dst, raw []byte) ([]byte, bool) {
	w, ok := unwrap(raw)
	if !ok {
		return dst, false
	}
	if w.other != nil {
		return w.appendPair(dst)
	}
	switch string(w.name) {
	case "$oid", "$symbol", "$code", "$uuid":
		return append(dst, w.first.raw...), w.first.kind == kindString
	case "$numberInt", "$numberLong", "$numberDouble", "$numberDecimal":
		return w.first.appendNumber(dst)
	case "$date":
		return w.first.appendDate(dst)
	case "$undefined":
		return append(dst, "null"...), true
	case "$binary":
		return w.appendBinary(dst)
	case "$timestamp":
		return w.appendTimestamp(dst)
	case "$regularExpression":
		pattern, options := w.first.members("pattern", "options")
		return appendPattern(dst, pattern, options)
	}
	return dst, false
}

// appendPair appends what two members stand for.
func (w wrapped) appendPair(dst []byte) ([]byte, bool) {
	switch string(w.name) + string(w.other) {
	case "$binary$type":
		return appendBinary(dst, w.first, w.second)
	case "$type$binary":
		return appendBinary(dst, w.second, w.first)
	case "$regex$options":
		return appendPattern(dst, w.first, w.second)
	case "$code$scope":
		return append(dst, w.first.raw...), w.first.kind == kindString
	}
	return dst, false
}

// appendNumber appends the number that a text holds. What JSON has no number for
// (NaN, an infinity) stays text.
func (v value) appendNumber(dst []byte) ([]byte, bool) {
	if v.kind == kindNumber {
		return append(dst, v.raw...), true
	}
	if v.kind != kindString || v.escaped {
		return dst, false
	}
	if text := v.raw[1 : len(v.raw)-1]; isNumber(text) {
		return append(dst, text...), true
	}
	return append(dst, v.raw...), true
}

// appendDate appends a date: text, or milliseconds since 1970.
func (v value) appendDate(dst []byte) ([]byte, bool) {
	if v.kind == kindString {
		return append(dst, v.raw...), true
	}
	if v.kind == kindObject {
		w, ok := unwrap(v.raw)
		if !ok || string(w.name) != "$numberLong" || w.first.escaped || w.first.kind != kindString {
			return dst, false
		}
		v = value{raw: w.first.raw[1 : len(w.first.raw)-1], kind: kindNumber}
	}
	if _, ok := integer(v.raw); v.kind != kindNumber || !ok {
		return dst, false
	}
	return appendSince(dst, v.raw, meansTimestampMS), true
}

// appendSince appends a count of units since 1970 as text. One that no year from 1 to
// 9999 has stays a number.
func appendSince(dst, count []byte, unit meaning) []byte {
	d, _ := countedTime(value{raw: count, kind: kindNumber}, unit)
	if d.kind != datumMoment {
		return append(dst, count...)
	}
	dst = appendMoment(append(dst, '"'), d.sec, d.ns)
	return append(dst, '"')
}

// appendTimestamp appends the seconds of MongoDB's own timestamp as a date.
func (w wrapped) appendTimestamp(dst []byte) ([]byte, bool) {
	t, _ := w.first.members("t", "i")
	if _, ok := integer(t.raw); !ok {
		return dst, false
	}
	return appendSince(dst, t.raw, meansTimestampS), true
}

// appendBinary appends bytes in the form that is an object.
func (w wrapped) appendBinary(dst []byte) ([]byte, bool) {
	base, kind := w.first.members("base64", "subType")
	return appendBinary(dst, base, kind)
}

// appendBinary appends bytes as base64, a UUID (subtype 4) as its text.
func appendBinary(dst []byte, base, kind value) ([]byte, bool) {
	if base.kind != kindString {
		return dst, false
	}
	if id, err := base64.StdEncoding.AppendDecode(nil, base.raw[1:len(base.raw)-1]); err == nil && len(id) == 16 && isSubtype4(kind) {
		dst = append(dst, '"')
		for i, size := range []int{4, 2, 2, 2, 6} {
			if i > 0 {
				dst = append(dst, '-')
			}
			dst = hex.AppendEncode(dst, id[:size])
			id = id[size:]
		}
		return append(dst, '"'), true
	}
	return append(dst, base.raw...), true
}

func isSubtype4(kind value) bool {
	return kind.kind == kindString && bytes.Equal(bytes.TrimLeft(kind.raw[1:len(kind.raw)-1], "0"), []byte("4"))
}

// appendPattern appends a regular expression as it is usually written.
func appendPattern(dst []byte, pattern, options value) ([]byte, bool) {
	if pattern.kind != kindString || options.kind != kindString {
		return dst, false
	}
	dst = append(append(dst, `"/`...), pattern.raw[1:len(pattern.raw)-1]...)
	return append(append(dst, '/'), options.raw[1:]...), true
}

// members returns two members of an object by name; one that is not there is nothing.
func (v value) members(a, b string) (first, second value) {
	if v.kind != kindObject {
		return first, second
	}
	d := document{text: v.raw}
	for at := skipSpace(v.raw, 1); v.raw[at] == '"'; {
		end, _ := d.str(at)
		name := v.raw[at+1 : end-1]
		var one value
		one, end = d.valueAt(d.colon(end))
		switch string(name) {
		case a:
			first = one
		case b:
			second = one
		}
		if at = skipSpace(v.raw, end); v.raw[at] == ',' {
			at = skipSpace(v.raw, at+1)
		}
	}
	return first, second
}
