package mapping

import (
	"strings"
	"testing"

	"github.com/twmb/avro"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// sent is a case of what a column of a format becomes.
type sent struct {
	name   string
	schema string // of the column a
	more   string // of the schema, behind
	value  string // JSON, or Protobuf's text form
	edits  []func(*config.Field)
	path   string // from: a, where it is empty
	raw    string // the bytes, where the library would not write them from value
	want   string
	says   string
}

func runSent(t *testing.T, f config.Format, s func(c sent) *model.Schema, encode func(t *testing.T, c sent) []byte, cases []sent) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			route := routed(config.EnvelopePlain, valueField(append(c.edits, func(field *config.Field) {
				if c.path != "" {
					field.From = c.path
				}
			})...), func(r *config.Route) { r.Format.Value, r.ID = f, config.ID{} })
			m := mustNew(t, []config.Route{route}).WithSchemas(registered{model.SchemaID{Number: 1}: s(c)})
			it := mapOne(t, m, record(testKey, string(framedAs(1, encode(t, c)))))
			want := c.want
			if !strings.HasPrefix(want, "refuse") {
				want = `create {"a":` + want + `}`
			}
			if got := show(it); got != want {
				t.Errorf("got  %s\nwant %s\n%v", got, want, it.Fate.Reason)
			}
			if c.says != "" && (it.Fate.Reason == nil || !strings.Contains(it.Fate.Reason.Message, c.says)) {
				t.Errorf("the reason %v does not say %q", it.Fate.Reason, c.says)
			}
		})
	}
}

func logicalAvro(physical, name string) string {
	return `{"type":"` + physical + `","connect.version":1,"connect.name":"` + name + `"}`
}

