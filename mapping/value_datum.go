package mapping

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	mathbits "math/bits"

	"github.com/go-json-experiment/json/jsontext"
)

// datum is a value that is understood: what it is, apart from how it was written.
type datum struct {
	kind datumKind
	// json is the value as it came, where that is what is sent.
	json []byte
	// text is a number's digits, a text without its quotes, or bytes.
	text []byte
	// sec is a date (its midnight) or a moment, in seconds since 1970; a duration's
	// whole seconds.
	sec int64
	// ns is what a moment or a duration has beyond its second, or a time of day.
	ns   int64
	zone bool // a time of day that is GMT's
	yes  bool // a boolean that is true
	wide bool // a set: text whose members are joined by commas
	typ  *typ // of what is inside an array or an object; nil: as its JSON says
}

type datumKind uint8

const (
	datumNull datumKind = iota
	datumBoolean
	datumNumber
	datumText
	datumBytes
	datumDate
	datumTime
	datumMoment
	datumDuration
	datumNested    // an array or an object
	datumNotFinite // NaN, an infinity, or a date that has no year from 1 to 9999
)

var datumNames = [...]string{"null", "a boolean", "a number", "a text", "bytes", "a date", "a time of day", "a date and time", "a duration",
	"an array or an object", "not a finite value"}

func (k datumKind) String() string { return datumNames[k] }

// understand reads a value as what its type says; nil says nothing. It returns
// what was expected where the value is not that.
func (f *finder) understand(v value, t *typ) (d datum, want string) {
	if v.kind == kindNull {
		return datum{json: v.raw}, ""
	}
	if t == nil || t.means == meansJSON {
		return f.plain(v), ""
	}
	ok := false
	switch t.means {
	case meansDecimal, meansVariableDecimal, meansFloat, meansNumber:
		d, ok = f.number(v, t)
	case meansBoolean:
		d, ok = f.boolean(v)
	case meansDateDays, meansTimeMS, meansTimeUS, meansTimeNS, meansTimestampS, meansTimestampMS, meansTimestampUS, meansTimestampNS,
		meansDurationUS, meansDurationNS:
		d, ok = countedTime(v, t.means)
	case meansISODate, meansISOTime, meansISOZonedTime, meansISOTimestamp, meansISODuration:
		d, ok = f.writtenTime(v, t.means)
	case meansStructured:
		d, ok = f.structured(v)
	case meansBase64, meansBase64URL, meansHex, meansBits:
		d, ok = f.bytes(v, t)
	case meansSet, meansJSONText:
		if d = f.plain(v); t.means == meansSet {
			d.wide, ok = d.kind == datumText, v.kind == kindString
		} else {
			ok = true
		}
	case meansArray, meansMap, meansStruct:
		d = datum{kind: datumNested, json: v.raw, typ: t}
		ok = v.kind == kindArray && t.means != meansStruct || v.kind == kindObject && t.means != meansArray
		if ok && t.asIs {
			d.typ = nil
		}
	}
	if !ok {
		return d, expected[t.means]
	}
	return d, ""
}

// plain reads a value of which only its JSON is known.
func (f *finder) plain(v value) datum {
	switch v.kind {
	case kindBool:
		return datum{kind: datumBoolean, json: v.raw, yes: v.raw[0] == 't'}
	case kindNumber:
		return datum{kind: datumNumber, json: v.raw, text: v.raw}
	case kindString:
		return datum{kind: datumText, json: v.raw, text: f.unquoted(v)}
	case kindArray, kindObject:
		return datum{kind: datumNested, json: v.raw}
	}
	return datum{json: v.raw}
}

// boolean reads what databases and files write for true and false.
func (f *finder) boolean(v value) (datum, bool) {
	word := v.raw
	if v.kind == kindString {
		word = f.unquoted(v)
	}
	return booleanOf(word)
}

func booleanOf(word []byte) (datum, bool) {
	switch {
	case spelled(word, "true", "t", "yes", "y", "on", "1"):
		return datum{kind: datumBoolean, yes: true}, true
	case spelled(word, "false", "f", "no", "n", "off", "0"):
		return datum{kind: datumBoolean}, true
	}
	return datum{}, false
}

