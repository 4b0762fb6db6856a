package mapping

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/config"
)

// fixture is a record as a source documents it, and what becomes of it.
type fixture struct {
	What    string
	Key     *string // null: Kafka's null
	Headers []string
	Value   json.RawMessage // null: Kafka's null
	Want    []string        // an item each
}

func fixtures(t testing.TB, name string) []fixture {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "dialects", name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var all []fixture
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var f fixture
		if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
			t.Fatalf("%s:%d: %v", name, len(all)+1, err)
		}
		all = append(all, f)
	}
	return all
}

func (f fixture) keyText() string {
	if f.Key == nil {
		return null
	}
	return *f.Key
}

func (f fixture) valueText() string {
	if f.Value == nil || string(f.Value) == "null" {
		return null
	}
	return string(f.Value)
}

// runFixtures maps the records of a file in testdata/dialects.
func runFixtures(t *testing.T, name string, route config.Route) {
	t.Helper()
	m := mustNew(t, []config.Route{route})
	for i, f := range fixtures(t, name) {
		r := record(f.keyText(), f.valueText(), f.Headers...)
		items := m.Map(r, nil)
		var got []string
		for _, it := range items {
			checkItem(t, r, it)
			got = append(got, show(it))
		}
		if !slices.Equal(got, f.Want) {
			t.Errorf("%s.jsonl:%d %s\ngot  %s\nwant %s", name, i+1, f.What, strings.Join(got, "\n     "), strings.Join(f.Want, "\n     "))
			for _, it := range items {
				if it.Fate.Reason != nil {
					t.Log(it.Fate.Reason.Message)
				}
			}
		}
	}
}

// changedOnly sends what changed, where the event proves it.
func changedOnly(r *config.Route) { r.Update = config.UpdateChanged }

func TestEveryDialectHasItsReaderAndItsFixture(t *testing.T) {
	t.Parallel()
	for _, envelope := range config.Envelopes() {
		if envelope == config.EnvelopePlain {
			continue
		}
		if dialects()[envelope] == nil {
			t.Errorf("%s is a word of the configuration and has no reader", envelope)
		}
		if envelope == config.EnvelopeDebezium || envelope == config.EnvelopeDebeziumFlat {
			continue // testdata/captures
		}
		if len(fixtures(t, string(envelope))) == 0 {
			t.Errorf("%s has no fixture", envelope)
		}
	}
}

// Kafka Connect's sources write rows through its JSON converter: plain is their envelope.
func TestKafkaConnectSources(t *testing.T) {
	t.Parallel()
	scale := 2
	runFixtures(t, "connect", routed(config.EnvelopePlain, key("id"), func(r *config.Route) {
		r.Fields = []config.Field{{To: "email", From: "email"}, {To: "amount", From: "amount", Type: config.TypeDecimal, Scale: &scale},
			{To: "born", From: "born", Type: config.TypeDateDays}, {To: "seen", From: "seen", Type: config.TypeTimestampMS}}
	}))
}

// A message is read anew for each dialect that a topic is routed by.
func TestRoutesOfSeveralDialectsReadOneRecord(t *testing.T) {
	t.Parallel()
	var routes []config.Route
	for _, envelope := range []config.Envelope{config.EnvelopeCanal, config.EnvelopePlain, config.EnvelopeCanal, config.EnvelopeDebezium} {
		routes = append(routes, routed(envelope, func(r *config.Route) { r.Name = string(envelope) + string(rune('a'+len(routes))) }, key("type"), fields("email", "email")))
	}
	routes[1].Unwrap, routes[3].Unwrap = config.UnwrapCloudEvents, config.UnwrapCloudEvents
	routes[0].Key, routes[2].Key = nil, nil
	value := `{"specversion":"1.0","type":"INSERT","iodebeziumop":"c","email":"outer","pkNames":["id"],` +
		`"data":[{"id":"1","email":"a"},{"id":"2","email":"b"}],"data_base64":null}`
	m := mustNew(t, routes)
	want := `create {"email":"a"}` + "\n" + `create {"email":"b"}` + "\nrefuse bad_envelope\n" + `create {"email":"a"}` + "\n" + `create {"email":"b"}` + "\nrefuse bad_envelope"
	for range 2 {
		if got := showAll(m.Map(record(testKey, value), nil)); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}
