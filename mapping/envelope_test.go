package mapping

import (
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

const (
	testRow    = `{"id":7,"crm_id":"501","email":"a@b.c"}`
	testKey    = `{"id":7}`
	testUpdate = `update id=501 {"email":"a@b.c"}`
	testCreate = `create {"email":"a@b.c"}`
)

// mapped is one row of the tables: a record and what becomes of it.
type mapped struct {
	name    string
	edit    func(*config.Route)
	key     string
	value   string
	headers []string
	want    string
	says    []string // parts of the refusal's message
}

func runMapped(t *testing.T, envelope config.Envelope, rows []mapped) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			route := routed(envelope)
			if row.edit != nil {
				row.edit(&route)
			}
			m := mustNew(t, []config.Route{route})
			it := mapOne(t, m, record(row.key, row.value, row.headers...))
			if got := show(it); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
				if it.Fate.Reason != nil {
					t.Log(it.Fate.Reason.Message)
				}
			}
			for _, part := range row.says {
				if it.Fate.Reason == nil || !strings.Contains(it.Fate.Reason.Message, part) {
					t.Errorf("the reason %v does not say %q", it.Fate.Reason, part)
				}
			}
		})
	}
}

func TestDebeziumOperations(t *testing.T) {
	t.Parallel()
	update := debeziumEvent("u", "null", testRow)
	ignoring := func(r *config.Route) {
		r.OnCreate, r.OnUpdate, r.OnSnapshot, r.OnTombstone = config.ActionIgnore, config.ActionIgnore, config.ActionIgnore, config.ActionIgnore
		r.OnDelete.Action = config.ActionIgnore
	}
	keyed := id("id")
	runMapped(t, config.EnvelopeDebezium, []mapped{
		{name: "create", key: testKey, value: debeziumEvent("c", "null", testRow), want: testCreate},
		{name: "update", key: testKey, value: update, want: testUpdate},
		{name: "snapshot read", key: testKey, value: debeziumEvent("r", "null", testRow), want: testCreate},
		{name: "snapshot read as update", edit: func(r *config.Route) { r.OnSnapshot = config.ActionUpdate },
			key: testKey, value: debeziumEvent("r", "null", testRow), want: testUpdate},
		{name: "create as update", edit: func(r *config.Route) { r.OnCreate = config.ActionUpdate },
			key: testKey, value: debeziumEvent("c", "null", testRow), want: testUpdate},
		{name: "delete", edit: keyed, key: testKey, value: debeziumEvent("d", testRow, "null"), want: "delete id=7"},
		{name: "delete without before", edit: keyed, key: testKey, value: debeziumEvent("d", "null", "null"), want: "delete id=7"},
		{name: "upper case code", key: testKey, value: debeziumEvent("U", "null", testRow), want: testUpdate},
		{name: "value with schema, key without", key: testKey, value: withSchema(update), want: testUpdate},
		{name: "key with schema, value without", key: withSchema(testKey), value: update, want: testUpdate},
		{name: "schema null", key: testKey, value: `{"schema":null,"payload":` + update + `}`, want: testUpdate},
		{name: "payload before schema", key: testKey, value: `{"payload":` + update + `,"schema":{}}`, want: testUpdate},
		{name: "space everywhere", key: " { \"id\" : 7 } ",
			value: " {\n\t\"op\" : \"u\" ,\r\n \"after\" : { \"crm_id\" : \"501\" , \"email\" : \"a@b.c\" } } ", want: testUpdate},
		{name: "escaped names", key: testKey, value: `{"\u006fp":"u","aft\u0065r":{"crm_\u0069d":"501","\u0065mail":"a@b.c"}}`, want: testUpdate},
		{name: "escaped names around it", key: testKey, value: `{"\u0073chema":{},"p\u0061yload":` + update + `}`, want: testUpdate},

		{name: "Kafka null ignored", key: testKey, value: null, want: "skip customers.on_tombstone"},
		{name: "JSON null ignored", key: testKey, value: "null", want: "skip customers.on_tombstone"},
		{name: "null payload ignored", key: testKey, value: withSchema("null"), want: "skip customers.on_tombstone"},
		{name: "tombstone as delete", edit: func(r *config.Route) { keyed(r); r.OnTombstone = config.ActionDelete },
			key: testKey, value: null, want: "delete id=7"},
		{name: "keyless tombstone ignored", key: null, value: null, want: "skip customers.on_tombstone"},

		{name: "create ignored", edit: ignoring, key: testKey, value: debeziumEvent("c", "null", testRow), want: "skip customers.on_create"},
		{name: "update ignored", edit: ignoring, key: testKey, value: update, want: "skip customers.on_update"},
		{name: "delete ignored", edit: ignoring, key: testKey, value: debeziumEvent("d", testRow, "null"), want: "skip customers.on_delete"},
		{name: "snapshot ignored", edit: ignoring, key: testKey, value: debeziumEvent("r", "null", testRow), want: "skip customers.on_snapshot"},
		{name: "tombstone as delete, deletes ignored", edit: func(r *config.Route) { ignoring(r); r.OnTombstone = config.ActionDelete },
			key: testKey, value: null, want: "skip customers.on_delete"},

		{name: "truncate", key: null, value: debeziumEvent("t", "null", "null"), want: "refuse operation op", says: []string{"truncate", "never turned into deletes"}},
		{name: "logical message", edit: noRow, key: `{"prefix":"x"}`, value: `{"op":"m","source":{"connector":"postgresql"},"message":{"prefix":"x"}}`,
			want: "refuse not_a_row", says: []string{"message"}},
		{name: "unknown operation", key: testKey, value: debeziumEvent("x", "null", testRow), want: "refuse operation op", says: []string{`op is "x"`}},
		{name: "operation of two letters", key: testKey, value: debeziumEvent("cu", "null", testRow), want: "refuse operation op"},
		{name: "operation is a number", key: testKey, value: `{"op":1,"after":{}}`, want: "refuse operation op"},
		{name: "operation is null", key: testKey, value: `{"op":null,"after":{}}`, want: "refuse operation op"},
	})
}

