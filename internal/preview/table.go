package preview

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ampersink/ampersink/internal/model"
)

// WriteTable writes the document for people: the requests with their writes, what
// is not sent, and the summary. Width is the terminal's, in columns; 0 is for no
// terminal: rows are then one line each, and whole.
func (d *Document) WriteTable(w io.Writer, width int) error {
	t := &tables{doc: d}
	if width > 0 {
		t.width = max(width, narrowest)
	}
	for i := range d.Requests {
		t.request(&d.Requests[i])
	}
	t.notSent()
	t.summary()
	_, err := w.Write(t.Bytes())
	return err
}

type tables struct {
	page
	doc *Document
}

func (t *tables) request(r *Request) {
	t.line(0, r.Method+" "+model.Harmless(r.Path))
	d := model.Destination{Integration: r.Destination.Integration, Group: r.Destination.Group, Object: r.Destination.Object}
	what := fmt.Sprintf("%s, %s, to %s", r.Type, plural(len(r.Writes), "write"), model.Harmless(d.String()))
	if r.Body == nil {
		t.line(2, what+": its body depends on what is known of the records when it is sent")
	} else {
		t.line(2, fmt.Sprintf("%s, %d bytes: %s…", what, r.Bytes, escaped([]byte(r.head))))
	}
	var rows [][]string
	for i := range r.Writes {
		w := &r.Writes[i]
		rows = append(rows, append(t.position(&w.Position), strings.TrimSpace(w.Becomes+" "+model.Harmless(w.ID)), t.fieldsOf(w)))
	}
	t.WriteByte('\n')
	t.table(2, []string{"RECORD", "ROUTE", "KEY", "OPERATION", "BECOMES", "FIELDS"}, rows)
	t.WriteByte('\n')
}

func (t *tables) notSent() {
	if len(t.doc.NotSent) == 0 {
		return
	}
	t.line(0, "Not sent")
	t.WriteByte('\n')
	var rows [][]string
	for i := range t.doc.NotSent {
		n := &t.doc.NotSent[i]
		why := n.Rule
		if n.Reason != nil {
			why = strings.TrimSpace(n.Reason.Code+" "+n.Reason.Field) + ": " + n.Reason.Message
		}
		rows = append(rows, append(t.position(&n.Position), n.Fate, model.Harmless(why)))
	}
	t.table(2, []string{"RECORD", "ROUTE", "KEY", "OPERATION", "FATE", "WHY"}, rows)
	t.WriteByte('\n')
}

// position is the cells that writes and fates share.
func (t *tables) position(p *Position) []string {
	return []string{place(p.Topic, p.Partition, p.Offset), model.Harmless(p.Route), t.key(p), cmp.Or(p.Operation, "-")}
}

// place names a record as topic/partition@offset.
func place(topic string, partition int32, offset int64) string {
	return fmt.Sprintf("%s/%d@%d", model.Harmless(topic), partition, offset)
}

// key shows a record's key: of a key with its schema the key alone.
func (t *tables) key(p *Position) string {
	switch {
	case p.KeyBase64 != nil:
		return t.bounded(model.Harmless(string(p.KeyBase64)))
	case p.Key == nil:
		return "null"
	}
	var wrapped struct{ Schema, Payload json.RawMessage }
	if err := json.Unmarshal([]byte(*p.Key), &wrapped); err == nil && wrapped.Schema != nil && wrapped.Payload != nil {
		return t.bounded(compact(wrapped.Payload))
	}
	return t.bounded(model.Harmless(*p.Key))
}

// fieldsOf shows what a write says.
func (t *tables) fieldsOf(w *Write) string {
	var shown []string
	if w.Fields != nil {
		members(string(w.Fields[1:len(w.Fields)-1]), func(name string, value jsontext.Value) {
			shown = append(shown, model.Harmless(name)+": "+t.bounded(compact(value)))
		})
	}
	for i := range w.Parents {
		if p := &w.Parents[i]; p.Field != "" {
			shown = append(shown, model.Harmless(p.Field)+": "+t.parent(p))
		}
	}
	if len(w.Associations) > 0 {
		shown = append(shown, "with associations "+t.bounded(compact(w.Associations)))
	}
	for i := range w.Parents {
		if p := &w.Parents[i]; p.Field == "" {
			shown = append(shown, "with an association: "+t.parent(p))
		}
	}
	return strings.Join(shown, "  ")
}

// parent shows the CRM id of another row, which is not known yet.
func (t *tables) parent(p *Parent) string {
	if p.Key == nil {
		return "null"
	}
	return "id of " + model.Harmless(p.Object) + " " + t.bounded(model.Harmless(*p.Key))
}

// maxShown is how much of one value a terminal is given, in characters: two lines or so.
const maxShown = 160

// bounded cuts a value for a terminal, and says so.
func (t *tables) bounded(value string) string {
	if t.width == 0 || len(value) <= maxShown {
		return value
	}
	end := 0
	for range maxShown {
		_, size := utf8.DecodeRuneInString(value[end:])
		end += size
	}
	if end == len(value) {
		return value
	}
	return fmt.Sprintf("%s… (%d bytes)", value[:end], len(value))
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
