package mapping

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/captures"
	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// Applying the writes of a capture, in order, to a table by source key leaves
// the database's final rows: every column of every row. What differs is on the
// list of exceptions, and what is on the list differs.
func TestCapturesLeaveTheFinalRows(t *testing.T) {
	t.Parallel()
	for name, v := range captures.Postgres() {
		for _, keys := range []config.OnKeyChange{config.KeyChangeMove, config.KeyChangeRecreate} {
			t.Run(name+" "+string(keys), func(t *testing.T) {
				t.Parallel()
				captures.Compare(t, name, replay(t, name, v, keys))
			})
		}
	}
}

func replayRoutes(capture string, v captures.Variant) []config.Route {
	var routes []config.Route
	for table, primary := range captures.Tables() {
		r := routed(v.Envelope, key(primary...), id(primary[0]))
		r.Name, r.Topics, r.Fields = table, config.Topics{Names: []string{capture + ".public." + table}}, v.Fields(table)
		r.Format, r.Before = both(v.Format), captures.Before(table)
		routes = append(routes, r)
	}
	return routes
}

// table is the rows of a table by source key, each a column to the JSON that was
// written last.
type table struct {
	rows    captures.Rows
	gone    captures.Rows     // as they were when they were deleted
	inherit map[string]string // the key that a row had before its primary key was changed
	moved   map[string]bool   // the old keys of rows that were moved
}

// replay applies the writes of a capture. Only what is on the list may be
// anything else than a write.
func replay(t *testing.T, capture string, v captures.Variant, keys config.OnKeyChange) map[string]captures.Rows {
	t.Helper()
	routes := replayRoutes(capture, v)
	for i := range routes {
		routes[i].OnKeyChange = keys
	}
	m := mustNew(t, routes, config.SkipRule{Name: "rest", Topics: config.Topics{Regex: "(__debezium-heartbeat\\.)?" + capture + "(\\.transaction|\\.message)?"}})
	plain := func(b []byte) []byte { return b }
	if v.Format == config.FormatAvro {
		schemas := captureSchemas(t)
		m.WithSchemas(schemas)
		plain = func(b []byte) []byte { return schemas.plainJSON(t, b) }
	}
	tables := make(map[string]*table)
	for name := range captures.Tables() {
		tables[name] = newTable()
	}
	writes := 0
	for _, r := range captures.Records(t, capture) {
		it := mapOne(t, m, r)
		name := r.Topic[strings.LastIndexByte(r.Topic, '.')+1:]
		if it.Write == nil {
			switch got := show(it); {
			case got == "skip skip.rest", got == "skip "+name+".on_tombstone", got == "skip "+name+".on_key_change" && keys == config.KeyChangeMove:
			case got == "refuse operation op" && bytes.Contains(plain(r.Value), []byte(`"op":"t"`)):
			case strings.HasPrefix(got, "refuse no_key") && r.Key == nil:
			default:
				t.Errorf("%s/%d/%d: %s", r.Topic, r.Partition, r.Offset, got)
			}
			continue
		}
		writes++
		tables[name].apply(t, keyText(t, name, plain(r.Key), it.Write), r, it.Write)
	}
	if writes < 80 {
		t.Errorf("only %d writes", writes)
	}
	rows := make(map[string]captures.Rows)
	for name, one := range tables {
		one.finish()
		rows[name] = one.rows
	}
	return rows
}

func newTable() *table {
	return &table{make(captures.Rows), make(captures.Rows), make(map[string]string), make(map[string]bool)}
}

// finish carries over what a row had under its old key. The partitions of a capture stand
// one behind the other: the old key's may come last.
func (a *table) finish() {
	for from := range a.moved {
		a.gone[from] = a.rows[from]
		delete(a.rows, from)
	}
	for to, from := range a.inherit {
		for column, raw := range a.gone[from] {
			if row := a.rows[to]; row != nil && row[column] == nil {
				row[column] = raw
			}
		}
	}
}

func (a *table) apply(t *testing.T, key string, r *model.Record, w *model.Write) {
	t.Helper()
	fields := make(map[string]json.RawMessage)
	if err := json.Unmarshal([]byte("{"+w.Fields+"}"), &fields); err != nil {
		t.Fatal(err)
	}
	switch {
	case w.Type == model.Delete:
		if a.rows[key] != nil { // a tombstone follows its delete
			a.gone[key] = a.rows[key]
		}
		delete(a.rows, key)
	case w.Type == model.Update && a.rows[key] != nil:
		maps.Copy(a.rows[key], fields)
	default:
		a.rows[key] = fields
		if old, ok := r.Header("__debezium.oldkey"); ok {
			a.inherit[key] = jsonKey(t, old)
			if w.Type == model.Update { // it is the CRM record of the old key
				a.moved[jsonKey(t, old)] = true
			}
		}
	}
}

// keyText is the primary key of a write: the record's key, else of the keyless
// table what identifies its rows here.
func keyText(t *testing.T, table string, key []byte, w *model.Write) string {
	t.Helper()
	if table == "audit_log" {
		if w.ID != "" {
			return w.ID
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal([]byte("{"+w.Fields+"}"), &fields); err != nil {
			t.Fatal(err)
		}
		return captures.Key(t, table, fields)
	}
	return jsonKey(t, key)
}

// jsonKey returns the values of a key, in the order of their names.
func jsonKey(t *testing.T, raw []byte) string {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	if inner := members["payload"]; inner != nil {
		return jsonKey(t, inner)
	}
	var parts []string
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(members))) {
		parts = append(parts, strings.Trim(string(members[name]), `"`))
	}
	return strings.Join(parts, ",")
}
