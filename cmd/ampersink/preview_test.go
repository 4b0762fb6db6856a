package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/internal/preview"
	"github.com/ampersink/ampersink/internal/sandbox"
)

const customers, orders = "shop.public.customers", "shop.public.orders"

// nowhere is an address that a preview never asks.
const nowhere = "http://127.0.0.1:1"

// shop writes a configuration file of a shop.
func shop(t *testing.T, broker, api string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	text := fmt.Sprintf(`
kafka: {brokers: [%[1]q], group: crm-sync}
ampersand: {url: "%[2]s/v1", api_url: "%[2]s/v1", project: acme, api_key: the-api-key}
routes:
  - name: customers
    topics: [%[3]s]
    envelope: debezium
    to: {integration: hubspot, object: contact, group: {field: tenant}}
    id: {field: crm_id}
    fields: {email: email, points: points, phone: phone}
  - name: others
    topics: {regex: 'shop\.public\.(orders|products).*'}
    envelope: plain
    to: {integration: salesforce, object: Order, group: acme}
    id: {field: crm_id}
    fields: {Name: name}
    headers: [{key: X-Token, value: a-secret-of-the-crm}]
admin: {listen: ""}
log: {level: debug, format: json}
`, broker, api, customers)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// fill writes records of each kind, and transactions that end in markers.
func fill(t *testing.T, k *kafkatest.Fake) {
	t.Helper()
	k.CreateTopic(t, customers, 2, nil)
	k.CreateTopic(t, orders, 1, nil)
	k.CreateTopic(t, orders+".dead", 1, nil)
	k.CreateTopic(t, "shop.public.products", 3, nil) // empty
	second := 0
	record := func(topic string, partition int32, key, value string) *kgo.Record {
		second++
		r := &kgo.Record{Topic: topic, Partition: partition, Timestamp: time.Unix(1_700_000_000+int64(second), 0), Value: []byte(value)}
		if key != "" {
			r.Key = []byte(key)
		}
		return r
	}
	change := func(partition int32, op, key, row string) *kgo.Record {
		return record(customers, partition, key, fmt.Sprintf(`{"before":null,"after":%s,"op":%q}`, row, op))
	}
	k.ProduceTo(t,
		change(0, "c", `{"id":1}`, `{"tenant":"acme","email":"ann@example.com","points":9007199254740993,"phone":null}`),
		change(1, "r", `{"id":2}`, `{"tenant":"acme","email":"bob@example.com","points":1,"phone":"1"}`),
		change(0, "u", `{"id":1}`, `{"tenant":"acme","email":"ann@example.org","points":2,"crm_id":"501"}`),
		change(1, "u", `{"id":3}`, `{"tenant":"umbrella","email":"cy@example.com","points":2,"crm_id":null}`),
		record(customers, 0, "", "\x1b[2J{"), record(orders+".dead", 0, "k", "a dead letter"),
	)
	tx := k.Client(t, kgo.TransactionalID("tx"), kgo.DefaultProduceTopic(orders))
	for i, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
		if err := tx.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		r := record(orders, 0, `{"id":7}`, fmt.Sprintf(`{"name":"order %d"}`, i))
		if err := tx.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := tx.EndTransaction(t.Context(), end); err != nil {
			t.Fatal(err)
		}
	}
}

// call runs the program.
func call(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = execute(args, &out, zerolog.SyncWriter(&errs), func(string) (string, bool) { return "", false })
	return code, out.String(), errs.String()
}

