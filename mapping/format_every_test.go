package mapping

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/avro"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/ampersink/ampersink/internal/model"
)

// fuzzAvroSchemas are everything that Avro has, and what Connect makes of it.
func fuzzAvroSchemas() []string {
	return []string{
		`{"type":"record","name":"Every","namespace":"a.b","fields":[
			{"name":"n","type":"null"},{"name":"b","type":"boolean"},{"name":"i","type":"int"},{"name":"l","type":"long"},{"name":"f","type":"float"},
			{"name":"d","type":"double"},{"name":"by","type":"bytes"},{"name":"s","type":"string"},{"name":"fx","type":{"type":"fixed","name":"Four","size":4}},
			{"name":"e","type":{"type":"enum","name":"Color","symbols":["RED","GREEN"]}},{"name":"e2","type":["null","a.b.Color"]},
			{"name":"a","type":{"type":"array","items":["null","string"]}},{"name":"m","type":{"type":"map","values":"long"}},
			{"name":"nulls","type":{"type":"array","items":"null"}},{"name":"after","type":["null",{"type":"record","name":"Row","fields":[
				{"name":"id","type":"long"},{"name":"payload","type":{"type":"map","values":"string"}},{"name":"next","type":["null","Row"]}]}]},
			{"name":"before","type":["null","Row"]},{"name":"rows","type":{"type":"array","items":"Row"}}]}`,
		`{"type":"record","name":"Logical","fields":[
			{"name":"dec","type":{"type":"bytes","logicalType":"decimal","precision":20,"scale":4}},
			{"name":"decf","type":{"type":"fixed","name":"D","size":6,"logicalType":"decimal","precision":10,"scale":2}},
			{"name":"date","type":{"type":"int","logicalType":"date"}},{"name":"tms","type":{"type":"int","logicalType":"time-millis"}},
			{"name":"tus","type":{"type":"long","logicalType":"time-micros"}},{"name":"tsms","type":{"type":"long","logicalType":"timestamp-millis"}},
			{"name":"tsus","type":{"type":"long","logicalType":"timestamp-micros"}},{"name":"tsns","type":{"type":"long","logicalType":"timestamp-nanos"}},
			{"name":"uuid","type":{"type":"string","logicalType":"uuid"}},{"name":"uuidf","type":{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}},
			{"name":"dur","type":{"type":"fixed","name":"P","size":12,"logicalType":"duration"}},
			{"name":"debezium","type":{"type":"long","connect.version":1,"connect.name":"io.debezium.time.MicroTimestamp"}}]}`,
		`["null","string",{"type":"long","logicalType":"timestamp-micros"},{"type":"bytes","logicalType":"decimal","precision":9,"scale":3},"double",
			{"type":"array","items":{"type":"int","logicalType":"date"}},
			{"type":"record","name":"One","fields":[{"name":"after","type":{"type":"record","name":"In","fields":[{"name":"at","type":{"type":"int","logicalType":"date"}}]}}]},
			{"type":"record","name":"Two","fields":[{"name":"x","type":["null","string",{"type":"int","logicalType":"time-millis"}]}]}]`,
		`{"type":"array","items":{"type":"record","name":"MapEntry","namespace":"io.confluent.connect.avro","fields":[
			{"name":"key","type":"int"},{"name":"value","type":["null",{"type":"int","connect.name":"io.debezium.time.Date"}]}]}}`,
		`{"type":"map","values":{"type":"map","values":"bytes"}}`,
		`"string"`,
		`{"type":"record","name":"Tree","fields":[{"name":"next","type":["null","string","Tree",{"type":"array","items":"Tree"}]},{"name":"after","type":"double"}]}`,
	}
}