func TestDebeziumEnvelopeShapes(t *testing.T) {
	t.Parallel()
	runMapped(t, config.EnvelopeDebezium, []mapped{
		{name: "update without after", key: testKey, value: `{"op":"u"}`, want: "refuse bad_envelope after", says: []string{"absent or null"}},
		{name: "update with after null", key: testKey, value: debeziumEvent("u", testRow, "null"), want: "refuse bad_envelope after"},
		{name: "after is text", key: testKey, value: debeziumEvent("c", "null", `"{}"`), want: "refuse bad_envelope after", says: []string{"a string"}},
		{name: "before is text", key: testKey, value: debeziumEvent("d", `"{}"`, "null"), want: "refuse bad_envelope before"},
		{name: "op twice", key: testKey, value: `{"op":"u","op":"d","after":{}}`, want: "refuse bad_envelope op", says: []string{"twice"}},
		{name: "after twice", key: testKey, value: `{"op":"u","after":{},"after":{"crm_id":"1"}}`, want: "refuse bad_envelope after"},
		{name: "array", key: testKey, value: `[1,2]`, want: "refuse bad_envelope", says: []string{"an array", "expected a Debezium envelope"}},
		{name: "string", key: testKey, value: `"u"`, want: "refuse bad_envelope", says: []string{"a string"}},
		{name: "flat row", key: testKey, value: testRow, want: "refuse bad_envelope op", says: []string{"crm_id", "no op"}},
		{name: "empty object", key: testKey, value: `{}`, want: "refuse bad_envelope op"},
		{name: "three members beside schema", key: testKey, value: `{"schema":{},"payload":` + debeziumEvent("u", "null", testRow) + `,"x":1}`,
			want: "refuse bad_envelope op"},
		{name: "schema change", edit: noRow, key: testKey, value: `{"source":{},"ts_ms":1,"databaseName":"shop","ddl":"ALTER","tableChanges":[]}`,
			want: "refuse not_a_row", says: []string{"schema change", "on_no_row"}},
		{name: "transaction", edit: noRow, key: testKey, value: `{"status":"END","id":"800:1","event_count":2,"data_collections":[]}`,
			want: "refuse not_a_row", says: []string{"transaction"}},
		{name: "a row with a column ddl", key: testKey, value: `{"ddl":"x","source":{},"email":"a@b.c"}`, want: "refuse bad_envelope op"},
		{name: "a row with a status", key: testKey, value: `{"status":"END","id":7,"event_count":1,"data_collections":[]}`, want: "refuse bad_envelope op"},
		{name: "a row with a time", key: testKey, value: `{"ts_ms":1,"email":"a@b.c"}`, want: "refuse bad_envelope op"},
		{name: "heartbeat", edit: noRow, key: `{"serverName":"shop"}`, value: `{"ts_ms":1795432479929}`, want: "refuse not_a_row", says: []string{"heartbeat"}},
	})
}

