package mapping

import (
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

func TestTopicsFindTheirRoutes(t *testing.T) {
	t.Parallel()
	named := func(name string, topics config.Topics) config.Route {
		return routed(config.EnvelopePlain, func(r *config.Route) { r.Name, r.Topics = name, topics })
	}
	m := mustNew(t, []config.Route{
		named("list", config.Topics{Names: []string{"a", "b"}}),
		named("regex", config.Topics{Regex: `b|shop\..*`}),
	}, config.SkipRule{Name: "noise", Topics: config.Topics{Names: []string{"noise", "a"}}},
		config.SkipRule{Name: "beats", Topics: config.Topics{Regex: "__debezium-heartbeat.*"}})
	for topic, want := range map[string]string{
		"a": "list", "b": "list regex", "shop.x": "regex", "shop.": "regex",
		"xshop.x": "refuse no_route", "bb": "refuse no_route", "ab": "refuse no_route", "a\n": "refuse no_route",
		"noise": "skip skip.noise", "__debezium-heartbeat.shop": "skip skip.beats", "x__debezium-heartbeat.shop": "refuse no_route",
	} {
		for range 2 { // the second time from the cache
			r := record(testKey, testRow)
			r.Topic = topic
			var got []string
			for _, it := range m.Map(r, nil) {
				checkItem(t, r, it)
				if it.Route == "" {
					got = append(got, show(it))
					if it.Name != model.NameOf("", 0) {
						t.Errorf("topic %q: name %v", topic, it.Name)
					}
					continue
				}
				got = append(got, it.Route)
				if it.Name != model.NameOf(it.Route, 0) {
					t.Errorf("topic %q: name %v of route %q", topic, it.Name, it.Route)
				}
			}
			if strings.Join(got, " ") != want {
				t.Errorf("topic %q: %q, want %s", topic, got, want)
			}
		}
	}
}

func TestSkipRulesTakeWhatIsNoRow(t *testing.T) {
	t.Parallel()
	m := mustNew(t, []config.Route{routed(config.EnvelopeDebezium)},
		config.SkipRule{Name: "internal", Topics: config.Topics{Regex: ".*"}})
	for value, want := range map[string]string{
		`{"ts_ms":1}`: "skip skip.internal",
		`{"status":"BEGIN","id":"1","event_count":null,"data_collections":null}`: "skip skip.internal",
		`{"op":"m","message":{}}`:             "skip skip.internal",
		debeziumEvent("t", "null", "null"):    "refuse operation op", // about rows: only its own rule may pass over it
		debeziumEvent("u", "null", testRow):   testUpdate,
		`{"op":"u"`:                           "refuse bad_json",
		debeziumEvent("x", "null", testRow):   "refuse operation op",
		`{"id":7}`:                            "refuse bad_envelope op",
		debeziumEvent("u", testRow, `"text"`): "refuse bad_envelope after",
	} {
		if got := show(mapOne(t, m, record(testKey, value))); got != want {
			t.Errorf("%s: got %s, want %s", value, got, want)
		}
	}
}

func TestWritesOfOneRecordShareIt(t *testing.T) {
	t.Parallel()
	named := func(name string, edits ...func(*config.Route)) config.Route {
		r := routed(config.EnvelopePlain, edits...)
		r.Name = name
		return r
	}
	m := mustNew(t, []config.Route{
		named("one"),
		named("ignores", func(r *config.Route) { r.OnUpdate = config.ActionIgnore }),
		named("refuses", fields("x", "nope")),
		named("two", fields("mail", "email"), key("id")),
		named("other envelope", func(r *config.Route) { r.Envelope = config.EnvelopeDebezium }),
		named("by operation", func(r *config.Route) { r.Operation.Value = "create" }),
	})
	r := record(testKey, testRow)
	before := []model.Item{{Route: "kept"}}
	items := m.Map(r, before)
	if len(items) != 7 || items[0].Route != "kept" {
		t.Fatalf("%d items, want 7 behind the one that was there", len(items)-1)
	}
	for _, it := range items[1:] {
		checkItem(t, r, it)
	}
	want := strings.Join([]string{testUpdate, "skip ignores.on_update", "refuse no_fields", `update id=501 {"mail":"a@b.c"}`,
		"refuse bad_envelope op", testCreate}, "\n")
	if got := showAll(items[1:]); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if a, b, c := items[1].Write.Source, items[4].Write.Source, items[6].Write.Source; a != b || b != c {
		t.Error("the writes of one record do not share it")
	}
}

func TestAnItemSaysWhatHappenedToItsRow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		envelope   config.Envelope
		key, value string
		want       model.Operation
	}{
		{config.EnvelopeDebezium, testKey, debeziumEvent("c", "null", testRow), "create"},
		{config.EnvelopeDebezium, testKey, debeziumEvent("u", "null", testRow), "update"},
		{config.EnvelopeDebezium, testKey, debeziumEvent("d", testRow, "null"), "delete"},
		{config.EnvelopeDebezium, testKey, debeziumEvent("r", "null", testRow), "snapshot"},
		{config.EnvelopeDebezium, testKey, debeziumEvent("t", "null", "null"), "truncate"},
		{config.EnvelopeDebezium, testKey, null, "tombstone"},
		{config.EnvelopeDebezium, testKey, `{"op":"u"`, ""},
		{config.EnvelopeDebezium, testKey, debeziumEvent("x", "null", testRow), ""},
		{config.EnvelopePlain, testKey, testRow, "row"},
	} {
		it := mapOne(t, mustNew(t, []config.Route{routed(c.envelope)}), record(c.key, c.value))
		if it.Operation != c.want {
			t.Errorf("%s %s: %q, want %q (%s)", c.envelope, c.value, it.Operation, c.want, show(it))
		}
	}
}

