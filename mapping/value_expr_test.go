package mapping

import (
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// computed maps the field a to an expression, and b to the column b.
func computed(text string, edits ...func(*config.Field)) func(*config.Route) {
	return func(r *config.Route) {
		f := config.Field{To: "a", Expr: text}
		for _, edit := range edits {
			edit(&f)
		}
		r.Fields = append([]config.Field{f}, fieldsOf("b", "b")...)
	}
}

func fromMicros(f *config.Field) { f.From = "us" }

func when(text string) func(*config.Route) { return func(r *config.Route) { r.When = text } }

func TestExpressions(t *testing.T) {
	t.Parallel()
	row := `{"crm_id":"501","b":1,"first":"Ann","last":"Lee","n":9007199254740993,"price":12.5,"none":null,"tags":["x","y"],"VAT id":" C1 ","attrs":{"plan":"pro"},` +
		`"json":"{\"k\":2}","us":1709290800123456,"big":1e999,"value":3,"toast":` + unavailableString + `}`
	var cases []mapped
	for _, c := range []struct {
		name, text string
		want       string
		edits      []func(*config.Field)
	}{
		{"texts", `trim(first + " " + last)`, `"Ann Lee"`, nil},
		{"quotes", `first + "\"\n<"`, `"Ann\"\n<"`, nil},
		{"integers stay exact", `n + 0`, `9007199254740993`, nil},
		{"floats", `price * 2`, `25`, nil},
		{"division", `price / 4`, `3.125`, nil},
		{"conditions", `none == nil ? "no" : "yes"`, `"no"`, nil},
		{"null", `none`, `null`, nil},
		{"null with default", `none`, `7`, []func(*config.Field){fallback("7")}},
		{"coalesce", `none ?? first`, `"Ann"`, nil},
		{"arrays", `map(tags, upper(#))`, `["X","Y"]`, nil},
		{"arrays as list", `tags`, `"x;y"`, []func(*config.Field){listOf(";")}},
		{"join", `join(tags, "+")`, `"x+y"`, nil},
		{"split", `split("a,b", ",")[1]`, `"b"`, nil},
		{"replace", `replace(first, "n", "m")`, `"Amm"`, nil},
		{"let", `let x = first; x + x`, `"AnnAnn"`, nil},
		{"row", `trim(row["VAT id"])`, `"C1"`, nil},
		{"row of a column that is missing", `row?.nickname ?? first`, `"Ann"`, nil},
		{"nested", `attrs.plan`, `"pro"`, nil},
		{"json", `fromJSON(json).k`, `2`, nil},
		{"operation", `operation`, `"update"`, nil},
		{"value", `value / 1000`, `1.709290800123456e+12`, []func(*config.Field){fromMicros}},
		{"value by its type", `value.Year()`, `2024`, []func(*config.Field){fromMicros, typed(config.TypeTimestampUS)}},
		{"times", `value`, `"2024-03-01T11:00:00.123456Z"`, []func(*config.Field){fromMicros, typed(config.TypeTimestampUS)}},
		{"times as date", `value + duration("24h")`, `"2024-03-02"`, []func(*config.Field){fromMicros, typed(config.TypeTimestampUS), as(config.AsDate)}},
		{"a column called value", `row["value"] + 1`, `4`, nil},
		{"cut", `first`, `"An"`, []func(*config.Field){maxLength(2, config.OverCut)}},
	} {
		want := `update id=501 {"a":` + c.want + `,"b":1}`
		if c.name == "value" {
			want = `update id=501 {"a":1709290800123.456,"b":1}`
		}
		cases = append(cases, mapped{name: c.name, edit: computed(c.text, c.edits...), key: testKey, value: debeziumEvent("u", "null", row), want: want})
	}
	for _, c := range []struct{ name, text, want, says string }{
		{"a column that is missing", `nickname`, `update id=501 {"b":1}`, ""},
		{"a placeholder", `toast + "x"`, `update id=501 {"b":1}`, ""},
		{"kinds that do not go together", `first + n`, "refuse expression a", "a"},
		{"an index beyond the end", `tags[7]`, "refuse expression a", "fails"},
		{"a number that no float holds", `big`, "refuse expression big", "float64"},
		{"not finite", `price / 0`, "refuse not_finite a", ""},
		{"what JSON has no form for", `{"x": us}.x > 1 ? duration("1s") : nil`, `update id=501 {"a":"PT1S","b":1}`, ""},
		{"too many elements", `1..2000`, "refuse expression a", "fails"},
		{"too large", `repeat(first, 1000000)`, "refuse expression a", "larger"},
		{"not UTF-8", `fromBase64("/w==")`, "refuse expression a", "UTF-8"},
	} {
		m := mapped{name: c.name, edit: computed(c.text), key: testKey, value: debeziumEvent("u", "null", row), want: c.want}
		if c.says != "" {
			m.says = []string{c.says}
		}
		cases = append(cases, m)
	}
	runMapped(t, config.EnvelopeDebezium, cases)
}

func TestExpressionsAreHandedABoundedRow(t *testing.T) {
	t.Parallel()
	event := func(a string) string { return debeziumEvent("u", "null", `{"crm_id":"501","b":1,"x":`+a+`}`) }
	text := func(n int) string { return `"` + strings.Repeat("x", n) + `"` }
	numbers := func(n int) string { return `[` + strings.TrimSuffix(strings.Repeat("1,", n), ",") + `]` }
	runMapped(t, config.EnvelopeDebezium, []mapped{
		{name: "text", edit: computed(`len(x)`), key: testKey, value: event(text(maxText)), want: `update id=501 {"a":1048576,"b":1}`},
		{name: "longer text", edit: computed(`len(x)`), key: testKey, value: event(text(maxText + 1)), want: "refuse expression x", says: []string{"at most 1048576 bytes"}},
		{name: "text and a loop", edit: computed(`map([1], x)`), key: testKey, value: event(text(maxLoopText + 1)), want: "refuse expression x"},
		{name: "array", edit: computed(`len(x)`), key: testKey, value: event(numbers(1000)), want: `update id=501 {"a":1000,"b":1}`},
		{name: "longer array", edit: computed(`len(x)`), key: testKey, value: event(numbers(2000)), want: "refuse expression x", says: []string{"1024 elements"}},
		{name: "much of little", edit: computed(`replace(x, "x", x)`), key: testKey, value: event(text(60_000)), want: "refuse expression a"},
		{name: "parts", edit: computed(`split(x, "")`), key: testKey, value: event(text(60_000)), want: "refuse expression a"},
	})
}

func TestExpressionsAreCompiledAtTheStart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, says string }{
		{`first +`, "unexpected token"},
		{`unknown(first)`, "unknown"},
		{`upper(1)`, "upper"},
		{`now()`, "now"},
		{`date("2024-01-01", "2006-01-02", "Europe/Zurich")`, "time zone"},
		{`timezone("UTC")`, "timezone"},
		{`reduce(tags, #acc + #)`, "reduce"},
		{`map(tags, any(tags, # == "x"))`, "stands in another"},
		{`first matches last`, "constant pattern"},
		{`row[first]`, "name of a column"},
		{`value`, "no from"},
		{`operation + 1`, "mismatched"},
		{strings.Repeat("a+", 2000) + "a", "nodes"},
		{strings.Repeat(" ", maxLoopText+1), "bytes"},
	} {
		_, err := New([]config.Route{routed(config.EnvelopeDebezium, computed(c.text))}, nil)
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), `route "customers"`) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.40s: %v, want a line with %q", c.text, err, c.says)
		}
	}
	if _, err := New([]config.Route{routed(config.EnvelopeDebezium, when(`"x"`))}, nil); err == nil || !strings.Contains(err.Error(), "bool") {
		t.Errorf("a condition that is none: %v", err)
	}
}

