package mapping

import (
	"hash/maphash"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

const (
	rowAvro = `{"type":"record","name":"Value","fields":[{"name":"id","type":"long"},{"name":"crm_id","type":["null","string"]},{"name":"email","type":["null","string"]}]}`
	keyAvro = `{"type":"record","name":"Key","fields":[{"name":"id","type":"long"}]}`
	// rowProto holds the row as its third declared message, after one that is declared inside
	// another and a map, whose entry is not declared.
	rowProto = `syntax = "proto3"; message First { message Inner { string x = 1; } map<string, string> m = 1; Inner i = 2; message Key { int64 id = 1; } }
		message Second { string x = 1; } message Value { int64 id = 1; optional string crm_id = 2; optional string email = 3; }`
)

var testGUID = [16]byte{0x8f, 0x1e, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}

// formatSchemas are the schemas of these tests: 1 and 2 in Avro, 3 in Protobuf, 4 a JSON
// Schema, 5 broken, and the row in Avro by its GUID.
func formatSchemas() registered {
	r := numbered(model.SchemaAvro, keyAvro, rowAvro)
	r[model.SchemaID{GUID: testGUID}] = r[model.SchemaID{Number: 2}]
	r[model.SchemaID{Number: 3}] = &model.Schema{Type: model.SchemaProtobuf, Text: rowProto}
	r[model.SchemaID{Number: 4}] = &model.Schema{Type: model.SchemaJSON, Text: `{"type":"object","properties":{"id":{"type":"integer"}}}`}
	r[model.SchemaID{Number: 5}] = &model.Schema{Type: model.SchemaAvro, Text: `{"type":"record"}`}
	r[model.SchemaID{Number: 6}] = &model.Schema{Type: model.SchemaProtobuf, Text: `syntax = "proto3"; import "unknown.proto";`}
	return r
}

func guidHeader() string {
	return string(append([]byte{magicGUID}, testGUID[:]...))
}

// wired is a case of how keys and values are framed.
type wired struct {
	name       string
	formats    config.Formats
	key, value string
	headers    []string
	want       string
	says       []string
}

func runWired(t *testing.T, cases []wired) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := mustNew(t, []config.Route{routed(config.EnvelopePlain, func(r *config.Route) { r.Format = c.formats })}).WithSchemas(formatSchemas())
			for range 2 { // the second time the schemas are known
				it := mapOne(t, m, record(c.key, c.value, c.headers...))
				if got := show(it); got != c.want {
					t.Errorf("got  %s\nwant %s\n%v", got, c.want, it.Fate.Reason)
				}
				for _, part := range c.says {
					if it.Fate.Reason == nil || !strings.Contains(it.Fate.Reason.Message, part) {
						t.Errorf("the reason %v does not say %q", it.Fate.Reason, part)
					}
				}
			}
		})
	}
}

