package preview

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/model"
)

const several = `
kafka: {brokers: ["127.0.0.1:1"], group: g}
ampersand: {project: acme, api_key: k}
routes:
  - name: orders
    topics: [orders]
    envelope: plain
    to: {integration: hubspot, object: order, group: acme}
    id: {field: crm_id}
    fields: {n: n}
  - name: shop
    topics: {regex: 'shop\..*'}
    envelope: plain
    to: {integration: hubspot, object: thing, group: acme}
    id: {field: crm_id}
    fields: {n: n}
skip:
  - name: beats
    topics: [beats]
`

func TestSelectRefusesWhatTheConfigurationDoesNotHave(t *testing.T) {
	t.Parallel()
	c := configured(t, several)
	for _, x := range []struct {
		topics, routes []string
		says           string // empty: it is taken
	}{
		{nil, nil, ""},
		{[]string{"orders", "shop.a", "beats"}, nil, ""},
		{[]string{"orders"}, []string{"orders"}, ""},
		{nil, []string{"ordres"}, `--route: "ordres" is not in the configuration; expected one of: orders, shop`},
		{[]string{"ordres"}, nil, `--topic: "ordres" is not read; expected a topic that a route (orders, shop)`},
		{[]string{"shop.a.dead"}, nil, `"shop.a.dead" is not read`},
		{[]string{"shop.a"}, []string{"orders"}, `"shop.a" is not read; expected a topic that a route (orders)`},
		{[]string{"beats"}, []string{"orders"}, `"beats" is not read`},
	} {
		_, err := Select(c, x.topics, x.routes)
		if (err == nil) != (x.says == "") || err != nil && !strings.Contains(err.Error(), x.says) {
			t.Errorf("topics %q, routes %q: %v", x.topics, x.routes, err)
		}
	}
	if len(c.Routes) != 2 || len(c.Skip) != 1 {
		t.Error("the configuration itself was narrowed")
	}
}

// of makes a record of a topic.
func of(topic string, offset int64) model.Record {
	return model.Record{TopicPartition: model.TopicPartition{Topic: topic}, Offset: offset, Key: []byte("1"), Value: []byte(`{"n":1}`)}
}

func TestAFileIsReadAsTheTopicsWouldBe(t *testing.T) {
	t.Parallel()
	c := configured(t, several)
	path := captureOf(t, of("orders", 0), of("orders", 1), of("shop.a", 0), of("shop.a.dead", 0), of("beats", 0), of("other", 0), of("shop.b", 0))
	for _, x := range []struct {
		topics, routes []string
		limit          int
		want, passed   string
		more           string
	}{
		{nil, nil, 100, "beats:1 orders:2 shop.a:1 shop.b:1", "other:1 shop.a.dead:1", ""},
		{[]string{"shop.b", "orders"}, nil, 100, "orders:2 shop.b:1", "other:1 shop.a.dead:1", ""},
		{nil, []string{"shop"}, 100, "shop.a:1 shop.b:1", "other:1 shop.a.dead:1", ""},
		{nil, nil, 2, "orders:2", "", "--limit 2"},
		{nil, nil, 5, "beats:1 orders:2 shop.a:1 shop.b:1", "other:1 shop.a.dead:1", ""},
	} {
		s, err := Select(c, x.topics, x.routes)
		if err != nil {
			t.Fatal(err)
		}
		doc := previewed(t, c, path, func(o *Options) { o.Selection, o.Limit = s, x.limit })
		list := func(topics []ReadTopic) string {
			var all []string
			for _, r := range topics {
				all = append(all, fmt.Sprintf("%s:%d", r.Topic, r.Records))
			}
			return strings.Join(all, " ")
		}
		if got := list(doc.Read.Topics); got != x.want {
			t.Errorf("topics %q, routes %q, limit %d: read %s, want %s", x.topics, x.routes, x.limit, got, x.want)
		}
		if got := list(doc.Read.PassedOver); got != x.passed {
			t.Errorf("topics %q, routes %q, limit %d: passed over %s, want %s", x.topics, x.routes, x.limit, got, x.passed)
		}
		said := strings.Join(doc.Read.Incomplete, "; ")
		if (said == "") != (x.more == "") || !strings.Contains(said, x.more) {
			t.Errorf("topics %q, routes %q, limit %d: %q", x.topics, x.routes, x.limit, said)
		}
		if got := table(t, doc, 0); x.more != "" && !strings.Contains(got, "Not all that there is") || strings.Count(got, "Passed over") != len(doc.Read.PassedOver) {
			t.Error(got)
		}
	}
}

// A line that is not a captured record is refused, not taken for a record that says
// something else: one without a value is a delete.
func TestALineThatIsNoRecordIsRefusedWithItsNumber(t *testing.T) {
	t.Parallel()
	const good = `{"topic":"orders","partition":0,"offset":1,"timestamp_ms":2,"key":null,"value":"e30=","headers":[{"k":"h","v":null}]}`
	for text, says := range map[string]string{
		"nonsense":          "it cannot be read",
		`{"topic":"orders"`: "it cannot be read",
		`{"topic":"orders","partition":0,"offset":1,"key":"YQ==","payload":"b"}`:      `unknown field "payload"`,
		`{"topic":"orders","partition":0,"offset":1,"key":"not base64","value":null}`: "base64",
		`{"partition":0,"offset":1,"key":null,"value":null}`:                          "no topic, partition or offset",
		`{"topic":"orders","partition":0,"key":null,"value":null}`:                    "no topic, partition or offset",
		`{"topic":"orders","partition":0,"offset":1,"key":null}`:                      "no key or no value",
		good + good: "more than one value",
		"[1]":       "it cannot be read",
		"\x1b[2J":   "it cannot be read",
	} {
		path := filepath.Join(t.TempDir(), "c.jsonl")
		if err := os.WriteFile(path, []byte(good+"\n\n"+text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Select(configured(t, several), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Make(t.Context(), Options{Selection: s, File: path, Last: 1, Limit: 10})
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), path+", line 3: ") || !strings.Contains(err.Error(), "expected a record as {") {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\x1b") {
			t.Errorf("%q: %q", text, err)
		}
	}
	s, _ := Select(configured(t, several), nil, nil)
	if _, err := Make(t.Context(), Options{Selection: s, File: "there/is/none.jsonl", Last: 1, Limit: 10}); err == nil || !strings.Contains(err.Error(), "there/is/none.jsonl") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func FuzzCapture(f *testing.F) {
	f.Add(`{"topic":"orders","partition":0,"offset":1,"timestamp_ms":2,"key":null,"value":"e30=","headers":[{"k":"h","v":null}]}`)
	f.Add(`{"topic":"","partition":-1,"offset":1e9,"key":"","value":""}` + "\n\n{}")
	f.Fuzz(func(t *testing.T, text string) {
		err := readCapture("f", strings.NewReader(text), func(r *model.Record) bool {
			if r.Topic == "" {
				t.Error("a record without a topic")
			}
			return true
		})
		if err != nil && !strings.HasPrefix(err.Error(), "f, line ") {
			t.Errorf("an error without its place: %v", err)
		}
	})
}