func TestWhenFiltersARoute(t *testing.T) {
	t.Parallel()
	event := func(op, row string) string {
		if op == "d" {
			return debeziumEvent("d", row, "null")
		}
		return debeziumEvent(op, "null", row)
	}
	both := func(text string) func(*config.Route) {
		return func(r *config.Route) { when(text)(r); id("id")(r) }
	}
	runMapped(t, config.EnvelopeDebezium, []mapped{
		{name: "holds", edit: when(`email != ""`), key: testKey, value: event("u", testRow), want: testUpdate},
		{name: "does not hold", edit: when(`email == ""`), key: testKey, value: event("u", testRow), want: "skip customers.when"},
		{name: "by operation", edit: when(`operation != "snapshot"`), key: testKey, value: event("r", testRow), want: "skip customers.when"},
		{name: "column that is missing", edit: when(`country == "DE"`), key: testKey, value: event("u", testRow), want: "refuse expression country", says: []string{"not in the row"}},
		{name: "column that may be missing", edit: when(`row?.country == "DE"`), key: testKey, value: event("u", testRow), want: "skip customers.when"},
		{name: "column that is null", edit: when(`country == "DE"`), key: testKey, value: event("u", `{"country":null}`), want: "skip customers.when"},
		{name: "placeholder", edit: when(`email == ""`), key: testKey, value: event("u", `{"email":`+unavailableString+`}`), want: "refuse expression email", says: []string{"placeholder"}},
		{name: "fails", edit: when(`email > 1`), key: testKey, value: event("u", testRow), want: "refuse expression when", says: []string{"fails"}},
		{name: "yields something else", edit: when(`email`), key: testKey, value: event("u", testRow), want: "refuse expression when"},
		{name: "delete that does not prove it", edit: both(`email == ""`), key: testKey, value: event("d", `{"id":7,"email":""}`), want: "delete id=7"},
		{name: "delete whose key proves it", edit: both(`id == 8`), key: testKey, value: event("d", `{"id":7}`), want: "skip customers.when"},
		{name: "delete with a full image", edit: func(r *config.Route) { both(`email == ""`)(r); beforeFull(r) }, key: testKey, value: event("d", testRow), want: "skip customers.when"},
	})
}