func TestAvroValues(t *testing.T) {
	t.Parallel()
	schemaOf := func(c sent) *model.Schema {
		return &model.Schema{Type: model.SchemaAvro, Text: `{"type":"record","name":"Value","namespace":"n","fields":[{"name":"a","type":` + c.schema + `}]}`}
	}
	const money = `{"type":"bytes","scale":2,"precision":64,"connect.version":1,"connect.parameters":{"scale":"2"},"connect.name":"org.apache.kafka.connect.data.Decimal","logicalType":"decimal"}`
	const variable = `{"type":"record","name":"VariableScaleDecimal","namespace":"io.debezium.data","fields":[{"name":"scale","type":"int"},{"name":"value","type":"bytes"}],"connect.name":"io.debezium.data.VariableScaleDecimal"}`
	runSent(t, config.FormatAvro, schemaOf, func(t *testing.T, c sent) []byte {
		t.Helper()
		if c.raw != "" {
			return []byte(c.raw)
		}
		s, err := avro.Parse(schemaOf(c).Text, avro.WithLaxNames(func(string) error { return nil }))
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := s.DecodeJSON([]byte(`{"a":`+c.value+`}`), &v); err != nil {
			t.Fatal(err)
		}
		b, err := s.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}, []sent{
		{name: "boolean", schema: `"boolean"`, value: `true`, want: `true`},
		{name: "int", schema: `"int"`, value: `-2147483648`, want: `-2147483648`},
		{name: "long above 2^53", schema: `"long"`, value: `9007199254740997`, want: `9007199254740997`},
		{name: "the least long", schema: `"long"`, value: `-9223372036854775808`, want: `-9223372036854775808`},
		{name: "float keeps its digits", schema: `"float"`, value: `0.1`, want: `0.1`},
		{name: "double", schema: `"double"`, value: `1e300`, want: `1e+300`},
		{name: "double that is whole", schema: `"double"`, value: `5`, want: `5`},
		{name: "NaN", schema: `"double"`, value: `"NaN"`, want: "refuse not_finite a", says: "NaN"},
		{name: "infinity with a word for it", schema: `"float"`, value: `"-Infinity"`, edits: []func(*config.Field){notFiniteAs("0")}, want: `0`},
		{name: "string", schema: `"string"`, value: `"é\"\u0000\\"`, want: `"é\"\u0000\\"`},
		{name: "bytes", schema: `"bytes"`, value: `"\u00ff\u0000"`, want: `"/wA="`},
		{name: "fixed", schema: `{"type":"fixed","name":"F","size":2}`, value: `"\u00ff\u0001"`, want: `"/wE="`},
		{name: "enum", schema: `{"type":"enum","name":"E","symbols":["A","B"]}`, value: `"B"`, want: `"B"`},
		{name: "array", schema: `{"type":"array","items":["null","int"]}`, value: `[1,null,3]`, want: `[1,null,3]`},
		{name: "array as a list", schema: `{"type":"array","items":"string"}`, value: `["x","y"]`, edits: []func(*config.Field){listOf(";")}, want: `"x;y"`},
		{name: "array of dates", schema: `{"type":"array","items":{"type":"int","logicalType":"date"}}`, value: `[0,1]`, want: `["1970-01-01","1970-01-02"]`},
		{name: "map", schema: `{"type":"map","values":"long"}`, value: `{"x":1}`, want: `{"x":1}`},
		{name: "map of times", schema: `{"type":"map","values":{"type":"long","logicalType":"timestamp-millis"}}`, value: `{"x":0}`, want: `{"x":"1970-01-01T00:00:00Z"}`},
		{name: "path into a map", schema: `{"type":"map","values":{"type":"long","logicalType":"timestamp-millis"}}`, path: "a.x", value: `{"x":0}`, want: `"1970-01-01T00:00:00Z"`},
		{name: "map whose keys are not text", schema: `{"type":"array","items":{"type":"record","name":"MapEntry","namespace":"io.confluent.connect.avro","fields":[{"name":"key","type":"int"},{"name":"value","type":{"type":"int","logicalType":"date"}}]}}`,
			value: `[{"key":5,"value":0}]`, want: `[[5,"1970-01-01"]]`},
		{name: "record", schema: `{"type":"record","name":"R","fields":[{"name":"x","type":"int"},{"name":"d","type":{"type":"int","logicalType":"date"}}]}`, value: `{"x":1,"d":1}`, want: `{"x":1,"d":"1970-01-02"}`},
		{name: "path into a record", schema: `{"type":"record","name":"R","fields":[{"name":"x","type":"int"},{"name":"d","type":{"type":"int","logicalType":"date"}}]}`, path: "a.d", value: `{"x":1,"d":1}`, want: `"1970-01-02"`},
		{name: "null of a union", schema: `["null","string"]`, value: `null`, want: `null`},
		{name: "the null is last", schema: `["string","null"]`, value: `"x"`, want: `"x"`},

		{name: "decimal", schema: `{"type":"bytes","logicalType":"decimal","precision":9,"scale":4}`, value: `"\u0004\u0008"`, want: `0.1032`},
		{name: "decimal of Connect", schema: `["null",` + money + `]`, value: `"\u00ff"`, want: `-0.01`},
		{name: "decimal that is fixed", schema: `{"type":"fixed","name":"D","size":3,"logicalType":"decimal","precision":6,"scale":2}`, value: `"\u0000\u0004\u0008"`, want: `10.32`},
		{name: "decimal without a precision", schema: `{"type":"bytes","connect.parameters":{"scale":"3"},"connect.name":"org.apache.kafka.connect.data.Decimal"}`, value: `"\u0001"`, want: `0.001`},
		{name: "decimal with more places than digits", schema: `{"type":"bytes","logicalType":"decimal","precision":3,"scale":5,"connect.parameters":{"scale":"5"},"connect.name":"org.apache.kafka.connect.data.Decimal"}`,
			raw: "\x02\x7b", want: `0.00123`},
		{name: "decimal that Avro does not have, without Connect's name", schema: `{"type":"bytes","logicalType":"decimal","precision":3,"scale":5}`, raw: "\x02\x7b", want: `"ew=="`},
		{name: "decimal of variable scale", schema: `["null",` + variable + `]`, value: `{"scale":1,"value":"\u007b"}`, want: `12.3`},
		{name: "date", schema: `{"type":"int","logicalType":"date"}`, value: `19783`, want: `"2024-03-01"`},
		{name: "date as epoch_ms", schema: `{"type":"int","logicalType":"date"}`, value: `1`, edits: []func(*config.Field){as(config.AsEpochMS)}, want: `86400000`},
		{name: "a logical type on another type is none", schema: `{"type":"long","logicalType":"date"}`, value: `19783`, want: `19783`},
		{name: "time-millis", schema: `{"type":"int","logicalType":"time-millis"}`, value: `34200500`, want: `"09:30:00.5"`},
		{name: "time-micros", schema: `{"type":"long","logicalType":"time-micros"}`, value: `34200000001`, want: `"09:30:00.000001"`},
		{name: "timestamp-millis", schema: `{"type":"long","logicalType":"timestamp-millis"}`, value: `1709312400123`, want: `"2024-03-01T17:00:00.123Z"`},
		{name: "timestamp-micros", schema: `{"type":"long","logicalType":"timestamp-micros"}`, value: `1709312400123456`, want: `"2024-03-01T17:00:00.123456Z"`},
		{name: "timestamp-nanos", schema: `{"type":"long","logicalType":"timestamp-nanos"}`, value: `1709312400123456789`, want: `"2024-03-01T17:00:00.123456789Z"`},
		{name: "local-timestamp-micros", schema: `{"type":"long","logicalType":"local-timestamp-micros"}`, value: `0`, want: `"1970-01-01T00:00:00Z"`},
		{name: "uuid", schema: `{"type":"string","logicalType":"uuid"}`, value: `"8a1f8a5e-0000-4000-8000-000000000001"`, want: `"8a1f8a5e-0000-4000-8000-000000000001"`},
		{name: "uuid that is fixed", schema: `{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}`, value: `"0123456789abcdef"`, want: `"30313233-3435-3637-3839-616263646566"`},
		{name: "duration", schema: `{"type":"fixed","name":"P","size":12,"logicalType":"duration"}`, value: `"\u0001\u0000\u0000\u0000\u0002\u0000\u0000\u0000\u00dc\u0005\u0000\u0000"`, want: `"P1M2DT1.5S"`},
		{name: "Debezium's Date", schema: logicalAvro("int", "io.debezium.time.Date"), value: `19783`, want: `"2024-03-01"`},
		{name: "Debezium's MicroTimestamp", schema: `["null",` + logicalAvro("long", "io.debezium.time.MicroTimestamp") + `]`, value: `1709312400123456`, want: `"2024-03-01T17:00:00.123456Z"`},
		{name: "Debezium's MicroDuration", schema: logicalAvro("long", "io.debezium.time.MicroDuration"), value: `3600000000`, want: `"PT1H"`},
		{name: "Debezium's EnumSet", schema: logicalAvro("string", "io.debezium.data.EnumSet"), value: `"a,b"`, edits: []func(*config.Field){listOf(";")}, want: `"a;b"`},
		{name: "Debezium's Bits", schema: `{"type":"bytes","connect.parameters":{"length":"3"},"connect.name":"io.debezium.data.Bits"}`, value: `"\u0005"`, want: `"101"`},
		{name: "Connect's name goes before Avro's", schema: `{"type":"int","logicalType":"time-millis","connect.name":"io.debezium.time.Date"}`, value: `1`, want: `"1970-01-02"`},
		{name: "what the schema does not say, the configuration does", schema: `"long"`, value: `1709312400`, edits: []func(*config.Field){typed(config.TypeTimestampS)}, want: `"2024-03-01T17:00:00Z"`},

		{name: "union of several, text", schema: `["null","string",{"type":"long","logicalType":"timestamp-millis"}]`, value: `{"string":"x"}`, want: `"x"`},
		{name: "union of several, a time", schema: `["null","string",{"type":"long","logicalType":"timestamp-millis"}]`, value: `{"long":0}`, want: `"1970-01-01T00:00:00Z"`},
		{name: "union of several, a time as a number", schema: `["null","string",{"type":"long","logicalType":"timestamp-millis"}]`, value: `{"long":1000}`, edits: []func(*config.Field){as(config.AsEpochMS)}, want: `1000`},
		{name: "union of several, a decimal", schema: `["string",` + money + `]`, raw: "\x02\x02\x01", want: `0.01`},
		{name: "union of several, not finite", schema: `["string","double"]`, value: `{"double":"NaN"}`, want: `"NaN"`},
		{name: "union of several, a record", schema: `["string",{"type":"record","name":"R","fields":[{"name":"d","type":{"type":"int","logicalType":"date"}}]}]`, value: `{"n.R":{"d":0}}`, want: `{"d":"1970-01-01"}`},
		{name: "union of several that leads back to itself", schema: `["null","string","Value"]`, value: `{"n.Value":{"a":{"n.Value":{"a":{"string":"x"}}}}}`, want: `{"a":{"a":"x"}}`},
		{name: "union of several that leads back to itself, with a time", schema: `["null",{"type":"int","logicalType":"date"},{"type":"record","name":"T","fields":[{"name":"l","type":["null","string","T"]},{"name":"d","type":{"type":"int","logicalType":"date"}}]}]`,
			value: `{"n.T":{"l":{"n.T":{"l":{"string":"x"},"d":1}},"d":2}}`, want: `{"l":{"l":"x","d":"1970-01-02"},"d":"1970-01-03"}`},
		{name: "a type that refers to itself", schema: `{"type":"record","name":"N","fields":[{"name":"d","type":{"type":"int","logicalType":"date"}},{"name":"next","type":["null","N"]}]}`,
			value: `{"d":0,"next":{"d":1,"next":null}}`, want: `{"d":"1970-01-01","next":{"d":"1970-01-02","next":null}}`},
		{name: "a name of Avro in two namespaces", schema: `{"type":"record","name":"x.R","fields":[{"name":"e","type":{"type":"enum","name":"E","symbols":["A"]}},{"name":"f","type":"E"}]}`, value: `{"e":"A","f":"A"}`, want: `{"e":"A","f":"A"}`},
		{name: "the placeholder", schema: `["null","string"]`, value: `"__debezium_unavailable_value"`, want: "refuse no_fields"},
		{name: "the placeholder in bytes", schema: `"bytes"`, value: `"__debezium_unavailable_value"`, want: "refuse no_fields"},
	})
}