func fuzzAvroSeeds(t testing.TB, which int, schema string) [][]byte {
	t.Helper()
	values := [][]string{
		{`{"n":null,"b":true,"i":-7,"l":9007199254740997,"f":1.5,"d":-0.1,"by":"\u00ff","s":"a\"b\u00e9","fx":"abcd","e":"GREEN","e2":"RED","a":["x",null],
			"m":{"a":1,"after":2},"nulls":[null,null],"after":{"id":1,"payload":{"k":"v"},"next":{"id":2,"payload":{},"next":null}},"before":null,"rows":[]}`},
		{`{"dec":"\u0008","decf":"\u0000\u0000\u0000\u0000\u0001\u0002","date":19783,"tms":34200500,"tus":34200500000,"tsms":1709312400123,"tsus":1709312400123456,
			"tsns":1709312400123456789,"uuid":"8a1f8a5e-0000-4000-8000-000000000001","uuidf":"0123456789abcdef","dur":"aaaabbbbcccc","debezium":1709312400123456}`},
		{`null`, `"text"`},
		{`[{"key":1,"value":2},{"key":3,"value":null}]`},
		{`{"a":{"b":"\u0001"},"payload":{"x":""}}`},
		{`"1234567890"`},
		{`{"next":{"Tree":{"next":{"array":[{"next":{"string":"x"},"after":1}]},"after":2.5}},"after":3}`},
	}
	s, err := avro.Parse(schema)
	if err != nil {
		t.Fatal(err)
	}
	var seeds [][]byte
	for _, text := range values[which] {
		var v any
		if err := s.DecodeJSON([]byte(text), &v); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		b, err := s.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		seeds = append(seeds, b)
	}
	return append(seeds, nil, []byte{1}, bytes.Repeat([]byte{0xff}, 12), []byte{2, 0xfe, 0xff, 0xff, 0xff, 0x0f}, []byte{3, 1, 0, 0}, bytes.Repeat([]byte{2}, 600))
}

// libraryAvro is a value as the library reads it, in our form.
func libraryAvro(v any) any {
	switch v := v.(type) {
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case float32:
		return libraryFloat(float64(v), 32)
	case float64:
		return libraryFloat(v, 64)
	case int32, int64:
		return json.Number(fmt.Sprint(v))
	}
	return within(v, libraryAvro)
}

// within does the same to each element of an array or an object.
func within(v any, do func(any) any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = do(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = do(v[name])
		}
	}
	return v
}

func libraryFloat(v float64, bits int) any {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	}
	return json.Number(strconv.FormatFloat(v, 'g', -1, bits))
}

// everyProtobuf has everything that Protobuf has.
const everyProtobuf = `syntax = "proto3"; package test;
import "google/protobuf/timestamp.proto"; import "google/protobuf/duration.proto"; import "google/protobuf/struct.proto"; import "google/protobuf/wrappers.proto";
import "google/protobuf/any.proto"; import "google/protobuf/empty.proto"; import "google/type/date.proto"; import "google/type/timeofday.proto";
import "confluent/type/decimal.proto"; import "confluent/meta.proto";
message Every {
	double d = 1; float f = 2; int32 i32 = 3 [(confluent.field_meta) = {params: [{key: "connect.type", value: "int16"}]}]; int64 i64 = 4; uint32 u32 = 5; uint64 u64 = 6;
	sint32 s32 = 7; sint64 s64 = 8; fixed32 x32 = 9; fixed64 x64 = 10; sfixed32 y32 = 11; sfixed64 y64 = 12; bool b = 13; string s = 14; bytes by = 15;
	enum Color { RED = 0; GREEN = 1; }
	Color color = 16; optional int32 oi = 17; optional string os = 18; optional Color oc = 19;
	repeated int32 ri = 20; repeated string rs = 21; repeated double rd = 22; repeated Color rc = 23; repeated Every re = 24; repeated sint64 ru = 25 [packed = false];
	map<string, int32> ms = 26; map<int32, string> mi = 27; map<bool, Every> mb = 28; map<uint64, double> mu = 29;
	oneof choice { string cs = 30; int64 ci = 31; Every ce = 32; }
	Every after = 33; Every before = 34; map<string, Every> payload = 51;
	google.protobuf.Timestamp ts = 35; google.protobuf.Duration du = 36; google.type.Date da = 37; google.type.TimeOfDay td = 38; confluent.type.Decimal de = 39;
	google.protobuf.Int64Value wi = 40; google.protobuf.StringValue ws = 41; google.protobuf.BytesValue wb = 42; google.protobuf.DoubleValue wd = 43;
	google.protobuf.Struct st = 44; google.protobuf.Value va = 45; google.protobuf.ListValue li = 46; google.protobuf.Any an = 47; google.protobuf.Empty em = 48;
	repeated google.protobuf.Timestamp rt = 49;
	repeated AttrsEntry attrs = 50; message AttrsEntry { string key = 1; string value = 2; }
}`

