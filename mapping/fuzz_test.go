package mapping

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// FuzzScan holds the scanner to jsontext: it accepts exactly the same texts
// (where neither bound of ours is met), and indexes the same members.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		``, ` `, `null`, `{}`, ` { } `, `[]`, `[1,]`, `{"a":1,}`, `{"a":1,"a":2}`, `-0`, `01`, `1.`, `.5`, `1e`, `1E+09`, `-`, `"\ud83d\ude00"`, `"\ud83d"`,
		`"\u00zz"`, "\"\x1f\"", "\"\x7f\"", "\"\xff\"", "\"\xed\xa0\x80\"", `tru`, `truex`, `{"a" : [ 1 , { "b" : null } ] }`, `"12345678\n123456789"`, "\"1234567\xc3\xa9\"",
		testRow, withSchema(debeziumEvent("u", "null", testRow)), `{"\u0061fter":{"x":1},"schema":{"payload":1},"payload":{"after":{"before":{}}}}`, benchValue,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var d document
		got := d.scan(text, indexLevels)
		if !got && (d.fault.want == lessNesting || d.fault.want == fewerMembers) {
			return
		}
		want := jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true))
		if got != want {
			t.Fatalf("scan says %v (%+v), jsontext %v: %q", got, d.fault, want, text)
		}
		if !got {
			if d.fault.at < 0 || d.fault.at > len(text) || d.fault.want == "" {
				t.Fatalf("fault %+v", d.fault)
			}
			return
		}
		checkIndex(t, &d, 0)
		if int(d.nodes[0].next) != len(d.nodes) {
			t.Fatalf("the root ends at %d of %d nodes", d.nodes[0].next, len(d.nodes))
		}
	})
}

// checkIndex compares an indexed object, and what is indexed below it, with what
// jsontext reads.
func checkIndex(t *testing.T, d *document, object int32) {
	root := d.read(object)
	i, end := object+1, d.nodes[object].next
	if root.kind != kindObject {
		if i != end {
			t.Fatalf("%v with members", root.kind)
		}
		return
	}
	if object != 0 && i == end {
		return // not indexed, or empty
	}
	dec := jsontext.NewDecoder(bytes.NewReader(root.raw), jsontext.AllowDuplicateNames(true))
	if _, err := dec.ReadToken(); err != nil {
		t.Fatal(err)
	}
	for ; i < end; i = d.nodes[i].next {
		name, err := dec.ReadToken()
		if err != nil {
			t.Fatal(err)
		}
		if want := name.String(); string(d.name(&d.nodes[i])) != want {
			t.Fatalf("name %q, want %q", d.name(&d.nodes[i]), want)
		}
		raw, err := dec.ReadValue()
		if err != nil {
			t.Fatal(err)
		}
		v := d.read(i)
		if !bytes.Equal(v.raw, raw) || !kindAgrees(v.kind, raw.Kind()) {
			t.Fatalf("value %q of kind %v, want %q", v.raw, v.kind, raw)
		}
		if v.kind == kindString {
			want, err := jsontext.AppendUnquote(nil, raw)
			if err != nil || v.escaped != bytes.ContainsRune(raw, '\\') {
				t.Fatalf("escaped %v in %q: %v", v.escaped, raw, err)
			}
			if f := new(finder); !bytes.Equal(f.unquoted(v), want) {
				t.Fatalf("text %q, want %q", f.unquoted(v), want)
			}
		}
		checkIndex(t, d, i)
	}
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '}' {
		t.Fatalf("members are missing: %v %v", tok, err)
	}
}

func kindAgrees(k kind, want jsontext.Kind) bool {
	return k == map[jsontext.Kind]kind{'n': kindNull, 't': kindBool, 'f': kindBool, '0': kindNumber, '"': kindString, '[': kindArray, '{': kindObject}[want]
}

// fuzzRoutes is a topic that is routed in every way there is.
func fuzzRoutes() []config.Route {
	named := func(name string, envelope config.Envelope, edits ...func(*config.Route)) config.Route {
		r := routed(envelope, edits...)
		r.Name = name
		return r
	}
	mapped := func(r *config.Route) {
		fields("a", "a", "email", "email", "path", "a.b.c", "deep", "attrs.plan", "const", "=1", "row", "id")(r)
		r.Associations.Field = "links"
	}
	return []config.Route{
		named("plain", config.EnvelopePlain, mapped),
		named("plain by field", config.EnvelopePlain, mapped, func(r *config.Route) {
			r.Operation.Field, r.Key, r.To.Group = "op", []string{"id", "a.b"}, config.Group{Field: "tenant"}
		}),
		named("plain by header", config.EnvelopePlain, mapped, func(r *config.Route) { r.Operation.Header, r.To.Group = "__op", config.Group{Header: "__op"} }),
		named("debezium", config.EnvelopeDebezium, mapped),
		named("debezium full", config.EnvelopeDebezium, mapped, beforeFull, key("id"), id("id"), func(r *config.Route) {
			r.OnDelete = config.OnDelete{Set: fieldsOf("gone", "=true", "a", "a")}
			r.OnTombstone = config.ActionDelete
		}),
		named("flat", config.EnvelopeDebeziumFlat, mapped, id("a.b")),
	}
}

