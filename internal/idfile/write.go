package idfile

import (
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Writer writes an export.
type Writer struct {
	out   io.Writer
	line  []byte
	table *csv.Writer // nil: JSON lines
}

// NewWriter writes JSON lines, which Read takes back, or CSV for people.
func NewWriter(out io.Writer, asCSV bool) *Writer {
	w := &Writer{out: out}
	if asCSV {
		w.table = csv.NewWriter(out)
		// What fails here fails again when it is flushed.
		_ = w.table.Write([]string{"integration", "object", "space", "key", "state", "group", "id", "topic", "partition", "offset"})
	}
	return w
}

// Write writes a line.
func (w *Writer) Write(e *Exported) error {
	if w.table != nil {
		return w.table.Write([]string{
			e.Integration, e.Object, e.Space, e.Key, e.State, e.Group, e.ID, e.Topic,
			strconv.Itoa(int(e.Partition)), strconv.FormatInt(e.Offset, 10),
		})
	}
	key, keyText := memberNames[inKey], e.Key
	if !utf8.ValidString(e.Key) {
		key, keyText = memberNames[inKey64], base64.StdEncoding.EncodeToString([]byte(e.Key))
	}
	w.line = append(w.line[:0], '{')
	for _, m := range []struct{ name, text string }{
		{memberNames[inIntegration], e.Integration}, {memberNames[inObject], e.Object}, {memberNames[inSpace], e.Space}, {key, keyText},
		{memberNames[inState], e.State}, {memberNames[inGroup], e.Group}, {memberNames[inID], e.ID}, {memberNames[inTopic], e.Topic},
	} {
		w.line = append(append(append(w.line, '"'), m.name...), `":`...)
		var err error
		if w.line, err = jsontext.AppendQuote(w.line, m.text); err != nil {
			return fmt.Errorf("row %q of %s/%s/%s: %s: found %q; expected UTF-8", e.Key, e.Integration, e.Object, e.Space, m.name, m.text)
		}
		w.line = append(w.line, ',')
	}
	w.line = append(w.line, `"partition":`...)
	w.line = strconv.AppendInt(w.line, int64(e.Partition), 10)
	w.line = append(w.line, `,"offset":`...)
	w.line = append(strconv.AppendInt(w.line, e.Offset, 10), '}', '\n')
	_, err := w.out.Write(w.line)
	return err
}

// Flush writes what is left.
func (w *Writer) Flush() error {
	if w.table == nil {
		return nil
	}
	w.table.Flush()
	return w.table.Error()
}