func TestFlatOperations(t *testing.T) {
	t.Parallel()
	row := func(more string) string { return strings.TrimSuffix(testRow, "}") + more + "}" }
	keyed := id("id")
	runMapped(t, config.EnvelopeDebeziumFlat, []mapped{
		{name: "operation in the row", key: testKey, value: row(`,"__op":"c"`), want: testCreate},
		{name: "operation in a header", key: testKey, value: testRow, headers: []string{"__op", "c"}, want: testCreate},
		{name: "the row's operation wins", key: testKey, value: row(`,"__op":"u"`), headers: []string{"__op", "c"}, want: testUpdate},
		{name: "null operation is none", key: testKey, value: row(`,"__op":null`), want: testUpdate},
		{name: "snapshot read", edit: func(r *config.Route) { r.OnSnapshot = config.ActionIgnore },
			key: testKey, value: row(`,"__op":"r"`), want: "skip customers.on_snapshot"},
		{name: "no operation, with a CRM id", key: testKey, value: testRow, want: testUpdate},
		{name: "no operation, without a CRM id", key: testKey, value: `{"id":7,"crm_id":null,"email":"a@b.c"}`, want: testCreate},
		{name: "no operation, route without id", edit: id(""), key: testKey, value: testRow, want: testCreate},
		{name: "unknown operation", key: testKey, value: row(`,"__op":"x"`), want: "refuse operation __op"},
		{name: "unknown operation in a header", key: testKey, value: testRow, headers: []string{"__op", "t"}, want: "refuse operation __op"},
		{name: "operation is a number", key: testKey, value: row(`,"__op":1`), want: "refuse operation __op"},

		{name: "rewritten delete", edit: keyed, key: testKey, value: row(`,"__deleted":"true"`), want: "delete id=7"},
		{name: "rewritten delete, boolean", edit: keyed, key: testKey, value: row(`,"__deleted":true,"__op":"d"`), want: "delete id=7"},
		{name: "rewritten delete proves only its key", key: testKey, value: row(`,"__deleted":"true"`), want: "refuse no_id crm_id",
			says: []string{"before: full"}},
		{name: "rewritten delete with a full image", edit: beforeFull, key: testKey, value: row(`,"__deleted":"true"`), want: "delete id=501"},
		{name: "not deleted", key: testKey, value: row(`,"__deleted":"false"`), want: testUpdate},
		{name: "not deleted, boolean", key: testKey, value: row(`,"__deleted":false`), want: testUpdate},
		{name: "deleted by operation", edit: keyed, key: testKey, value: row(`,"__op":"d"`), want: "delete id=7"},
		{name: "deleted is a word", key: testKey, value: row(`,"__deleted":"maybe"`), want: "refuse bad_envelope __deleted"},
		{name: "deleted twice", key: testKey, value: row(`,"__deleted":"false","__deleted":"true"`), want: "refuse bad_envelope __deleted"},

		{name: "Kafka null", edit: keyed, key: testKey, value: null, want: "delete id=7"},
		{name: "JSON null", edit: keyed, key: testKey, value: "null", headers: []string{"__op", "d"}, want: "delete id=7"},
		{name: "null payload", edit: keyed, key: withSchema(testKey), value: withSchema("null"), want: "delete id=7"},
		{name: "null for a route that ignores deletes", edit: func(r *config.Route) { r.OnDelete.Action = config.ActionIgnore },
			key: testKey, value: "null", want: "skip customers.on_delete"},
		{name: "keyless delete", edit: keyed, key: null, value: "null", want: "refuse no_key"},
		{name: "row with schema", key: withSchema(testKey), value: withSchema(row(`,"__op":"u"`)), want: testUpdate},

		{name: "logical message", edit: noRow, key: `{"prefix":"x"}`, value: `{"op":"m","ts_ms":1,"source":{"connector":"postgresql"},"message":{"prefix":"x"}}`,
			want: "refuse not_a_row", says: []string{"message"}},
		{name: "logical message ignored", key: `{"prefix":"x"}`, value: `{"op":"m","ts_ms":1,"source":{"connector":"postgresql"},"message":{"prefix":"x"}}`,
			want: "skip customers.on_no_row"},
		{name: "envelope", key: testKey, value: debeziumEvent("u", "null", testRow), want: "refuse bad_envelope op", says: []string{"envelope: debezium"}},
		{name: "heartbeat", key: `{"serverName":"shop"}`, value: `{"ts_ms":1795432479929}`, want: "skip customers.on_no_row"},
		{name: "schema change", key: `{"databaseName":"shop"}`, value: `{"source":{"connector":"mysql"},"ts_ms":1,"databaseName":"shop","ddl":"DROP TABLE x","tableChanges":[]}`,
			want: "skip customers.on_no_row"},
		{name: "operation in a JSON header", key: testKey, value: testRow, headers: []string{"__op", `"c"`}, want: testCreate},
		{name: "operation in a JSON header with its schema", key: testKey, value: testRow,
			headers: []string{"__op", `{"schema":{"type":"string","optional":true},"payload":"c"}`}, want: testCreate},
		{name: "null in a JSON header", key: testKey, value: testRow, headers: []string{"__op", `null`}, want: testUpdate},
		{name: "a JSON header of another kind", key: testKey, value: testRow, headers: []string{"__op", `{"a":1}`}, want: "refuse operation __op"},
		{name: "a row with a column ddl", key: testKey, value: row(`,"ddl":"x","source":{"connector":"web"}`), want: testUpdate},
		{name: "columns named op and source", key: testKey, value: row(`,"op":"m","source":"web"`), want: testUpdate},
		{name: "column source with an object", key: testKey, value: row(`,"op":"m","source":{"a":1}`), want: testUpdate},
		{name: "array", key: testKey, value: `[]`, want: "refuse bad_envelope"},
	})
}

