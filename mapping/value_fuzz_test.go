package mapping

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// maxConverted bounds what a conversion makes of a text: hexadecimal and quoting
// cost a few bytes each, and a scale at most maxScale digits.
func maxConverted(text []byte) int { return 12*len(text) + 2*maxScale }

// FuzzValue converts hostile values by every type, known from a schema or from
// the configuration, into everything that a CRM may get: what is sent is JSON
// and not much more than came, or the record is refused.
func FuzzValue(f *testing.F) {
	for _, seed := range []string{
		`null`, `true`, `0`, `-1`, `1.5`, `9223372036854775807`, `-9223372036854775808`, `9223372036854775808`, `1e400`, `2146033979`, `86400000000`, `""`, `"NaN"`,
		`"-infinity"`, `"BAg="`, `"f/////////8="`, `"AIAAAAAAAAAA"`, `{"scale":20,"value":"AMZBDXQyuSSS"}`, `{"scale":-1000,"value":"AQ=="}`, `{"scale":1e3,"value":""}`,
		`"2024-03-01T10:00:00.5+02:00"`, `"1999-12-31Z"`, `"+292278994-08-16T23:00:00Z"`, `"24:00:00"`, `"P1Y2M3DT4H5M6S"`, `"PT"`, `"00ff"`, `"a,b"`, `"{\"a\":{\"a\":1}}"`,
		`["a",null,1,[true],{"x":"y"}]`, `[[1,"AQ=="]]`, `{"d":1,"x":"2","\u0061":3}`, `[ ]`, `{ "k" : [ 1 , 2 ] }`, `"\ud83d\ude00e\u0301"`, unavailableBytes, unavailableInts,
	} {
		f.Add([]byte(seed), uint8(0), uint8(0), uint8(0))
		f.Add([]byte(seed), uint8(1), uint8(9), uint8(7))
	}
	names := []string{""}
	for name := range logicalTypes() {
		names = append(names, name)
	}
	slices.Sort(names)
	types, words := append([]config.Type{""}, config.Types()...), append([]config.As{""}, config.AllAs()...)
	f.Fuzz(func(t *testing.T, text []byte, which, as, more uint8) {
		field := config.Field{To: "a", From: "a", Type: types[int(which)%len(types)], As: words[int(as)%len(words)]}
		if field.As == config.AsList {
			field.Separator = ";"
		}
		if field.Type == config.TypeDecimal {
			n := int(more)
			field.Scale = &n
		}
		if more%2 == 1 {
			field.MaxLength = &config.MaxLength{Characters: int(more), Over: config.OverCut}
			field.HasNotFinite, field.NotFinite, field.Nulls = true, []byte(`null`), config.NullsEmpty
		}
		m, err := New([]config.Route{routed(config.EnvelopePlain, id(""), func(r *config.Route) { r.Fields = []config.Field{field} })}, nil)
		if err != nil {
			t.Fatal(err)
		}
		name := names[int(which)%len(names)]
		item, _ := json.Marshal(map[string]any{"type": "string", "name": name, "parameters": map[string]string{"scale": "3", "length": "9"}})
		for _, row := range []string{
			`{"a":` + string(text) + `}`,
			typedRow(`{"type":"int64","name":"`+name+`","parameters":{"scale":"3","length":"9"},"field":"a"}`, string(text)),
			typedRow(`{"type":"array","items":`+string(item)+`,"field":"a"}`, string(text)),
			typedRow(`{"type":"map","keys":`+string(item)+`,"values":`+string(item)+`,"field":"a"}`, string(text)),
			typedRow(`{"type":"struct","fields":[{"type":"int32","name":"`+name+`","field":"a"}],"field":"a"}`, string(text)),
		} {
			checkConverted(t, m, record(testKey, row), text)
		}
	})
}

func checkConverted(t *testing.T, m *Mapper, r *model.Record, text []byte) {
	t.Helper()
	it := mapOne(t, m, r)
	if it.Write == nil {
		return
	}
	if sent := "{" + it.Write.Fields + "}"; !jsontext.Value(sent).IsValid() {
		t.Fatalf("%q becomes %q", r.Value, sent)
	}
	if len(it.Write.Fields) > maxConverted(text) {
		t.Fatalf("%d bytes become %d: %q", len(text), len(it.Write.Fields), r.Value)
	}
}

// FuzzExpression compiles any text as an expression and evaluates it over a
// hostile row: it fails at the start, refuses the record, or yields JSON.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{`a`, `a + b`, `trim(a)`, `map(a, # + 1)`, `filter(a, # != nil)`, `a.b?.c ?? row?.z`, `row["a b"]`, `a ? b : nil`, `1..a`, `{"x": a}`,
		`let x = a; [x, x]`, `replace(a, b, a)`, `repeat(a, b)`, `split(a, b)`, `join(a, b)`, `fromJSON(a)`, `date(a)`, `duration(a)`, `int(a) / int(b)`, `a matches "^x+$"`,
		`toJSON(a)`, `sortBy(a, #)`, `groupBy(a, #)`, `a[1:b]`, `value`, `operation`, `fromBase64(a)`, `sum(a)`, `uniq(a)`, `a | upper()`} {
		for _, row := range []string{`{"a":"x","b":"y"}`, `{"a":[1,"x",null],"b":2}`, `{"a":{"b":{"c":1}},"b":null}`, `{"a":1e308,"b":-1e308}`, `{"a":9223372036854775807,"b":0,"a b":1}`} {
			f.Add(seed, []byte(row))
		}
	}
	f.Fuzz(func(t *testing.T, text string, row []byte) {
		if len(text) > 200 {
			return
		}
		routes := []config.Route{routed(config.EnvelopePlain, id(""), computed(text)), routed(config.EnvelopePlain, id(""), when(text), fields("b", "b"))}
		for _, r := range routes {
			m, err := New([]config.Route{r}, nil)
			if err != nil {
				continue
			}
			for range 2 { // nothing of the first row stays
				it := mapOne(t, m, record(testKey, string(row)))
				if it.Write != nil && !jsontext.Value("{"+it.Write.Fields+"}").IsValid() {
					t.Fatalf("%q over %q yields %q", text, row, it.Write.Fields)
				}
			}
		}
	})
}
