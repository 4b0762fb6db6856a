package captures

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/config"
)

// MariaDB returns the captures of one MariaDB, which the connector for MySQL reads in the
// same way, all with the same final rows.
func MariaDB() []Variant {
	const envelope, flat = config.EnvelopeDebezium, config.EnvelopeDebeziumFlat
	types := map[string]config.Type{"bit(n)": config.TypeBytesBase64, "decimal(2)": config.TypeDecimal, "date": config.TypeDateDays, "time": config.TypeTimeUS,
		"datetime": config.TypeTimestampMS, "datetime(6)": config.TypeTimestampUS, "timestamp": config.TypeISOTimestamp, "binary": config.TypeBytesBase64,
		"set": config.TypeSet, "datetime(3)": config.TypeTimestampMS}
	variant := func(name string, envelope config.Envelope, types map[string]config.Type) Variant {
		return Variant{Name: "crm-maria-" + name, Envelope: envelope, Format: config.FormatJSON, types: types, database: maria()}
	}
	cloudEvents := func(name string) Variant {
		v := variant(name, envelope, nil)
		v.Unwrap = config.UnwrapCloudEvents
		return v
	}
	return []Variant{
		variant("envelope", envelope, types),
		variant("envelope-schema", envelope, nil),
		variant("flat-schema", flat, nil),
		variant("flat-drop", flat, types),
		variant("flat-rewrite", flat, types),
		variant("flat-rewrite-with-tombstone", flat, types),
		variant("flat-delete-to-tombstone", flat, types),
		cloudEvents("cloudevents"),
		cloudEvents("cloudevents-schema"),
	}
}

// maria is the database of the captures.
func maria() *database {
	return &database{
		schema: "shop",
		// audit has no key in the database, and what identifies its rows stands here.
		keys:       map[string][]string{"contacts": {"id"}, "order_lines": {"order_id", "line_no"}, "audit": {"what"}},
		columns:    mariaColumns(),
		full:       []string{"contacts", "order_lines", "audit"}, // row images are full
		fields:     mariaField,
		rows:       mariaRows,
		value:      func(_ testing.TB, _ string, written json.RawMessage) string { return asWritten(written) },
		exceptions: mariaExceptions,
		least:      75,
		OneLog:     true,
	}
}

// mariaColumns are what each column is in MariaDB, where its type has to be said. The
// geometry of geo is the only one that nothing is sent of; place is sent by its x.
func mariaColumns() map[string]map[string]string {
	return map[string]map[string]string{
		"contacts": {"id": "", "crm_id": "", "email": "", "name": "", "big": "", "ubig": "", "tiny": "", "flag": "", "bit1": "", "bits": "bit(n)",
			"amount": "decimal(2)", "rate": "", "ratio": "", "born": "date", "starts": "time", "starts6": "time", "made": "datetime", "made6": "datetime(6)",
			"seen": "timestamp", "seen6": "timestamp", "yr": "", "stage": "", "tags": "set", "attrs": "", "raw": "binary", "pic": "binary", "fixed": "binary",
			"notes": "", "x": "x of place", "set": "list of tags"},
		"order_lines": {"order_id": "", "line_no": "", "sku": "", "qty": "", "note": ""},
		"audit":       {"at": "datetime(3)", "what": ""},
	}
}

func mariaField(f *config.Field, kind string) {
	switch kind {
	case "decimal(2)":
		if f.Type == config.TypeDecimal {
			f.Scale = new(int)
			*f.Scale = 2
		}
	case "x of place":
		f.From = "place.x"
	case "list of tags":
		f.From, f.Type, f.As, f.Separator = "tags", config.TypeSet, config.AsList, ";"
	}
}

