package mapping

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/config"
)

func TestFields(t *testing.T) {
	t.Parallel()
	row := func(after string) string { return debeziumEvent("u", "null", `{"crm_id":"501",`+after+`}`) }
	exact := `-9007199254740993, 0.10000000000000000000000000000000000001, 1E+400, -0, 123456789012345678901234567890`
	nested := `{"address":{"city":"Köln","geo":{"lat":1.50}},"attrs":"{\"plan\": \"pro\", \"n\": 9007199254740993, \"deep\": {\"x\": [1]}}"}`
	runMapped(t, config.EnvelopeDebezium, []mapped{
		{name: "the order of the configuration", edit: fields("b", "x", "a", "y", "c", "x"), key: testKey, value: row(`"y":1,"x":2`),
			want: `update id=501 {"b":2,"a":1,"c":2}`},
		{name: "numbers byte for byte", edit: fields("a", "a"), key: testKey, value: row(`"a":[` + exact + `]`), want: `update id=501 {"a":[` + exact + `]}`},
		{name: "int64", edit: fields("a", "a"), key: testKey, value: row(`"a":9223372036854775807`), want: `update id=501 {"a":9223372036854775807}`},
		{name: "every kind", edit: fields("a", "a", "b", "b", "c", "c", "d", "d", "e", "e", "f", "f"), key: testKey,
			value: row(`"a":null,"b":true,"c":false,"d":"é\n\u00e9","e":[1,{"x":[]}],"f":{"x":null}`),
			want:  `update id=501 {"a":null,"b":true,"c":false,"d":"é\n\u00e9","e":[1,{"x":[]}],"f":{"x":null}}`},
		{name: "constants", edit: fields("src", `="kafka"`, "email", "email", "n", "=1.50"), key: testKey, value: row(`"email":"a"`),
			want: `update id=501 {"src":"kafka","email":"a","n":1.50}`},
		{name: "a constant alone", edit: fields("src", `="kafka"`, "email", "email"), key: testKey, value: row(`"x":1`), want: `update id=501 {"src":"kafka"}`},
		{name: "names that need quoting", edit: fields(`a"b`, `x"y`), key: testKey, value: row(`"x\"y":1`), want: `update id=501 {"a\"b":1}`},
		{name: "absent", edit: fields("a", "a", "b", "b"), key: testKey, value: row(`"b":1`), want: `update id=501 {"b":1}`},
		{name: "nothing left", edit: fields("a", "a", "b", "b"), key: testKey, value: row(`"c":1`), want: "refuse no_fields"},
		{name: "nothing left of a create", edit: fields("a", "a"), key: testKey, value: debeziumEvent("c", "null", `{"c":1}`), want: "refuse no_fields"},

		{name: "path", edit: fields("city", "address.city", "lat", "address.geo.lat"), key: testKey, value: row(nested[1 : len(nested)-1]),
			want: `update id=501 {"city":"Köln","lat":1.50}`},
		{name: "path through text", edit: fields("plan", "attrs.plan", "n", "attrs.n", "x", "attrs.deep.x"), key: testKey, value: row(nested[1 : len(nested)-1]),
			want: `update id=501 {"plan":"pro","n":9007199254740993,"x":[1]}`},
		{name: "a literal name wins", edit: fields("a", "address.city"), key: testKey, value: row(`"address":{"city":1},"address.city":2`), want: `update id=501 {"a":2}`},
		{name: "a literal name in front", edit: fields("a", "x.y.z"), key: testKey, value: row(`"x":{"y.z":1},"x.y":{"z":2}`), want: `update id=501 {"a":2}`},
		{name: "a literal name below", edit: fields("a", "x.y.z"), key: testKey, value: row(`"x":{"y.z":1,"y":{"z":2}}`), want: `update id=501 {"a":1}`},
		{name: "below null is null", edit: fields("a", "x.y"), key: testKey, value: row(`"x":null`), want: `update id=501 {"a":null}`},
		{name: "below other kinds is nothing", edit: fields("a", "x.y", "b", "z.y", "c", "s.y", "d", "d"), key: testKey,
			value: row(`"x":1,"z":[{"y":1}],"s":"text","d":1`), want: `update id=501 {"d":1}`},
		{name: "below broken text is nothing", edit: fields("a", "s.y", "d", "d"), key: testKey, value: row(`"s":"{\"y\":1","d":1`), want: `update id=501 {"d":1}`},

		{name: "column twice", edit: fields("a", "a"), key: testKey, value: row(`"a":1,"a":2`), want: "refuse bad_json a", says: []string{"twice"}},
		{name: "unmapped column twice", edit: fields("a", "a"), key: testKey, value: row(`"a":1,"b":1,"b":2`), want: `update id=501 {"a":1}`},
		{name: "column twice, once escaped", edit: fields("a", "a"), key: testKey, value: row(`"a":1,"\u0061":2`), want: "refuse bad_json a"},
		{name: "name twice below a path", edit: fields("a", "a.x"), key: testKey, value: row(`"a":{"x":1,"x":2}`), want: "refuse bad_json a.x"},
		{name: "name twice in a value", edit: fields("a", "a"), key: testKey, value: row(`"a":{"x":[{"y":1,"y":2}]}`), want: "refuse bad_json a", says: []string{"twice"}},
		{name: "name twice in an array", edit: fields("a", "a"), key: testKey, value: row(`"a":[{"y":1,"y":2}]`), want: "refuse bad_json a"},
		{name: "name twice in an unmapped value", edit: fields("a", "a"), key: testKey, value: row(`"a":1,"b":{"y":1,"y":2}`), want: `update id=501 {"a":1}`},
	})
}

