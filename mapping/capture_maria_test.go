package mapping

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/captures"
	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// mariaVariant is a capture of a MariaDB, which the connector for MySQL reads in
// the same way.
type mariaVariant struct {
	name     string
	envelope config.Envelope
	unwrap   config.Unwrap
	schema   bool
	unsigned string              // what is written of 2^64-1
	keeps    map[string][]string // keys that are not in the database: their deletes never arrive
	deletes  []string            // of contacts 2: what each of its records says
}

func mariaVariants() []mariaVariant {
	const flat, lossy, exact = config.EnvelopeDebeziumFlat, "-1", "18446744073709551615"
	one, two, skipped := []string{"delete id=2"}, []string{"delete id=2", "delete id=2"}, []string{"delete id=2", "skip contacts.on_tombstone"}
	return []mariaVariant{
		{"envelope", config.EnvelopeDebezium, "", false, lossy, nil, skipped},
		{"envelope-schema", config.EnvelopeDebezium, "", true, exact, nil, skipped},
		{"flat-schema", flat, "", true, lossy, nil, one},
		{"flat-drop", flat, "", false, lossy, map[string][]string{"contacts": {"2"}, "order_lines": {"1,1"}}, nil},
		{"flat-rewrite", flat, "", false, lossy, nil, one},
		// It says of no row what happened: a row that is keyless in the database is created again.
		{"flat-rewrite-with-tombstone", flat, "", false, lossy, map[string][]string{"audit": {"y"}}, two},
		{"flat-delete-to-tombstone", flat, "", false, lossy, nil, one},
		{"cloudevents", config.EnvelopeDebezium, config.UnwrapCloudEvents, true, lossy, nil, skipped},
		{"cloudevents-schema", config.EnvelopeDebezium, config.UnwrapCloudEvents, true, lossy, nil, skipped},
	}
}

// mariaTypes says what the columns are where no schema does.
func mariaTypes() map[string]config.Type {
	return map[string]config.Type{"bits": config.TypeBytesBase64, "amount": config.TypeDecimal, "born": config.TypeDateDays, "starts": config.TypeTimeUS, "starts6": config.TypeTimeUS,
		"made": config.TypeTimestampMS, "made6": config.TypeTimestampUS, "seen": config.TypeISOTimestamp, "seen6": config.TypeISOTimestamp, "raw": config.TypeBytesBase64,
		"pic": config.TypeBytesBase64, "fixed": config.TypeBytesBase64, "tags": config.TypeSet}
}

func (v mariaVariant) routes() []config.Route {
	capture := "crm-maria-" + v.name
	table := func(name string, columns string, edits ...func(*config.Route)) config.Route {
		r := routed(v.envelope, edits...)
		r.Name, r.Topics, r.Unwrap, r.Fields = name, config.Topics{Names: []string{capture + ".shop." + name}}, v.unwrap, nil
		for column := range strings.FieldsSeq(columns) {
			f := config.Field{To: column, From: column}
			if !v.schema {
				f.Type = mariaTypes()[column]
			}
			if f.Type == config.TypeDecimal {
				f.Scale = new(int)
				*f.Scale = 2
			}
			r.Fields = append(r.Fields, f)
		}
		r.Fields = append(r.Fields, fieldsOf("x", "place.x", "set", "tags")...)
		last := &r.Fields[len(r.Fields)-1]
		last.Type, last.As, last.Separator = config.TypeSet, config.AsList, ";"
		return r
	}
	ignoring := func(r *config.Route) { r.OnUpdate, r.OnDelete.Action = config.ActionIgnore, config.ActionIgnore }
	return []config.Route{
		table("contacts", "crm_id email name big ubig tiny flag bit1 bits amount rate ratio born starts starts6 made made6 seen seen6 yr stage tags attrs raw pic fixed notes", id("id")),
		table("order_lines", "sku qty note", key("order_id", "line_no"), id("order_id")),
		table("audit", "what", key("what"), ignoring, fields("at", "at")),
	}
}

