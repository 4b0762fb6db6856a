package sink_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/ampersink/ampersink/internal/config"
)

// schemaRegistry is the in-memory registry, reached without a network, that a test takes away
// and gives back.
type schemaRegistry struct {
	*srfake.Registry
	handler atomic.Pointer[http.Handler]
	down    atomic.Bool
	asked   atomic.Int32
}

func newRegistry() *schemaRegistry {
	r := &schemaRegistry{Registry: srfake.NewRegistry()}
	h := r.Handler()
	r.handler.Store(&h)
	return r
}

var errDown = errors.New("connection refused")

func (r *schemaRegistry) RoundTrip(req *http.Request) (*http.Response, error) {
	r.asked.Add(1)
	if r.down.Load() {
		return nil, errDown
	}
	w := httptest.NewRecorder()
	(*r.handler.Load()).ServeHTTP(w, req)
	return w.Result(), nil
}

// answer makes the registry give one answer to everything; nil: its own.
func (r *schemaRegistry) answer(h http.Handler) {
	if h == nil {
		h = r.Handler()
	}
	r.handler.Store(&h)
}

const (
	avroRow = `{"type":"record","name":"Value","fields":[{"name":"id","type":"long"},{"name":"tenant","type":"string"},{"name":"email","type":"string"},` +
		`{"name":"name","type":"string"},{"name":"version","type":"long"},{"name":"crm_id","type":["null","string"]}%s]}`
	avroKey = `{"type":"record","name":"Key","fields":[{"name":"id","type":"long"}]}`
)

// envelopeOf is a version of the schema of a topic's events.
func envelopeOf(version int) string {
	more := ""
	for i := range version {
		more += fmt.Sprintf(`,{"name":"added%d","type":["null","string"]}`, i)
	}
	return `{"type":"record","name":"Envelope","fields":[{"name":"before","type":["null",` + fmt.Sprintf(avroRow, more) + `]},{"name":"after","type":["null","Value"]},{"name":"op","type":"string"}]}`
}

// seed registers the key's schema as 1 and versions of the value's from 10 on.
func (r *schemaRegistry) seed(versions int) {
	r.SeedSchema("keys", 1, 1, sr.Schema{Schema: avroKey})
	for v := range versions {
		r.SeedSchema("values", v+1, 10+v, sr.Schema{Schema: envelopeOf(v)})
	}
}

// inAvro writes an event in Avro, with that version of its schema.
func inAvro(t testing.TB, r *kgo.Record, version int) *kgo.Record {
	t.Helper()
	return &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: avroOf(t, avroKey, 1, r.Key), Value: avroOf(t, envelopeOf(version), 10+version, r.Value)}
}

func avroOf(t testing.TB, schema string, number int, text []byte) []byte {
	t.Helper()
	s, err := avro.Parse(schema)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	b, err := s.AppendEncode(binary.BigEndian.AppendUint32([]byte{0}, uint32(number)), v)
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return b
}

// configureFormats is configure with a registry, and a route for each topic in its format.
func configureFormats(t testing.TB, brokers []string, group, url, registry string, formats map[string]string) *config.Config {
	t.Helper()
	text := fmt.Sprintf(`
kafka: {brokers: [%q], group: %q, session_timeout: 10s, schema_registry: {url: %q}}
ampersand: {url: %q, api_url: %q, project: acme, api_key: secret-key}
retry: {initial: 10ms, max: 100ms, patience: 5m}
admin: {listen: ""}
routes:
`, strings.Join(brokers, `","`), group, registry, url, url)
	for topic, format := range formats {
		text += fmt.Sprintf(`
  - name: %[1]q
    topics: [%[1]q]
    format: %[2]s
    envelope: debezium
    to: {integration: hubspot, object: contact, group: {field: tenant}}
    id: {field: crm_id}
    before: full
    fields: {email: email, name: name, version: version}
    batch: {size: 100, linger: 10ms}
`, topic, format)
	}
	c, err := config.Parse("test.yaml", []byte(text), func(string) (string, bool) { return "", false }, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
