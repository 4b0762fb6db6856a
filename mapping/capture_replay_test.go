package mapping

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// variant is a capture in full, and what the configuration says of its values
// because no schema does.
type variant struct {
	envelope config.Envelope
	types    map[string]config.Type // by the kind of a column; nil: the schema says it
	scaled   bool                   // decimals are bytes
	avro     bool                   // keys and values
}

func variants() map[string]variant {
	adaptive := map[string]config.Type{"numeric": config.TypeDecimalVariable, "numeric(2)": config.TypeDecimal, "numeric(4)": config.TypeDecimal,
		"money": config.TypeDecimal, "float": config.TypeNumber, "date": config.TypeDateDays, "timestamp": config.TypeTimestampUS,
		"timestamp(3)": config.TypeTimestampMS, "timestamptz": config.TypeISOTimestamp, "time": config.TypeTimeUS, "timetz": config.TypeISOZonedTime,
		"interval": config.TypeDurationUS, "bytea": config.TypeBytesBase64}
	edited := func(edits map[string]config.Type) map[string]config.Type {
		types := maps.Clone(adaptive)
		maps.Copy(types, edits)
		return types
	}
	const number = config.TypeNumber
	return map[string]variant{
		"crm-pg-envelope":            {config.EnvelopeDebezium, adaptive, true, false},
		"crm-pg-envelope-schema":     {config.EnvelopeDebezium, nil, false, false},
		"crm-pg-flat":                {config.EnvelopeDebeziumFlat, adaptive, true, false},
		"crm-pg-flat-schema":         {config.EnvelopeDebeziumFlat, nil, false, false},
		"crm-pg-flat-rewrite-schema": {config.EnvelopeDebeziumFlat, nil, false, false},
		"crm-pg-connect-times": {config.EnvelopeDebezium, edited(map[string]config.Type{"numeric": number, "numeric(2)": number, "numeric(4)": number,
			"money": number, "timestamp": config.TypeTimestampMS, "time": config.TypeTimeMS}), false, false},
		"crm-pg-isostring": {config.EnvelopeDebezium, edited(map[string]config.Type{"numeric": number, "numeric(2)": number, "numeric(4)": number,
			"money": number, "date": config.TypeISODate, "timestamp": config.TypeISOTimestamp, "timestamp(3)": config.TypeISOTimestamp,
			"time": config.TypeISOTime, "interval": config.TypeISODuration, "bytea": config.TypeBytesHex}), false, false},
		"crm-pg-avro":      {config.EnvelopeDebezium, nil, false, true},
		"crm-pg-avro-flat": {config.EnvelopeDebeziumFlat, nil, false, true},
	}
}

// Applying the writes of a capture, in order, to a table by source key leaves
// the database's final rows: every column of every row. What differs is on the
// list of exceptions, and what is on the list differs.
func TestCapturesLeaveTheFinalRows(t *testing.T) {
	t.Parallel()
	var database struct {
		Tables map[string][]map[string]*string
	}
	if err := json.Unmarshal(unpacked(t, "crm-pg.truth.json"), &database); err != nil {
		t.Fatal(err)
	}
	for name, v := range variants() {
		for _, keys := range []config.OnKeyChange{config.KeyChangeMove, config.KeyChangeRecreate} {
			t.Run(name+" "+string(keys), func(t *testing.T) {
				t.Parallel()
				tables := replay(t, name, v, keys)
				c := &comparison{t: t, capture: name, exceptions: exceptions(), met: make(map[int]bool)}
				for table, kinds := range columnKinds() {
					c.table(table, kinds, tables[table], database.Tables[table])
				}
				c.finish()
			})
		}
	}
}

