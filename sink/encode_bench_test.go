package sink_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/mapping"
	"github.com/ampersink/ampersink/sink/ampersand"
)

// debeziumUpdate is an update as Debezium's JSON converter writes it without the
// schema part: 700 bytes, a table of 16 columns of which a route takes ten.
const debeziumUpdate = `{"before":null,"after":{"id":%[1]d,"crm_id":"%[1]d","email":"ann.%[1]d@example.com","first_name":"Ann",` +
	`"last_name":"Lee","phone":"+1 555 0107","annual_revenue":125000.50,"is_active":true,"stage":"customer","born":5153,` +
	`"created_at":1709312400123456,"updated_at":"2024-03-08T08:00:00.500000Z","city":"Zürich","title":"Ops Manager","notes":null,"tenant":"acme"},` +
	`"source":{"version":"3.7.0.Final","connector":"postgresql","name":"shop","ts_ms":1795432479455,"snapshot":"false",` +
	`"db":"shop","sequence":"[\"26792368\",\"26792368\"]","schema":"public","table":"customers","txId":782,"lsn":26792368,` +
	`"xmin":null},"transaction":null,"op":"u","ts_ms":1795432479929,"ts_us":1795432479929790}`

// tenFields is the route of debeziumUpdate.
func tenFields() config.Route {
	r := config.Route{
		Name: "customers", Topics: config.Topics{Names: []string{"shop.public.customers"}},
		Format: config.Formats{Key: config.FormatJSON, Value: config.FormatJSON}, Envelope: config.EnvelopeDebezium,
		To:  config.To{Integration: "hubspot", Object: "contact", Group: config.Group{Field: "tenant"}},
		Key: []string{"id"}, ID: config.ID{Field: "crm_id"},
		OnCreate: config.ActionCreate, OnUpdate: config.ActionUpdate, OnSnapshot: config.ActionCreate,
		OnDelete: config.OnDelete{Action: config.ActionDelete}, OnTombstone: config.ActionIgnore,
	}
	for _, f := range [][2]string{
		{"email", "email"}, {"firstname", "first_name"}, {"lastname", "last_name"}, {"phone", "phone"}, {"annualrevenue", "annual_revenue"},
		{"active", "is_active"}, {"lifecyclestage", "stage"}, {"created", "created_at"}, {"city", "city"}, {"notes", "notes"},
	} {
		r.Fields = append(r.Fields, config.Field{To: f[0], From: f[1]})
	}
	return r
}

// BenchmarkDebeziumToBody is the whole stretch from the bytes of Debezium's JSON
// to those of the request body, 100 different records a body; one operation is
// one record. Target: at most 12 µs and 2 allocations a record.
func BenchmarkDebeziumToBody(b *testing.B) {
	m, err := mapping.New([]config.Route{tenFields()}, nil)
	if err != nil {
		b.Fatal(err)
	}
	client := new(ampersand.Client)
	records := make([]*model.Record, ampersand.MaxWrites)
	bytes := 0
	for i := range records {
		id := 171591000000 + i
		records[i] = &model.Record{
			TopicPartition: model.TopicPartition{Topic: "shop.public.customers"}, Offset: int64(i),
			Key: fmt.Appendf(nil, `{"id":%d}`, id), Value: fmt.Appendf(nil, debeziumUpdate, id),
		}
		bytes += len(records[i].Value)
	}
	var items []model.Item
	request := ampersand.Request{Type: model.Update}
	b.SetBytes(int64(bytes / len(records)))
	b.ReportAllocs()
	n, length := 0, 0
	for b.Loop() {
		items = m.Map(records[n%len(records)], items[:0])
		request.Writes = append(request.Writes, items[0].Write)
		if n++; n%len(records) == 0 {
			request.Destination = items[0].Write.Destination
			length = client.Encode(&request).Len()
			request.Writes = request.Writes[:0]
		}
	}
	b.ReportMetric(float64(bytes)/float64(len(records)), "B/value")
	if n >= len(records) {
		b.ReportMetric(float64(length)/float64(len(records)), "B/body-item")
	}
}

// TestDebeziumToBodyCostsTwoAllocationsARecord is the benchmark's other half: a
// figure that does not depend on the machine. The body's own two are shared by
// its hundred records.
func TestDebeziumToBodyCostsTwoAllocationsARecord(t *testing.T) {
	m, err := mapping.New([]config.Route{tenFields()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	client, request := new(ampersand.Client), ampersand.Request{Type: model.Update}
	r := &model.Record{
		TopicPartition: model.TopicPartition{Topic: "shop.public.customers"},
		Key:            []byte(`{"id":171591000000}`), Value: fmt.Appendf(nil, debeziumUpdate, 171591000000),
	}
	var items []model.Item
	var body *ampersand.Body
	got := testing.AllocsPerRun(20, func() {
		request.Writes = request.Writes[:0]
		for range ampersand.MaxWrites {
			items = m.Map(r, items[:0])
			request.Writes = append(request.Writes, items[0].Write)
		}
		request.Destination = items[0].Write.Destination
		body = client.Encode(&request)
	})
	if most := 2.0*ampersand.MaxWrites + 2; got > most {
		t.Errorf("%v allocations for %d records and their body, want at most %v", got, ampersand.MaxWrites, most)
	}
	for _, part := range []string{`"id":"171591000000"`, `"email":"ann.171591000000@example.com"`, `"annualrevenue":125000.50`, `"notes":null`} {
		if n := strings.Count(string(body.Bytes()), part); n != ampersand.MaxWrites {
			t.Errorf("%s is %d times in the body: %.300s", part, n, body.Bytes())
		}
	}
}