// FuzzMap maps hostile records through routes of every envelope: each gets its
// item, and what is emitted is JSON that says what the row says.
func FuzzMap(f *testing.F) {
	for _, value := range []string{
		``, `null`, `[]`, testRow, debeziumEvent("u", "null", testRow), debeziumEvent("d", testRow, "null"), debeziumEvent("c", "null", `{"a":{"b":{"c":1}},"links":"[{}]"}`),
		withSchema("null"), withSchema(testRow), withSchema(debeziumEvent("r", "null", testRow)), `{"__deleted":"true","id":7,"__op":"d"}`,
		`{"id":7,"op":"u","a":"{\"b\":{\"c\":[1,2]}}","a.b":5,"tenant":"t","crm_id":1e5}`, `{"a":"__debezium_unavailable_value","op":"m","source":{"connector":1}}`,
		`{"attrs":"{\"plan\":{\"x\":1,\"x\":2}}","crm_id":"\u0000","email":"\ud83d\ude00"}`, `{"status":"END","id":"1","event_count":1}`, `{"ts_ms":1}`, benchValue,
	} {
		f.Add([]byte(testKey), []byte(value), []byte("c"), uint8(0))
	}
	f.Add([]byte(withSchema(`{"a":{"b":"x"},"id":"\u00e9"}`)), []byte(`null`), []byte("d"), uint8(0))
	f.Add([]byte("\x00\x01"), []byte(testRow), []byte(""), uint8(0))
	f.Add([]byte(""), []byte(""), []byte(""), uint8(7))
	m, err := New(fuzzRoutes(), nil)
	if err != nil {
		f.Fatal(err)
	}
	routes := fuzzRoutes()
	f.Fuzz(func(t *testing.T, key, value, header []byte, nulls uint8) {
		r := &model.Record{TopicPartition: model.TopicPartition{Topic: testTopic}, Key: key, Value: value, Headers: []model.Header{{Key: "__op", Value: header}}}
		for bit, field := range []*[]byte{&r.Key, &r.Value, &r.Headers[0].Value} {
			switch {
			case nulls&(1<<bit) != 0:
				*field = nil
			case *field == nil:
				*field = []byte{}
			}
		}
		m := m.Clone() // one Mapper over all inputs would make a finding depend on the input before
		for range 2 {  // the second time the schema part is known
			items := m.Map(r, nil)
			if len(items) != len(routes) {
				t.Fatalf("%d items for %d routes", len(items), len(routes))
			}
			for i, it := range items {
				if it.Route != routes[i].Name {
					t.Fatalf("item %d is of %q", i, it.Route)
				}
				checkItem(t, r, it)
				if it.Write != nil {
					checkWrite(t, r, it.Write)
				}
			}
		}
	})
}

func checkWrite(t *testing.T, r *model.Record, w *model.Write) {
	t.Helper()
	if w.Associations != "" && (!jsontext.Value(w.Associations).IsValid() || jsontext.Value(w.Associations).Kind() != '[') {
		t.Fatalf("associations %q", w.Associations)
	}
	if w.Type == model.Delete {
		if w.Fields != "" {
			t.Fatalf("a delete with %q", w.Fields)
		}
		return
	}
	if !jsontext.Value("{" + w.Fields + "}").IsValid() {
		t.Fatalf("fields %q of %q", w.Fields, r.Value)
	}
	var sent map[string]any
	decode(t, []byte("{"+w.Fields+"}"), &sent)
	if len(sent) == 0 {
		t.Fatalf("a %v that says nothing", w.Type)
	}
	if r.Value == nil || bytes.Contains(r.Value, []byte("schema")) {
		return // nothing to compare, or a schema may say that the value is another one
	}
	var value any
	decode(t, r.Value, &value)
	for _, name := range []string{"a", "email"} {
		if got, ok := sent[name]; ok && !holds(value, name, got) && w.Route != "debezium full" {
			t.Fatalf("%s is %v, which %q does not hold", name, got, r.Value)
		}
	}
}

func decode(t *testing.T, text []byte, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		t.Fatalf("encoding/json: %v: %q", err, text)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Fatalf("more than one value: %q", text)
	}
}

// holds reports whether a member with that name and value stands anywhere in a
// decoded value.
func holds(value any, name string, want any) bool {
	switch v := value.(type) {
	case map[string]any:
		if got, ok := v[name]; ok && reflect.DeepEqual(got, want) {
			return true
		}
		for _, below := range v {
			if holds(below, name, want) {
				return true
			}
		}
	case []any:
		for _, below := range v {
			if holds(below, name, want) {
				return true
			}
		}
	}
	return false
}