// protobufOf writes the text form of a message of a schema on the wire, by the library.
func protobufOf(t testing.TB, schema, text string) []byte {
	t.Helper()
	file, err := parseProtobuf(&model.Schema{Type: model.SchemaProtobuf, Text: schema})
	if err != nil {
		t.Fatal(err)
	}
	m := dynamicpb.NewMessage(file.Messages().Get(0))
	if err := prototext.Unmarshal([]byte(text), m); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	b, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func fuzzProtobufSeeds(t testing.TB) [][]byte {
	var seeds [][]byte
	for _, text := range []string{
		``,
		`d: 1.5 f: nan i32: -1 i64: -9223372036854775808 u32: 4294967295 u64: 18446744073709551615 s32: -2147483648 s64: -5 x32: 1 x64: 2 y32: -3 y64: -4 b: true s: "é\"" by: "\377"`,
		`color: GREEN oi: 0 os: "" oc: RED ri: [1, -2, 3] rs: ["a", ""] rd: [inf, 0.1] rc: [GREEN, RED] re: {s: "x"} re: {} ru: [-1, 1]`,
		`ms: {key: "a" value: 1} ms: {key: "after"} mi: {key: -1 value: "x"} mb: {key: true value: {s: "y"}} mu: {key: 18446744073709551615 value: 2}`,
		`cs: "a"`, `ci: 7`, `ce: {ce: {}}`, `after: {after: {after: {s: "deep"}}} before: {} payload: {key: "after" value: {after: {}}}`,
		`ts: {seconds: 1709312400 nanos: 500000000} du: {seconds: -3 nanos: -1} da: {year: 2024 month: 3 day: 1} td: {hours: 9 minutes: 30 nanos: 1} de: {value: "\004\322" precision: 4 scale: 2}`,
		`wi: {value: 5} ws: {} wb: {value: "x"} wd: {value: 1e300} st: {fields: {key: "a" value: {list_value: {values: {number_value: 1} values: {null_value: NULL_VALUE}}}}}`,
		`va: {struct_value: {fields: {key: "x" value: {bool_value: true}}}} li: {values: {string_value: "s"}} em: {} an: {type_url: "t" value: "v"} rt: {seconds: 1} rt: {}`,
		`attrs: {key: "a" value: "1"} attrs: {key: "b"} ts: {seconds: 9223372036854775807}`,
	} {
		seeds = append(seeds, protobufOf(t, everyProtobuf, text))
	}
	twice := append(bytes.Clone(seeds[1]), seeds[2]...)
	merged := append(protobufOf(t, everyProtobuf, `after: {s: "a" i32: 1} cs: "x"`), protobufOf(t, everyProtobuf, `after: {i32: 2 ri: 3} ci: 4`)...)
	return append(seeds, twice, merged, []byte{0x08}, []byte{0xa2, 0x01, 0x03, 1, 2, 0x80}, bytes.Repeat([]byte{0x8a, 0x02, 0x00}, 40))
}

// libraryJSON is a message as the library reads it, in our form.
func libraryJSON(m protoreflect.Message) any {
	d := m.Descriptor()
	number := func(name string) int64 { return m.Get(d.Fields().ByName(protoreflect.Name(name))).Int() }
	switch d.FullName() {
	case "google.protobuf.Timestamp":
		at := time.Unix(number("seconds"), number("nanos")).UTC()
		switch s := number("seconds"); {
		case s < firstSecond:
			return "-infinity"
		case s > lastSecond:
			return "infinity"
		}
		return at.Format(time.RFC3339Nano)
	case "google.protobuf.Duration":
		return string(appendDuration(nil, number("seconds"), number("nanos")))
	case "google.type.Date":
		return fmt.Sprintf("%04d-%02d-%02d", number("year"), number("month"), number("day"))
	case "google.type.TimeOfDay":
		return fmt.Sprintf("%02d:%02d:%02d%s", number("hours"), number("minutes"), number("seconds"), appendFraction(nil, number("nanos")))
	case "confluent.type.Decimal":
		value := m.Get(d.Fields().ByName("value")).Bytes()
		if len(value) == 0 {
			value = []byte{0}
		}
		return map[string]any{"scale": json.Number(strconv.FormatInt(number("scale"), 10)), "value": base64.StdEncoding.EncodeToString(value)}
	case "google.protobuf.Struct", "google.protobuf.ListValue", "google.protobuf.Int64Value", "google.protobuf.StringValue", "google.protobuf.BytesValue",
		"google.protobuf.DoubleValue":
		return libraryField(m, d.Fields().Get(0))
	case "google.protobuf.Value":
		if f := m.WhichOneof(d.Oneofs().Get(0)); f != nil && f.Name() != "null_value" {
			return libraryField(m, f)
		}
		return nil
	}
	out := make(map[string]any)
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if f.HasPresence() && !m.Has(f) {
			out[string(f.Name())] = nil
			continue
		}
		out[string(f.Name())] = libraryField(m, f)
	}
	return out
}

