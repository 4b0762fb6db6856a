package mapping

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// benchValue is an update as Debezium writes it for a table of 16 columns, 695 bytes.
const benchValue = `{"before":null,"after":{"id":9007199254740997,"crm_id":"171591000198","email":"ann.lee@example.com","first_name":"Ann","last_name":"Lee","phone":"+1 555 0107","annual_revenue":125000.50,"is_active":true,"stage":"customer","born":5153,"created_at":1709312400123456,"updated_at":"2024-03-08T08:00:00.500000Z","city":"Zürich","title":"Ops Manager","notes":null,"tenant":"acme"},"source":{"version":"3.7.0.Final","connector":"postgresql","name":"shop","ts_ms":1795432479455,"snapshot":"false","db":"shop","sequence":"[\"26792368\",\"26792368\"]","schema":"public","table":"customers","txId":782,"lsn":26792368,"xmin":null},"transaction":null,"op":"u","ts_ms":1795432479929,"ts_us":1795432479929790}`

func benchRoute() config.Route {
	r := config.Route{
		Name: "customers", Topics: config.Topics{Names: []string{"shop.public.customers"}}, Format: config.Formats{Key: config.FormatJSON, Value: config.FormatJSON},
		Envelope: config.EnvelopeDebezium, To: config.To{Integration: "hubspot", Object: "contact", Group: config.Group{Value: "acme"}},
		Key: []string{"id"}, ID: config.ID{Field: "crm_id"},
		OnCreate: config.ActionCreate, OnUpdate: config.ActionUpdate, OnSnapshot: config.ActionCreate,
		OnDelete: config.OnDelete{Action: config.ActionDelete}, OnTombstone: config.ActionIgnore,
	}
	for _, f := range [][2]string{{"email", "email"}, {"firstname", "first_name"}, {"lastname", "last_name"}, {"phone", "phone"},
		{"annualrevenue", "annual_revenue"}, {"active", "is_active"}, {"lifecyclestage", "stage"}, {"created", "created_at"},
		{"city", "city"}, {"notes", "notes"}} {
		r.Fields = append(r.Fields, config.Field{To: f[0], From: f[1]})
	}
	return r
}

// BenchmarkMapDebeziumUpdate is from the bytes of a record to its write. The
// benchmark of package sink goes on to the request body.
func BenchmarkMapDebeziumUpdate(b *testing.B) {
	benchMap(b, mustNew(b, []config.Route{benchRoute()}),
		&model.Record{TopicPartition: model.TopicPartition{Topic: "shop.public.customers"}, Key: []byte(`{"id":9007199254740997}`), Value: []byte(benchValue)})
}

// benchMap maps one record again and again.
func benchMap(b *testing.B, m *Mapper, r *model.Record) {
	b.Helper()
	b.SetBytes(int64(len(r.Value)))
	b.ReportAllocs()
	var items []model.Item
	for b.Loop() {
		if items = m.Map(r, items[:0]); items[0].Write == nil {
			b.Fatal(items[0].Fate.Reason)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	var d document
	v := []byte(benchValue)
	b.SetBytes(int64(len(v)))
	for b.Loop() {
		if !d.scan(v, indexLevels) {
			b.Fatal(d.fault)
		}
	}
}

// benchSchema is the schema part that Connect's converter writes for benchValue.
func benchSchema() string {
	column := func(name, typ, more string) string {
		return `{"type":"` + typ + `","optional":true,` + more + `"field":"` + name + `"}`
	}
	row := func(field string) string {
		return `{"type":"struct","fields":[` + strings.Join([]string{column("id", "int64", ""), column("crm_id", "string", ""), column("email", "string", ""),
			column("first_name", "string", ""), column("last_name", "string", ""), column("phone", "string", ""), column("annual_revenue", "double", ""),
			column("is_active", "boolean", ""), column("stage", "string", ""), column("born", "int32", `"name":"io.debezium.time.Date","version":1,`),
			column("created_at", "int64", `"name":"io.debezium.time.MicroTimestamp","version":1,`),
			column("updated_at", "string", `"name":"io.debezium.time.ZonedTimestamp","version":1,`), column("city", "string", ""), column("title", "string", ""),
			column("notes", "string", ""), column("tenant", "string", "")}, ",") + `],"optional":true,"name":"shop.public.customers.Value","field":"` + field + `"}`
	}
	source := strings.Repeat(`{"type":"string","optional":false,"field":"version"},`, 12) + `{"type":"int64","optional":true,"field":"xmin"}`
	return `{"type":"struct","fields":[` + row("before") + `,` + row("after") + `,{"type":"struct","fields":[` + source +
		`],"optional":false,"name":"io.debezium.connector.postgresql.Source","version":1,"field":"source"},` +
		`{"type":"string","optional":false,"field":"op"},{"type":"int64","optional":true,"field":"ts_ms"}],"optional":false,"name":"shop.public.customers.Envelope","version":2}`
}

// BenchmarkMapDebeziumSchemas is BenchmarkMapDebeziumUpdate with schemas in the
// key and the value, as Kafka Connect writes them unless it is told otherwise.
func BenchmarkMapDebeziumSchemas(b *testing.B) {
	m, err := New([]config.Route{benchRoute()}, nil)
	if err != nil {
		b.Fatal(err)
	}
	r := &model.Record{TopicPartition: model.TopicPartition{Topic: "shop.public.customers"}, Key: []byte(withSchema(`{"id":9007199254740997}`)),
		Value: []byte(`{"schema":` + benchSchema() + `,"payload":` + benchValue + `}`)}
	b.SetBytes(int64(len(r.Value)))
	b.ReportAllocs()
	var items []model.Item
	for b.Loop() {
		if items = m.Map(r, items[:0]); items[0].Write == nil {
			b.Fatal(items[0].Fate.Reason)
		}
	}
}

// wideRoute maps 20 fields of benchValue, converts what CRMs take otherwise, and
// computes three.
func wideRoute() config.Route {
	r := benchRoute()
	r.When = `tenant != "none"`
	for i := range 7 {
		r.Fields = append(r.Fields, config.Field{To: fmt.Sprintf("copy%d", i), From: "email"})
	}
	r.Fields = append(r.Fields,
		config.Field{To: "birthdate", From: "born", Type: config.TypeDateDays, As: config.AsEpochMS},
		config.Field{To: "since", From: "created_at", Type: config.TypeTimestampUS},
		config.Field{To: "job", From: "title", Required: true, MaxLength: &config.MaxLength{Characters: 80, Over: config.OverCut}},
		config.Field{To: "name", Expr: `trim(first_name + " " + last_name)`},
		config.Field{To: "tier", Expr: `annual_revenue > 100000 ? "enterprise" : "standard"`},
		config.Field{To: "label", Expr: `upper(city) + ", " + (notes ?? title)`})
	return r
}

// BenchmarkMapWide is a route of 23 fields, three of them expressions, with a
// condition.
func BenchmarkMapWide(b *testing.B) {
	m, err := New([]config.Route{wideRoute()}, nil)
	if err != nil {
		b.Fatal(err)
	}
	r := &model.Record{TopicPartition: model.TopicPartition{Topic: "shop.public.customers"}, Key: []byte(`{"id":9007199254740997}`), Value: []byte(benchValue)}
	b.SetBytes(int64(len(r.Value)))
	b.ReportAllocs()
	var items []model.Item
	for b.Loop() {
		if items = m.Map(r, items[:0]); items[0].Write == nil {
			b.Fatal(items[0].Fate.Reason)
		}
	}
}