func TestWireForms(t *testing.T) {
	t.Parallel()
	avroKey, avroRow := string(avroOf(t, keyAvro, `{"id":7}`)), string(avroOf(t, rowAvro, testRow))
	framed := func(number uint32, b string) string { return string(framedAs(number, []byte(b))) }
	protoRow := string(protobufOf(t, `syntax = "proto3"; message Value { int64 id = 1; optional string crm_id = 2; optional string email = 3; }`,
		`id: 7 crm_id: "501" email: "a@b.c"`))
	avro, mixed := both(config.FormatAvro), config.Formats{Key: config.FormatJSON, Value: config.FormatAvro}
	proto := config.Formats{Key: config.FormatJSON, Value: config.FormatProtobuf}
	jsonSchema := both(config.FormatJSONSchema)
	runWired(t, []wired{
		{name: "Avro", formats: avro, key: framed(1, avroKey), value: framed(2, avroRow), want: testUpdate},
		{name: "Avro, a key in JSON", formats: mixed, key: testKey, value: framed(2, avroRow), want: testUpdate},
		{name: "Avro, a key that is text", formats: mixed, key: "customer 7", value: framed(2, avroRow), want: testUpdate},
		{name: "a key in Avro, the value in JSON", formats: config.Formats{Key: config.FormatAvro, Value: config.FormatJSON},
			key: framed(1, avroKey), value: testRow, want: testUpdate},
		{name: "Avro by GUID before the bytes", formats: mixed, key: testKey, value: guidHeader() + avroRow, want: testUpdate},
		{name: "Avro by GUID in a header", formats: mixed, key: testKey, value: avroRow, headers: []string{"__value_schema_id", guidHeader()}, want: testUpdate},
		{name: "Avro by number in a header", formats: mixed, key: testKey, value: avroRow, headers: []string{"__value_schema_id", framed(2, "")}, want: testUpdate},
		{name: "both in headers", formats: avro, key: avroKey, value: avroRow, headers: []string{"__key_schema_id", framed(1, ""), "__value_schema_id", guidHeader()}, want: testUpdate},
		{name: "the key's header is not the value's", formats: mixed, key: testKey, value: avroRow, headers: []string{"__key_schema_id", guidHeader()}, want: "refuse no_schema_id"},
		{name: "an empty header", formats: mixed, key: testKey, value: framed(2, avroRow), headers: []string{"__value_schema_id", ""}, want: "refuse no_schema_id __value_schema_id"},

		{name: "Protobuf, the first message", formats: proto, key: testKey, value: framed(3, "\x00"), want: "refuse no_fields"},
		{name: "Protobuf, the third message", formats: proto, key: testKey, value: framed(3, "\x02\x04"+protoRow), want: testUpdate},
		{name: "Protobuf, a message inside another", formats: config.Formats{Key: config.FormatProtobuf, Value: config.FormatJSON},
			key: framed(3, "\x04\x00\x02\x08\x07"), value: testRow, want: testUpdate},
		{name: "Protobuf by number in a header", formats: proto, key: testKey, value: protoRow, headers: []string{"__value_schema_id", framed(3, "\x02\x04")}, want: testUpdate},
		{name: "Protobuf, no such message", formats: proto, key: testKey, value: framed(3, "\x02\x06"+protoRow), want: "refuse bad_schema", says: []string{"schema 3", "0x0206"}},
		{name: "Protobuf, a negative place", formats: proto, key: testKey, value: framed(3, "\x02\x01"+protoRow), want: "refuse bad_schema"},
		{name: "Protobuf, the path is cut", formats: proto, key: testKey, value: framed(3, "\x04\x00"), want: "refuse no_schema_id"},
		{name: "Protobuf, a path without an end", formats: proto, key: testKey, value: framed(3, "\xff\xff\xff\xff\x0f"), want: "refuse no_schema_id"},
		{name: "Protobuf, an import that is not there", formats: proto, key: testKey, value: framed(6, "\x00"), want: "refuse bad_schema", says: []string{"schema 6", "unknown.proto"}},

		{name: "JSON Schema", formats: jsonSchema, key: framed(4, testKey), value: framed(4, testRow), want: testUpdate},
		{name: "JSON Schema by header", formats: jsonSchema, key: framed(4, testKey), value: testRow, headers: []string{"__value_schema_id", framed(4, "")}, want: testUpdate},
		{name: "JSON Schema, broken JSON", formats: jsonSchema, key: framed(4, testKey), value: framed(4, `{"id":}`), want: "refuse bad_json", says: []string{"byte 6", "behind the name of its schema"}},
		{name: "JSON Schema, members named schema and payload", formats: jsonSchema, key: framed(4, testKey),
			value: framed(4, `{"schema":{"a":1},"payload":{"crm_id":"501","email":"a@b.c"}}`), want: "refuse no_fields"},

		{name: "plain JSON where Avro is expected", formats: mixed, key: testKey, value: testRow, want: "refuse no_schema_id", says: []string{"0x7b226964", "format: {value: json}", "zero byte"}},
		{name: "a text as a key where Avro is expected", formats: avro, key: "customer 7", value: framed(2, avroRow), want: "refuse no_schema_id", says: []string{"the key", "format: {key: json}"}},
		{name: "an empty value", formats: mixed, key: testKey, value: "", want: "refuse no_schema_id", says: []string{"empty"}},
		{name: "an empty key", formats: avro, key: "", value: framed(2, avroRow), want: "refuse no_key", says: []string{"empty"}},
		{name: "a null key", formats: avro, key: null, value: framed(2, avroRow), want: "refuse no_key", says: []string{"null"}},
		{name: "a null value", formats: avro, key: framed(1, avroKey), value: null, want: "refuse no_id crm_id"},
		{name: "four bytes", formats: mixed, key: testKey, value: "\x00\x00\x00\x00", want: "refuse no_schema_id"},
		{name: "a header that is longer", formats: mixed, key: testKey, value: avroRow, headers: []string{"__value_schema_id", framed(2, "x")}, want: "refuse no_schema_id __value_schema_id"},
		{name: "a GUID of zeros", formats: mixed, key: testKey, value: "\x01" + strings.Repeat("\x00", 16), want: "refuse no_schema_id"},
		{name: "a schema that is not there", formats: mixed, key: testKey, value: framed(99, avroRow), want: "refuse unknown_schema", says: []string{"schema 99", `topic "` + testTopic + `"`, "kafka.schema_registry"}},
		{name: "a GUID that is not there", formats: mixed, key: testKey, value: "\x01" + strings.Repeat("\xab", 16), want: "refuse unknown_schema", says: []string{"abababab-abab-abab-abab-abababababab"}},
		{name: "a schema of another type", formats: mixed, key: testKey, value: framed(3, avroRow), want: "refuse bad_schema", says: []string{"schema 3", "PROTOBUF", "AVRO"}},
		{name: "a schema that is none", formats: mixed, key: testKey, value: framed(5, avroRow), want: "refuse bad_schema", says: []string{"schema 5"}},
		{name: "bytes of another schema", formats: mixed, key: testKey, value: framed(2, avroRow+"x"), want: "refuse bad_avro", says: []string{"schema (2)", "byte 13 of 14", "0x78", "the end of the value"}},
		{name: "bytes that are cut, in a field", formats: mixed, key: testKey, value: framed(2, avroRow[:8]), want: "refuse bad_avro email", says: []string{"byte 7 of 8", "0x0a", "a length of at most 0"}},
		{name: "Protobuf that is cut", formats: proto, key: testKey, value: framed(3, "\x02\x04"+protoRow[:5]), want: "refuse bad_protobuf", says: []string{"schema (3)", "byte 3 of 5", "field 2"}},
		{name: "a prefix where JSON is expected", formats: both(config.FormatJSON), key: testKey, value: framed(2, avroRow), want: "refuse bad_json", says: []string{"schema registry", "format: avro"}},
	})
}