func TestUpdatesSendWhatChanged(t *testing.T) {
	t.Parallel()
	changed := func(edits ...func(*config.Route)) func(*config.Route) {
		return func(r *config.Route) {
			r.Update = config.UpdateChanged
			r.Fields = append(fieldsOf("a", "a", "b", "b", "path", "c.d", "source", `="kafka"`), config.Field{To: "both", Expr: `a + b`})
			beforeFull(r)
			for _, edit := range edits {
				edit(r)
			}
		}
	}
	row := func(a, b, c string) string {
		return `{"crm_id":"501","tenant":"t","a":` + a + `,"b":` + b + `,"c":{"d":` + c + `}}`
	}
	all := `update id=501 {"a":2,"b":3,"path":4,"source":"kafka","both":5}`
	runMapped(t, config.EnvelopeDebezium, []mapped{
		{name: "one field and what is made of it", edit: changed(), key: testKey, value: debeziumEvent("u", row("1", "3", "4"), row("2", "3", "4")), want: `update id=501 {"a":2,"both":5}`},
		{name: "a path", edit: changed(), key: testKey, value: debeziumEvent("u", row("2", "3", "0"), row("2", "3", "4")), want: `update id=501 {"path":4}`},
		{name: "nothing that is mapped", edit: changed(), key: testKey, value: debeziumEvent("u", row("2", "3", "4"), strings.Replace(row("2", "3", "4"), "{", `{"x":1,`, 1)), want: "unchanged"},
		{name: "to null", edit: changed(fields("a", "a")), key: testKey, value: debeziumEvent("u", row("2", "3", "4"), row("null", "3", "4")), want: `update id=501 {"a":null}`},
		{name: "a column that is new", edit: changed(fields("a", "a", "b", "b")), key: testKey, value: debeziumEvent("u", `{"crm_id":"501","a":1}`, `{"crm_id":"501","a":1,"b":2}`), want: `update id=501 {"b":2}`},
		{name: "before holds keys only", edit: changed(func(r *config.Route) { r.Before = config.BeforeKeys }), key: testKey, value: debeziumEvent("u", row("2", "3", "4"), row("2", "3", "4")), want: all},
		{name: "no before", edit: changed(), key: testKey, value: debeziumEvent("u", "null", row("2", "3", "4")), want: all},
		{name: "update: all", edit: changed(func(r *config.Route) { r.Update = config.UpdateAll }), key: testKey, value: debeziumEvent("u", row("2", "3", "4"), row("2", "3", "4")), want: all},
		{name: "an id that is new", edit: changed(), key: testKey, value: debeziumEvent("u", strings.Replace(row("2", "3", "4"), `"501"`, "null", 1), row("2", "3", "4")), want: all},
		{name: "another tenant", edit: changed(func(r *config.Route) { r.To.Group = config.Group{Field: "tenant"} }), key: testKey,
			value: debeziumEvent("u", strings.Replace(row("2", "3", "4"), `"t"`, `"s"`, 1), row("2", "3", "4")), want: all},
		{name: "a create", edit: changed(), key: testKey, value: debeziumEvent("c", "null", row("2", "3", "4")), want: `create {"a":2,"b":3,"path":4,"source":"kafka","both":5}`},
		{name: "left out by nulls", edit: changed(fields("a", "a"), func(r *config.Route) { r.Nulls = config.NullsOmit }), key: testKey,
			value: debeziumEvent("u", row("2", "3", "4"), row("null", "3", "4")), want: "skip customers.nulls"},
	})
}

// oldReader reads {after, before}, of which before holds what changed and no more,
// as Maxwell's old does.
type oldReader struct{}

func (oldReader) read(in *input, changes []change) ([]change, *model.Reason) {
	return append(changes, change{op: opUpdate, image: in.value.find(0, "after"), before: in.value.find(0, "before"), changesOnly: true, proven: true}), nil
}

func TestImagesOfTheChangesProveWhatChanged(t *testing.T) {
	t.Parallel()
	m := mustNew(t, []config.Route{routed(config.EnvelopeDebezium, fields("a", "a", "b", "b"), func(r *config.Route) { r.Update = config.UpdateChanged })})
	m.compiled.routes[0].reader = oldReader{}
	for _, c := range []struct{ before, want string }{
		{`{"b":1}`, `update id=501 {"b":2}`},
		{`{"b":2}`, `unchanged`},
		{`{"x":1}`, `unchanged`},
		{`{"crm_id":"500"}`, `update id=501 {"a":1,"b":2}`},
	} {
		if got := show(mapOne(t, m, record(testKey, `{"after":{"crm_id":"501","a":1,"b":2},"before":`+c.before+`}`))); got != c.want {
			t.Errorf("%s: %s, want %s", c.before, got, c.want)
		}
	}
}
