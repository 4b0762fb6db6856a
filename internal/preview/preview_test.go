package preview

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

var update = flag.Bool("update", false, "rewrite the golden files from what the code does now")

// configured reads a configuration.
func configured(t testing.TB, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("test.yaml", []byte(text), func(string) (string, bool) { return "", false }, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const contacts = `
kafka: {brokers: ["127.0.0.1:1"], group: g}
ampersand: {url: "https://write.example.com/v1", project: acme, api_key: the-api-key}
routes:
  - name: contacts
    topics: [contacts]
    envelope: plain
    to: {integration: hubspot, object: contact, group: acme}
    id: {field: crm_id}
    fields: {email: email, name: name}
    headers: [{key: X-Token, value: a-secret-of-the-crm}]
`

// row is a record of topic contacts.
func row(offset int64, key, value string) model.Record {
	return model.Record{TopicPartition: model.TopicPartition{Topic: "contacts"}, Offset: offset, Key: []byte(key), Value: []byte(value)}
}

// captureOf writes records as a capture.
func captureOf(t testing.TB, records ...model.Record) string {
	t.Helper()
	encoded := func(b []byte) any {
		if b == nil {
			return nil
		}
		return base64.StdEncoding.EncodeToString(b)
	}
	var text []byte
	for _, r := range records {
		headers := []any{}
		for _, h := range r.Headers {
			headers = append(headers, map[string]any{"k": h.Key, "v": encoded(h.Value)})
		}
		line, err := json.Marshal(map[string]any{
			"topic": r.Topic, "partition": r.Partition, "offset": r.Offset, "timestamp_ms": 1_700_000_000_000 + r.Offset,
			"key": encoded(r.Key), "value": encoded(r.Value), "headers": headers,
		})
		if err != nil {
			t.Fatal(err)
		}
		text = append(append(text, line...), '\n')
	}
	path := filepath.Join(t.TempDir(), "capture.jsonl")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// previewed makes the preview of a capture.
func previewed(t testing.TB, c *config.Config, path string, edits ...func(*Options)) *Document {
	t.Helper()
	s, err := Select(c, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Selection: s, File: path, Last: DefaultLast, Limit: DefaultLimit}
	for _, edit := range edits {
		edit(&o)
	}
	doc, err := Make(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func table(t testing.TB, d *Document, width int) string {
	t.Helper()
	var b bytes.Buffer
	if err := d.WriteTable(&b, width); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func jsonOf(t testing.TB, d *Document) string {
	t.Helper()
	var b bytes.Buffer
	if err := d.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// captured is the preview of what a real Debezium wrote.
func captured(t *testing.T, capture string, envelope config.Envelope) *Document {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "captures.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	c := configured(t, strings.ReplaceAll(string(text), "envelope: debezium", "envelope: "+string(envelope)))
	doc := previewed(t, c, filepath.Join("..", "..", "mapping", "testdata", "captures", capture+".jsonl"))
	doc.Read.File = filepath.Base(doc.Read.File)
	return doc
}

func TestCapturesLookAsTheGoldenFilesSay(t *testing.T) {
	t.Parallel()
	for capture, envelope := range map[string]config.Envelope{
		"crm-pg-envelope": config.EnvelopeDebezium, "crm-pg-flat-schema": config.EnvelopeDebeziumFlat,
	} {
		doc := captured(t, capture, envelope)
		for name, got := range map[string]string{
			".txt": table(t, doc, 0), "-80.txt": table(t, doc, 80), "-200.txt": table(t, doc, 200), ".json": jsonOf(t, doc),
		} {
			golden(t, capture+name, got)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Errorf("%s:%d (go test -update rewrites it)\ngot  %s\nwant %s", path, i+1, g[i], w[i])
		}
	}
	if len(g) != len(w) {
		t.Errorf("%s has %d lines, and %d are written", path, len(w), len(g))
	}
}

// Each route that takes a record shows it once, and the summary counts what is shown.
func TestEveryRecordIsShownOnceForEachRouteThatTakesIt(t *testing.T) {
	t.Parallel()
	doc := captured(t, "crm-pg-envelope", config.EnvelopeDebezium)
	seen := make(map[string]int)
	writes := make(map[string]int)
	for _, r := range doc.Requests {
		for _, w := range r.Writes {
			seen[fmt.Sprint(w.Topic, w.Partition, "@", w.Offset)]++
			writes[r.Type]++
		}
	}
	fates := make(map[string]int)
	for _, n := range doc.NotSent {
		seen[fmt.Sprint(n.Topic, n.Partition, "@", n.Offset)]++
		fates[n.Fate]++
	}
	for record, n := range seen {
		if n != 1 {
			t.Errorf("%s is shown %d times", record, n)
		}
	}
	s := doc.Summary
	if len(seen) != 25 || s.Records != 25 || doc.Read.Records != 25 || s.Requests != len(doc.Requests) {
		t.Errorf("%d records are shown: %+v", len(seen), s)
	}
	if fmt.Sprint(s.Writes) != fmt.Sprint(writes) || s.DeadLettered != fates["dead_lettered"] || s.Skipped != fates["skipped"] || s.Unchanged != fates["unchanged"] {
		t.Errorf("counted %+v, shown %v and %v", s, writes, fates)
	}
	refused, skipped := 0, 0
	for _, r := range s.Refusals {
		refused += r.Count
	}
	for _, r := range s.Skips {
		skipped += r.Count
	}
	if refused != s.DeadLettered || skipped != s.Skipped {
		t.Errorf("%d by code and %d by rule, of %+v", refused, skipped, s)
	}
}

// A row whose key changed and that is not written is shown as what it is: that the ledger takes its id along
// sends nothing.
func TestAChangedKeyThatIsNotWrittenIsShownAsThat(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer("envelope: plain", "envelope: debezium", "id: {field: crm_id}", "id: ledger\n    before: keys\n    on_create: upsert\n    on_update: upsert\n    when: email != \"x\"",
		"{email: email, name: name}", "{email: {from: email, max_length: {characters: 5}}, name: name}").Replace(contacts)
	moved := func(offset int64, email string) model.Record {
		r := row(offset, `{"id":2}`, `{"before":null,"after":{"id":2,"email":"`+email+`"},"op":"c"}`)
		r.Headers = []model.Header{{Key: "__debezium.oldkey", Value: []byte(`{"id":1}`)}}
		return r
	}
	doc := previewed(t, configured(t, text), captureOf(t, moved(0, "x"), moved(1, "too long"), moved(2, "a@b.c")))
	var fates []string
	for _, n := range doc.NotSent {
		fates = append(fates, n.Fate+" "+n.Rule)
		if n.Reason != nil {
			fates[len(fates)-1] += n.Reason.Code
		}
	}
	if got := strings.Join(fates, ", "); got != "skipped contacts.when, dead_lettered too_long" || told(doc) != "undecided×1" {
		t.Errorf("%s, and the requests %s", got, told(doc))
	}
	if s := doc.Summary; s.Skipped != 1 || s.DeadLettered != 1 || s.Writes["undecided"] != 1 || len(s.Writes) != 1 {
		t.Errorf("%+v", s)
	}
}

// What is not JSON's own is where programs lose digits: they must be in all forms as the
// row has them.
func TestNumbersKeepTheirDigits(t *testing.T) {
	t.Parallel()
	c := configured(t, strings.Replace(contacts, "{email: email, name: name}", "{big: big, exact: exact, nested: nested}", 1))
	doc := previewed(t, c, captureOf(t, row(0, `{"id":9007199254740993}`,
		`{"big":9007199254740993,"exact":0.10000000000000000000000001,"nested":{"n":[12345678901234567890.50,1E400]}}`)))
	for form, got := range map[string]string{"the table": table(t, doc, 0), "JSON": strings.Join(strings.Fields(jsonOf(t, doc)), "")} {
		for _, want := range []string{"9007199254740993", "0.10000000000000000000000001", "12345678901234567890.50", "1E400"} {
			if n := strings.Count(got, want); n < 2 { // JSON: fields and body; the table: fields and examples
				t.Errorf("%s has %s %d times: %s", form, want, n, got)
			}
		}
	}
}

func TestNoSecretIsShown(t *testing.T) {
	t.Parallel()
	doc := previewed(t, configured(t, contacts), captureOf(t, row(0, `{"id":1}`, `{"email":"a@b.c"}`)))
	plain := len(`{"groupRef":"acme","type":"create","mode":"synchronous","headers":[{"key":"X-Token","value":"a-secret-of-the-crm"}],` +
		`"batchPolicy":{"allOrNone":false},"batch":[{"record":{"email":"a@b.c"}}]}`)
	if doc.Requests[0].Bytes != plain {
		t.Errorf("%d bytes, and %d would be sent", doc.Requests[0].Bytes, plain)
	}
	for form, got := range map[string]string{"the table": table(t, doc, 0), "JSON": jsonOf(t, doc)} {
		if strings.Contains(got, "a-secret") || strings.Contains(got, "the-api-key") || !strings.Contains(got, "X-Token") || !strings.Contains(got, "[hidden]") {
			t.Errorf("%s: %s", form, got)
		}
	}
}

// What a row holds is shown as text: it moves no cursor, and turns no line around.
func TestARowDoesNothingToTheTerminal(t *testing.T) {
	t.Parallel()
	hostile := "\x1b]0;owned\x07\x1b[2J\u009b31m\u202eturned\u200b\ufeff\u2028\r\b\x7f\x00\U000e0041"
	value, err := json.Marshal(map[string]any{"email": hostile, "name": map[string]string{hostile: hostile}})
	if err != nil {
		t.Fatal(err)
	}
	value = bytes.ReplaceAll(value, []byte(`\u2028`), []byte("\u2028"))
	pretty := []byte("{\"email\" : \"\u009b31m\u202e\U000e0041\",\n\t\"name\":\t{\n\"a\" :\r\n[ 1,\n2 ]}}")
	records := []model.Record{row(0, hostile, string(value)), row(1, "\x1b\xff\xfe", string(pretty)), row(2, hostile, hostile), row(3, `{"id":1}`, `{"crm_id":"`+"\u009b"+`"}`)}
	foreign := row(4, "k", "{}")
	foreign.Topic = hostile
	read := row(5, "k", `{"email":"a"}`)
	read.Topic = "contacts" + hostile
	c := configured(t, strings.Replace(contacts, "topics: [contacts]", "topics: {regex: '(?s)contacts.*'}", 1))
	doc := previewed(t, c, captureOf(t, append(records, foreign, read)...))
	forms := map[string]string{"JSON": jsonOf(t, doc)}
	for _, width := range []int{0, 40, 80, 200} {
		forms["the table at "+strconv.Itoa(width)] = table(t, doc, width)
	}
	for form, got := range forms {
		for i, r := range got {
			if r != '\n' && !strconv.IsGraphic(r) || r == '\ufffd' {
				t.Errorf("%s has %U at %d: %q", form, r, i, got[max(0, i-40):i+10])
			}
		}
	}
	var back Document
	if err := json.Unmarshal([]byte(forms["JSON"]), &back); err != nil {
		t.Fatal(err)
	}
	var sent struct{ Email string }
	if err := json.Unmarshal(back.Requests[0].Writes[0].Fields, &sent); err != nil || sent.Email != hostile {
		t.Errorf("JSON says %q, %v", sent.Email, err)
	}
}

func TestWhatIsAbsentAndWhatComesIsToldByField(t *testing.T) {
	t.Parallel()
	doc := previewed(t, configured(t, contacts), captureOf(t,
		row(0, `{"id":1}`, `{"email":"a@b.c"}`), row(1, `{"id":2}`, `{"email":null}`), row(2, `{"id":3}`, `{"email":""}`),
		row(3, `{"id":4}`, `{"email":7}`), row(4, `{"id":5}`, `{"email":"a@b.c"}`), row(5, `{"id":6}`, `{"email":"__debezium_unavailable_value","nam":"x","crm_id":"1"}`),
		row(6, `{"id":7}`, `{"email":[1]}`), row(7, `{"id":8}`, `{"email":true}`), row(8, `{"id":9}`, `{"email":"`+strings.Repeat("x", 1000)+`"}`)))
	email, name := doc.Summary.Fields[0], doc.Summary.Fields[1]
	if email.Values != 6 || email.Nulls != 1 || email.Empty != 1 || email.Placeholder != 1 || email.Absent != 0 ||
		fmt.Sprint(email.Kinds) != "map[boolean:1 list:1 number:1 text:3]" || fmt.Sprintf("%s", email.Examples) != `["a@b.c" 7 [1]]` {
		t.Errorf("email: %+v %s", email, email.Examples)
	}
	if name.Values+name.Nulls+name.Empty != 0 || name.Absent != 9 {
		t.Errorf("name: %+v", name)
	}
	if got := table(t, doc, 0); !strings.Contains(got, "no row has it: is it spelt as the source spells it?") {
		t.Error(got)
	}
}
