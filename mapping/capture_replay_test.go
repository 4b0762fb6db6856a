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
	leaveTheFinalRows(t, captures.Postgres(), 80)
}

func TestMariaDBCapturesLeaveTheFinalRows(t *testing.T) {
	t.Parallel()
	leaveTheFinalRows(t, captures.MariaDB(), 14)
}

// The transform that flattens says that a row was deleted in as many ways as it has modes.
func TestMariaDBCapturesSayTheirDeletes(t *testing.T) {
	t.Parallel()
	one, skipped := []string{"delete id=2"}, []string{"delete id=2", "skip contacts.on_tombstone"}
	says := map[string][]string{"flat-drop": nil, "flat-schema": one, "flat-rewrite": one, "flat-rewrite-with-tombstone": {"delete id=2", "delete id=2"},
		"flat-delete-to-tombstone": one, "envelope": skipped, "envelope-schema": skipped, "cloudevents": skipped, "cloudevents-schema": skipped}
	for _, v := range captures.MariaDB() {
		m := mustNew(t, replayRoutes(v, config.KeyChangeMove))
		var got []string
		for _, r := range captures.Records(t, v.Name) {
			if r.Topic != v.Topic("contacts") || jsonKey(t, r.Key) != "2" {
				continue
			}
			if it := mapOne(t, m, r); it.Write == nil || it.Write.Type == model.Delete {
				got = append(got, show(it))
			}
		}
		if want := says[strings.TrimPrefix(v.Name, "crm-maria-")]; !slices.Equal(got, want) {
			t.Errorf("%s: the delete of contacts 2 is %q, want %q", v.Name, got, want)
		}
	}
}

func leaveTheFinalRows(t *testing.T, variants []captures.Variant, writes int) {
	t.Helper()
	for _, v := range variants {
		for _, keys := range []config.OnKeyChange{config.KeyChangeMove, config.KeyChangeRecreate} {
			t.Run(v.Name+" "+string(keys), func(t *testing.T) {
				t.Parallel()
				v.Compare(t, keys, replay(t, v, keys, writes))
			})
		}
	}
}

func replayRoutes(v captures.Variant, keys config.OnKeyChange) []config.Route {
	var routes []config.Route
	for table, primary := range v.Tables() {
		r := routed(v.Envelope, key(primary...), id(primary[0]))
		r.Name, r.Topics, r.Unwrap, r.Fields = table, config.Topics{Names: []string{v.Topic(table)}}, v.Unwrap, v.Fields(table)
		r.Format, r.Before, r.OnKeyChange = both(v.Format), v.Before(table), keys
		routes = append(routes, r)
	}
	return routes
}

// table is the rows of a table by source key, each a column to the JSON that was
// written last.
type table struct {
	rows captures.Rows
	keys map[model.Conflict]string
	was  map[string]model.Conflict // the keys that rows had before theirs were changed
}

// replay applies the writes of a capture. Only what is on the list may be
// anything else than a write.
func replay(t *testing.T, v captures.Variant, keys config.OnKeyChange, least int) map[string]captures.Rows {
	t.Helper()
	m := mustNew(t, replayRoutes(v, keys), config.SkipRule{Name: "rest", Topics: config.Topics{Regex: "(__debezium-heartbeat\\.)?" + v.Name + "(\\.transaction|\\.message)?"}})
	plain := func(b []byte) []byte { return b }
	if v.Format == config.FormatAvro {
		schemas := captureSchemas(t)
		m.WithSchemas(schemas)
		plain = func(b []byte) []byte { return schemas.plainJSON(t, b) }
	}
	tables := make(map[string]*table)
	for name := range v.Tables() {
		tables[name] = newTable()
	}
	writes := 0
	for _, r := range captures.Records(t, v.Name) {
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
		tables[name].apply(t, keyText(t, v, name, plain(r.Key), it.Write), it.Write)
	}
	if writes < least {
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
	return &table{make(captures.Rows), make(map[model.Conflict]string), make(map[string]model.Conflict)}
}

// finish carries over what a row had under its old key. The partitions of a capture stand
// one behind the other: the old key's may come last.
func (a *table) finish() {
	for to, was := range a.was {
		from := a.keys[was]
		for column, raw := range a.rows[from] {
			if row := a.rows[to]; row != nil && row[column] == nil {
				row[column] = raw
			}
		}
		delete(a.rows, from)
	}
}

func (a *table) apply(t *testing.T, key string, w *model.Write) {
	t.Helper()
	fields := make(map[string]json.RawMessage)
	if err := json.Unmarshal([]byte("{"+w.Fields+"}"), &fields); err != nil {
		t.Fatal(err)
	}
	a.keys[w.Conflicts[0]] = key
	switch {
	case w.Type == model.Delete:
		delete(a.rows, key)
	case w.Type == model.Update && len(w.Conflicts) == 3: // the key, the one before, the id
		a.rows[key], a.was[key] = fields, w.Conflicts[1]
	case w.Type == model.Update && a.rows[key] != nil:
		maps.Copy(a.rows[key], fields)
	default:
		a.rows[key] = fields
	}
}

// keyText is the primary key of a write: the record's key, else of the keyless
// table what identifies its rows here.
func keyText(t *testing.T, v captures.Variant, table string, key []byte, w *model.Write) string {
	t.Helper()
	if key == nil {
		if w.ID != "" {
			return w.ID
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal([]byte("{"+w.Fields+"}"), &fields); err != nil {
			t.Fatal(err)
		}
		return v.Key(t, table, fields)
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