func document(t *testing.T, args ...string) *preview.Document {
	t.Helper()
	code, stdout, stderr := call(append([]string{"preview", "--json"}, args...)...)
	if code != exitDone || stderr != "" {
		t.Fatalf("exit %d, said %q", code, stderr)
	}
	doc := new(preview.Document)
	if err := json.Unmarshal([]byte(stdout), doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestPreviewShowsWhatTheTopicsHoldAndChangesNothing(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	t.Run("preview", func(t *testing.T) {
		k := kafkatest.NewFake(t)
		fill(t, k)
		config := shop(t, k.Brokers()[0], nowhere)
		before := topics(t, k)
		code, stdout, stderr := call("preview", "--config", config)
		if code != exitDone || stderr != "" {
			t.Fatalf("exit %d, said %q", code, stderr)
		}
		for _, want := range []string{
			"POST /v1/projects/acme/integrations/hubspot/objects/contact", "create, 2 writes, to hubspot/acme/contact",
			customers + "/0@0", `{"id":1}`, `email: "ann@example.com"  points: 9007199254740993  phone: null`, "update 501", "snapshot",
			`Name: "order 0"`, "POST /v1/projects/acme/integrations/salesforce/objects/Order", "no_id", "bad_json", "[hidden]",
			"Read the last 6 records of 3 topics", "They become 4 writes (3 create, 1 update) in 3 requests; 2 are dead-lettered", "shop.public.products",
		} {
			if !strings.Contains(stdout, want) {
				t.Errorf("%q is not in it", want)
			}
		}
		for _, never := range []string{"a-secret-of-the-crm", "the-api-key", "order 1", "a dead letter", "\x1b"} {
			if strings.Contains(stdout, never) {
				t.Errorf("%q is in it", never)
			}
		}
		if t.Failed() {
			t.Log(stdout)
		}
		if got := k.Committed(t, "crm-sync"); len(got) != 0 {
			t.Errorf("it has committed %v", got)
		}
		if k.Cluster.GroupInfo("crm-sync") != nil {
			t.Error("the group is there")
		}
		if after := topics(t, k); after != before {
			t.Errorf("the topics are %s, and were %s", after, before)
		}
	})
	goleak.VerifyNone(t, leaks)
}

// topics lists the topics with their end offsets.
func topics(t *testing.T, k *kafkatest.Fake) string {
	t.Helper()
	ends, err := kadm.NewClient(k.Client(t)).ListEndOffsets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, o := range ends.Offsets().Sorted() {
		all = append(all, fmt.Sprintf("%s/%d:%d", o.Topic, o.Partition, o.At))
	}
	return strings.Join(all, " ")
}

func TestPreviewReadsWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	fill(t, k)
	config := shop(t, k.Brokers()[0], nowhere)
	for _, c := range []struct {
		args []string
		want string // the records that were read, by topic
	}{
		{nil, "customers 5, orders 1, products 0"},
		{[]string{"--last", "2"}, "customers 2, orders 1, products 0"},
		{[]string{"--topic", orders}, "orders 1"},
		{[]string{"--topic", orders + "," + customers}, "customers 5, orders 1"},
		{[]string{"--route", "customers"}, "customers 5"},
		{[]string{"--route", "customers", "--route", "others", "--topic", customers}, "customers 5"},
		{[]string{"--limit", "3"}, "customers 1, orders 1, products 0"},
		{[]string{"--from", time.Unix(1_700_000_003, 0).UTC().Format(time.RFC3339)}, "customers 3, orders 1, products 0"},
		{[]string{"--from", "1h"}, "customers 0, orders 0, products 0"},
	} {
		doc := document(t, append([]string{"--config", config}, c.args...)...)
		var read []string
		for _, topic := range doc.Read.Topics {
			read = append(read, strings.TrimPrefix(topic.Topic, "shop.public.")+" "+strconv.Itoa(topic.Records))
		}
		if got := strings.Join(read, ", "); got != c.want {
			t.Errorf("%q: %s, want %s", c.args, got, c.want)
		}
	}
}

func TestPreviewWritesTheSameOfAFile(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	fill(t, k)
	config := shop(t, k.Brokers()[0], nowhere)
	file := filepath.Join(t.TempDir(), "captured.jsonl")
	var lines []byte
	b64 := func(b []byte) any {
		if b == nil {
			return nil
		}
		return base64.StdEncoding.EncodeToString(b)
	}
	of := document(t, "--config", config)
	for _, r := range append(k.ReadAll(t, customers), k.ReadAll(t, orders)...) {
		line, err := json.Marshal(map[string]any{"topic": r.Topic, "partition": r.Partition, "offset": r.Offset,
			"timestamp_ms": r.Timestamp.UnixMilli(), "key": b64(r.Key), "value": b64(r.Value), "headers": []any{}})
		if err != nil {
			t.Fatal(err)
		}
		lines = append(append(lines, line...), '\n')
	}
	if err := os.WriteFile(file, lines, 0o600); err != nil {
		t.Fatal(err)
	}
	from := document(t, "--config", config, "--file", file)
	if from.Read.File != file || from.Summary.Requests != of.Summary.Requests || fmt.Sprint(from.Summary.Writes) != fmt.Sprint(of.Summary.Writes) ||
		len(from.NotSent) != len(of.NotSent) {
		t.Errorf("of the file %+v, of the topics %+v", from.Summary, of.Summary)
	}
}

func TestPreviewIsStrictWhereThatIsAsked(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	fill(t, k)
	config := shop(t, k.Brokers()[0], nowhere)
	code, stdout, stderr := call("preview", "--config", config, "--strict")
	if code != exitFault || !strings.Contains(stderr, "--strict: 2 records would be dead-lettered") || !strings.Contains(stdout, "Summary") {
		t.Errorf("exit %d, said %q, printed %q", code, stderr, stdout)
	}
	if code, _, stderr := call("preview", "--config", config, "--strict", "--topic", orders); code != exitDone {
		t.Errorf("exit %d of sound records, said %q", code, stderr)
	}
}

func TestPreviewRefusesWrongCallsBeforeAnythingIsRead(t *testing.T) {
	t.Parallel()
	config := shop(t, "127.0.0.1:1", nowhere)
	for _, c := range []struct {
		args []string
		says string
	}{
		{nil, "which configuration?"},
		{[]string{"--config", config + ".not"}, config + ".not"},
		{[]string{"--config", config, "--last", "0"}, "--last is 0, want 1 or more"},
		{[]string{"--config", config, "--limit", "-1"}, "--limit is -1, want 1 or more"},
		{[]string{"--config", config, "--from", "yesterday"}, `--from is "yesterday", want how long ago (90m, 2h) or a time (2024-03-01`},
		{[]string{"--config", config, "--from", "-1h"}, "in the future"},
		{[]string{"--config", config, "--from", "2h", "--last", "3"}, "give one of them"},
		{[]string{"--config", config, "--file", "x", "--last", "3"}, "--limit ends it"},
		{[]string{"--config", config, "--file", "x", "--from", "3h"}, "--limit ends it"},
		{[]string{"--config", config, "--route", "costumers"}, "expected one of: customers, others"},
		{[]string{"--config", config, "--topic", "shop.public.orders.dead"}, "is not read"},
		{[]string{"--config", config, "all"}, `takes no argument: "all"`},
	} {
		code, stdout, stderr := call(append([]string{"preview"}, c.args...)...)
		if code != exitConfig || !strings.Contains(stderr, c.says) || stdout != "" {
			t.Errorf("%q: exit %d, said %q, printed %q", c.args, code, stderr, stdout)
		}
	}
}

func TestPreviewOfADeadBrokerFailsAtOnceAndNamesIt(t *testing.T) {
	t.Parallel()
	address := kafkatest.DeadAddress(t)
	code, stdout, stderr := call("preview", "--config", shop(t, address, nowhere))
	if code != exitFault || !strings.Contains(stderr, "no answer from ["+address+"]") || stdout != "" {
		t.Errorf("exit %d, said %q, printed %q", code, stderr, stdout)
	}
}

func TestTimesAreReadAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	now := time.Date(2024, 3, 2, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"2h": "2024-03-02T10:00:00Z", "90m": "2024-03-02T10:30:00Z", "2024-03-01": "2024-03-01T00:00:00Z",
		"2024-03-01 09:30": "2024-03-01T09:30:00Z", "2024-03-01 09:30:15": "2024-03-01T09:30:15Z",
		"2024-03-01T09:30": "2024-03-01T09:30:00Z", "2024-03-01T09:30:00+02:00": "2024-03-01T07:30:00Z", "0s": "2024-03-02T12:00:00Z",
	} {
		at, err := moment(text, now)
		if err != nil || at.UTC().Format(time.RFC3339) != want {
			t.Errorf("%s: %s, %v, want %s", text, at, err, want)
		}
	}
}