func libraryField(m protoreflect.Message, f protoreflect.FieldDescriptor) any {
	v := m.Get(f)
	switch {
	case f.Name() == "attrs":
		pairs := make(map[string]any)
		for i := range v.List().Len() {
			entry := v.List().Get(i).Message()
			fields := entry.Descriptor().Fields()
			pairs[entry.Get(fields.Get(0)).String()] = entry.Get(fields.Get(1)).String()
		}
		return pairs
	case f.IsMap():
		pairs := make(map[string]any)
		v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
			pairs[k.String()] = libraryValue(f.MapValue(), v)
			return true
		})
		return pairs
	case f.IsList():
		list := make([]any, v.List().Len())
		for i := range list {
			list[i] = libraryValue(f, v.List().Get(i))
		}
		return list
	}
	return libraryValue(f, v)
}

func libraryValue(f protoreflect.FieldDescriptor, v protoreflect.Value) any {
	switch f.Kind() {
	case protoreflect.MessageKind:
		return libraryJSON(v.Message())
	case protoreflect.EnumKind:
		if name := f.Enum().Values().ByNumber(v.Enum()); name != nil {
			return string(name.Name())
		}
		return json.Number(strconv.Itoa(int(v.Enum())))
	case protoreflect.BytesKind:
		return base64.StdEncoding.EncodeToString(v.Bytes())
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		bits := 64
		if f.Kind() == protoreflect.FloatKind {
			bits = 32
		}
		return libraryFloat(v.Float(), bits)
	case protoreflect.StringKind, protoreflect.BoolKind:
		return v.Interface()
	}
	return json.Number(fmt.Sprint(v.Interface()))
}

// normal makes equal numbers read the same.
func normal(v any) any {
	n, isNumber := v.(json.Number)
	if !isNumber {
		return within(v, normal)
	}
	r, ok := new(big.Rat).SetString(string(n))
	if !ok {
		return "no number: " + string(n)
	}
	return "the number " + r.RatString()
}
