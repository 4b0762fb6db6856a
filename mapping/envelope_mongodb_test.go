package mapping

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ampersink/ampersink/internal/config"
)

func TestMongoDB(t *testing.T) {
	t.Parallel()
	documents := func(edits ...func(*config.Route)) config.Route {
		return routed(config.EnvelopeDebezium, append([]func(*config.Route){id("_id"), changedOnly, fields("first", "first_name", "last", "last_name")}, edits...)...)
	}
	runFixtures(t, "mongodb", documents())
	const mongoKey = `{"id":"{\"$oid\" : \"596e275826f08b2730779e1f\"}"}`
	event := func(op, more string) string {
		return `{"op":"` + op + `","source":{"connector":"mongodb"}` + more + `}`
	}
	text := func(document string) string {
		quoted, err := jsontext.AppendQuote(nil, document)
		if err != nil {
			t.Fatal(err)
		}
		return string(quoted)
	}
	update := func(updated, more string) string {
		return event("u", `,"after":null,"updateDescription":{"updatedFields":`+text(updated)+more+`}`)
	}
	keyed := func(pairs ...string) func(*config.Route) {
		return func(r *config.Route) { id("_id")(r); fields(pairs...)(r) }
	}
	const updates = "update id=596e275826f08b2730779e1f "
	runMapped(t, config.EnvelopeDebezium, []mapped{
		{name: "document", edit: keyed("n", "n", "at", "at", "city", "address.city"), key: mongoKey,
			value: event("r", `,"after":`+text(`{"_id":{"$oid":"596e275826f08b2730779e1f"},"n":{"$numberLong":"9007199254740993"},"at":{"$date":1565545664000},"address":{"city":"Rome"}}`)),
			want:  `create {"n":9007199254740993,"at":"2019-08-11T17:47:44Z","city":"Rome"}`},
		{name: "with schema", edit: keyed("n", "n"), key: withSchema(mongoKey), value: withSchema(event("c", `,"after":`+text(`{"n":{"$numberInt":"5"}}`))), want: `create {"n":5}`},
		{name: "a field that was set", edit: keyed("a", "a", "b", "b"), key: mongoKey, value: update(`{"a":{"$numberLong":"5"}}`, ""), want: updates + `{"a":5}`},
		{name: "a part of an object that is mapped", edit: keyed("city", "address.city", "zip", "address.zip"), key: mongoKey, value: update(`{"address.city":"Rome"}`, ""), want: updates + `{"city":"Rome"}`},
		{name: "a part of an object that is mapped whole", edit: keyed("address", "address"), key: mongoKey, value: update(`{"address.city":"Rome"}`, ""),
			want: "refuse bad_envelope address", says: []string{"address.city", "a part of the value", "change_streams_update_full"}},
		{name: "an element of a list that is mapped", edit: keyed("tags", "tags"), key: mongoKey, value: update(`{"tags.1":"x"}`, ""), want: "refuse bad_envelope tags"},
		{name: "removed", edit: keyed("a", "a", "b", "b"), key: mongoKey, value: update(`{"a":1}`, `,"removedFields":["b","c"]`), want: updates + `{"a":1,"b":null}`},
		{name: "removed only", edit: keyed("b", "b"), key: mongoKey, value: update(`{}`, `,"removedFields":["b"]`), want: updates + `{"b":null}`},
		{name: "nothing that is mapped", edit: keyed("a", "a", "source", "=1"), key: mongoKey, value: update(`{"z":1}`, ""), want: "unchanged"},
		{name: "an array that is mapped was cut", edit: keyed("a", "a", "tags", "tags"), key: mongoKey, value: update(`{"a":1}`, `,"truncatedArrays":[{"field":"tags","size":1}]`),
			want: "refuse bad_envelope tags", says: []string{"a part of the value"}},
		{name: "another array was cut", edit: keyed("a", "a"), key: mongoKey, value: update(`{"a":1}`, `,"truncatedArrays":[{"field":"tags","size":1}]`), want: updates + `{"a":1}`},
		{name: "no array was cut", edit: keyed("a", "a"), key: mongoKey, value: update(`{"a":1}`, `,"truncatedArrays":[ ]`), want: updates + `{"a":1}`},
		{name: "an expression that needs more", edit: func(r *config.Route) { keyed()(r); r.Fields = []config.Field{{To: "x", Expr: "a + b"}} }, key: mongoKey, value: update(`{"a":1}`, ""),
			want: "refuse expression b", says: []string{"only what changed"}},
		{name: "an expression that is not touched", edit: func(r *config.Route) { keyed()(r); r.Fields = []config.Field{{To: "x", Expr: "a + b"}} }, key: mongoKey, value: update(`{"c":1}`, ""), want: "unchanged"},
		{name: "an expression that is told all", edit: func(r *config.Route) { keyed()(r); r.Fields = []config.Field{{To: "x", Expr: "a + b"}} }, key: mongoKey, value: update(`{"a":1,"b":2}`, ""), want: updates + `{"x":3}`},
		{name: "an id that did not change", edit: fields("a", "a"), key: mongoKey, value: update(`{"a":1}`, ""), want: "refuse no_id crm_id", says: []string{"only what changed"}},
		{name: "neither document nor description", edit: keyed("a", "a"), key: mongoKey, value: event("u", `,"updateDescription":null,"after":null`), want: "refuse bad_envelope after"},
		{name: "delete", edit: keyed("a", "a"), key: mongoKey, value: event("d", `,"before":null`), want: "delete id=596e275826f08b2730779e1f"},
		{name: "delete with the document before", key: mongoKey, value: event("d", `,"before":`+text(testRow)), want: "delete id=501"},
		{name: "delete whose key is another one", edit: keyed("a", "a"), key: testKey, value: event("d", ""), want: "refuse no_id _id"},
		{name: "the route's key", edit: func(r *config.Route) { keyed("a", "a")(r); key("_id")(r) }, key: mongoKey, value: event("d", ""), want: "delete id=596e275826f08b2730779e1f"},
		{name: "broken text", edit: keyed("a", "a"), key: mongoKey, value: event("c", `,"after":"{\"a\":"`), want: "refuse bad_json after", says: []string{"the text in after"}},
		{name: "text that is no document", edit: keyed("a", "a"), key: mongoKey, value: event("c", `,"after":"[1]"`), want: "refuse bad_envelope after", says: []string{"an array", "Extended JSON"}},
		{name: "removed fields that are none", edit: keyed("a", "a"), key: mongoKey, value: update(`{}`, `,"removedFields":"b"`), want: "refuse bad_envelope removedFields"},
		{name: "a removed field that is none", edit: keyed("a", "a"), key: mongoKey, value: update(`{}`, `,"removedFields":[1]`), want: "refuse bad_envelope removedFields"},
		{name: "unknown operation", edit: keyed("a", "a"), key: mongoKey, value: event("x", `,"before":"{}"`), want: "refuse operation op"},
	})
}

