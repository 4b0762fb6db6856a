package mapping

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/avro"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// benchAvroSchema is what Connect's converter makes of the schema of benchValue.
func benchAvroSchema() string {
	column := func(name, typ string) string {
		return `{"name":"` + name + `","type":["null",` + typ + `],"default":null}`
	}
	logical := func(typ, name string) string {
		return `{"type":"` + typ + `","connect.version":1,"connect.name":"io.debezium.time.` + name + `"}`
	}
	row := `{"type":"record","name":"Value","fields":[` + strings.Join([]string{column("id", `"long"`), column("crm_id", `"string"`), column("email", `"string"`),
		column("first_name", `"string"`), column("last_name", `"string"`), column("phone", `"string"`), column("annual_revenue", `"double"`),
		column("is_active", `"boolean"`), column("stage", `"string"`), column("born", logical("int", "Date")), column("created_at", logical("long", "MicroTimestamp")),
		column("updated_at", logical("string", "ZonedTimestamp")), column("city", `"string"`), column("title", `"string"`),
		column("notes", `"string"`), column("tenant", `"string"`)}, ",") + `],"connect.name":"shop.public.customers.Value"}`
	var source []string
	for name := range strings.FieldsSeq("version connector name snapshot db sequence schema table") {
		source = append(source, `{"name":"`+name+`","type":"string"}`)
	}
	for name := range strings.FieldsSeq("ts_ms txId lsn xmin") {
		source = append(source, column(name, `"long"`))
	}
	return `{"type":"record","name":"Envelope","namespace":"shop.public.customers","fields":[{"name":"before","type":["null",` + row + `],"default":null},` +
		`{"name":"after","type":["null","Value"],"default":null},{"name":"source","type":{"type":"record","name":"Source","namespace":"io.debezium.connector.postgresql","fields":[` +
		strings.Join(source, ",") + `]}},{"name":"transaction","type":["null","string"],"default":null},{"name":"op","type":"string"},` +
		column("ts_ms", `"long"`) + "," + column("ts_us", `"long"`) + `]}`
}

const benchAvroKey = `{"type":"record","name":"Key","namespace":"shop.public.customers","fields":[{"name":"id","type":"long"}]}`

// avroOf writes JSON in Avro, by the library.
func avroOf(t testing.TB, schema, text string) []byte {
	t.Helper()
	s, err := avro.Parse(schema)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	b, err := s.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// benchFormats is one event, as its key and its value are in each format.
func benchFormats(t testing.TB) map[string]benchFormat {
	t.Helper()
	event := `{"schema":` + benchSchema() + `,"payload":` + benchValue + `}`
	return map[string]benchFormat{
		"json":         {both(config.FormatJSON), []byte(`{"id":9007199254740997}`), []byte(benchValue), nil},
		"json schemas": {both(config.FormatJSON), []byte(withSchema(`{"id":9007199254740997}`)), []byte(event), nil},
		"avro": {both(config.FormatAvro), framedAs(1, avroOf(t, benchAvroKey, `{"id":9007199254740997}`)), framedAs(2, avroOf(t, benchAvroSchema(), benchValue)),
			numbered(model.SchemaAvro, benchAvroKey, benchAvroSchema())},
		"protobuf": {both(config.FormatProtobuf), framedAs(1, append([]byte{0}, protobufOf(t, benchProtoKey, `id: 9007199254740997`)...)),
			framedAs(2, append([]byte{0}, protobufOf(t, benchProto, benchProtoText)...)), numbered(model.SchemaProtobuf, benchProtoKey, benchProto)},
	}
}

type benchFormat struct {
	formats    config.Formats
	key, value []byte
	schemas    registered
}

func (f benchFormat) mapper(t testing.TB) (*Mapper, *model.Record) {
	t.Helper()
	route := benchRoute()
	route.Format = f.formats
	return mustNew(t, []config.Route{route}).WithSchemas(f.schemas),
		&model.Record{TopicPartition: model.TopicPartition{Topic: "shop.public.customers"}, Key: f.key, Value: f.value}
}

// BenchmarkMapFormats maps one event, from the bytes of a record to its write, in each format.
func BenchmarkMapFormats(b *testing.B) {
	for name, f := range benchFormats(b) {
		b.Run(name, func(b *testing.B) {
			m, r := f.mapper(b)
			benchMap(b, m, r)
		})
	}
}

// BenchmarkFormatsAgainstJSONWithSchemas reports what an event costs in each format as
// a part of what it costs in Debezium's JSON with schemas: rounds in turn, the
// median of their ratios.
func BenchmarkFormatsAgainstJSONWithSchemas(b *testing.B) {
	const rounds, records = 31, 2000
	formats := benchFormats(b)
	spent := make(map[string][]float64)
	for b.Loop() {
		clear(spent)
		for range rounds {
			took := make(map[string]float64)
			for name, f := range formats {
				m, r := f.mapper(b)
				items := m.Map(r, nil)
				began := time.Now()
				for range records {
					items = m.Map(r, items[:0])
				}
				took[name] = time.Since(began).Seconds()
			}
			for name := range took {
				spent[name] = append(spent[name], took[name]/took["json schemas"])
			}
		}
	}
	for _, name := range []string{"json", "avro", "protobuf"} {
		slices.Sort(spent[name])
		b.ReportMetric(spent[name][rounds/2], name+"/schemas")
	}
}

const (
	benchProtoKey = `syntax = "proto3"; message Key { int64 id = 1; }`
	benchProto    = `syntax = "proto3"; message Envelope { optional Value before = 1; optional Value after = 2; Source source = 3; optional string transaction = 4;
		string op = 5; optional int64 ts_ms = 6; optional int64 ts_us = 7;
		message Value { optional int64 id = 1; optional string crm_id = 2; optional string email = 3; optional string first_name = 4; optional string last_name = 5;
			optional string phone = 6; optional double annual_revenue = 7; optional bool is_active = 8; optional string stage = 9; optional int32 born = 10;
			optional int64 created_at = 11; optional string updated_at = 12; optional string city = 13; optional string title = 14; optional string notes = 15; optional string tenant = 16; }
		message Source { string version = 1; string connector = 2; string name = 3; string snapshot = 4; string db = 5; string sequence = 6; string schema = 7; string table = 8;
			optional int64 ts_ms = 9; optional int64 txId = 10; optional int64 lsn = 11; optional int64 xmin = 12; } }`
	benchProtoText = `after: {id: 9007199254740997 crm_id: "171591000198" email: "ann.lee@example.com" first_name: "Ann" last_name: "Lee" phone: "+1 555 0107"
		annual_revenue: 125000.50 is_active: true stage: "customer" born: 5153 created_at: 1709312400123456 updated_at: "2024-03-08T08:00:00.500000Z" city: "Zürich"
		title: "Ops Manager" tenant: "acme"} source: {version: "3.7.0.Final" connector: "postgresql" name: "shop" ts_ms: 1795432479455 snapshot: "false" db: "shop"
		sequence: "[\"26792368\",\"26792368\"]" schema: "public" table: "customers" txId: 782 lsn: 26792368} op: "u" ts_ms: 1795432479929 ts_us: 1795432479929790`
)