func TestPlainOperations(t *testing.T) {
	t.Parallel()
	operation := func(o config.Operation) func(*config.Route) {
		return func(r *config.Route) { r.Operation = o }
	}
	byField, byHeader := operation(config.Operation{Field: "what.op"}), operation(config.Operation{Header: "op"})
	row := func(word string) string { return strings.TrimSuffix(testRow, "}") + `,"what":{"op":` + word + `}}` }
	rows := []mapped{
		{name: "nothing told, with a CRM id", key: testKey, value: testRow, want: testUpdate},
		{name: "nothing told, empty CRM id", key: testKey, value: `{"crm_id":"","email":"a@b.c"}`, want: testCreate},
		{name: "nothing told, bad CRM id", key: testKey, value: `{"crm_id":{},"email":"a@b.c"}`, want: "refuse bad_id crm_id"},
		{name: "fixed", edit: operation(config.Operation{Value: "create"}), key: testKey, value: testRow, want: testCreate},
		{name: "fixed delete", edit: operation(config.Operation{Value: "delete"}), key: testKey, value: testRow, want: "delete id=501"},
		{name: "unknown word", edit: byField, key: testKey, value: row(`"upsert"`), want: "refuse operation what.op",
			says: []string{"upsert", "expected create"}},
		{name: "word is a number", edit: byField, key: testKey, value: row(`1`), want: "refuse operation what.op"},
		{name: "word is null", edit: byField, key: testKey, value: row(`null`), want: "refuse operation what.op"},
		{name: "word is absent", edit: byField, key: testKey, value: testRow, want: "refuse operation what.op", says: []string{"no operation"}},
		{name: "escaped word", edit: byField, key: testKey, value: row(`"\u0063reate"`), want: testCreate},
		{name: "header", edit: byHeader, key: testKey, value: testRow, headers: []string{"op", "insert"}, want: testCreate},
		{name: "the last header counts", edit: byHeader, key: testKey, value: testRow, headers: []string{"op", "insert", "op", "u"}, want: testUpdate},
		{name: "header absent", edit: byHeader, key: testKey, value: testRow, want: "refuse operation op", says: []string{"no such header"}},
		{name: "header unknown", edit: byHeader, key: testKey, value: testRow, headers: []string{"op", "?\n"}, want: "refuse operation op", says: []string{`"?\n"`}},
		{name: "the operation can be mapped too", edit: func(r *config.Route) { byField(r); fields("op", "what.op")(r) },
			key: testKey, value: row(`"u"`), want: `update id=501 {"op":"u"}`},
		{name: "null value", edit: id("id"), key: testKey, value: null, want: "delete id=7"},
		{name: "null value with an operation header", edit: func(r *config.Route) { byHeader(r); id("id")(r) },
			key: testKey, value: null, headers: []string{"op", "u"}, want: "delete id=7"},
		{name: "with schema", key: testKey, value: withSchema(testRow), want: testUpdate},
		{name: "type of an event", edit: byHeader, key: testKey, value: testRow, headers: []string{"op", "com.acme.contact.updated"}, want: testUpdate},
		{name: "version behind it", edit: byHeader, key: testKey, value: testRow, headers: []string{"op", "com.acme.contact.updated.v1"}, want: "refuse operation op"},
		{name: "text that holds a row", key: testKey, value: `"{\"id\":7,\"crm_id\":\"501\",\"email\":\"a@b.c\"}"`, want: testUpdate},
		{name: "text with schema", key: testKey, value: `{"schema":{"type":"string","optional":false},"payload":"{\"email\":\"a@b.c\"}"}`, want: testCreate},
		{name: "text that is a line", key: testKey, value: `"a line"`, want: "refuse bad_envelope", says: []string{"no JSON"}},
		{name: "text that holds a list", key: testKey, value: `"[1]"`, want: "refuse bad_envelope", says: []string{"an array"}},
		{name: "columns named schema and payload", edit: fields("schema", "schema", "payload", "payload"),
			key: testKey, value: `{"schema":"public","payload":{"a":1}}`, want: `create {"schema":"public","payload":{"a":1}}`},
		{name: "array", key: testKey, value: `[{}]`, want: "refuse bad_envelope", says: []string{"expected a row"}},
		{name: "number", key: testKey, value: `17`, want: "refuse bad_envelope"},
	}
	for words, want := range map[string]string{
		"c create insert i C INSERT created inserted": testCreate, "u update Update updated": testUpdate,
		"d delete DELETE deleted": "delete id=501", "r read snapshot Snapshot": testCreate,
	} {
		for w := range strings.FieldsSeq(words) {
			rows = append(rows, mapped{name: "word " + w, edit: byField, key: testKey, value: row(`"` + w + `"`), want: want})
		}
	}
	runMapped(t, config.EnvelopePlain, rows)
}