// What only changed can be no record of its own.
func TestAnUpdateThatShowsWhatChangedCreatesNothing(t *testing.T) {
	t.Parallel()
	value := `{"op":"u","source":{"connector":"mongodb"},"after":null,"updateDescription":{"updatedFields":"{\"email\":\"a@b.c\"}"}}`
	upsert := routed(config.EnvelopeDebezium, upserting)
	if got := show(mapOne(t, mustNew(t, []config.Route{upsert}), record(testKey, value))); got != "refuse no_id crm_id" {
		t.Errorf("an update without an id: %s", got)
	}
	ledgered(&upsert)
	it := mustNew(t, []config.Route{upsert}).Map(record(testKey, value), nil)[0]
	if it.Write == nil || it.Write.Identity.Refused == nil || !strings.Contains(it.Write.Identity.Refused.Message, "only what changed") {
		t.Errorf("%s may be created", show(it))
	}
}

func TestExtendedJSONBecomesPlain(t *testing.T) {
	t.Parallel()
	for extended, want := range map[string]string{
		`{"$oid":"596e275826f08b2730779e1f"}`:                              `"596e275826f08b2730779e1f"`,
		`{ "$numberLong" : "1004" }`:                                       `1004`,
		`{"$numberInt":"-5"}`:                                              `-5`,
		`{"$numberDouble":"1.5"}`:                                          `1.5`,
		`{"$numberDouble":"NaN"}`:                                          `"NaN"`,
		`{"$numberDouble":"-Infinity"}`:                                    `"-Infinity"`,
		`{"$numberDecimal":"12.50"}`:                                       `12.50`,
		`{"$numberDecimal":"1E+3"}`:                                        `1E+3`,
		`{"$numberDecimal":"NaN"}`:                                         `"NaN"`,
		`{"$date":"2019-08-11T17:47:44Z"}`:                                 `"2019-08-11T17:47:44Z"`,
		`{"$date":{"$numberLong":"1565545664123"}}`:                        `"2019-08-11T17:47:44.123Z"`,
		`{"$date":1565545664000}`:                                          `"2019-08-11T17:47:44Z"`,
		`{"$date":-1}`:                                                     `"1969-12-31T23:59:59.999Z"`,
		`{"$date":{"$numberLong":"-62135596800001"}}`:                      `-62135596800001`,
		`{"$binary":{"base64":"AP8Q","subType":"00"}}`:                     `"AP8Q"`,
		`{"$binary":"AP8Q","$type":"00"}`:                                  `"AP8Q"`,
		`{"$type":"00","$binary":"AP8Q"}`:                                  `"AP8Q"`,
		`{"$binary":{"base64":"FA7YEzXgQXSX9OxmzllH2w==","subType":"04"}}`: `"140ed813-35e0-4174-97f4-ec66ce5947db"`,
		`{"$binary":"FA7YEzXgQXSX9OxmzllH2w==","$type":"4"}`:               `"140ed813-35e0-4174-97f4-ec66ce5947db"`,
		`{"$uuid":"140ed813-35e0-4174-97f4-ec66ce5947db"}`:                 `"140ed813-35e0-4174-97f4-ec66ce5947db"`,
		`{"$timestamp":{"t":1565545664,"i":1}}`:                            `"2019-08-11T17:47:44Z"`,
		`{"$regularExpression":{"pattern":"^a","options":"i"}}`:            `"/^a/i"`,
		`{"$regex":"^a","$options":""}`:                                    `"/^a/"`,
		`{"$symbol":"s"}`:                                                  `"s"`,
		`{"$code":"f()"}`:                                                  `"f()"`,
		`{"$undefined":true}`:                                              `null`,
		`{"$minKey":1}`:                                                    `{"$minKey":1}`,
		`{"$ref":"c","$id":{"$oid":"5"}}`:                                  `{"$ref":"c","$id":"5"}`,
		`{"$oid":5}`:                                                       `{"$oid":5}`,
		`{"$date":true}`:                                                   `{"$date":true}`,
		`{"$numberLong":{}}`:                                               `{"$numberLong":{}}`,
		`{"$binary":{"base64":5}}`:                                         `{"$binary":{"base64":5}}`,
		`{"$oid":"5","a":1}`:                                               `{"$oid":"5","a":1}`,
		`{}`:                                                               `{}`,
		` { "a" : [ {"$numberInt":"1"} , { "b" : {"$oid":"5"} } , null ] } `: `{"a":[1,{"b":"5"},null]}`,
	} {
		var d document
		if !d.scan([]byte(extended), 0) {
			t.Fatalf("%s: %+v", extended, d.fault)
		}
		if got := string(appendPlain(nil, d.read(0))); got != want {
			t.Errorf("%s: %s, want %s", extended, got, want)
		}
	}
}