// bytes reads bytes; text that is base64 already stays as it is.
func (f *finder) bytes(v value, t *typ) (datum, bool) {
	if v.kind != kindString {
		return datum{}, false
	}
	text, from := f.unquoted(v), len(f.arena)
	var err error
	switch t.means {
	case meansHex:
		f.arena, err = hex.AppendDecode(f.arena, text)
	case meansBase64URL:
		for len(text) > 0 && text[len(text)-1] == '=' {
			text = text[:len(text)-1]
		}
		f.arena, err = base64.RawURLEncoding.AppendDecode(f.arena, text)
	default:
		f.arena, err = base64.StdEncoding.AppendDecode(f.arena, text)
	}
	d := datum{kind: datumBytes, text: f.arena[from:]}
	if err == nil && t.means == meansBits {
		return f.bits(d.text, t.scale)
	}
	return d, err == nil
}

// maxBits bounds the zeros that a length in a schema can ask for: 64 KiB of text.
const (
	maxBits = 64 << 10
	anyBits = math.MaxInt32 // the length of PostgreSQL's bit varying without one
)

// bits writes bits as databases do, the highest first. Debezium has the lowest
// byte first, leaves out the highest bytes that are zero, and says apart from it how
// many bits there are. Where it does not, nothing says how many zeros came first.
func (f *finder) bits(b []byte, count int) (datum, bool) {
	set := 0
	for at, octet := range b {
		if octet != 0 {
			set = 8*at + mathbits.Len8(octet)
		}
	}
	switch {
	case count == anyBits:
		count = set
	case count == 0:
		count = 8 * len(b)
	case count < set || count > max(maxBits, 8*len(b)):
		return datum{}, false
	}
	from := len(f.arena)
	for i := count - 1; i >= 0; i-- {
		bit := byte(0)
		if i < 8*len(b) {
			bit = b[i/8] >> (i % 8) & 1
		}
		f.arena = append(f.arena, '0'+bit)
	}
	return datum{kind: datumText, text: f.arena[from:]}, true
}

// wantFinite is what is expected in place of what is not finite within an array or an
// object, where nothing is said to be sent instead.
const wantFinite = "a finite value"

// appendDatum writes a datum as JSON in its default form: what a CRM takes
// without loss.
func (f *finder) appendDatum(dst []byte, d *datum) (grown []byte, want string) {
	switch {
	case d.kind == datumNested && d.typ != nil:
		return f.appendNested(dst, d.json, d.typ)
	case d.json != nil:
		return append(dst, d.json...), ""
	}
	switch d.kind {
	case datumNull:
		return append(dst, "null"...), ""
	case datumBoolean:
		if d.yes {
			return append(dst, "true"...), ""
		}
		return append(dst, "false"...), ""
	case datumNumber:
		return append(dst, d.text...), ""
	case datumText:
		return appendQuoted(dst, d.text), ""
	case datumNotFinite:
		if f.infinite == nil {
			return dst, wantFinite
		}
		return append(dst, f.infinite...), ""
	}
	dst = append(dst, '"')
	dst = d.appendText(dst)
	return append(dst, '"'), ""
}

// appendText writes the text of a datum, unquoted: as JSON it would need no escape
// unless it is text or nested.
func (d *datum) appendText(dst []byte) []byte {
	switch d.kind {
	case datumBoolean:
		if d.yes {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	case datumBytes:
		return base64.StdEncoding.AppendEncode(dst, d.text)
	case datumDate:
		return appendDate(dst, d.sec)
	case datumTime:
		return appendTime(dst, d.ns, d.zone)
	case datumMoment:
		return appendMoment(dst, d.sec, d.ns)
	case datumDuration:
		return appendDuration(dst, d.sec, d.ns)
	case datumNested:
		return append(dst, d.json...)
	}
	return append(dst, d.text...)
}

// appendQuoted quotes text that is valid UTF-8.
func appendQuoted(dst, text []byte) []byte {
	quoted, err := jsontext.AppendQuote(dst, text)
	if err != nil {
		panic("BUG: text that was read from JSON does not quote: " + err.Error())
	}
	return quoted
}
