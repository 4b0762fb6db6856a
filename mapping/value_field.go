package mapping

import (
	"unicode"
	"unicode/utf8"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// treatment is what the configuration asks of a field beyond its source.
type treatment struct {
	typ       *typ // what the value is; nil: as its JSON says
	as        config.As
	separator string
	fallback  []byte // sent in place of null, as JSON; nil: none
	infinite  []byte // sent in place of what is not finite, as JSON; nil: the record is refused
	required  bool
	max       int // characters of a text; 0: any number
	cut       bool
	nulls     config.Nulls
	expr      *expression
}

// emitTreated appends a field that is not merely copied, with the comma before it
// when it is not the first since from. Left out, it appends nothing.
func (m *Mapper) emitTreated(out []byte, from int, f *field, in fieldInput, do action) ([]byte, *model.Reason) {
	d, st, why := m.datumOf(f, in)
	if why != nil {
		return out, why
	}
	if st != found {
		return m.emitAbsent(out, from, f, st, do)
	}
	t := f.treat
	switch d.kind {
	case datumNull:
		return m.emitInstead(out, from, f, t.fallback)
	case datumNotFinite:
		if t.infinite == nil {
			return out, notFinite(f, in.value, d)
		}
		return m.emitInstead(out, from, f, t.infinite)
	}
	if t.max > 0 {
		if why := t.limit(&d, f); why != nil {
			return out, why
		}
	}
	if t.required && d.kind == datumText && len(d.text) == 0 {
		return out, missing(f, "is an empty text")
	}
	m.finder.infinite = t.infinite
	grown, want := m.finder.appendDatum(f.begin(out, from), &d)
	m.finder.infinite = nil
	switch want {
	case "":
		return grown, nil
	case wantFinite:
		return out, notFinite(f, in.value, d)
	}
	return out, badValue(f, in.value, want)
}

// fieldInput is what was found of a field's source.
type fieldInput struct {
	value  value
	typ    *typ // by the schema
	status status
}

// datumOf returns the value of a field in the form that is asked for.
func (m *Mapper) datumOf(f *field, in fieldInput) (d datum, st status, why *model.Reason) {
	t := f.treat
	if in.status == duplicate {
		return d, duplicate, twice(f.source.path)
	}
	if f.source != nil {
		if in.status != found {
			return d, in.status, nil
		}
		if why := sendable(in.value, f.source.path); why != nil {
			return d, found, why
		}
		var want string
		if d, want = m.finder.understandAs(in, t.typ); want != "" {
			return d, found, badValue(f, in.value, want)
		}
	}
	if t.expr != nil {
		if d, st, why = m.evaluate(f, d); why != nil || st != found {
			return d, st, why
		}
	}
	shaped, want := m.finder.shape(d, t)
	if want != "" {
		if f.source == nil {
			return d, found, refusal(codeBadValue, f.to, "the expression yields %s (%s); expected %s, to send it as %s", d.kind, m.show(d), want, t.as)
		}
		return d, found, badValue(f, in.value, want)
	}
	return shaped, found, nil
}

// understandAs reads a value by its schema, else by the type of the configuration,
// which speaks for each element of an array.
func (f *finder) understandAs(in fieldInput, configured *typ) (datum, string) {
	t := in.typ
	if configured != nil && (t == nil || t.asIs || t.means == meansFloat) {
		if t = configured; in.value.kind == kindArray {
			t = configured.list
		}
	}
	return f.understand(in.value, t)
}

// emitAbsent is what becomes of a field that the row does not hold. A default is
// for creates: in an update the CRM has a value, which the row says nothing about.
func (m *Mapper) emitAbsent(out []byte, from int, f *field, st status, do action) ([]byte, *model.Reason) {
	t := f.treat
	if do == actionCreate && st == absent && t.fallback != nil {
		return append(f.begin(out, from), t.fallback...), nil
	}
	if do == actionCreate && t.required {
		if st == placeholder {
			return out, missing(f, "is Debezium's placeholder for an unchanged value")
		}
		return out, missing(f, "is not in the row")
	}
	if !m.quiet {
		f.omitted.count(st, do)
	}
	return out, nil
}

// emitInstead sends what the configuration has in place of a value; that may be
// null, or nothing, which is the same.
func (m *Mapper) emitInstead(out []byte, from int, f *field, instead []byte) ([]byte, *model.Reason) {
	t := f.treat
	switch {
	case instead != nil && string(instead) != "null":
		return append(f.begin(out, from), instead...), nil
	case t.required:
		return out, missing(f, "is null")
	case t.nulls == config.NullsOmit:
		m.omittedNull = true
		return out, nil
	case t.nulls == config.NullsEmpty:
		return append(f.begin(out, from), `""`...), nil
	}
	return append(f.begin(out, from), "null"...), nil
}

// begin appends what stands before the value of a field.
func (f *field) begin(out []byte, from int) []byte {
	if len(out) > from {
		out = append(out, ',')
	}
	return append(out, f.prefix...)
}

// from names where a field comes from, for messages.
func (f *field) from() string {
	if f.source == nil {
		return f.to
	}
	return f.source.path
}

func badValue(f *field, v value, want string) *model.Reason {
	return refusal(codeBadValue, f.from(), "the value for the CRM's field %q is %s (%s); expected %s", f.to, v.kind, excerpt(v.raw, 0), want)
}

func missing(f *field, what string) *model.Reason {
	return refusal(codeRequired, f.from(), "the value for the CRM's field %q %s; expected a value, because the field is required", f.to, what)
}

func notFinite(f *field, v value, d datum) *model.Reason {
	found := excerpt(v.raw, 0)
	if v.raw == nil {
		found = excerpt(d.text, 0)
	}
	return refusal(codeNotFinite, f.from(), "the value for the CRM's field %q is %s: not a number, an infinity, or a date without a year from 1 to 9999;"+
		" expected a finite value, or not_finite: with what is sent in its place (not_finite: null clears the field)", f.to, found)
}

// limit cuts a text that is too long, or refuses it. Bytes are never cut: what is
// left of their base64 would be other bytes.
func (t *treatment) limit(d *datum, f *field) *model.Reason {
	length := 0
	switch d.kind {
	case datumText:
		if len(d.text) <= t.max {
			return nil
		}
		length = utf8.RuneCount(d.text)
	case datumBytes:
		length = (len(d.text) + 2) / 3 * 4
	}
	if length <= t.max {
		return nil
	}
	if !t.cut || d.kind == datumBytes {
		return refusal(codeTooLong, f.from(), "the text for the CRM's field %q has %d characters (%s); expected at most %d", f.to, length, excerpt(d.text, 0), t.max)
	}
	d.text, d.json = d.text[:wholeCharacters(d.text, t.max)], nil
	return nil
}

// wholeCharacters returns where a text ends that is cut to at most that many code
// points without cutting through what a reader sees as one character: no letter
// loses its accents, no emoji its parts.
func wholeCharacters(text []byte, most int) int {
	end := 0
	for range most {
		_, size := utf8.DecodeRune(text[end:])
		end += size
	}
	for cut := end; cut > 0; {
		next, _ := utf8.DecodeRune(text[cut:])
		last, size := utf8.DecodeLastRune(text[:cut])
		if !extends(next) && last != zeroWidthJoiner && !(isFlag(next) && oddFlags(text[:cut])) && !(last == '\r' && next == '\n') {
			return cut
		}
		cut -= size
	}
	return end // one character alone is longer
}

const zeroWidthJoiner = '\u200d'

// extends reports whether a code point belongs to the character before it.
func extends(r rune) bool {
	return r == zeroWidthJoiner || unicode.In(r, unicode.Mn, unicode.Me, unicode.Mc, unicode.Variation_Selector) ||
		r >= 0x1f3fb && r <= 0x1f3ff || r >= 0xe0020 && r <= 0xe007f
}

// isFlag reports whether a code point is half of a flag.
func isFlag(r rune) bool { return r >= 0x1f1e6 && r <= 0x1f1ff }

// oddFlags reports whether a text ends in the middle of a flag.
func oddFlags(text []byte) bool {
	odd := false
	for len(text) > 0 {
		r, size := utf8.DecodeLastRune(text)
		if !isFlag(r) {
			break
		}
		odd, text = !odd, text[:len(text)-size]
	}
	return odd
}
