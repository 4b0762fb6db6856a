package mapping

import "github.com/go-json-experiment/json/jsontext"

// appendNested writes an array or an object whose type says that what is inside
// is not sent as it is. What the type does not name stays as it is.
func (f *finder) appendNested(dst, raw []byte, t *typ) (grown []byte, want string) {
	dec := document{text: raw}
	closing := byte(']')
	if raw[0] == '{' {
		closing = '}'
	}
	dst = append(dst, raw[0])
	at := skipSpace(raw, 1)
	for n := 0; raw[at] != closing; n++ {
		if n > 0 {
			dst = append(dst, ',')
			at = skipSpace(raw, at+1)
		}
		below := t.items
		switch {
		case closing == '}':
			end, escaped := dec.str(at)
			dst = append(append(dst, raw[at:end]...), ':')
			if t.means == meansStruct {
				below = t.field(string(unquotedName(raw[at:end], escaped)))
			}
			at = dec.colon(end)
		case t.tuple != nil:
			below = nil
			if n < len(t.tuple) {
				below = t.tuple[n]
			}
		case t.means == meansMap:
			below = t.entry
		}
		end, k, escaped := dec.skip(at, 0)
		if dst, want = f.appendTyped(dst, value{raw: raw[at:end], kind: k, escaped: escaped}, below); want != "" {
			return dst, want
		}
		at = skipSpace(raw, end)
	}
	return append(dst, closing), ""
}

// appendTyped writes a value that is inside another one.
func (f *finder) appendTyped(dst []byte, v value, t *typ) (grown []byte, want string) {
	if t == nil || t.asIs {
		return append(dst, v.raw...), ""
	}
	d, want := f.understand(v, t)
	if want != "" {
		return dst, want
	}
	return f.appendDatum(dst, &d)
}

func unquotedName(raw []byte, escaped bool) []byte {
	if !escaped {
		return raw[1 : len(raw)-1]
	}
	name, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		panic("BUG: a validated name does not unquote: " + err.Error())
	}
	return name
}