// FuzzExtended holds the plain form to be JSON that is not much longer.
func FuzzExtended(f *testing.F) {
	for _, seed := range []string{`{"$oid":"5"}`, `{"$date":{"$numberLong":"1"}}`, `{"$binary":"AP8Q","$type":"00"}`, `[{"$timestamp":{"t":1,"i":1}}]`,
		`{"a":{"$regularExpression":{"pattern":"\\","options":"i"}}}`, `{"$date":0}`, `{"$binary":{"base64":"","subType":""}}`, `{"\u0024oid":"5"}`, `{"$":1}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var d document
		if !d.scan(text, 0) {
			return
		}
		got := appendPlain(nil, d.read(0))
		if !jsontext.Value(got).IsValid(jsontext.AllowDuplicateNames(true)) {
			t.Fatalf("%q becomes %q", text, got)
		}
		if len(got) > 4*len(text)+32 {
			t.Fatalf("%d bytes become %d", len(text), len(got))
		}
	})
}

func TestCloudEvents(t *testing.T) {
	t.Parallel()
	wrap := func(edits ...func(*config.Route)) func(*config.Route) {
		return func(r *config.Route) {
			r.Unwrap = config.UnwrapCloudEvents
			for _, edit := range edits {
				edit(r)
			}
		}
	}
	runFixtures(t, "cloudevents", routed(config.EnvelopeDebezium, wrap(id("pk"), fields("name", "name"))))
	event := func(more string) string {
		return `{"specversion":"1.0","id":"1","source":"/crm","type":"com.acme.contact.updated","subject":"acme"` + more + `}`
	}
	plain := wrap(func(r *config.Route) { r.Operation.Header, r.To.Group = "ce_type", config.Group{Header: "ce_subject"} })
	data := `,"data":` + testRow
	structured := []string{"content-type", "application/cloudevents+json"}
	binary := []string{"ce_specversion", "1.0", "ce_type", "com.acme.contact.updated", "ce_subject", "acme"}
	runMapped(t, config.EnvelopePlain, []mapped{
		{name: "structured", edit: plain, key: testKey, value: event(data), headers: structured, want: testUpdate},
		{name: "structured, no content type", edit: plain, key: testKey, value: event(data), want: testUpdate},
		{name: "structured, with schema", edit: plain, key: testKey, value: event(`,"data":` + withSchema(testRow)), want: testUpdate},
		{name: "structured, base64", edit: plain, key: testKey, value: event(`,"data_base64":"eyJpZCI6NywiY3JtX2lkIjoiNTAxIiwiZW1haWwiOiJhQGIuYyJ9"`), want: testUpdate},
		{name: "structured, text that holds JSON", edit: plain, key: testKey, value: event(`,"data":"{\"crm_id\":\"501\",\"email\":\"a@b.c\"}"`), want: testUpdate},
		{name: "structured, a JSON suffix", edit: plain, key: testKey, value: event(`,"datacontenttype":"application/vnd.acme+json; charset=utf-8"` + data), want: testUpdate},
		{name: "structured, XML", edit: plain, key: testKey, value: event(`,"datacontenttype":"application/xml","data":"<a/>"`), want: "refuse bad_envelope datacontenttype", says: []string{"application/xml", "expected JSON"}},
		{name: "structured, no data", edit: plain, key: testKey, value: event(""), want: "refuse bad_envelope data", says: []string{"no data"}},
		{name: "structured, null data is no tombstone", edit: plain, key: testKey, value: event(`,"data":null`), want: "refuse bad_envelope data"},
		{name: "structured, data twice", edit: plain, key: testKey, value: event(data + `,"data_base64":"e30="`), want: "refuse bad_envelope data"},
		{name: "structured, broken base64", edit: plain, key: testKey, value: event(`,"data_base64":"%"`), want: "refuse bad_envelope data_base64", says: []string{"expected text in base64"}},
		{name: "structured, base64 of no JSON", edit: plain, key: testKey, value: event(`,"data_base64":"eA=="`), want: "refuse bad_json data_base64"},
		{name: "structured, base64 that is a number", edit: plain, key: testKey, value: event(`,"data_base64":5`), want: "refuse bad_envelope data_base64"},
		{name: "structured, a bad schema", edit: plain, key: testKey, value: event(`,"data":{"schema":{"fields":5},"payload":{}}`), want: "refuse bad_schema data"},
		{name: "an attribute that is missing", edit: wrap(func(r *config.Route) { r.To.Group = config.Group{Header: "ce_tenant"} }), key: testKey, value: event(data), want: "refuse no_group ce_tenant"},
		{name: "another format", edit: plain, key: testKey, value: event(data), headers: []string{"content-type", "application/cloudevents+avro"}, want: "refuse bad_envelope content-type", says: []string{"+avro", "+json"}},
		{name: "a batch", edit: plain, key: testKey, value: `[` + event(data) + `]`, headers: []string{"content-type", "application/cloudevents-batch+json"}, want: "refuse bad_envelope content-type"},
		{name: "binary", edit: plain, key: testKey, value: testRow, headers: binary, want: testUpdate},
		{name: "binary, JSON", edit: plain, key: testKey, value: testRow, headers: append([]string{"content-type", "application/json"}, binary...), want: testUpdate},
		{name: "binary, Avro", edit: plain, key: testKey, value: testRow, headers: append([]string{"content-type", "application/avro"}, binary...), want: "refuse bad_envelope content-type"},
		{name: "binary, without data", edit: wrap(id("id")), key: testKey, value: null, headers: binary, want: "delete id=7"},
		{name: "no event", edit: plain, key: testKey, value: testRow, want: "refuse bad_envelope specversion", says: []string{"no CloudEvent", "ce_specversion"}},
		{name: "a list", edit: plain, key: testKey, value: `[]`, want: "refuse bad_envelope", says: []string{"expected a CloudEvent"}},
		{name: "Kafka null", edit: wrap(id("id")), key: testKey, value: null, want: "delete id=7"},
		{name: "Kafka null, said to be structured", edit: wrap(id("id")), key: testKey, value: null, headers: structured, want: "delete id=7"},
	})
	around := func(envelope config.Envelope, value, want string) {
		m := mustNew(t, []config.Route{routed(envelope, wrap())})
		if got := show(mapOne(t, m, record(testKey, event(`,"data":`+value)))); got != want {
			t.Errorf("%s in an event: %s, want %s", envelope, got, want)
		}
	}
	around(config.EnvelopeDebezium, debeziumEvent("u", "null", testRow), testUpdate)
	around(config.EnvelopeDebezium, withSchema(debeziumEvent("c", "null", testRow)), testCreate)
	m := mustNew(t, []config.Route{routed(config.EnvelopeDebezium, wrap())})
	mongo := event(`,"iodebeziumop":"u","iodebeziumconnector":"mongodb","data":{"after":"{\"crm_id\":{\"$numberLong\":\"501\"},\"email\":\"a@b.c\"}"}`)
	if got := show(mapOne(t, m, record(testKey, mongo))); got != testUpdate {
		t.Errorf("a document in an event: %s", got)
	}
	around(config.EnvelopeDebeziumFlat, strings.Replace(testRow, "{", `{"__op":"u",`, 1), testUpdate)
	around(config.EnvelopeMaxwell, `{"type":"insert","data":`+testRow+`}`, testCreate)
	around(config.EnvelopeCanal, `{"type":"INSERT","pkNames":["id"],"data":[`+testRow+`]}`, testCreate)
	around(config.EnvelopeCockroach, `{"after":`+testRow+`}`, testUpdate)
	around(config.EnvelopeDMS, `{"data":`+testRow+`,"metadata":{"operation":"load"}}`, testCreate)
	around(config.EnvelopeSequin, `{"action":"update","record":`+testRow+`}`, testUpdate)
}