// mariaRows is what the database had in the end, as it is written.
func (v mariaVariant) rows() map[string]map[string]string {
	bits := `"101000000011"`
	if !v.schema {
		bits = `"Awo="` // without a schema nothing says that these are bits
	}
	ann := `{"crm_id":"501","email":"ann@example.com","name":"Änne","big":9007199254740993,"ubig":` + v.unsigned + `,"tiny":-5,"flag":1,"bit1":true,"bits":` + bits + `,"amount":12345678.90,` +
		`"rate":1.5,"ratio":2.5,"born":"2000-02-29","starts":"09:30:00","starts6":"-838:59:59","made":"2024-03-01T11:00:00Z","made6":"2024-03-01T11:00:00.123456Z",` +
		`"seen":"2024-03-01T10:00:00Z","seen6":"2024-03-01T10:00:00.654321Z","yr":2024,"stage":"customer","tags":"a,c","attrs":"{\"plan\": \"gold\", \"n\": [1, 2]}",` +
		`"raw":"AP8Q","pic":"cGlj","fixed":"AQIDBA==","notes":"long","x":1.5,"set":"a;c"}`
	// stage is NULL in the database: it arrives as the column's default.
	moved := `{"crm_id":"530","email":"c@example.com","name":null,"big":null,"ubig":null,"tiny":null,"flag":null,"bit1":null,"bits":null,"amount":null,"rate":null,"ratio":null,` +
		`"born":"1000-01-01","starts":null,"starts6":null,"made":"9999-12-31T23:59:59Z","made6":null,"seen":null,"seen6":null,"yr":null,"stage":"lead","tags":null,"attrs":null,` +
		`"raw":null,"pic":null,"fixed":null,"notes":null,"x":null,"set":null}`
	return map[string]map[string]string{
		"contacts": {"1": ann, "30": moved},
		// note was added later, with a default: what was written before does not have it.
		"order_lines": {"1,9": `{"sku":"y","qty":2}`, "2,1": `{"sku":"z","qty":5}`, "3,1": `{"sku":"q","qty":1,"note":"n"}`},
		"audit":       {"boot": `{"at":1}`, "x": `{"at":1}`, "end": `{"at":1}`},
	}
}

func TestMariaDBCapturesLeaveTheFinalRows(t *testing.T) {
	t.Parallel()
	for _, v := range mariaVariants() {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			capture := "crm-maria-" + v.name
			m := mustNew(t, v.routes(), config.SkipRule{Name: "schema changes", Topics: config.Topics{Names: []string{capture}}})
			tables := map[string]*table{}
			for name := range v.rows() {
				tables[name] = newTable()
			}
			var deletes []string
			for _, r := range captures.Records(t, capture) {
				it := mapOne(t, m, r)
				name := r.Topic[strings.LastIndexByte(r.Topic, '.')+1:]
				if name == "contacts" && string(r.Key) != "" && jsonKey(t, r.Key) == "2" && (it.Write == nil || it.Write.Type == model.Delete) {
					deletes = append(deletes, show(it))
				}
				if it.Write != nil {
					tables[name].apply(t, mariaKey(t, name, r), r, it.Write)
					continue
				}
				switch got := show(it); {
				case got == "skip skip.schema changes", strings.HasPrefix(got, "skip "+name+".on_"):
				case got == "refuse operation op" && name == "audit": // the truncate
				default:
					t.Errorf("%s offset %d: %s: %s", r.Topic, r.Offset, got, it.Fate.Reason.Message)
				}
			}
			if !slices.Equal(deletes, v.deletes) {
				t.Errorf("the delete of contacts 2 is %q, want %q", deletes, v.deletes)
			}
			for name, want := range v.rows() {
				tables[name].finish()
				compareRows(t, name, tables[name].rows, want, v.keeps[name])
			}
		})
	}
}

// mariaKey is the primary key of a record; audit has none.
func mariaKey(t *testing.T, table string, r *model.Record) string {
	if table != "audit" {
		return jsonKey(t, r.Key)
	}
	for _, what := range []string{"boot", "x", "y", "end"} {
		if strings.Contains(string(r.Value), `"what":"`+what+`"`) {
			return what
		}
	}
	return ""
}

func compareRows(t *testing.T, name string, got map[string]map[string]json.RawMessage, want map[string]string, kept []string) {
	t.Helper()
	for key, text := range want {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &fields); err != nil {
			t.Fatal(err)
		}
		row := got[key]
		for column := range fields {
			if name != "audit" && string(row[column]) != string(fields[column]) {
				t.Errorf("%s %s: %s is %s, want %s", name, key, column, row[column], fields[column])
			}
		}
		if len(row) != len(fields) {
			t.Errorf("%s %s has %q, want %q", name, key, slices.Sorted(maps.Keys(row)), slices.Sorted(maps.Keys(fields)))
		}
	}
	for key := range got {
		if want[key] == "" && !slices.Contains(kept, key) {
			t.Errorf("%s %s is not in the database", name, key)
		}
	}
	for _, key := range kept {
		if got[key] == nil {
			t.Errorf("%s %s is gone, and its delete never arrived", name, key)
		}
	}
}