// Log, dead letter and preview say the same of a refused record: who looks at one finds
// it in the others.
func TestARefusalReadsTheSameInLogHeaderAndPreview(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	fill(t, k)
	crm, err := sandbox.New(sandbox.Options{CRM: sandbox.HubSpot})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(crm)
	defer api.Close()
	config := shop(t, k.Brokers()[0], api.URL)
	k.ProduceTo(t, &kgo.Record{Topic: customers, Partition: 1, Key: []byte(`{"id":4}`),
		Value: []byte(`{"before":null,"after":{"tenant":"acme","email":"dee@example.com","crm_id":""},"op":"u"}`)})
	shown := make(map[string]map[string]string)
	for _, n := range document(t, "--config", config, "--route", "customers").NotSent {
		if n.Reason == nil || n.Reason.Message != n.Reason.Found+"; expected "+n.Reason.Expected || n.Reason.Found == "" || n.Reason.Expected == "" {
			t.Fatalf("%+v", n)
		}
		shown[fmt.Sprintf("%s/%d@%d", n.Topic, n.Partition, n.Offset)] = map[string]string{
			"route": n.Route, "stage": n.Reason.Stage, "code": n.Reason.Code, "field": n.Reason.Field, "message": n.Reason.Message,
		}
	}
	if len(shown) != 3 {
		t.Fatalf("the preview shows %v", shown)
	}
	code, _, stderr := call("run", "--config", config, "--until-end")
	if code != exitDone {
		t.Fatalf("exit %d, said %q", code, stderr)
	}
	logged, told := make(map[string]map[string]string), make(map[string]bool)
	for line := range strings.Lines(stderr) {
		var l struct {
			Topic, Level                       string
			Partition                          int32
			Offset                             *int64
			Route, Stage, Code, Field, Message string
			DeadLetter                         string `json:"dead_letter"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.Stage != "mapping" {
			continue
		}
		want := "warn"
		if told[l.Code] {
			want = "debug" // one of a kind is enough
		}
		if told[l.Code] = true; l.Level != want || l.DeadLetter != customers+".dead" {
			t.Errorf("expected as %s: %s", want, line)
		}
		logged[fmt.Sprintf("%s/%d@%d", l.Topic, l.Partition, *l.Offset)] = map[string]string{
			"route": l.Route, "stage": l.Stage, "code": l.Code, "field": l.Field, "message": l.Message,
		}
	}
	headed := make(map[string]map[string]string)
	for _, r := range k.ReadAll(t, customers+".dead") {
		h := make(map[string]string)
		for _, header := range r.Headers {
			h[header.Key] = string(header.Value)
		}
		says := make(map[string]string)
		for _, name := range []string{"route", "stage", "code", "field", "message"} {
			says[name] = h["ampersink."+name]
		}
		if says["stage"] != "mapping" {
			continue // the CRM's own
		}
		headed[fmt.Sprintf("%s/%s@%s", h["__connect.errors.topic"], h["__connect.errors.partition"], h["__connect.errors.offset"])] = says
	}
	if fmt.Sprint(logged) != fmt.Sprint(shown) || fmt.Sprint(headed) != fmt.Sprint(shown) {
		t.Errorf("\npreview %v\nlog     %v\nheaders %v\n%s", shown, logged, headed, stderr)
	}
}
