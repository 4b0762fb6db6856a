package mapping

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

const testTopic = "shop.public.customers"

// routed returns a route with every key that New asks for, changed by edits.
func routed(envelope config.Envelope, edits ...func(*config.Route)) config.Route {
	r := config.Route{
		Name: "customers", Topics: config.Topics{Names: []string{testTopic}}, Format: config.Formats{Key: config.FormatJSON, Value: config.FormatJSON}, Envelope: envelope,
		To:     config.To{Integration: "hubspot", Object: "contact", Group: config.Group{Value: "acme"}},
		ID:     config.ID{Field: "crm_id"},
		Fields: fieldsOf("email", "email"),

		OnCreate: config.ActionCreate, OnUpdate: config.ActionUpdate, OnSnapshot: config.ActionCreate,
		OnDelete: config.OnDelete{Action: config.ActionDelete}, OnTombstone: config.ActionDelete, Before: config.BeforeKeys,
	}
	if envelope == config.EnvelopeDebezium {
		r.OnTombstone = config.ActionIgnore
	}
	for _, edit := range edits {
		edit(&r)
	}
	return r
}

// fieldsOf builds fields from pairs of CRM field and path; a path that begins
// with = is a constant.
func fieldsOf(pairs ...string) []config.Field {
	var fields []config.Field
	for i := 0; i < len(pairs); i += 2 {
		f := config.Field{To: pairs[i], From: pairs[i+1]}
		if constant, ok := strings.CutPrefix(f.From, "="); ok {
			f.From, f.HasValue, f.Value = "", true, []byte(constant)
		}
		fields = append(fields, f)
	}
	return fields
}

func fields(pairs ...string) func(*config.Route) {
	return func(r *config.Route) { r.Fields = fieldsOf(pairs...) }
}

func key(names ...string) func(*config.Route) { return func(r *config.Route) { r.Key = names } }

func id(path string) func(*config.Route) { return func(r *config.Route) { r.ID.Field = path } }

func beforeFull(r *config.Route) { r.Before = config.BeforeFull }

func mustNew(t testing.TB, routes []config.Route, skip ...config.SkipRule) *Mapper {
	t.Helper()
	m, err := New(routes, skip)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// null is how the tests write Kafka's null.
const null = "\x00null"

// record builds a record; headers are pairs.
func record(key, value string, headers ...string) *model.Record {
	r := &model.Record{TopicPartition: model.TopicPartition{Topic: testTopic, Partition: 3}, Offset: 42}
	if key != null {
		r.Key = []byte(key)
	}
	if value != null {
		r.Value = []byte(value)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Headers = append(r.Headers, model.Header{Key: headers[i], Value: []byte(headers[i+1])})
	}
	return r
}

// show renders an item as the tables write it: what a write says, or its fate.
func show(it model.Item) string {
	if it.Write == nil {
		switch it.Fate.Kind {
		case model.Skipped:
			return "skip " + it.Fate.Rule
		case model.Unchanged:
			return "unchanged"
		case model.Stopped:
			return strings.TrimSpace("stop " + it.Fate.Reason.Code + " " + it.Fate.Reason.Field)
		case model.DeadLettered:
			return strings.TrimSpace("refuse " + it.Fate.Reason.Code + " " + it.Fate.Reason.Field)
		}
		return fmt.Sprintf("BUG: no write and fate %v", it.Fate.Kind)
	}
	w := it.Write
	s := w.Type.String()
	if w.ID != "" {
		s += " id=" + w.ID
	}
	if w.Type != model.Delete || w.Fields != "" {
		s += " {" + w.Fields + "}"
	}
	if w.Associations != "" {
		s += " associations=" + w.Associations
	}
	return s
}

func showAll(items []model.Item) string {
	var lines []string
	for _, it := range items {
		lines = append(lines, show(it))
	}
	return strings.Join(lines, "\n")
}

// mapOne maps a record that must lead to one item, and checks what holds for
// every item whatever it says.
func mapOne(t testing.TB, m *Mapper, r *model.Record) model.Item {
	t.Helper()
	items := m.Map(r, nil)
	if len(items) != 1 {
		t.Fatalf("%d items, want 1: %s", len(items), showAll(items))
	}
	checkItem(t, r, items[0])
	return items[0]
}

func checkItem(t testing.TB, r *model.Record, it model.Item) {
	t.Helper()
	if it.Write == nil {
		if it.Fate.Kind == model.DeadLettered {
			checkReason(t, it.Fate.Reason)
		}
		return
	}
	w := it.Write
	if it.Fate.Kind != model.Open {
		t.Errorf("a write with the fate %v", it.Fate.Kind)
	}
	if w.Name != it.Name || w.Route != it.Route {
		t.Errorf("the write is %v of %q, its item %v of %q", w.Name, w.Route, it.Name, it.Route)
	}
	if w.Want != w.Type {
		t.Errorf("want %v, type %v", w.Want, w.Type)
	}
	if (w.ID == "") != (w.Type == model.Create) {
		t.Errorf("a %v with the id %q", w.Type, w.ID)
	}
	if len(w.Conflicts) == 0 {
		t.Error("an empty conflict set")
	}
	back := w.Source.Record()
	if !same(back.Key, r.Key) || !same(back.Value, r.Value) || len(back.Headers) != len(r.Headers) || back.Offset != r.Offset {
		t.Errorf("the kept record differs: %q %q", back.Key, back.Value)
	}
}

func same(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

// debeziumEvent writes a Debezium envelope.
func debeziumEvent(op, before, after string) string {
	return `{"before":` + before + `,"after":` + after + `,"source":{"connector":"postgresql","snapshot":"false"},"op":"` + op + `","ts_ms":1}`
}

// withSchema wraps a payload as Connect's JSON converter does.
func withSchema(payload string) string {
	return `{"schema":{"type":"struct","fields":[{"type":"int64","optional":false,"field":"id"}],"optional":false},"payload":` + payload + `}`
}

// The default placeholder as a real Debezium writes it.
const (
	unavailable       = `__debezium_unavailable_value`
	unavailableString = `"` + unavailable + `"`
	unavailableBytes  = `"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="`
	unavailableInts   = `[95,95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,108,97,98,108,101,95,118,97,108,117,101]`
)