// A key says the same in each format, so that a topic which changes its format keeps the
// order of its keys.
func TestKeysAgreeAcrossFormats(t *testing.T) {
	t.Parallel()
	schemas := formatSchemas()
	seed := maphash.MakeSeed()
	sets := make(map[model.Conflict]bool)
	for format, key := range map[config.Format]string{
		config.FormatJSON:       testKey,
		config.FormatAvro:       string(framedAs(1, avroOf(t, keyAvro, `{"id":7}`))),
		config.FormatProtobuf:   string(framedAs(3, []byte("\x04\x00\x02\x08\x07"))),
		config.FormatJSONSchema: string(framedAs(4, []byte(testKey))),
	} {
		m := mustNew(t, []config.Route{routed(config.EnvelopePlain, func(r *config.Route) { r.Format.Key = format })}).WithSchemas(schemas)
		m.compiled.seed = seed
		sets[conflictOf(t, m, record(key, testRow))[0]] = true
	}
	if len(sets) != 1 {
		t.Errorf("%d conflict sets of one key", len(sets))
	}
}

// awaited is a registry that has not answered yet.
type awaited struct{ known registered }

func (a *awaited) Schema(id model.SchemaID) (*model.Schema, model.SchemaState) {
	if a.known == nil {
		return nil, model.SchemaAwaited
	}
	return a.known.Schema(id)
}