func TestRefusalsAreNotShared(t *testing.T) {
	t.Parallel()
	m := mustNew(t, []config.Route{routed(config.EnvelopePlain), routed(config.EnvelopePlain, func(r *config.Route) { r.Name = "two" })})
	for _, value := range []string{`{`, `[]`} {
		items := m.Map(record(testKey, value), nil)
		if len(items) != 2 || items[0].Fate.Reason == items[1].Fate.Reason {
			t.Errorf("%s: two fates with one reason", value)
		}
	}
}

func TestNewRefusesWhatCannotRun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		edit func(*config.Route)
		says string
	}{
		{"regex", func(r *config.Route) { r.Topics.Regex = "(" }, "topics.regex"},
		{"format", func(r *config.Route) { r.Format.Value = "xml" }, `format: "xml"`},
		{"envelope", func(r *config.Route) { r.Envelope = "x" }, `envelope: "x"`},
		{"operation", func(r *config.Route) { r.Envelope, r.Operation.Value = config.EnvelopePlain, "x" }, `operation.value: "x"`},
		{"upsert on delete", func(r *config.Route) { r.OnDelete.Action = config.ActionUpsert }, `on_delete: "upsert"`},
		{"delete on update", func(r *config.Route) { r.OnUpdate = config.ActionDelete }, `on_update: "delete"`},
		{"create on delete", func(r *config.Route) { r.OnDelete.Action = config.ActionCreate }, `on_delete: "create"`},
		{"update on tombstone", func(r *config.Route) { r.OnTombstone = config.ActionUpdate }, `on_tombstone: "update"`},
		{"no action", func(r *config.Route) { r.OnSnapshot = "" }, `on_snapshot: ""`},
		{"field twice", fields("a", "x", "a", "y"), `fields: "a" stands twice`},
		{"field id", fields("id", "x"), `fields: "id"`},
		{"field that is not UTF-8", fields("\xff", "x"), "fields"},
		{"constant", fields("a", "={"), "is not JSON"},
		{"set twice", func(r *config.Route) { r.OnDelete.Set = fieldsOf("a", "=1", "a", "=2") }, "on_delete"},
		{"associations", func(r *config.Route) { r.Associations.Fixed = []byte(`{}`) }, "associations"},
		{"key twice", key("a", "b", "a"), "key"},
		{"key that is not UTF-8", key("\xff"), "key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := New([]config.Route{routed(config.EnvelopeDebezium, c.edit)}, nil)
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), `route "customers"`) {
				t.Errorf("error %v, want one that says %q", err, c.says)
			}
		})
	}
	if _, err := New(nil, []config.SkipRule{{Name: "x", Topics: config.Topics{Regex: "("}}}); err == nil || !strings.Contains(err.Error(), `skip "x"`) {
		t.Errorf("error %v of a skip rule", err)
	}
}

func TestAllocations(t *testing.T) {
	update := debeziumEvent("u", "null", `{"crm_id":"501","email":"a@b.c","tenant":"acme"}`)
	tenant := func(r *config.Route) { r.To.Group = config.Group{Field: "tenant"}; r.Key = []string{"id"} }
	ignoring := func(r *config.Route) { r.OnUpdate, r.OnTombstone = config.ActionIgnore, config.ActionIgnore }
	for _, c := range []struct {
		name   string
		route  config.Route
		record *model.Record
		want   float64
	}{
		{"a write", routed(config.EnvelopeDebezium, tenant), record(testKey, update), 2},
		{"a write with schemas", routed(config.EnvelopeDebezium), record(withSchema(testKey), withSchema(update)), 2},
		{"a delete", routed(config.EnvelopeDebeziumFlat, id("id")), record(testKey, null), 2},
		{"composite key", routed(config.EnvelopePlain), record(`{"b":1,"a":2}`, testRow), 2},
		{"skipped", routed(config.EnvelopeDebezium, ignoring), record(testKey, update), 0},
		{"skipped tombstone", routed(config.EnvelopeDebezium, ignoring), record(testKey, null), 0},
	} {
		m := mustNew(t, []config.Route{c.route})
		items := m.Map(c.record, nil)
		if got := testing.AllocsPerRun(100, func() { items = m.Map(c.record, items[:0]) }); got != c.want {
			t.Errorf("%s: %v allocations, want %v (%s)", c.name, got, c.want, showAll(items))
		}
	}
	m := mustNew(t, nil, config.SkipRule{Name: "all", Topics: config.Topics{Regex: ".*"}})
	r := record(testKey, update)
	items := m.Map(r, nil)
	if got := testing.AllocsPerRun(100, func() { items = m.Map(r, items[:0]) }); got != 0 {
		t.Errorf("skipped topic: %v allocations", got)
	}
}
