package mapping

import (
	"testing"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

func TestIDs(t *testing.T) {
	t.Parallel()
	update := func(after string) string { return debeziumEvent("u", "null", after) }
	del := func(before string) string { return debeziumEvent("d", before, "null") }
	tombstones := func(r *config.Route) { r.OnTombstone = config.ActionDelete }
	runMapped(t, config.EnvelopeDebezium, []mapped{
		{name: "text", key: testKey, value: update(`{"crm_id":"501","email":1}`), want: `update id=501 {"email":1}`},
		{name: "integer", key: testKey, value: update(`{"crm_id":9007199254740993,"email":1}`), want: `update id=9007199254740993 {"email":1}`},
		{name: "negative integer", key: testKey, value: update(`{"crm_id":-5,"email":1}`), want: `update id=-5 {"email":1}`},
		{name: "escaped text", key: testKey, value: update(`{"crm_id":"5\u00301\"","email":1}`), want: `update id=501" {"email":1}`},
		{name: "fraction", key: testKey, value: update(`{"crm_id":5.0,"email":1}`), want: "refuse bad_id crm_id", says: []string{"5.0", "integer"}},
		{name: "exponent", key: testKey, value: update(`{"crm_id":5e3,"email":1}`), want: "refuse bad_id crm_id"},
		{name: "boolean", key: testKey, value: update(`{"crm_id":true,"email":1}`), want: "refuse bad_id crm_id", says: []string{"a boolean"}},
		{name: "null", key: testKey, value: update(`{"crm_id":null,"email":1}`), want: "refuse no_id crm_id", says: []string{"null"}},
		{name: "empty", key: testKey, value: update(`{"crm_id":"","email":1}`), want: "refuse no_id crm_id"},
		{name: "absent", key: testKey, value: update(`{"email":1}`), want: "refuse no_id crm_id", says: []string{"absent"}},
		{name: "placeholder", key: testKey, value: update(`{"crm_id":"__debezium_unavailable_value","email":1}`), want: "refuse no_id crm_id",
			says: []string{"placeholder"}},
		{name: "twice", key: testKey, value: update(`{"crm_id":"1","crm_id":"2","email":1}`), want: "refuse bad_json crm_id", says: []string{"twice"}},
		{name: "path", edit: id("crm.id"), key: testKey, value: update(`{"crm":{"id":5},"email":1}`), want: `update id=5 {"email":1}`},
		{name: "route without id", edit: id(""), key: testKey, value: update(testRow), want: "refuse no_id", says: []string{"id: {field"}},
		{name: "not among the fields unless mapped", edit: fields("email", "email", "source_id", "crm_id"), key: testKey, value: update(testRow),
			want: `update id=501 {"email":"a@b.c","source_id":"501"}`},
		{name: "a create sends none", key: testKey, value: debeziumEvent("c", "null", testRow), want: testCreate},
		{name: "a create of a bad one is refused", key: testKey, value: debeziumEvent("c", "null", `{"crm_id":[],"email":1}`), want: "refuse bad_id crm_id"},

		{name: "delete: in the key", key: `{"id":7,"crm_id":"501"}`, value: del(`{"id":7,"crm_id":""}`), want: "delete id=501"},
		{name: "delete: invented in before", key: testKey, value: del(testRow), want: "refuse no_id crm_id", says: []string{"before: full"}},
		{name: "delete: full before", edit: beforeFull, key: testKey, value: del(testRow), want: "delete id=501"},
		{name: "delete: empty in a full before", edit: beforeFull, key: testKey, value: del(`{"id":7,"crm_id":""}`), want: "refuse no_id crm_id"},
		{name: "delete: the key wins over before", edit: beforeFull, key: `{"id":7,"crm_id":"1"}`, value: del(testRow), want: "delete id=1"},
		{name: "delete: null in the key, full before", edit: beforeFull, key: `{"id":7,"crm_id":null}`, value: del(testRow), want: "delete id=501"},
		{name: "tombstone: in the key", edit: tombstones, key: withSchema(`{"crm_id":12}`), value: null, want: "delete id=12"},
		{name: "tombstone: not in the key", edit: tombstones, key: testKey, value: null, want: "refuse no_id crm_id", says: []string{`{"id":7}`}},
	})
}

func TestGroups(t *testing.T) {
	t.Parallel()
	byField := func(r *config.Route) { r.To.Group = config.Group{Field: "tenant"}; r.ID.Field = "id" }
	byHeader := func(r *config.Route) { r.To.Group = config.Group{Header: "tenant"}; r.ID.Field = "id" }
	row := func(tenant string) string {
		return debeziumEvent("u", "null", `{"id":7,"email":1,"tenant":`+tenant+`}`)
	}
	del := debeziumEvent("d", `{"id":7,"tenant":"acme"}`, "null")
	runMapped(t, config.EnvelopeDebezium, []mapped{
		{name: "null", edit: byField, key: testKey, value: row("null"), want: "refuse no_group tenant"},
		{name: "empty", edit: byField, key: testKey, value: row(`""`), want: "refuse no_group tenant"},
		{name: "absent", edit: byField, key: testKey, value: debeziumEvent("u", "null", `{"id":7}`), want: "refuse no_group tenant"},
		{name: "placeholder", edit: byField, key: testKey, value: row(`"__debezium_unavailable_value"`), want: "refuse no_group tenant"},
		{name: "object", edit: byField, key: testKey, value: row("{}"), want: "refuse bad_group tenant"},
		{name: "no header", edit: byHeader, key: testKey, value: row("1"), want: "refuse no_group tenant"},
		{name: "empty header", edit: byHeader, key: testKey, value: row("1"), headers: []string{"tenant", ""}, want: "refuse no_group tenant"},
		{name: "broken header", edit: byHeader, key: testKey, value: row("1"), headers: []string{"tenant", "a\xff"}, want: "refuse bad_group tenant"},
		{name: "delete: before is invented", edit: byField, key: testKey, value: del, want: "refuse no_group tenant", says: []string{"before: full"}},
	})
	for _, c := range []struct {
		name, key, value, want string
		edit                   func(*config.Route)
		headers                []string
	}{
		{name: "text", edit: byField, key: testKey, value: row(`"acme"`), want: "acme"},
		{name: "escaped text", edit: byField, key: testKey, value: row(`"\u0061cme"`), want: "acme"},
		{name: "integer", edit: byField, key: testKey, value: row(`17`), want: "17"},
		{name: "header", edit: byHeader, key: testKey, value: row(`17`), headers: []string{"tenant", "acme"}, want: "acme"},
		{name: "delete: the key", edit: byField, key: `{"id":7,"tenant":"acme"}`, value: del, want: "acme"},
		{name: "delete: full before", edit: func(r *config.Route) { byField(r); beforeFull(r) }, key: testKey, value: del, want: "acme"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			route := routed(config.EnvelopeDebezium, c.edit)
			it := mapOne(t, mustNew(t, []config.Route{route}), record(c.key, c.value, c.headers...))
			if it.Write == nil {
				t.Fatal(show(it))
			}
			want := model.Destination{Integration: "hubspot", Group: c.want, Object: "contact"}
			if it.Write.Destination != want {
				t.Errorf("destination %v, want %v", it.Write.Destination, want)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	const row = `{"id":7,"region":"eu","crm_id":"501","email":1}`
	const wrote = `update id=501 {"email":1}`
	update := debeziumEvent("u", "null", row)
	both := key("region", "id")
	del := func(before string) string { return debeziumEvent("d", before, "null") }
	runMapped(t, config.EnvelopeDebezium, []mapped{
		{name: "null", key: null, value: update, want: "refuse no_key", says: []string{"null", "key: ["}},
		{name: "JSON null", key: "null", value: update, want: "refuse no_key"},
		{name: "null payload", key: withSchema("null"), value: update, want: "refuse no_key"},
		{name: "empty", key: "", value: update, want: "refuse no_key"},
		{name: "fields of the row", edit: both, key: null, value: update, want: wrote},
		{name: "field in neither", edit: key("nope"), key: testKey, value: update, want: "refuse no_key nope", says: []string{`{"id":7}`}},
		{name: "null in both", edit: key("x"), key: `{"x":null}`, value: debeziumEvent("u", "null", `{"x":null,"crm_id":"1","email":1}`), want: "refuse no_key x"},
		{name: "placeholder in the key", key: `{"id":"__debezium_unavailable_value"}`, value: update, want: "refuse placeholder_key id"},
		{name: "placeholder as the key", key: `"__debezium_unavailable_value"`, value: update, want: "refuse placeholder_key"},
		{name: "placeholder as a raw key", key: `__debezium_unavailable_value`, value: update, want: "refuse placeholder_key"},
		{name: "placeholder in the row", edit: key("notes"), key: testKey,
			value: debeziumEvent("u", "null", `{"notes":"__debezium_unavailable_value","crm_id":"1","email":1}`), want: "refuse placeholder_key notes"},
		{name: "field twice in the key", edit: key("id"), key: `{"id":1,"id":2}`, value: update, want: "refuse bad_json id"},
		{name: "field twice in the row", edit: key("region"), key: testKey,
			value: debeziumEvent("u", "null", `{"region":1,"region":2,"crm_id":"1","email":1}`), want: "refuse bad_json region"},
		{name: "NUL in a raw key", key: "\x00\x01", value: update, want: wrote},
		{name: "NUL in a JSON key", key: `{"id":"a\u0000b"}`, value: update, want: wrote},

		{name: "delete of a keyless table: before", edit: func(r *config.Route) { both(r); beforeFull(r) }, key: null, value: del(row), want: "delete id=501"},
		{name: "delete: before proves the key columns", edit: func(r *config.Route) { key("id")(r); beforeFull(r) },
			key: "raw", value: del(row), want: "delete id=501"},
		{name: "delete: a column that the key lacks is invented", edit: func(r *config.Route) { both(r); id("id")(r) },
			key: testKey, value: del(row), want: "refuse no_key region", says: []string{"before: full"}},
		{name: "delete: keyless and empty", edit: func(r *config.Route) { key("region")(r); id("id")(r) },
			key: null, value: del(`{"region":""}`), want: "refuse no_key region"},
	})
}

// conflictOf returns the conflict set of the write that a record leads to.
func conflictOf(t *testing.T, m *Mapper, r *model.Record) []model.Conflict {
	t.Helper()
	it := mapOne(t, m, r)
	if it.Write == nil {
		t.Fatalf("key %q: %s: %v", r.Key, show(it), it.Fate.Reason)
	}
	return it.Write.Conflicts
}

func TestEqualKeysConflict(t *testing.T) {
	t.Parallel()
	create := debeziumEvent("c", "null", `{"id":7,"region":"eu","email":1}`)
	whole := mustNew(t, []config.Route{routed(config.EnvelopeDebezium)})
	fielded := mustNew(t, []config.Route{routed(config.EnvelopeDebezium, key("region", "id"))})
	for _, c := range []struct {
		name string
		m    *Mapper
		keys []string
	}{
		{"order and space", whole, []string{`{"id":7,"region":"eu"}`, `{"region":"eu","id":7}`, "{ \"region\" :\n\"eu\", \"id\": 7 }"}},
		{"schema part", whole, []string{`{"id":7}`, withSchema(`{"id":7}`), `{"schema":null,"payload":{"id":7}}`}},
		{"escapes", whole, []string{`{"id":"é/\u0001"}`, `{"id":"\u00e9\/\u0001"}`, `{"\u0069d":"é\u002f\u0001"}`}},
		{"nested", whole, []string{`{"a":{"x":1,"y":[1,{"p":1,"q":2}]}}`, `{"a":{"y":[1, {"q":2,"p":1}],"x":1}}`}},
		{"scalar", whole, []string{`"k"`, ` "\u006b" `, withSchema(`"k"`)}},
		{"fields from the key or the row", fielded, []string{`{"id":7,"region":"eu"}`, `{"id":7}`, `raw`, `{"region":"eu","other":1}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := c.m.Clone()
			want := conflictOf(t, m, record(c.keys[0], create))
			if len(want) != 1 {
				t.Fatalf("%d members without an id", len(want))
			}
			for _, k := range c.keys[1:] {
				if got := conflictOf(t, m, record(k, create)); got[0] != want[0] {
					t.Errorf("%s and %s do not conflict", c.keys[0], k)
				}
			}
		})
	}
}

func TestDifferentKeysDoNotConflict(t *testing.T) {
	t.Parallel()
	create := debeziumEvent("c", "null", `{"email":1}`)
	m := mustNew(t, []config.Route{routed(config.EnvelopeDebezium, func(r *config.Route) { r.Topics = config.Topics{Regex: ".*"} })})
	seen := make(map[model.Conflict]string)
	for _, k := range []string{
		`{"id":7}`, `{"id":"7"}`, `{"id":8}`, `{"id":9007199254740993}`, `{"id":9007199254740992}`, `{"id":7,"x":1}`, `{"id":7,"x":null}`,
		`{"a":[9007199254740993]}`, `{"a":[9007199254740992]}`, `7`, `"7"`, `[7]`, `7x`, "\x007", `{"id":7`, `{"id":{"id":7}}`,
	} {
		c := conflictOf(t, m, record(k, create))
		if other, ok := seen[c[0]]; ok {
			t.Errorf("%s and %s conflict", k, other)
		}
		seen[c[0]] = k
	}
	other := record(`{"id":7}`, create)
	other.Topic = "another"
	if c := conflictOf(t, m, other); seen[c[0]] != "" {
		t.Error("equal keys of two topics conflict")
	}
}

func TestEqualIDsConflictAcrossTopicsAndRoutes(t *testing.T) {
	t.Parallel()
	route := func(name, topic, object, group string) config.Route {
		return routed(config.EnvelopePlain, func(r *config.Route) {
			r.Name, r.Topics.Names, r.To.Object, r.To.Group.Value = name, []string{topic}, object, group
		})
	}
	m := mustNew(t, []config.Route{route("a", "a", "contact", "acme"), route("b", "b", "contact", "acme"),
		route("c", "c", "contact", "other"), route("d", "d", "company", "acme")})
	idOf := func(topic, id string) model.Conflict {
		r := record(`"`+topic+id+`"`, `{"crm_id":"`+id+`","email":1}`)
		r.Topic = topic
		set := conflictOf(t, m, r)
		if len(set) != 2 {
			t.Fatalf("%d members, want the key and the id", len(set))
		}
		return set[1]
	}
	if idOf("a", "501") != idOf("b", "501") {
		t.Error("one CRM record from two topics does not conflict")
	}
	if idOf("a", "0035g00000XyZ12") != idOf("b", "0035g00000XyZ12AAB") {
		t.Error("the 15 and the 18 characters of one Salesforce id do not conflict")
	}
	for _, c := range [][4]string{{"a", "501", "a", "502"}, {"a", "501", "c", "501"}, {"a", "501", "d", "501"},
		{"a", "0035g00000XyZ12", "a", "0035g00000XyZ13AAB"}, {"a", "abcdefgh-ijklmnop1", "a", "abcdefgh-ijklmnop2"}} {
		if idOf(c[0], c[1]) == idOf(c[2], c[3]) {
			t.Errorf("%v conflict", c)
		}
	}
}

func TestClonesShareTheirHashes(t *testing.T) {
	t.Parallel()
	m := mustNew(t, []config.Route{routed(config.EnvelopePlain)})
	a, b := conflictOf(t, m, record(testKey, testRow)), conflictOf(t, m.Clone(), record(testKey, testRow))
	if a[0] != b[0] || a[1] != b[1] {
		t.Errorf("%v and %v of one record", a, b)
	}
}