func unpacked(t testing.TB, name string) []byte {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", "captures", "full", name+".gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// primary is the key of each table; audit_log has none in the database.
func primary() map[string][]string {
	return map[string][]string{"customers": {"id"}, "companies": {"id"}, "order_lines": {"order_id", "line_no"}, "audit_log": {"what"},
		"attachments": {"id"}, "leads_import": {"id"}, "debezium_signal": {"id"}}
}

func replayRoutes(capture string, v variant) []config.Route {
	var routes []config.Route
	for table, kinds := range columnKinds() {
		r := routed(v.envelope, key(primary()[table]...), id(primary()[table][0]), beforeFullOf(table))
		r.Name, r.Topics, r.Fields = table, config.Topics{Names: []string{capture + ".public." + table}}, nil
		if v.avro {
			r.Format = both(config.FormatAvro)
		}
		for column, kind := range kinds {
			from := column
			if v.avro {
				from = strings.ReplaceAll(column, " ", "_") // field.name.adjustment.mode=avro
			}
			f := config.Field{To: "c_" + column, From: from, Type: v.types[kind], HasNotFinite: true, NotFinite: []byte(`"` + notFinitePlaceholder + `"`)}
			if f.Type == config.TypeDecimal {
				scale := 2
				if kind == "numeric(4)" {
					scale = 4
				}
				f.Scale = &scale
			}
			r.Fields = append(r.Fields, f)
		}
		routes = append(routes, r)
	}
	return routes
}

func beforeFullOf(table string) func(*config.Route) {
	return func(r *config.Route) {
		if table == "companies" || table == "audit_log" {
			r.Before = config.BeforeFull
		}
	}
}

// table is the rows of a table by source key, each a column to the JSON that was
// written last.
type table struct {
	rows    map[string]map[string]json.RawMessage
	gone    map[string]map[string]json.RawMessage // as they were when they were deleted
	inherit map[string]string                     // the key that a row had before its primary key was changed
	moved   map[string]bool                       // the old keys of rows that were moved
}

// replay applies the writes of a capture. Only what is on the list may be
// anything else than a write.
func replay(t *testing.T, capture string, v variant, keys config.OnKeyChange) map[string]*table {
	t.Helper()
	routes := replayRoutes(capture, v)
	for i := range routes {
		routes[i].OnKeyChange = keys
	}
	m := mustNew(t, routes, config.SkipRule{Name: "rest", Topics: config.Topics{Regex: "(__debezium-heartbeat\\.)?" + capture + "(\\.transaction|\\.message)?"}})
	plain := func(b []byte) []byte { return b }
	if v.avro {
		schemas := captureSchemas(t)
		m.WithSchemas(schemas)
		plain = func(b []byte) []byte { return schemas.plainJSON(t, b) }
	}
	tables := make(map[string]*table)
	for name := range columnKinds() {
		tables[name] = newTable()
	}
	writes := 0
	for _, r := range recordsIn(t, unpacked(t, capture+".jsonl")) {
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
	for _, one := range tables {
		one.finish()
	}
	return tables
}

func newTable() *table {
	return &table{make(map[string]map[string]json.RawMessage), make(map[string]map[string]json.RawMessage), make(map[string]string), make(map[string]bool)}
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
		return strings.Trim(string(fields["c_what"]), `"`)
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

// recordsIn reads records, one a line.
func recordsIn(t testing.TB, text []byte) []*model.Record {
	t.Helper()
	var records []*model.Record
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Topic      string
			Partition  int32
			Offset     int64
			Key, Value []byte
			Headers    []struct {
				K string
				V []byte
			}
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		r := &model.Record{TopicPartition: model.TopicPartition{Topic: line.Topic, Partition: line.Partition},
			Offset: line.Offset, Key: line.Key, Value: line.Value}
		for _, h := range line.Headers {
			r.Headers = append(r.Headers, model.Header{Key: h.K, Value: h.V})
		}
		records = append(records, r)
	}
	if lines.Err() != nil || len(records) == 0 {
		t.Fatalf("%d records, %v", len(records), lines.Err())
	}
	return records
}
