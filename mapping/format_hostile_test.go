package mapping

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// Bytes that ask for more than they are worth are refused, at a bounded cost.
func TestHostileBytesAreRefusedAtABoundedCost(t *testing.T) {
	const (
		nulls     = `{"type":"array","items":"null"}`
		empty     = `{"type":"array","items":{"type":"record","name":"E","fields":[]}}`
		node      = `{"type":"record","name":"N","fields":[{"name":"next","type":["null","N"]}]}`
		wide      = `{"type":"map","values":"null"}`
		recursive = `syntax = "proto3"; message M { M next = 1; repeated M all = 2; repeated int32 ints = 3; map<string, M> named = 4; }`
	)
	many := binary.AppendVarint(nil, 1<<60)
	manyNames := binary.AppendVarint(nil, 20_000)
	for i := range 20_000 {
		manyNames = append(binary.AppendVarint(manyNames, 5), fmt.Sprintf("%05d", i)...)
	}
	nested := func(field protowire.Number, depth int) (b []byte) {
		for range depth {
			b = protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), b)
		}
		return b
	}
	siblings := strings.Repeat("\x12\x00", 1<<19)
	for _, c := range []struct {
		name   string
		format config.Format
		schema string
		body   []byte
		says   string
	}{
		{"nulls without end", config.FormatAvro, nulls, many, smallerValue},
		{"empty records without end", config.FormatAvro, empty, many, smallerValue},
		{"records in records", config.FormatAvro, node, []byte(strings.Repeat("\x02", 1000) + "\x00"), lessNesting},
		{"records in records without end", config.FormatAvro, node, []byte(strings.Repeat("\x02", 1<<20)), lessNesting},
		{"more members than are indexed", config.FormatAvro, wide, append(manyNames, 0), fewerMembers},
		{"a length below zero", config.FormatAvro, `"string"`, []byte{1}, "a length of at most 0"},
		{"a length above the bytes", config.FormatAvro, `"bytes"`, binary.AppendVarint(nil, 1<<40), "a length of at most 0"},
		{"a block that counts below all", config.FormatAvro, nulls, append(binary.AppendVarint(nil, -1<<63), 0), "a block of elements"},
		{"a block that is longer than the bytes", config.FormatAvro, nulls, []byte{1, 0x20, 0}, "a block of elements"},
		{"a block with a size below zero", config.FormatAvro, nulls, []byte{1, 1, 0}, "a block of elements"},
		{"a number without end", config.FormatAvro, `"long"`, []byte(strings.Repeat("\xff", 11)), "a number of at most 10 bytes"},
		{"an int of 64 bits", config.FormatAvro, `"int"`, binary.AppendVarint(nil, 1<<31), "a number of 32 bits"},
		{"a boolean that is two", config.FormatAvro, `"boolean"`, []byte{2}, "0 or 1"},
		{"a branch that is none", config.FormatAvro, `["null","int"]`, []byte{4}, "one of the 2 types"},
		{"a symbol that is none", config.FormatAvro, `{"type":"enum","name":"E","symbols":["A"]}`, []byte{1}, "one of the 1 symbols"},
		{"text that is not UTF-8", config.FormatAvro, `"string"`, []byte{6, 'a', 0xff, 'b'}, "UTF-8"},
		{"text that is not UTF-8 behind a quote", config.FormatAvro, `"string"`, []byte{6, '"', 0xff, 'b'}, "UTF-8"},
		{"messages in messages", config.FormatProtobuf, recursive, nested(1, 600), lessNesting},
		{"messages in lists in messages", config.FormatProtobuf, recursive, nested(2, 600), lessNesting},
		{"empty messages without end", config.FormatProtobuf, recursive, []byte(siblings), smallerValue},
		{"text that is not UTF-8 as the key of a map", config.FormatProtobuf, recursive, []byte{0x22, 3, 0x0a, 1, 0xff}, "UTF-8"},
		{"a field that is cut", config.FormatProtobuf, recursive, []byte{0x0a, 5, 0}, "a value of field 1"},
		{"a packed number that is cut", config.FormatProtobuf, recursive, []byte{0x1a, 2, 1, 0x80}, "an element of a packed field"},
		{"a field without a number", config.FormatProtobuf, recursive, []byte{0}, "the number and the type of a field"},
	} {
		t.Run(c.name, func(t *testing.T) {
			prefix := []byte(nil)
			if c.format == config.FormatProtobuf {
				prefix = []byte{0}
			}
			m := mustNew(t, []config.Route{routed(config.EnvelopePlain, func(r *config.Route) { r.Format.Value = c.format })}).
				WithSchemas(numbered(schemaType(c.format), c.schema))
			r := record(testKey, string(framedAs(1, append(prefix, c.body...))))
			m.Map(r, nil) // the schema is compiled
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			it := mapOne(t, m, r)
			runtime.ReadMemStats(&after)
			if it.Fate.Reason == nil || !strings.Contains(it.Fate.Reason.Message, c.says) {
				t.Errorf("%s: %v, want a refusal that says %q", show(it), it.Fate.Reason, c.says)
			}
			if took := int64(after.TotalAlloc - before.TotalAlloc); took > 8<<20+6*textRatio*int64(len(c.body)) {
				t.Errorf("%d bytes allocated for %d", took, len(c.body))
			}
		})
	}
}

// FuzzSchema compiles hostile schemas: a registry holds whatever it was given.
func FuzzSchema(f *testing.F) {
	for _, text := range append(fuzzAvroSchemas(), `{"type":"record","name":"A","fields":[{"name":"a","type":"A"}]}`, `["A"]`, `"a.b.c"`, `{"type":{"type":{"type":"int"}}}`) {
		f.Add(uint8(0), text)
	}
	for _, text := range []string{everyProtobuf, rowProto, `syntax = "proto2"; message A { extensions 5; } extend A { optional A a = 5; }`, `edition = "2023"; message A { A a = 1; }`,
		`package google.protobuf; message DoubleValue { DoubleValue value = 1; }`, `syntax = "proto3"; import "schema.proto";`, `message`} {
		f.Add(uint8(1), text)
	}
	for _, text := range []string{`{"$ref":"#"}`, `{"properties":{"a":{"$ref":"#/properties/a"}}}`, `{"oneOf":[{"oneOf":[]}]}`, `[]`, `{"items":[{"type":"number"}]}`, `{"title":"io.debezium.data.VariableScaleDecimal"}`} {
		f.Add(uint8(2), text)
	}
	formats := []config.Format{config.FormatAvro, config.FormatProtobuf, config.FormatJSONSchema}
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		format := formats[int(which)%len(formats)]
		m := mustNew(t, []config.Route{routed(config.EnvelopePlain, func(r *config.Route) { r.Format.Value = format })}).
			WithSchemas(numbered(schemaType(format), text))
		for _, body := range []string{"", "\x00", "\x00\x0a\x00", `{"a":{"a":1},"email":[0]}`, strings.Repeat("\x02", 40)} {
			r := record(testKey, string(framedAs(1, []byte(body))))
			it := mapOne(t, m, r)
			if it.Write != nil {
				checkWrite(t, &model.Record{}, it.Write)
			}
		}
	})
}