// mariaWritten is the rows that the database had in the end, as they are written.
func mariaWritten() map[string][]string {
	return map[string][]string{
		"contacts": {
			`{"id":1,"crm_id":"501","email":"ann@example.com","name":"Änne","big":9007199254740993,"ubig":18446744073709551615,"tiny":-5,"flag":1,"bit1":true,` +
				`"bits":"101000000011","amount":12345678.90,"rate":1.5,"ratio":2.5,"born":"2000-02-29","starts":"09:30:00","starts6":"-838:59:59",` +
				`"made":"2024-03-01T11:00:00Z","made6":"2024-03-01T11:00:00.123456Z","seen":"2024-03-01T10:00:00Z","seen6":"2024-03-01T10:00:00.654321Z","yr":2024,` +
				`"stage":"customer","tags":"a,c","attrs":"{\"plan\": \"gold\", \"n\": [1, 2]}","raw":"AP8Q","pic":"cGlj","fixed":"AQIDBA==","notes":"long","x":1.5,"set":"a;c"}`,
			`{"id":30,"crm_id":"530","email":"c@example.com","name":null,"big":null,"ubig":null,"tiny":null,"flag":null,"bit1":null,` +
				`"bits":null,"amount":null,"rate":null,"ratio":null,"born":"1000-01-01","starts":null,"starts6":null,` +
				`"made":"9999-12-31T23:59:59Z","made6":null,"seen":null,"seen6":null,"yr":null,` +
				`"stage":null,"tags":null,"attrs":null,"raw":null,"pic":null,"fixed":null,"notes":null,"x":null,"set":null}`,
		},
		"order_lines": {
			`{"order_id":1,"line_no":9,"sku":"y","qty":2,"note":"n"}`,
			`{"order_id":2,"line_no":1,"sku":"z","qty":5,"note":"n"}`,
			`{"order_id":3,"line_no":1,"sku":"q","qty":1,"note":"n"}`,
		},
		"audit": {`{"at":"2024-01-03T00:00:00Z","what":"end"}`},
	}
}

func mariaRows(tb testing.TB) map[string][]Row {
	tb.Helper()
	all := make(map[string][]Row)
	for table, texts := range mariaWritten() {
		for _, text := range texts {
			var values map[string]json.RawMessage
			if err := json.Unmarshal([]byte(text), &values); err != nil {
				tb.Fatal(err)
			}
			row := make(Row)
			for column, value := range values {
				row[column] = asWritten(value)
			}
			all[table] = append(all[table], row)
		}
	}
	return all
}

func asWritten(value json.RawMessage) string {
	if string(value) == "null" {
		return null
	}
	return string(value)
}

// mariaExceptions are those of one capture.
func mariaExceptions(v Variant, keys config.OnKeyChange) []exception {
	list := []exception{
		{"contacts 30", "stage", "a NULL arrives as the column's default", as(`"lead"`)},
		{"order_lines 1,9", "note", "a column that is added fills the rows before it without a change of theirs", as(null)},
		{"order_lines 2,1", "note", "a column that is added fills the rows before it without a change of theirs", as(null)},
		{"audit boot", "", "a truncate is not obeyed", nil},
	}
	if v.Envelope == config.EnvelopeDebeziumFlat {
		list = append(list, exception{"audit x", "", keyless, nil})
		if !strings.HasPrefix(v.Name, "crm-maria-flat-rewrite") {
			list = append(list, exception{"audit y", "", keyless, nil})
		}
	}
	if v.Name == "crm-maria-flat-drop" {
		const dropped = "its delete never arrives"
		list = append(list, exception{"contacts 2", "", dropped, nil}, exception{"order_lines 1,1", "", dropped, nil})
		if keys == config.KeyChangeRecreate {
			list = append(list, exception{"contacts 3", "", dropped, nil}, exception{"order_lines 1,2", "", dropped, nil})
		}
	}
	if v.types != nil {
		list = append(list, exception{"contacts 1", "bits", "without a schema nothing says that these are bits", as(`"Awo="`)})
	}
	if v.Name != "crm-maria-envelope-schema" {
		list = append(list, exception{"contacts 1", "ubig", "bigint.unsigned.handling.mode=long wraps what is above 2^63", as("-1")})
	}
	return list
}