// noRow has records refused that are about no row.
func noRow(r *config.Route) { r.OnNoRow = config.NoRowDeadLetter }

func TestDeleteThatSetsFields(t *testing.T) {
	t.Parallel()
	set := func(r *config.Route) {
		r.ID.Field = "id"
		r.OnDelete = config.OnDelete{Set: fieldsOf("status", `="gone"`, "former", "id", "email", "email")}
	}
	runMapped(t, config.EnvelopeDebezium, []mapped{
		{name: "constants and the key", edit: set, key: testKey, value: debeziumEvent("d", `{"id":7,"email":""}`, "null"),
			want: `update id=7 {"status":"gone","former":7}`},
		{name: "a full before image", edit: func(r *config.Route) { set(r); beforeFull(r) },
			key: testKey, value: debeziumEvent("d", `{"id":7,"email":"a@b.c"}`, "null"), want: `update id=7 {"status":"gone","former":7,"email":"a@b.c"}`},
		{name: "a tombstone", edit: func(r *config.Route) { set(r); r.OnTombstone = config.ActionDelete },
			key: testKey, value: null, want: `update id=7 {"status":"gone","former":7}`},
	})
}

func TestControlRecordsLeadToNothing(t *testing.T) {
	t.Parallel()
	m := mustNew(t, []config.Route{routed(config.EnvelopePlain)})
	if items := m.Map(&model.Record{TopicPartition: model.TopicPartition{Topic: testTopic}, Control: true}, nil); len(items) != 0 {
		t.Errorf("%d items of a transaction marker: %s", len(items), showAll(items))
	}
}
