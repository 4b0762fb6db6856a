package mapping

import (
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/config"
)

// A row is looked up by hand under the very key that its records write it down with.
func TestASourceKeyIsThatOfTheRowsRecords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		key   string
		parts []string // of the route
	}{
		{"an object", `{"id": 7}`, nil},
		{"its members in another order", `{"tenant":"a","id":7}`, nil},
		{"with its schema", `{"schema":{"type":"struct","fields":[{"type":"int64","field":"id"}]},"payload":{"id":7}}`, nil},
		{"a number beyond 2^53", `{"id":9007199254740993}`, nil},
		{"a number alone", `7`, nil},
		{"a text in quotes", `"abc"`, nil},
		{"any bytes", "abc\xff\x00", nil},
		{"escapes", `{"id":"A/\u00e9"}`, nil},
		{"fields of the route", `{"z":1,"id":"7","tenant":"a"}`, []string{"tenant", "id"}},
	} {
		m := mustNew(t, []config.Route{routed(config.EnvelopeDebezium, ledgered, func(r *config.Route) { r.Key = c.parts })})
		space, key, err := m.SourceKey("customers", "", []byte(c.key))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		items := m.Map(record(c.key, debeziumEvent("c", "null", `{"id":1,"email":"a@b.c"}`)), nil)
		if len(items) != 1 || items[0].Write == nil {
			t.Fatalf("%s: %s", c.name, showAll(items))
		}
		if n := items[0].Write.Identity; n.Key != key || *n.Space != space {
			t.Errorf("%s: %s of %s is looked up, the record's is %s of %s", c.name, key, space, n.Key, n.Space)
		}
	}
}

func TestASourceKeyThatNoRowCanHaveIsRefused(t *testing.T) {
	t.Parallel()
	route := func(edit func(*config.Route)) config.Route { return routed(config.EnvelopeDebezium, ledgered, edit) }
	two := func(r *config.Route) { r.Topics.Names = []string{"a", "b"} }
	pattern := func(r *config.Route) { r.Topics = config.Topics{Regex: "shop.*"} }
	for _, c := range []struct {
		name, route, topic, key string
		edit                    func(*config.Route)
		says                    string // empty: it is a key
	}{
		{"no such route", "nobody", "", "7", two, `there is no route "nobody"`},
		{"several topics", "customers", "", "7", two, "takes a, b and names no identity_space"},
		{"one of them", "customers", "b", "7", two, ""},
		{"another topic", "customers", "c", "7", two, `does not take topic "c"; it takes a, b`},
		{"a pattern", "customers", "", "7", pattern, "takes the topics of a pattern and names no identity_space"},
		{"a topic of the pattern", "customers", "shop.x", "7", pattern, ""},
		{"a pattern with a space", "customers", "", "7", func(r *config.Route) { pattern(r); r.IdentitySpace = "people" }, ""},
		{"no key", "customers", testTopic, "", func(*config.Route) {}, "the record key is empty"},
		{"null", "customers", testTopic, "null", func(*config.Route) {}, "the record key is null"},
		{"a field that is not there", "customers", testTopic, `{"di":7}`, func(r *config.Route) { r.Key = []string{"id"} }, "neither the record key"},
		{"too long", "customers", testTopic, strings.Repeat("x", maxKey+1), func(*config.Route) {}, "expected at most 8192"},
		{"as long as can be", "customers", testTopic, strings.Repeat("x", maxKey), func(*config.Route) {}, ""},
		{"no JSON where keys are Avro", "customers", testTopic, "abc", func(r *config.Route) { r.Format.Key = config.FormatAvro }, "a text in quotes"},
		{"JSON where keys are Avro", "customers", testTopic, `"abc"`, func(r *config.Route) { r.Format.Key = config.FormatAvro }, ""},
	} {
		m := mustNew(t, []config.Route{route(c.edit)})
		_, key, err := m.SourceKey(c.route, c.topic, []byte(c.key))
		switch {
		case c.says == "" && (err != nil || key == ""):
			t.Errorf("%s: %q, %v", c.name, key, err)
		case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s: %q, %v; expected %q", c.name, key, err, c.says)
		}
	}
}
