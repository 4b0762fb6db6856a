package mapping

import (
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

func TestCanal(t *testing.T) {
	t.Parallel()
	runFixtures(t, "canal", routed(config.EnvelopeCanal, id("id"), changedOnly, func(r *config.Route) {
		r.Fields = []config.Field{{To: "big", From: "c_bigint", Type: config.TypeNumber}, {To: "int", From: "c_int", Type: config.TypeNumber}, {To: "tiny", From: "c_tinyint"}}
	}))
	row := func(what, more string) string { return `{"type":"` + what + `","isDdl":false,` + more + `}` }
	one, pk := `"data":[`+testRow+`]`, `,"pkNames":["id"]`
	stop := func(r *config.Route) { r.OnTruncate = config.TruncateIgnore }
	runMapped(t, config.EnvelopeCanal, []mapped{
		{name: "insert", key: null, value: row("INSERT", one+pk), want: testCreate},
		{name: "update", key: null, value: row("update", one+pk+`,"old":[{"email":"x"}]`), want: testUpdate},
		{name: "nothing that is mapped changed", edit: changedOnly, key: null, value: row("UPDATE", one+pk+`,"old":[{"id":"6"}]`), want: "unchanged"},
		{name: "old is null", edit: changedOnly, key: null, value: row("UPDATE", one+pk+`,"old":[null]`), want: testUpdate},
		{name: "delete", key: null, value: row("DELETE", one+pk), want: "delete id=501"},
		{name: "the record's key", key: testKey, value: row("INSERT", one), want: testCreate},
		{name: "no key at all", key: null, value: row("INSERT", one), want: "refuse no_key"},
		{name: "the route's key", edit: key("id"), key: null, value: row("INSERT", one), want: testCreate},
		{name: "the key's column is missing", key: null, value: row("INSERT", one+`,"pkNames":["nr"]`), want: "refuse no_key nr", says: []string{"primary key"}},
		{name: "names that are none", key: null, value: row("INSERT", one+`,"pkNames":[1]`), want: "refuse bad_envelope pkNames"},
		{name: "truncate", edit: stop, key: null, value: `{"type":"TRUNCATE","isDdl":true,"data":null}`, want: "skip customers.on_truncate"},
		{name: "schema change", edit: noRow, key: null, value: `{"type":"ALTER","isDdl":true,"data":null}`, want: "refuse not_a_row", says: []string{"schema change"}},
		{name: "watermark", edit: noRow, key: null, value: row("TIDB_WATERMARK", `"data":null`), want: "refuse not_a_row", says: []string{"watermark"}},
		{name: "statement", edit: noRow, key: null, value: row("QUERY", `"data":null`), want: "refuse not_a_row", says: []string{"statement"}},
		{name: "unknown type", key: null, value: row("UPSERT", one), want: "refuse operation type", says: []string{"UPSERT", "expected INSERT"}},
		{name: "empty type", key: null, value: row("", one+pk), want: "refuse operation type"},
		{name: "no type", key: null, value: testRow, want: "refuse bad_envelope type"},
		{name: "no rows", key: null, value: row("INSERT", `"data":[]`), want: "refuse bad_envelope data", says: []string{"absent or null"}},
		{name: "data is a row", key: null, value: row("INSERT", `"data":{}`), want: "refuse bad_envelope data", says: []string{"an object", "in an array"}},
		{name: "a row is a number", key: null, value: row("INSERT", `"data":[1]`+pk), want: "refuse bad_envelope data", says: []string{"a number"}},
		{name: "fewer old rows", key: null, value: row("UPDATE", `"data":[{"id":"1"},{"id":"2"}],"old":[{}]`+pk), want: "refuse bad_envelope old", says: []string{"fewer"}},
		{name: "too many rows", key: null, value: row("INSERT", `"data":[`+strings.Repeat(`{},`, maxMembers)+`{}]`+pk), want: "refuse bad_json data", says: []string{"fewer members"}},
	})
}

// A message of many rows leads to an item each, whose names stay what they are, and
// whose keys are their own.
func TestCanalRowsAreWritesOfTheirOwn(t *testing.T) {
	t.Parallel()
	m := mustNew(t, []config.Route{routed(config.EnvelopeCanal, id("id"))})
	const rows = 2000 // of ten columns: more than the index of a document holds
	data := make([]string, rows)
	for i := range data {
		n := string(rune('a'+i%26)) + strings.Repeat("x", i/26)
		data[i] = `{"id":"` + n + `","email":"` + n + `","a":"","b":"","c":"","d":"","e":"","f":"","g":"","h":""}`
	}
	r := record(null, `{"type":"UPDATE","isDdl":false,"pkNames":["id"],"data":[`+strings.Join(data, ",")+`],"old":null}`)
	items := m.Map(r, nil)
	if len(items) != rows {
		t.Fatalf("%d items: %.200s", len(items), showAll(items))
	}
	keys := make(map[model.Conflict]bool)
	for i, it := range items {
		checkItem(t, r, it)
		if it.Write == nil || it.Name != model.NameOf("customers", i) || !strings.Contains(it.Write.Fields, it.Write.ID) {
			t.Fatalf("item %d: %s", i, show(it))
		}
		keys[it.Write.Conflicts[0]] = true
	}
	if len(keys) != rows {
		t.Errorf("%d keys of %d rows", len(keys), rows)
	}
	// The same key as of another message, whatever the order of its names.
	one := func(value string) model.Conflict { return conflictOf(t, m, record(null, value))[0] }
	a := one(`{"type":"INSERT","pkNames":["id","nr"],"data":[{"id":"1","nr":"2","email":"x"}]}`)
	b := one(`{"type":"DELETE","pkNames":["nr","id"],"data":[{"nr":"2","email":"y","id":"1"}]}`)
	if a != b {
		t.Error("one primary key has two hashes")
	}
	several := record(testKey, `{"type":"INSERT","data":[{"id":"1","email":"x"},{"id":"2","email":"x"}]}`)
	if got := showAll(m.Map(several, nil)); got != "refuse no_key\nrefuse no_key" {
		t.Errorf("several rows under one key: %s", got)
	}
}
