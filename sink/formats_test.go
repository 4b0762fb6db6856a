package sink_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/sink"
)

// Every format, keys and values, before the bytes and in headers, through the client
// of the registry over HTTP.
func TestEveryFormatArrives(t *testing.T) {
	everyFormat(t, kafkatest.NewFake(t).Endpoint, 40)
}

func TestEveryFormatArrivesOverARealKafka(t *testing.T) {
	everyFormat(t, kafkatest.Real(t).Endpoint, 2000)
}

func everyFormat(t *testing.T, k *kafkatest.Endpoint, each int) {
	t.Helper()
	a := newAPI(t)
	r := srfake.New(srfake.WithAuth("Basic " + base64.StdEncoding.EncodeToString([]byte("reader:pa55"))))
	t.Cleanup(r.Close)
	seedEveryFormat(r)
	formats := make(map[string]string)
	var records []*kgo.Record
	for _, f := range []struct {
		format string
		record func(topic string, id int) *kgo.Record
	}{
		{"avro", func(topic string, id int) *kgo.Record { return inAvro(t, create(topic, id), 0) }},
		{"{key: json, value: avro}", func(topic string, id int) *kgo.Record {
			one := inAvro(t, create(topic, id), 0)
			one.Key = create(topic, id).Key
			return one
		}},
		{"{key: avro, value: json}", func(topic string, id int) *kgo.Record {
			one := inAvro(t, create(topic, id), 0)
			one.Value = create(topic, id).Value
			return one
		}},
		{"avro", func(topic string, id int) *kgo.Record { // by GUID, in headers
			one := inAvro(t, create(topic, id), 0)
			one.Headers = []kgo.RecordHeader{{Key: "__key_schema_id", Value: guidOf(t, r, "keys")}, {Key: "__value_schema_id", Value: guidOf(t, r, "values")}}
			one.Key, one.Value = one.Key[5:], one.Value[5:]
			return one
		}},
		{"protobuf", inProtobuf},
		{"json_schema", func(topic string, id int) *kgo.Record {
			one := create(topic, id)
			one.Key, one.Value = append([]byte{0, 0, 0, 0, 30}, one.Key...), append([]byte{0, 0, 0, 0, 31}, one.Value...)
			return one
		}},
		{"json", create},
	} {
		topic := k.NewTopic(t, 2, nil)
		formats[topic] = f.format
		for range each {
			records = append(records, f.record(topic, len(records)))
		}
	}
	k.Produce(t, records...)
	cfg := configureFormats(t, k.Brokers(), "formats-"+strings.ToLower(records[0].Topic), a.URL, r.URL(), formats)
	cfg.Kafka.SchemaRegistry.User, cfg.Kafka.SchemaRegistry.Password = "reader", config.NewSecret("pa55")
	s := start(t, sink.Options{Config: cfg, Log: testLog(t), UntilEnd: true})
	if err := s.until(); err != nil {
		t.Fatal(err)
	}
	if totals := s.Status().Totals; totals.Written["create"] != int64(len(records)) || len(totals.DeadLettered) != 0 {
		t.Errorf("%+v", totals)
	}
	if got := emails(a); !slices.Equal(got, wantEmails(len(records))) {
		t.Errorf("%d rows were sent, not %d, or others", len(got), len(records))
	}
}

func seedEveryFormat(r *srfake.Registry) {
	r.SeedSchema("keys", 1, 1, sr.Schema{Schema: avroKey})
	r.SeedSchema("values", 1, 10, sr.Schema{Schema: envelopeOf(0)})
	r.SeedSchema("row.proto", 1, 20, sr.Schema{Type: sr.TypeProtobuf, Schema: `syntax = "proto3"; package shop;
		message Row { int64 id = 1; string tenant = 2; string email = 3; string name = 4; int64 version = 5; optional string crm_id = 6; }`})
	r.SeedSchema("proto", 1, 21, sr.Schema{Type: sr.TypeProtobuf, References: []sr.SchemaReference{{Name: "shop/row.proto", Subject: "row.proto", Version: 1}},
		Schema: `syntax = "proto3"; package shop; import "shop/row.proto";
			message Key { int64 id = 1; }
			message Envelope { optional Row before = 1; optional Row after = 2; string op = 3; }`})
	r.SeedSchema("json-key", 1, 30, sr.Schema{Type: sr.TypeJSON, Schema: `{"type":"object","properties":{"id":{"type":"integer"}}}`})
	r.SeedSchema("json-value", 1, 31, sr.Schema{Type: sr.TypeJSON, Schema: `{"type":"object","properties":{"after":{"oneOf":[{"type":"null"},{"type":"object"}]}}}`})
}

func guidOf(t *testing.T, r *srfake.Registry, subject string) []byte {
	t.Helper()
	s, _ := r.GetSchema(subject, 1)
	guid := []byte{1}
	var high byte
	for i, c := range strings.ReplaceAll(s.GUID, "-", "") {
		digit := byte(strings.IndexRune("0123456789abcdef", c))
		if i%2 == 0 {
			high = digit << 4
			continue
		}
		guid = append(guid, high|digit)
	}
	if len(guid) != 17 {
		t.Fatalf("GUID %q of %s", s.GUID, subject)
	}
	return guid
}

// inProtobuf is create, as a producer of Protobuf writes it: the key is the first message of
// its schema, the value the second.
func inProtobuf(topic string, id int) *kgo.Record {
	text := func(b []byte, n protowire.Number, v string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), v)
	}
	number := func(b []byte, n protowire.Number, v int) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), uint64(v))
	}
	row := number(nil, 1, id)
	row = text(text(text(row, 2, "acme"), 3, fmt.Sprintf("u%d@example.com", id)), 4, "N")
	value := protowire.AppendBytes(protowire.AppendTag([]byte{0, 0, 0, 0, 21, 2, 2}, 2, protowire.BytesType), row)
	return &kgo.Record{Topic: topic, Key: number([]byte{0, 0, 0, 0, 21, 0}, 1, id), Value: text(value, 3, "c")}
}