// A schema whose defaults are not of their types is read: they are for readers.
func TestAvroSchemasWithWrongDefaultsAreRead(t *testing.T) {
	t.Parallel()
	const wrong = `{"type":"record","name":"V","fields":[{"name":"a","type":"int","default":"no number"},{"name":"b","type":["null","string"],"default":"x"}]}`
	if _, err := avro.Parse(wrong); err == nil {
		t.Fatal("the library takes it, so nothing is proved")
	}
	m := mustNew(t, []config.Route{routed(config.EnvelopePlain, fields("a", "a", "b", "b"), id(""), func(r *config.Route) { r.Format.Value = config.FormatAvro })}).
		WithSchemas(numbered(model.SchemaAvro, wrong))
	if got := show(mapOne(t, m, record(testKey, string(framedAs(1, []byte{14, 2, 2, 'x'}))))); got != `create {"a":7,"b":"x"}` {
		t.Errorf("got %s", got)
	}
}

func TestSchemasWithReferencesAreRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		format config.Format
		schema *model.Schema
		body   string
		want   string
	}{
		{config.FormatAvro, &model.Schema{Type: model.SchemaAvro, Text: `{"type":"record","name":"V","namespace":"n","fields":[{"name":"a","type":"other.Day"},{"name":"again","type":"other.Day"}]}`,
			References: []model.SchemaReference{{Name: "other.Days", Text: `{"type":"record","name":"other.Days","fields":[{"name":"d","type":{"type":"int","logicalType":"date"}}]}`},
				{Name: "other.Day", Text: `{"type":"record","name":"other.Day","fields":[{"name":"days","type":"Days"}]}`}}}, "\x02\x04", "1970-01-02"},
		{config.FormatProtobuf, &model.Schema{Type: model.SchemaProtobuf, Text: `syntax = "proto3"; import "other/day.proto"; message V { other.Day a = 1; }`,
			References: []model.SchemaReference{{Name: "days.proto", Text: `syntax = "proto3"; import "google/type/date.proto"; package other; message Days { google.type.Date d = 1; }`},
				{Name: "other/day.proto", Text: `syntax = "proto3"; import "days.proto"; package other; message Day { Days days = 1; }`}}},
			"\x00\x0a\x0b\x0a\x09\x0a\x07\x08\xb2\x0f\x10\x01\x18\x02", "1970-01-02"},
		{config.FormatJSONSchema, &model.Schema{Type: model.SchemaJSON, Text: `{"properties":{"a":{"$ref":"day.json"}}}`,
			References: []model.SchemaReference{{Name: "days.json", Text: `{"definitions":{"days":{"properties":{"d":{"title":"io.debezium.time.Date"}}}}}`},
				{Name: "day.json", Text: `{"properties":{"days":{"$ref":"days.json#/definitions/days"}}}`}}}, `{"a":{"days":{"d":1}}}`, "1970-01-02"},
	} {
		t.Run(string(c.format), func(t *testing.T) {
			t.Parallel()
			m := mustNew(t, []config.Route{routed(config.EnvelopePlain, fields("a", "a.days.d"), id(""), func(r *config.Route) { r.Format.Value = c.format })}).
				WithSchemas(registered{model.SchemaID{Number: 1}: c.schema})
			want := `create {"a":"` + c.want + `"}`
			if it := mapOne(t, m, record(testKey, string(framedAs(1, []byte(c.body))))); show(it) != want {
				t.Errorf("got %s: %v", show(it), it.Fate.Reason)
			}
		})
	}
}

