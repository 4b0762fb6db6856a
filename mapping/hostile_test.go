package mapping

import (
	"runtime"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/config"
)

func TestBrokenJSONIsRefused(t *testing.T) {
	t.Parallel()
	good := debeziumEvent("u", "null", testRow)
	rows := []mapped{
		{name: "empty", value: "", says: []string{"empty"}},
		{name: "space", value: "  ", says: []string{"ends at byte 2"}},
		{name: "something behind", value: good + "x", says: []string{"the end of the text"}},
		{name: "two values", value: good + good},
		{name: "byte order mark", value: "\ufeff" + good},
		{name: "NaN", value: debeziumEvent("u", "null", `{"crm_id":"1","email":NaN}`), says: []string{"byte 45", "NaN", "expected a value"}},
		{name: "Infinity", value: debeziumEvent("u", "null", `{"crm_id":"1","email":-Infinity}`)},
		{name: "control character", value: debeziumEvent("u", "null", "{\"email\":\"a\x01\"}"), says: []string{`a\x01`, "control character"}},
		{name: "raw newline", value: debeziumEvent("u", "null", "{\"email\":\"a\nb\"}")},
		{name: "unmapped column", value: debeziumEvent("u", "null", `{"crm_id":"1","email":1,"x":tru}`), says: []string{"expected true"}},
		{name: "outside of the row", value: strings.Replace(good, `"ts_ms":1`, `"ts_ms":01`, 1)},
		{name: "invalid UTF-8", value: debeziumEvent("u", "null", "{\"email\":\"a\xffb\"}"), says: []string{`\xff`, "UTF-8", "byte 34"}},
		{name: "invalid UTF-8 in a name", value: debeziumEvent("u", "null", "{\"e\xc3\":1}"), says: []string{"UTF-8"}},
		{name: "lone surrogate", value: debeziumEvent("u", "null", `{"email":"\ud800"}`), says: []string{"surrogate"}},
		{name: "low surrogate first", value: debeziumEvent("u", "null", `{"email":"\udc00\ud800"}`)},
		{name: "escape", value: debeziumEvent("u", "null", `{"email":"\x41"}`)},
		{name: "depth", value: `{"op":"u","after":{"email":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}}`, says: []string{"less nesting"}},
		{name: "depth of objects", value: `{"op":"u","after":{"email":` + strings.Repeat(`{"a":`, 10_000) + `1` + strings.Repeat("}", 10_000) + `}}`, says: []string{"less nesting"}},
		{name: "depth, cut", value: strings.Repeat(`{"after":`, 100_000), says: []string{"less nesting"}},
		{name: "members", value: `{"op":"u","after":{` + strings.Repeat(`"a":1,`, 20_000) + `"b":1}}`, says: []string{"fewer members"}},
	}
	for i := range rows {
		rows[i].key, rows[i].want = testKey, "refuse bad_json"
	}
	runMapped(t, config.EnvelopeDebezium, rows)
}

func TestEveryTruncationIsRefused(t *testing.T) {
	t.Parallel()
	value := withSchema(debeziumEvent("u", "null", `{"crm_id":"501","email":"a\u00e9é","n":-1.5e+3,"t":true,"x":[null,{"y":[]}]}`))
	m := mustNew(t, []config.Route{routed(config.EnvelopeDebezium)})
	mapOne(t, m, record(testKey, value)) // the schema part is known from here on
	for cut := range len(value) {
		if got := show(mapOne(t, m, record(testKey, value[:cut]))); got != "refuse bad_json" {
			t.Fatalf("cut at %d: %s", cut, got)
		}
	}
}

func TestHostileValuesPass(t *testing.T) {
	t.Parallel()
	m := mustNew(t, []config.Route{routed(config.EnvelopeDebezium)})
	deep := strings.Repeat("[", 400) + strings.Repeat("]", 400)
	for _, v := range []string{
		`"` + strings.Repeat("x", 5<<20) + `"`, `"` + strings.Repeat(`\u0000`, 1<<20) + `"`, `"` + strings.Repeat("é", 1<<20) + `"`,
		strings.Repeat("9", 400), "-0." + strings.Repeat("0", 400) + "1e-400", deep, `"\ud83d\ude00"`, "\"\U0001f600\"", "\"\x7f\u0080\ufffd\"",
	} {
		value := debeziumEvent("u", "null", `{"crm_id":"501","email":`+v+`}`)
		if got, want := show(mapOne(t, m, record(testKey, value))), `update id=501 {"email":`+v+`}`; got != want {
			t.Errorf("%.40s: got %.80s", v, got)
		}
	}
}

// A hostile record may cost a small multiple of itself while it is mapped, and
// nothing afterwards.
func TestMemoryIsBounded(t *testing.T) {
	members := `{"op":"u","after":{"crm_id":"501","email":{` + strings.Repeat(`"":0,`, 1<<20) + `"b":1}}}`
	escapes := debeziumEvent("u", "null", `{"crm_id":"501","attrs":"`+strings.Repeat(`\u0041`, 1<<20)+`","email":1}`)
	nested := debeziumEvent("u", "null", `{"crm_id":"501","attrs":"{`+strings.Repeat(`\"a\":1,`, 1<<20)+`\"x\":1}","email":1}`)
	route := routed(config.EnvelopeDebezium, fields("email", "email", "x", "attrs.x", "y", "attrs.y", "z", "attrs.a.b.c.d"))
	for name, value := range map[string]string{"members": members, "escapes": escapes, "nested": nested, "key": `{"op":"u","after":{"email":1}}`} {
		m := mustNew(t, []config.Route{route})
		r := record(testKey, value)
		if name == "key" {
			r.Key = []byte(members)
		}
		var before, mapped, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		items := m.Map(r, nil)
		runtime.ReadMemStats(&mapped)
		if took, size := int64(mapped.TotalAlloc-before.TotalAlloc), int64(len(r.Value)+len(r.Key)); took > 20*size {
			t.Errorf("%s: %d bytes allocated for a record of %d: %.80s", name, took, size, showAll(items))
		}
		clear(items)
		runtime.GC()
		runtime.ReadMemStats(&after)
		if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > 4<<20 {
			t.Errorf("%s: %d bytes stay", name, kept)
		}
		runtime.KeepAlive(m)
	}
}
