package idfile

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
)

// Exported is a line of an export.
type Exported struct {
	Integration string `json:"integration"`
	Object      string `json:"object"`
	Space       string `json:"space"`
	Key         string `json:"key"` // canonical
	State       string `json:"state"`
	Group       string `json:"group"`
	ID          string `json:"id"`
	Topic       string `json:"topic"` // of the write that said so, empty for an import
	Partition   int32  `json:"partition"`
	Offset      int64  `json:"offset"`
}

// Writer writes an export.
type Writer struct {
	lines *json.Encoder
	table *csv.Writer
}

// NewWriter writes JSON lines, which Read takes back, or CSV for people.
func NewWriter(out io.Writer, asCSV bool) *Writer {
	if !asCSV {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		return &Writer{lines: e}
	}
	w := &Writer{table: csv.NewWriter(out)}
	_ = w.table.Write([]string{"integration", "object", "space", "key", "state", "group", "id", "topic", "partition", "offset"})
	return w
}

// Write writes a line.
func (w *Writer) Write(e *Exported) error {
	if w.lines != nil {
		return w.lines.Encode(e)
	}
	return w.table.Write([]string{
		e.Integration, e.Object, e.Space, e.Key, e.State, e.Group, e.ID, e.Topic,
		strconv.Itoa(int(e.Partition)), strconv.FormatInt(e.Offset, 10),
	})
}

// Flush writes what is left.
func (w *Writer) Flush() error {
	if w.table == nil {
		return nil
	}
	w.table.Flush()
	return w.table.Error()
}