func TestProtobufValues(t *testing.T) {
	t.Parallel()
	const imports = `import "google/protobuf/timestamp.proto"; import "google/protobuf/duration.proto"; import "google/protobuf/struct.proto";
		import "google/protobuf/wrappers.proto"; import "google/type/date.proto"; import "google/type/timeofday.proto"; import "confluent/type/decimal.proto"; `
	schemaOf := func(c sent) *model.Schema {
		syntax := `syntax = "proto3"; `
		if strings.HasPrefix(c.name, "proto2") {
			syntax = `syntax = "proto2"; `
		}
		return &model.Schema{Type: model.SchemaProtobuf, Text: syntax + imports + `message Value { ` + c.schema + ` } ` + c.more}
	}
	runSent(t, config.FormatProtobuf, schemaOf, func(t *testing.T, c sent) []byte {
		t.Helper()
		return append([]byte{0}, protobufOf(t, schemaOf(c).Text, c.value)...)
	}, []sent{
		{name: "double", schema: `double a = 1;`, value: `a: 0.1`, want: `0.1`},
		{name: "float keeps its digits", schema: `float a = 1;`, value: `a: 0.1`, want: `0.1`},
		{name: "NaN", schema: `double a = 1;`, value: `a: nan`, want: "refuse not_finite a"},
		{name: "int64 above 2^53", schema: `int64 a = 1;`, value: `a: 9007199254740997`, want: `9007199254740997`},
		{name: "uint64 above 2^63", schema: `uint64 a = 1;`, value: `a: 18446744073709551615`, want: `18446744073709551615`},
		{name: "sint32", schema: `sint32 a = 1;`, value: `a: -2147483648`, want: `-2147483648`},
		{name: "sfixed64", schema: `sfixed64 a = 1;`, value: `a: -1`, want: `-1`},
		{name: "bool", schema: `bool a = 1;`, value: `a: true`, want: `true`},
		{name: "string", schema: `string a = 1;`, value: `a: "é\"\n"`, want: `"é\"\n"`},
		{name: "bytes", schema: `bytes a = 1;`, value: `a: "\377\000"`, want: `"/wA="`},
		{name: "enum", schema: `E a = 1;`, more: `enum E { ZERO = 0; ONE = 1; }`, value: `a: ONE`, want: `"ONE"`},
		{name: "a field that is not set has its zero value", schema: `int64 a = 1; string b = 2;`, value: ``, want: `0`},
		{name: "a field that tells it is not set is null", schema: `optional int64 a = 1;`, value: ``, want: `null`},
		{name: "a field that tells it is zero", schema: `optional int64 a = 1;`, value: `a: 0`, want: `0`},
		{name: "a message that is not set is null", schema: `M a = 1;`, more: `message M { int32 x = 1; }`, value: ``, want: `null`},
		{name: "a message", schema: `M a = 1;`, more: `message M { int32 x = 1; optional string y = 2; }`, value: `a: {}`, want: `{"x":0,"y":null}`},
		{name: "path into a message", schema: `M a = 1;`, more: `message M { google.type.Date d = 1; }`, path: "a.d", value: `a: {d: {year: 2024 month: 3 day: 1}}`, want: `"2024-03-01"`},
		{name: "the one of several that is set", schema: `oneof c { string a = 1; int32 b = 2; }`, value: `a: ""`, want: `""`},
		{name: "the others of several are null", schema: `oneof c { string a = 1; int32 b = 2; }`, value: `b: 1`, want: `null`},
		{name: "repeated", schema: `repeated int32 a = 1;`, value: `a: [1, 2]`, want: `[1,2]`},
		{name: "repeated, not packed", schema: `repeated int32 a = 1 [packed = false];`, value: `a: [1, 2]`, want: `[1,2]`},
		{name: "repeated, none", schema: `repeated string a = 1;`, value: ``, want: `[]`},
		{name: "repeated as a list", schema: `repeated string a = 1;`, value: `a: ["x", "y"]`, edits: []func(*config.Field){listOf(";")}, want: `"x;y"`},
		{name: "map", schema: `map<int32, string> a = 1;`, value: `a: {key: 5 value: "x"}`, want: `{"5":"x"}`},
		{name: "map as Connect declares it", schema: `repeated AEntry a = 1; message AEntry { string key = 1; int32 value = 2; }`, value: `a: {key: "k" value: 2}`, want: `{"k":2}`},
		{name: "entries that are no map", schema: `repeated AEntry a = 1; message AEntry { string key = 1; int32 worth = 2; }`, value: `a: {key: "k" worth: 2}`, want: `[{"key":"k","worth":2}]`},
		{name: "Timestamp", schema: `google.protobuf.Timestamp a = 1;`, value: `a: {seconds: 1709312400 nanos: 123456789}`, want: `"2024-03-01T17:00:00.123456789Z"`},
		{name: "Timestamp as epoch_ms", schema: `google.protobuf.Timestamp a = 1;`, value: `a: {seconds: 1}`, edits: []func(*config.Field){as(config.AsEpochMS)}, want: `1000`},
		{name: "Timestamp that is infinite", schema: `google.protobuf.Timestamp a = 1;`, value: `a: {seconds: 9223372036854775}`, want: "refuse not_finite a"},
		{name: "Timestamp that is none", schema: `google.protobuf.Timestamp a = 1;`, value: `a: {nanos: 1000000000}`, want: "refuse bad_protobuf a", says: "nanoseconds of less than a second"},
		{name: "Duration", schema: `google.protobuf.Duration a = 1;`, value: `a: {seconds: 3661 nanos: 500000000}`, want: `"PT1H1M1.5S"`},
		{name: "Date", schema: `google.type.Date a = 1;`, value: `a: {year: 2024 month: 3 day: 1}`, want: `"2024-03-01"`},
		{name: "Date without a year", schema: `google.type.Date a = 1;`, value: `a: {month: 3 day: 1}`, want: "refuse not_finite a"},
		{name: "TimeOfDay", schema: `google.type.TimeOfDay a = 1;`, value: `a: {hours: 9 minutes: 30 nanos: 500000000}`, want: `"09:30:00.5"`},
		{name: "Decimal", schema: `confluent.type.Decimal a = 1;`, value: `a: {value: "\004\010" precision: 9 scale: 4}`, want: `0.1032`},
		{name: "Decimal of nothing", schema: `confluent.type.Decimal a = 1;`, value: `a: {}`, want: `0`},
		{name: "a wrapper", schema: `google.protobuf.Int64Value a = 1;`, value: `a: {}`, want: `0`},
		{name: "a wrapper that is not set", schema: `google.protobuf.Int64Value a = 1;`, value: ``, want: `null`},
		{name: "Struct", schema: `google.protobuf.Struct a = 1;`, value: `a: {fields: {key: "x" value: {list_value: {values: {null_value: NULL_VALUE} values: {number_value: 2}}}}}`, want: `{"x":[null,2]}`},
		{name: "what the schema does not say, the configuration does", schema: `int32 a = 1;`, value: `a: 1`, edits: []func(*config.Field){typed(config.TypeDateDays)}, want: `"1970-01-02"`},
		{name: "the placeholder", schema: `string a = 1;`, value: `a: "__debezium_unavailable_value"`, want: "refuse no_fields"},
		{name: "proto2, a default is for readers", schema: `optional int32 a = 1 [default = 5];`, value: ``, want: `null`},
		{name: "proto2, a group", schema: `optional group A = 1 { optional int32 x = 1; }`, path: "a.x", value: `A: {x: 3}`, want: `3`},
		{name: "a message that only has the name of a Timestamp", schema: `T a = 1; message T { string seconds = 1; }`, value: `a: {seconds: "x"}`, want: `{"seconds":"x"}`},
	})
}

