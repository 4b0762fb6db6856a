package preview

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// WriteJSON writes the document as one JSON object.
func (d *Document) WriteJSON(w io.Writer) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(d); err != nil {
		return fmt.Errorf("writing the preview as JSON: %w", err)
	}
	_, err := w.Write(escaped(b.Bytes()))
	return err
}

// escaped returns JSON that says the same and does nothing to a terminal: what is
// not graphic can stand in strings alone, and is escaped there.
func escaped(text []byte) []byte {
	clean := func(r rune, size int) bool {
		return r == '\n' || strconv.IsGraphic(r) && (r != utf8.RuneError || size > 1)
	}
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if clean(r, size) {
			at += size
			continue
		}
		out := append(make([]byte, 0, len(text)+64), text[:at]...)
		for _, r := range string(text[at:]) {
			switch {
			case clean(r, 2):
				out = utf8.AppendRune(out, r)
			case r > 0xffff:
				high, low := utf16.EncodeRune(r)
				out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
			default:
				out = fmt.Appendf(out, `\u%04x`, r)
			}
		}
		return out
	}
	return text
}

// compact returns a JSON value in one line, fit for a terminal.
func compact(value []byte) string {
	var b bytes.Buffer
	if err := json.Compact(&b, value); err != nil {
		return string(escaped(value))
	}
	return string(escaped(b.Bytes()))
}