func TestAnAwaitedSchemaIsNamedAndRefusesUntilItIsKnown(t *testing.T) {
	t.Parallel()
	a := &awaited{}
	m := mustNew(t, []config.Route{routed(config.EnvelopePlain, formatted(config.FormatAvro))}).WithSchemas(a)
	r := record(string(framedAs(1, avroOf(t, keyAvro, `{"id":7}`))), string(framedAs(2, avroOf(t, rowAvro, testRow))))
	if got := show(mapOne(t, m, r)); got != "refuse awaited_schema" {
		t.Errorf("got %s", got)
	}
	if ids := m.Awaits(); len(ids) != 2 || ids[0].Number != 1 || ids[1].Number != 2 {
		t.Errorf("awaits %v, not the key's and the value's", ids)
	}
	a.known = formatSchemas()
	if got := show(mapOne(t, m, r)); got != testUpdate || len(m.Awaits()) != 0 {
		t.Errorf("got %s, awaits %v", got, m.Awaits())
	}
	a.known = nil // what is compiled needs no registry
	if got := show(mapOne(t, m, r)); got != testUpdate || len(m.Awaits()) != 0 {
		t.Errorf("got %s, awaits %v", got, m.Awaits())
	}
}

// Routes of one topic may read it in different formats, each its own.
func TestRoutesOfOneTopicWithDifferentFormats(t *testing.T) {
	t.Parallel()
	avro, plain := routed(config.EnvelopePlain, func(r *config.Route) { r.Format.Value = config.FormatAvro }), routed(config.EnvelopePlain)
	plain.Name = "plain"
	last := routed(config.EnvelopePlain, func(r *config.Route) { r.Format.Value = config.FormatAvro })
	last.Name = "last"
	m := mustNew(t, []config.Route{avro, plain, last}).WithSchemas(formatSchemas())
	items := m.Map(record(testKey, string(framedAs(2, avroOf(t, rowAvro, testRow)))), nil)
	if got := showAll(items); got != testUpdate+"\nrefuse bad_json\n"+testUpdate {
		t.Errorf("got %s", got)
	}
}

// More schemas than are kept compiled are read all the same.
func TestSchemasBeyondTheBoundAreCompiledAnew(t *testing.T) {
	t.Parallel()
	large := strings.Replace(rowAvro, `"name":"Value"`, `"name":"Value","doc":"`+strings.Repeat("x", maxWriters/4)+`"`, 1)
	schemas := numbered(model.SchemaAvro, keyAvro, large, large, large, large, large, large)
	m := mustNew(t, []config.Route{routed(config.EnvelopePlain, func(r *config.Route) { r.Format.Value = config.FormatAvro })}).WithSchemas(schemas)
	body := avroOf(t, rowAvro, testRow)
	for range 2 {
		for number := range uint32(6) {
			if got := show(mapOne(t, m, record(testKey, string(framedAs(number+2, body))))); got != testUpdate {
				t.Fatalf("schema %d: %s", number+2, got)
			}
			if len(m.writers) > 4 {
				t.Errorf("%d schemas of %d bytes are kept", len(m.writers), len(large))
			}
		}
	}
}

func TestSchemaIDsReadAsRegistriesWriteThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		id   model.SchemaID
		want string
	}{{model.SchemaID{Number: 17}, "17"}, {model.SchemaID{Number: 1<<32 - 1}, "4294967295"}, {model.SchemaID{GUID: testGUID}, "8f1e0001-0203-0405-0607-08090a0b0c0d"}} {
		if got := c.id.String(); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}