// placeholders are the shapes in which a real Debezium wrote the placeholder.
var placeholders = map[string]string{
	"text":           `"__debezium_unavailable_value"`,
	"bytes":          `"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="`,
	"hstore text":    `"{\"__debezium_unavailable_value\":\"__debezium_unavailable_value\"}"`,
	"hstore map":     `{"__debezium_unavailable_value":"__debezium_unavailable_value"}`,
	"text array":     `["__debezium_unavailable_value"]`,
	"number array":   `[95,95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,108,97,98,108,101,95,118,97,108,117,101]`,
	"UUID array":     `["b68a35a7-17ad-35b3-af2a-ae46edb4545a"]`,
	"bytes array":    `["X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="]`,
	"map with space": `{ "__debezium_unavailable_value" : "__debezium_unavailable_value" }`,
}

func TestPlaceholdersAreNeverSent(t *testing.T) {
	t.Parallel()
	for name, shape := range placeholders {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := mustNew(t, []config.Route{routed(config.EnvelopeDebezium, fields("notes", "notes", "inner", "notes.inner", "email", "email"))})
			after := `{"crm_id":"501","email":1,"notes":` + shape + `}`
			for i, c := range [][2]string{{"u", `update id=501 {"email":1}`}, {"c", `create {"email":1}`}, {"u", `update id=501 {"email":1}`}} {
				if got := show(mapOne(t, m, record(testKey, debeziumEvent(c[0], "null", after)))); got != c[1] {
					t.Errorf("record %d: got %s, want %s", i, got, c[1])
				}
			}
			want := []AbsentCount{
				{Route: "customers", Field: "notes", From: "notes", PlaceholderCreates: 1, PlaceholderUpdates: 2},
				{Route: "customers", Field: "inner", From: "notes.inner", PlaceholderCreates: 1, PlaceholderUpdates: 2},
			}
			if got := m.Absent(); !reflect.DeepEqual(got, want) {
				t.Errorf("counted %+v, want %+v", got, want)
			}
			alone := debeziumEvent("u", "null", `{"crm_id":"501","notes":`+shape+`}`)
			if got := show(mapOne(t, m, record(testKey, alone))); got != "refuse no_fields" {
				t.Errorf("nothing but placeholders: %s", got)
			}
		})
	}
}

