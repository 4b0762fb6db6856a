package mapping

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/captures"
	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

var update = flag.Bool("update", false, "rewrite the golden files from what the code does now")

// picked are records that a real Debezium wrote from a real PostgreSQL.
var picked = map[string]config.Envelope{
	"crm-pg-envelope":            config.EnvelopeDebezium,
	"crm-pg-envelope-schema":     config.EnvelopeDebezium,
	"crm-pg-flat":                config.EnvelopeDebeziumFlat,
	"crm-pg-flat-schema":         config.EnvelopeDebeziumFlat,
	"crm-pg-flat-rewrite-schema": config.EnvelopeDebeziumFlat,
}

// captureRoutes maps the tables of the captures in different ways.
func captureRoutes(capture string, envelope config.Envelope) []config.Route {
	table := func(name string, edits ...func(*config.Route)) config.Route {
		r := routed(envelope, edits...)
		r.Name, r.Topics = name, config.Topics{Names: []string{capture + ".public." + name}}
		return r
	}
	return []config.Route{
		table("customers", key("id"), id("external_id"), fields("email", "email", "firstname", "first_name", "revenue", "annual_revenue",
			"score", "score", "active", "is_active", "stage", "stage", "born", "born", "created", "created_at", "updated", "updated_at",
			"legacy", "legacy_id", "tags", "tags", "plan", "attrs.plan", "notes", "notes")),
		table("attachments", id("id"), fields("name", "file_name", "body", "body", "meta", "meta", "labels", "labels", "sizes", "sizes", "ids", "ids", "props", "props")),
		table("order_lines", id("line_no"), func(r *config.Route) { r.To.Group = config.Group{Field: "order_id"} }, fields("source", `="kafka"`, "line", "line_no")),
		table("audit_log", fields("actor", "actor")),
		table("companies", id("id"), beforeFull, fields("name", "name", "rating", "rating", "limit", "credit_limit")),
		routed(envelope, func(r *config.Route) {
			r.Name, r.Topics = "rest", config.Topics{Regex: ".*\\.(message|public\\.leads_import)"}
		}),
	}
}

func TestCapturesMapAsTheGoldenFilesSay(t *testing.T) {
	t.Parallel()
	for capture, envelope := range picked {
		t.Run(capture, func(t *testing.T) {
			t.Parallel()
			m := mustNew(t, captureRoutes(capture, envelope))
			var got bytes.Buffer
			for i, r := range captures.Picked(t, capture) {
				it := mapOne(t, m, r)
				fmt.Fprintf(&got, "%d %s/%d/%d %s\n", i+1, r.Topic, r.Partition, r.Offset, show(it))
				if it.Write != nil {
					fmt.Fprintf(&got, "\tto %s, conflicts %d\n", it.Write.Destination, len(it.Write.Conflicts))
				}
				if it.Fate.Reason != nil {
					fmt.Fprintf(&got, "\t%s\n", it.Fate.Reason.Message)
				}
			}
			for _, c := range m.Absent() {
				fmt.Fprintf(&got, "left out %+v\n", c)
			}
			compareGolden(t, filepath.Join("testdata", "golden", capture+".txt"), got.Bytes())
		})
	}
}

func compareGolden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		var g, w string
		if i < len(gotLines) {
			g = gotLines[i]
		}
		if i < len(wantLines) {
			w = wantLines[i]
		}
		if g != w {
			t.Errorf("%s:%d (go test -update rewrites it)\ngot  %s\nwant %s", path, i+1, g, w)
		}
	}
}

// Where no schema says what a value is, what is sent are the bytes of the row, by
// another reader of JSON.
func TestCapturedValuesArriveByteForByte(t *testing.T) {
	t.Parallel()
	writes := 0
	for capture, envelope := range picked {
		if strings.HasSuffix(capture, "-schema") {
			continue // TestCapturesLeaveTheFinalRows compares those
		}
		for _, r := range captures.Picked(t, capture) {
			row := rowOf(t, envelope, r)
			route := routed(envelope, func(c *config.Route) { c.Topics, c.ID.Field = config.Topics{Regex: ".*"}, "" })
			route.Key, route.OnUpdate, route.Fields = nil, config.ActionCreate, nil
			want := make(map[string]string)
			for column, raw := range row {
				route.Fields = append(route.Fields, config.Field{To: "f_" + column, From: column})
				if !bytes.Contains(raw, []byte("__debezium_unavailable_value")) && !bytes.Contains(raw, []byte("X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==")) &&
					!bytes.HasPrefix(raw, []byte("[95,95,100,101,98")) {
					want["f_"+column] = string(raw)
				}
			}
			it := mapOne(t, mustNew(t, []config.Route{route}), r)
			if it.Write == nil || it.Write.Type != model.Create {
				continue // deletes, and what the golden files show to be refused
			}
			writes++
			var got map[string]json.RawMessage
			if err := json.Unmarshal([]byte("{"+it.Write.Fields+"}"), &got); err != nil {
				t.Fatalf("%s offset %d: %v: %s", capture, r.Offset, err, it.Write.Fields)
			}
			if len(got) != len(want) {
				t.Errorf("%s offset %d: %d fields, want %d", capture, r.Offset, len(got), len(want))
			}
			for name, w := range want {
				if string(got[name]) != w {
					t.Errorf("%s offset %d: %s is %s, want %s", capture, r.Offset, name, got[name], w)
				}
			}
		}
	}
	if writes < 12 {
		t.Errorf("only %d writes were compared", writes)
	}
}