func TestJSONSchemaValues(t *testing.T) {
	t.Parallel()
	schemaOf := func(c sent) *model.Schema {
		return &model.Schema{Type: model.SchemaJSON, Text: `{"type":"object","title":"Value","properties":{"a":` + c.schema + `}` + c.more + `}`}
	}
	nullable := func(schema string) string { return `{"connect.index":0,"oneOf":[{"type":"null"},` + schema + `]}` }
	runSent(t, config.FormatJSONSchema, schemaOf, func(_ *testing.T, c sent) []byte { return []byte(`{"a":` + c.value + `}`) }, []sent{
		{name: "integer", schema: `{"type":"integer","connect.type":"int64"}`, value: `9007199254740997`, want: `9007199254740997`},
		{name: "date", schema: nullable(`{"type":"integer","title":"io.debezium.time.Date","connect.version":1,"connect.type":"int32"}`), value: `19783`, want: `"2024-03-01"`},
		{name: "timestamp", schema: `{"type":"integer","title":"io.debezium.time.MicroTimestamp","connect.type":"int64"}`, value: `1709312400123456`, want: `"2024-03-01T17:00:00.123456Z"`},
		{name: "decimal in bytes", schema: `{"type":"number","title":"org.apache.kafka.connect.data.Decimal","connect.parameters":{"scale":"4"},"connect.type":"bytes"}`, value: `"BAg="`, want: `0.1032`},
		{name: "decimal as a number", schema: `{"type":"number","title":"org.apache.kafka.connect.data.Decimal","connect.parameters":{"scale":"4"},"connect.type":"bytes"}`, value: `0.1032`, want: `0.1032`},
		{name: "number that is not finite", schema: `{"type":"number","connect.type":"float64"}`, value: `"NaN"`, want: "refuse not_finite a"},
		{name: "array of dates", schema: `{"type":"array","items":{"type":"integer","title":"io.debezium.time.Date"}}`, value: `[0]`, want: `["1970-01-01"]`},
		{name: "map of dates", schema: `{"type":"object","connect.type":"map","additionalProperties":{"type":"integer","title":"io.debezium.time.Date"}}`, value: `{"x":0}`, want: `{"x":"1970-01-01"}`},
		{name: "object", schema: nullable(`{"type":"object","properties":{"d":{"title":"io.debezium.time.Date"},"e":{"type":"string"}}}`), value: `{"d":0,"e":"x"}`, want: `{"d":"1970-01-01","e":"x"}`},
		{name: "of several it is not known which", schema: `{"oneOf":[{"title":"io.debezium.time.Date"},{"type":"string"}]}`, value: `0`, want: `0`},
		{name: "a reference", schema: `{"$ref":"#/definitions/day"}`, more: `,"definitions":{"day":{"title":"io.debezium.time.Date"}}`, value: `0`, want: `"1970-01-01"`},
		{name: "a schema that refers to itself", schema: `{"$ref":"#/definitions/node"}`, more: `,"definitions":{"node":{"properties":{"d":{"title":"io.debezium.time.Date"},"next":{"$ref":"#/definitions/node"}}}}`,
			value: `{"d":0,"next":{"d":1}}`, want: `{"d":"1970-01-01","next":{"d":"1970-01-02"}}`},
		{name: "a reference to nothing", schema: `{"$ref":"#/definitions/none"}`, value: `0`, want: `0`},
		{name: "what the schema does not say, the configuration does", schema: `{"type":"integer"}`, value: `1`, edits: []func(*config.Field){typed(config.TypeDateDays)}, want: `"1970-01-02"`},
		{name: "a schema that is true", schema: `true`, value: `"x"`, want: `"x"`},
	})
}
