package mapping

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ampersink/ampersink/internal/config"
)

// asked says what each word under as: must be made of.
func asked(as config.As) string {
	switch as {
	case config.AsDate:
		return "a date, a date and time, or text that is one; a number needs type:"
	case config.AsDatetime, config.AsEpochMS:
		return "a date and time, a date, or text that is one; a number needs type:"
	case config.AsTime:
		return "a time of day, a date and time, or text that is one; a number needs type:"
	case config.AsNumber:
		return "a number, a duration, or text that is a number"
	case config.AsBoolean:
		return "true or false, 1 or 0, or text such as t, true, yes, f, false, no"
	case config.AsList:
		return "an array or a set of plain values, none of which holds the separator"
	case config.AsJSON:
		return "text that holds JSON, each name once in its object"
	}
	return "a value"
}

// shape makes of a datum what as: asks for. It returns what was expected of a
// datum that cannot become that.
func (f *finder) shape(d datum, t *treatment) (shaped datum, want string) {
	if t.as == "" || d.kind == datumNull || d.kind == datumNotFinite {
		return d, ""
	}
	ok := false
	switch t.as {
	case config.AsDate, config.AsDatetime, config.AsEpochMS:
		d, ok = f.shapeDate(d, t.as)
	case config.AsTime:
		d, ok = shapeTime(d)
	case config.AsNumber:
		d, ok = f.shapeNumber(d)
	case config.AsBoolean:
		if ok = d.kind == datumBoolean; !ok && (d.kind == datumText || d.kind == datumNumber) {
			d, ok = booleanOf(d.text)
		}
	case config.AsString:
		return f.shapeString(d)
	case config.AsList:
		d, ok = f.shapeList(d, t.separator)
	case config.AsJSON:
		d, ok = shapeJSON(d)
	}
	if !ok {
		return d, asked(t.as)
	}
	return d, ""
}

// shapeDate makes a date, a date and time, or its milliseconds.
func (f *finder) shapeDate(d datum, as config.As) (datum, bool) {
	if d.kind == datumText {
		var ok bool
		switch text := d.text; {
		case spelled(text, "infinity", "-infinity"):
			return datum{kind: datumNotFinite, text: text}, true
		default:
			if d, ok = isoMoment(text); !ok {
				d, ok = isoDate(text)
			}
			if !ok || d.kind == datumNotFinite {
				return d, ok
			}
		}
	}
	if d.kind != datumDate && d.kind != datumMoment {
		return d, false
	}
	switch as {
	case config.AsDate:
		day := d.sec - (d.sec%secondsPerDay+secondsPerDay)%secondsPerDay
		return datum{kind: datumDate, sec: day}, true
	case config.AsDatetime:
		return datum{kind: datumMoment, sec: d.sec, ns: d.ns}, true
	}
	from := len(f.arena)
	f.arena = strconv.AppendInt(f.arena, d.sec*1000+d.ns/1_000_000, 10)
	return datum{kind: datumNumber, text: f.arena[from:]}, true
}

func shapeTime(d datum) (datum, bool) {
	switch d.kind {
	case datumTime:
		return d, true
	case datumMoment:
		return datum{kind: datumTime, ns: (d.sec%secondsPerDay+secondsPerDay)%secondsPerDay*nsPerSecond + d.ns}, true
	case datumText:
		if moment, ok := isoMoment(d.text); ok {
			if moment.kind == datumNotFinite {
				return moment, true
			}
			return shapeTime(moment)
		}
		return isoTime(d.text, true)
	}
	return d, false
}

// shapeNumber makes a number; of a duration its seconds.
func (f *finder) shapeNumber(d datum) (datum, bool) {
	switch d.kind {
	case datumNumber:
		return d, true
	case datumText:
		return numberIn(d.text)
	case datumDuration:
		from := len(f.arena)
		if d.sec < 0 || d.ns < 0 {
			f.arena = append(f.arena, '-')
		}
		f.arena = strconv.AppendUint(f.arena, magnitude(d.sec), 10)
		f.arena = appendFraction(f.arena, int64(magnitude(d.ns)))
		return datum{kind: datumNumber, text: f.arena[from:]}, true
	}
	return d, false
}

func (f *finder) shapeString(d datum) (shaped datum, want string) {
	if d.kind == datumText {
		return d, ""
	}
	from := len(f.arena)
	if d.kind == datumNested && d.typ != nil {
		if f.arena, want = f.appendNested(f.arena, d.json, d.typ); want != "" {
			return d, want
		}
	} else {
		f.arena = d.appendText(f.arena)
	}
	return datum{kind: datumText, text: f.arena[from:]}, ""
}

// shapeList joins the elements of an array, or the members of a set, as CRMs take
// several values in one field. Null elements are no values.
func (f *finder) shapeList(d datum, separator string) (datum, bool) {
	switch {
	case d.wide:
		if separator != "," && bytes.Contains(d.text, []byte(separator)) {
			return d, false
		}
		return datum{kind: datumText, text: bytes.ReplaceAll(d.text, []byte{','}, []byte(separator))}, true
	case d.kind == datumNested && len(d.json) > 0 && d.json[0] == '[':
		joined, ok := f.joinElements(d, separator)
		return datum{kind: datumText, text: joined}, ok
	}
	return d, false
}

func (f *finder) joinElements(d datum, separator string) (joined []byte, ok bool) {
	var items *typ
	if d.typ != nil {
		items = d.typ.items
	}
	dec := document{text: d.json}
	first := true
	for at := skipSpace(d.json, 1); d.json[at] != ']'; {
		if d.json[at] == ',' {
			at = skipSpace(d.json, at+1)
		}
		end, k, escaped := dec.skip(at, 0)
		element, want := f.understand(value{raw: d.json[at:end], kind: k, escaped: escaped}, items)
		at = skipSpace(d.json, end)
		if want != "" || element.kind == datumNested || element.kind == datumNotFinite {
			return nil, false
		}
		if element.kind == datumNull {
			continue
		}
		if !first {
			joined = append(joined, separator...)
		}
		first = false
		before := len(joined)
		joined = element.appendText(joined)
		if bytes.Contains(joined[before:], []byte(separator)) {
			return nil, false
		}
	}
	return joined, true
}

// shapeJSON makes the JSON that a text holds; what is JSON already stays.
func shapeJSON(d datum) (datum, bool) {
	if d.kind != datumText {
		return d, d.kind == datumNested || d.kind == datumBoolean || d.kind == datumNumber
	}
	text := jsontext.Value(bytes.Clone(d.text))
	if !text.IsValid() {
		return d, false
	}
	if text.Compact() != nil {
		return d, false
	}
	if text.Kind() == 'n' {
		return datum{json: text}, true
	}
	return datum{kind: datumNested, json: text}, true
}