// rowOf reads the row of a captured record with encoding/json.
func rowOf(t *testing.T, envelope config.Envelope, r *model.Record) map[string]json.RawMessage {
	t.Helper()
	if r.Value == nil {
		return nil
	}
	var value map[string]json.RawMessage
	if err := json.Unmarshal(r.Value, &value); err != nil {
		t.Fatal(err)
	}
	inner := func(name string) {
		raw := value[name]
		value = nil
		if err := json.Unmarshal(raw, &value); err != nil {
			t.Fatal(err)
		}
	}
	if len(value) == 2 && value["schema"] != nil {
		inner("payload")
	}
	if envelope == config.EnvelopeDebezium && value["after"] != nil {
		inner("after")
	}
	return value
}

// One change has one key, whatever the converters of the connector are.
func TestCapturedKeysAgreeAcrossConverters(t *testing.T) {
	t.Parallel()
	m := mustNew(t, []config.Route{routed(config.EnvelopePlain, fields("x", "=1"), func(r *config.Route) { r.Topics.Regex = ".*" })})
	sets := make(map[string]map[model.Conflict]bool)
	for capture := range picked {
		for _, r := range captures.Picked(t, capture) {
			if r.Key == nil {
				continue
			}
			var k any
			d := json.NewDecoder(bytes.NewReader(r.Key))
			d.UseNumber()
			if err := d.Decode(&k); err != nil {
				t.Fatal(err)
			}
			if o := k.(map[string]any); o["payload"] != nil {
				k = o["payload"]
			}
			same := *r
			same.Topic, same.Value = testTopic, []byte(`{}`)
			name, _ := json.Marshal(k)
			if sets[string(name)] == nil {
				sets[string(name)] = make(map[model.Conflict]bool)
			}
			sets[string(name)][conflictOf(t, m, &same)[0]] = true
		}
	}
	all := make(map[model.Conflict]bool)
	for name, set := range sets {
		if len(set) != 1 {
			t.Errorf("key %s has %d hashes", name, len(set))
		}
		for c := range set {
			all[c] = true
		}
	}
	if len(all) != len(sets) || len(sets) < 10 {
		t.Errorf("%d hashes of %d keys", len(all), len(sets))
	}
}

// A key in Avro is the same as in JSON, so that a topic which changes its converter
// keeps the order of its keys.
func TestCapturedKeysInAvroAreThoseInJSON(t *testing.T) {
	t.Parallel()
	schemas := captureSchemas(t)
	inJSON := mustNew(t, []config.Route{routed(config.EnvelopePlain, fields("x", "=1"))})
	inAvro := mustNew(t, []config.Route{routed(config.EnvelopePlain, fields("x", "=1"), func(r *config.Route) { r.Format.Key = config.FormatAvro })}).WithSchemas(schemas)
	inAvro.compiled.seed = inJSON.compiled.seed
	compared := 0
	for _, capture := range []string{"crm-pg-avro", "crm-pg-avro-flat"} {
		for _, r := range captures.Records(t, capture) {
			if r.Key == nil {
				continue
			}
			plain := conflictOf(t, inJSON, record(string(schemas.plainJSON(t, r.Key)), `{}`))
			if got := conflictOf(t, inAvro, record(string(r.Key), `{}`)); got[0] != plain[0] {
				t.Errorf("%s/%d/%d: the key %s has another hash", r.Topic, r.Partition, r.Offset, schemas.plainJSON(t, r.Key))
			}
			compared++
		}
	}
	if compared < 150 {
		t.Errorf("only %d keys", compared)
	}
}