func TestPlaceholdersOfTheUsersOwnAreNeverSent(t *testing.T) {
	t.Parallel()
	for setting, shapes := range map[string][]string{
		`no "value"?`: {`"no \"value\"?"`, `"bm8gInZhbHVlIj8="`, `"{\"no \\\"value\\\"?\":\"no \\\"value\\\"?\"}"`, `{"no \"value\"?": "no \"value\"?"}`,
			`["no \"value\"?"]`, `[ 110,111,32,34,118,97,108,117,101,34,63 ]`, `["78a3631a-5ecf-329f-8b88-b94273004444"]`},
		"hex:c3bf3f3e": {`"ÿ?>"`, `"w78/Pg=="`, `"w78_Pg=="`, `["w78/Pg=="]`, `[-61,-65,63,62]`, `[ "3c36cbef-524d-316e-95dc-0c8214a9bf6f" ]`},
	} {
		m := mustNew(t, []config.Route{routed(config.EnvelopeDebezium, fields("notes", "notes", "email", "email"), func(r *config.Route) { r.Placeholder = setting })})
		event := func(notes string) string {
			return debeziumEvent("u", "null", `{"crm_id":"501","email":1,"notes":`+notes+`}`)
		}
		for _, shape := range shapes {
			if got := show(mapOne(t, m, record(testKey, event(shape)))); got != `update id=501 {"email":1}` {
				t.Errorf("%s of %q: %s", shape, setting, got)
			}
		}
		if got := show(mapOne(t, m, record(testKey, event(unavailableString)))); !strings.Contains(got, unavailable) {
			t.Errorf("the default is none any more with %q: %s", setting, got)
		}
		if got := show(mapOne(t, m, record(`{"id":`+shapes[0]+`}`, event("1")))); got != "refuse placeholder_key id" {
			t.Errorf("%q as a key: %s", setting, got)
		}
	}
	for _, setting := range []string{"hex:0", "hex:", "hex:ff"} {
		if _, err := New([]config.Route{routed(config.EnvelopeDebezium, func(r *config.Route) { r.Placeholder = setting })}, nil); err == nil || !strings.Contains(err.Error(), "placeholder") {
			t.Errorf("%q: %v", setting, err)
		}
	}
}

