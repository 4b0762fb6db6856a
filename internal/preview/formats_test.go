package preview

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ampersink/ampersink/internal/model"
)

// schemaRegistry answers as a registry that has one schema, number 1.
type schemaRegistry struct {
	asked []string
	down  bool
}

func (s *schemaRegistry) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked = append(s.asked, r.URL.Path)
	if s.down {
		return nil, errors.New("connection refused")
	}
	w := httptest.NewRecorder()
	if r.URL.Path == "/schemas/ids/1" {
		_, _ = fmt.Fprintf(w, `{"schema":%q}`, `{"type":"record","name":"Value","fields":[{"name":"email","type":"string"},{"name":"name","type":["null","string"]}]}`)
	} else {
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.WriteString(`{"error_code":40403,"message":"Schema not found"}`)
	}
	return w.Result(), nil
}

// avroRow is a row whose value was written with a schema of that number.
func avroRow(offset int64, schema byte, value string) model.Record {
	return row(offset, `{"id":1}`, "\x00\x00\x00\x00"+string(rune(schema))+value)
}

const avroContacts = "group: g, schema_registry: {url: 'http://registry.example.com'}}"

func TestRowsInAvroAreReadWithTheSchemasOfTheRegistry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, previewAvro) // a schema that is missing is asked for again a moment later
}

func previewAvro(t *testing.T) {
	c := configured(t, strings.NewReplacer("group: g}", avroContacts, "envelope: plain", "envelope: plain\n    format: {value: avro}").Replace(contacts))
	r := new(schemaRegistry)
	doc := previewed(t, c, captureOf(t, avroRow(0, 1, "\x0ea@b.com\x02\x06Ann"), avroRow(1, 2, "\x00"), avroRow(2, 1, "\x0ec@d.com\x00"), row(3, `{"id":1}`, `{"email":"e"}`)),
		func(o *Options) { o.Registry = r })
	var sent []string
	for _, q := range doc.Requests {
		for _, w := range q.Writes {
			sent = append(sent, string(w.Fields))
		}
	}
	if got := strings.Join(sent, " "); got != `{"email":"a@b.com","name":"Ann"} {"email":"c@d.com","name":null}` {
		t.Errorf("sent: %s", got)
	}
	var refused []string
	for _, n := range doc.NotSent {
		refused = append(refused, fmt.Sprintf("%d %s", n.Offset, n.Reason.Code))
	}
	if got := strings.Join(refused, ", "); got != "1 unknown_schema, 3 no_schema_id" {
		t.Errorf("refused: %s", got)
	}
	if got := strings.Join(r.asked, " "); got != "/schemas/ids/1 /schemas/ids/2 /schemas/ids/2" {
		t.Errorf("asked: %s", got)
	}
}

// Without its schema nothing can be said of a row, so there is no preview.
func TestAPreviewNeedsARegistryThatAnswers(t *testing.T) {
	t.Parallel()
	c := configured(t, strings.NewReplacer("group: g}", avroContacts, "envelope: plain", "envelope: plain\n    format: avro").Replace(contacts))
	s, err := Select(c, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Make(t.Context(), Options{Selection: s, File: captureOf(t, avroRow(7, 1, "")), Limit: 1, Registry: &schemaRegistry{down: true}})
	if err == nil {
		t.Fatal("there is one")
	}
	for _, part := range []string{"contacts/0@7", "http://registry.example.com does not answer", "connection refused"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}