func TestWhatOnlyResemblesAPlaceholderIsSent(t *testing.T) {
	t.Parallel()
	m := mustNew(t, []config.Route{routed(config.EnvelopeDebezium, fields("notes", "notes"))})
	for _, v := range []string{
		`"__debezium_unavailable_value "`, `"__debezium_unavailable_valuf"`, `"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=!"`,
		`["__debezium_unavailable_value","x"]`, `[95,95,100]`, `{"__debezium_unavailable_value":"x"}`, `{}`, `[]`, `""`,
		`"{\"__debezium_unavailable_value\":\"x\"}"`, `"` + strings.Repeat(`\"`, 200) + `"`,
	} {
		want := `update id=501 {"notes":` + v + `}`
		if got := show(mapOne(t, m, record(testKey, debeziumEvent("u", "null", `{"crm_id":"501","notes":`+v+`}`)))); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestAbsentColumnsAreCounted(t *testing.T) {
	t.Parallel()
	m := mustNew(t, []config.Route{routed(config.EnvelopePlain, fields("a", "a", "b", "b.c", "d", "d"), func(r *config.Route) {
		r.Associations.Field = "links"
		r.OnDelete = config.OnDelete{Set: fieldsOf("d", "x", "gone", "=true")}
		r.ID.Field = "id"
	})})
	clone := m.Clone()
	mapOne(t, m, record(testKey, `{"a":1,"b":null}`))
	mapOne(t, clone, record(testKey, `{"a":1,"b":{}}`))
	mapOne(t, clone, record(testKey, null))
	want := []AbsentCount{
		{Route: "customers", Field: "b", From: "b.c", Absent: 1},
		{Route: "customers", Field: "d", From: "d", Absent: 3},
		{Route: "customers", Field: "associations", From: "links", Absent: 2},
	}
	if got := m.Absent(); !reflect.DeepEqual(got, want) {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

func TestAssociations(t *testing.T) {
	t.Parallel()
	const fixed = `[{"to":{"id":"1"}}]`
	byField := func(r *config.Route) { r.Associations.Field = "links" }
	row := func(links string) string { return debeziumEvent("c", "null", `{"email":1,"links":`+links+`}`) }
	const bare = `create {"email":1}`
	runMapped(t, config.EnvelopeDebezium, []mapped{
		{name: "fixed", edit: func(r *config.Route) { r.Associations.Fixed = []byte(fixed) }, key: testKey, value: debeziumEvent("c", "null", `{"email":1}`),
			want: bare + " associations=" + fixed},
		{name: "fixed, not with an update", edit: func(r *config.Route) { r.Associations.Fixed = []byte(fixed) }, key: testKey,
			value: debeziumEvent("u", "null", testRow), want: testUpdate},
		{name: "array", edit: byField, key: testKey, value: row(fixed), want: bare + " associations=" + fixed},
		{name: "text", edit: byField, key: testKey, value: row(`" [{\"to\": {\"id\": \"1\"}}] "`), want: bare + ` associations=[{"to": {"id": "1"}}]`},
		{name: "not with an update", edit: byField, key: testKey, value: debeziumEvent("u", "null", `{"crm_id":"501","email":"a@b.c","links":17}`), want: testUpdate},
		{name: "null", edit: byField, key: testKey, value: row(`null`), want: bare},
		{name: "empty text", edit: byField, key: testKey, value: row(`""`), want: bare},
		{name: "absent", edit: byField, key: testKey, value: debeziumEvent("c", "null", `{"email":1}`), want: bare},
		{name: "placeholder", edit: byField, key: testKey, value: row(placeholders["text array"]), want: bare},
		{name: "object", edit: byField, key: testKey, value: row(`{"to":1}`), want: "refuse bad_associations links", says: []string{"an object"}},
		{name: "text with an object", edit: byField, key: testKey, value: row(`"{}"`), want: "refuse bad_associations links"},
		{name: "text that is broken", edit: byField, key: testKey, value: row(`"[1,"`), want: "refuse bad_json links"},
		{name: "name twice", edit: byField, key: testKey, value: row(`[{"a":1,"a":2}]`), want: "refuse bad_json links"},
		{name: "column twice", edit: byField, key: testKey, value: debeziumEvent("c", "null", `{"email":1,"links":[],"links":[1]}`), want: "refuse bad_json links"},
	})
}

// The pieces of a write must not reach into the client's buffer, which is reused
// for the next fetch.
func TestWritesOwnTheirBytes(t *testing.T) {
	t.Parallel()
	m := mustNew(t, []config.Route{
		routed(config.EnvelopeDebezium, fields("email", "email", "plan", "attrs.plan"), func(r *config.Route) {
			r.To.Group, r.Associations.Field = config.Group{Field: "tenant"}, "links"
		}),
		routed(config.EnvelopeDebezium, func(r *config.Route) { r.Name, r.OnCreate = "second", config.ActionUpdate }),
	})
	value := debeziumEvent("c", "null", `{"crm_id":"501","email":"a@b.c","tenant":"acme","attrs":"{\"plan\":\"pro\"}","links":"[1]"}`)
	r := record(testKey, value, "h", "v")
	items := m.Map(r, nil)
	shown := func() string {
		s := showAll(items)
		for _, it := range items {
			s += fmt.Sprintf("\n%v %v", it.Write.Destination, it.Write.Source.Record())
		}
		return s
	}
	before := shown()
	for _, b := range [][]byte{r.Key, r.Value, r.Headers[0].Value} {
		for i := range b {
			b[i] = '#'
		}
	}
	m.Map(record(`{"id":8}`, strings.ReplaceAll(value, "acme", "emca")), nil)
	if after := shown(); after != before {
		t.Errorf("changed with the buffer:\n%s\n%s", before, after)
	}
}
