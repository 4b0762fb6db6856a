package mapping

import (
	"encoding/base64"
	"fmt"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ampersink/ampersink/internal/config"
)

// valueField maps the column a as the edits say.
func valueField(edits ...func(*config.Field)) func(*config.Route) {
	return func(r *config.Route) {
		f := config.Field{To: "a", From: "a"}
		for _, edit := range edits {
			edit(&f)
		}
		r.Fields = []config.Field{f}
	}
}

func typed(t config.Type) func(*config.Field) { return func(f *config.Field) { f.Type = t } }

func as(a config.As) func(*config.Field) { return func(f *config.Field) { f.As = a } }

func listOf(separator string) func(*config.Field) {
	return func(f *config.Field) { f.As, f.Separator = config.AsList, separator }
}

func scale(n int) func(*config.Field) {
	return func(f *config.Field) { f.Type, f.Scale = config.TypeDecimal, &n }
}

func fallback(json string) func(*config.Field) {
	return func(f *config.Field) { f.HasDefault, f.Default = true, []byte(json) }
}

func notFiniteAs(json string) func(*config.Field) {
	return func(f *config.Field) { f.HasNotFinite, f.NotFinite = true, []byte(json) }
}

func required(f *config.Field) { f.Required = true }

func nulls(n config.Nulls) func(*config.Field) { return func(f *config.Field) { f.Nulls = n } }

func maxLength(n int, over config.Over) func(*config.Field) {
	return func(f *config.Field) { f.MaxLength = &config.MaxLength{Characters: n, Over: over} }
}

func sends(json string) string { return `update id=501 {"a":` + json + `}` }

func TestTypesSayWhatValuesAreWithoutSchema(t *testing.T) {
	t.Parallel()
	var cases []mapped
	for _, c := range []struct {
		typ     config.Type
		a, want string
	}{
		{"", `1709290800123456`, sends(`1709290800123456`)},
		{"", `"NaN"`, sends(`"NaN"`)},
		{config.TypeDecimalVariable, `{"value":"D0JA","scale":1}`, sends(`100000.0`)},
		{config.TypeNumber, `"1234.50"`, sends(`1234.50`)},
		{config.TypeNumber, `7`, sends(`7`)},
		{config.TypeNumber, `"NAN"`, "refuse not_finite a"},
		{config.TypeNumber, `"POSITIVE_INFINITY"`, "refuse not_finite a"},
		{config.TypeNumber, `"1,5"`, "refuse bad_value a"},
		{config.TypeNumber, `""`, "refuse bad_value a"},
		{config.TypeBoolean, `1`, sends(`true`)},
		{config.TypeBoolean, `"F"`, sends(`false`)},
		{config.TypeBoolean, `2`, "refuse bad_value a"},
		{config.TypeDateDays, `5153`, sends(`"1984-02-10"`)},
		{config.TypeDateDays, `"5153"`, "refuse bad_value a"},
		{config.TypeTimeMS, `1500`, sends(`"00:00:01.5"`)},
		{config.TypeTimeUS, `1`, sends(`"00:00:00.000001"`)},
		{config.TypeTimeNS, `86399999999999`, sends(`"23:59:59.999999999"`)},
		{config.TypeTimestampS, `0`, sends(`"1970-01-01T00:00:00Z"`)},
		{config.TypeTimestampS, `9223372036854775807`, "refuse not_finite a"},
		{config.TypeTimestampMS, `1709290800123`, sends(`"2024-03-01T11:00:00.123Z"`)},
		{config.TypeTimestampUS, `253402300799999999`, sends(`"9999-12-31T23:59:59.999999Z"`)},
		{config.TypeTimestampUS, `253402300800000000`, "refuse not_finite a"},
		{config.TypeTimestampNS, `-1`, sends(`"1969-12-31T23:59:59.999999999Z"`)},
		{config.TypeISODate, `"2024-02-29"`, sends(`"2024-02-29"`)},
		{config.TypeISODate, `"2023-02-29"`, "refuse bad_value a"},
		{config.TypeISOTime, `"10:00"`, sends(`"10:00:00"`)},
		{config.TypeISOZonedTime, `"10:00:00-08"`, sends(`"18:00:00Z"`)},
		{config.TypeISOTimestamp, `"2024-03-01 10:00:00.120"`, sends(`"2024-03-01T10:00:00.12Z"`)},
		{config.TypeISOTimestamp, `"2024-03-01T24:00:00Z"`, sends(`"2024-03-02T00:00:00Z"`)},
		{config.TypeISOTimestamp, `"0001-01-01T00:00:00+01:00"`, "refuse not_finite a"},
		{config.TypeISOTimestamp, `"2024-03-01"`, "refuse bad_value a"},
		{config.TypeDurationUS, `1000000`, sends(`"PT1S"`)},
		{config.TypeDurationNS, `-1`, sends(`"-PT0.000000001S"`)},
		{config.TypeISODuration, `"P0Y0M-1DT0H0M-0.000001S"`, sends(`"P0Y0M-1DT0H0M-0.000001S"`)},
		{config.TypeISODuration, `"3 days"`, "refuse bad_value a"},
		{config.TypeStructured, `{"year":2024,"month":2,"day":29,"specialValue":null}`, sends(`"2024-02-29"`)},
		{config.TypeStructured, `{"year":2024}`, "refuse bad_value a"},
		{config.TypeBytesBase64, `"AP8Q"`, sends(`"AP8Q"`)},
		{config.TypeBytesBase64, `"AP8"`, "refuse bad_value a"},
		{config.TypeBytesBase64URL, `"_-8"`, sends(`"/+8="`)},
		{config.TypeBytesHex, `"00ff10"`, sends(`"AP8Q"`)},
		{config.TypeBytesHex, `"0"`, "refuse bad_value a"},
		{config.TypeSet, `"a,b"`, sends(`"a,b"`)},
		{config.TypeSet, `1`, "refuse bad_value a"},
		{config.TypeDateDays, `[0,null,1]`, sends(`["1970-01-01",null,"1970-01-02"]`)},
		{config.TypeTimestampUS, `null`, sends(`null`)},
	} {
		cases = append(cases, mapped{name: fmt.Sprintf("%s %s", c.typ, c.a), edit: valueField(typed(c.typ)), key: testKey,
			value: `{"crm_id":"501","a":` + c.a + `}`, want: c.want})
	}
	cases = append(cases, mapped{name: "decimal", edit: valueField(scale(4)), key: testKey, value: `{"crm_id":"501","a":"BAg="}`, want: sends(`0.1032`)},
		mapped{name: "a schema is believed before the configuration", edit: valueField(typed(config.TypeTimestampMS)), key: testKey,
			value: typedRow(logical("int64", "io.debezium.time.MicroTimestamp"), `1`), want: sends(`"1970-01-01T00:00:00.000001Z"`)},
		mapped{name: "a schema that does not say it leaves it to the configuration", edit: valueField(typed(config.TypeTimestampMS)), key: testKey,
			value: typedRow(`{"type":"int64","field":"a"}`, `1`), want: sends(`"1970-01-01T00:00:00.001Z"`)})
	runMapped(t, config.EnvelopePlain, cases)
}

func TestAsSaysWhatTheCRMGets(t *testing.T) {
	t.Parallel()
	us, date := typed(config.TypeTimestampUS), typed(config.TypeDateDays)
	var cases []mapped
	for _, c := range []struct {
		name    string
		edits   []func(*config.Field)
		a, want string
	}{
		{"date of a timestamp", []func(*config.Field){us, as(config.AsDate)}, `-1`, sends(`"1969-12-31"`)},
		{"date of text", []func(*config.Field){as(config.AsDate)}, `"2024-03-01T23:30:00-02:00"`, sends(`"2024-03-02"`)},
		{"date of a bare number", []func(*config.Field){as(config.AsDate)}, `19783`, "refuse bad_value a"},
		{"datetime of a date", []func(*config.Field){date, as(config.AsDatetime)}, `1`, sends(`"1970-01-02T00:00:00Z"`)},
		{"datetime of text at infinity", []func(*config.Field){as(config.AsDatetime)}, `"infinity"`, "refuse not_finite a"},
		{"epoch_ms of a date", []func(*config.Field){date, as(config.AsEpochMS)}, `5153`, sends(`445219200000`)},
		{"epoch_ms of a timestamp", []func(*config.Field){us, as(config.AsEpochMS)}, `-1500`, sends(`-2`)},
		{"epoch_ms of text", []func(*config.Field){as(config.AsEpochMS)}, `"1970-01-01T00:00:01Z"`, sends(`1000`)},
		{"time of a timestamp", []func(*config.Field){us, as(config.AsTime)}, `-1`, sends(`"23:59:59.999999"`)},
		{"number of text", []func(*config.Field){as(config.AsNumber)}, `"007.5"`, "refuse bad_value a"},
		{"number of a number in text", []func(*config.Field){as(config.AsNumber)}, `"-7.50"`, sends(`-7.50`)},
		{"number of a duration", []func(*config.Field){typed(config.TypeDurationUS), as(config.AsNumber)}, `-1500000`, sends(`-1.5`)},
		{"number of NaN", []func(*config.Field){as(config.AsNumber)}, `"NaN"`, "refuse not_finite a"},
		{"boolean of text", []func(*config.Field){as(config.AsBoolean)}, `"Yes"`, sends(`true`)},
		{"boolean of a number", []func(*config.Field){as(config.AsBoolean)}, `0`, sends(`false`)},
		{"string of a number", []func(*config.Field){as(config.AsString)}, `9007199254740993`, sends(`"9007199254740993"`)},
		{"string of true", []func(*config.Field){as(config.AsString)}, `true`, sends(`"true"`)},
		{"string of an array", []func(*config.Field){as(config.AsString)}, `["a"]`, sends(`"[\"a\"]"`)},
		{"string of a date", []func(*config.Field){date, as(config.AsString)}, `0`, sends(`"1970-01-01"`)},
		{"list of an array", []func(*config.Field){listOf(";")}, `["a", null, "b\n", 1, true]`, sends(`"a;b\n;1;true"`)},
		{"list of dates", []func(*config.Field){date, listOf(";")}, `[0,1]`, sends(`"1970-01-01;1970-01-02"`)},
		{"list with another separator", []func(*config.Field){listOf(", ")}, `["a","b;c"]`, sends(`"a, b;c"`)},
		{"list of nothing", []func(*config.Field){listOf(";")}, `[]`, sends(`""`)},
		{"list whose element holds the separator", []func(*config.Field){listOf(";")}, `["a;b"]`, "refuse bad_value a"},
		{"list of a set", []func(*config.Field){typed(config.TypeSet), listOf(";")}, `"a,b"`, sends(`"a;b"`)},
		{"list of text", []func(*config.Field){listOf(";")}, `"a,b"`, "refuse bad_value a"},
		{"list of arrays", []func(*config.Field){listOf(";")}, `[[1]]`, "refuse bad_value a"},
		{"json of text", []func(*config.Field){as(config.AsJSON)}, `"{\"n\": 9007199254740993}"`, sends(`{"n":9007199254740993}`)},
		{"json of text that is null", []func(*config.Field){as(config.AsJSON)}, `"null"`, sends(`null`)},
		{"json of other text", []func(*config.Field){as(config.AsJSON)}, `"{"`, "refuse bad_value a"},
		{"json with a name twice", []func(*config.Field){as(config.AsJSON)}, `"{\"a\":1,\"a\":2}"`, "refuse bad_value a"},
		{"null", []func(*config.Field){as(config.AsDate)}, `null`, sends(`null`)},
	} {
		cases = append(cases, mapped{name: c.name, edit: valueField(c.edits...), key: testKey, value: `{"crm_id":"501","a":` + c.a + `}`, want: c.want})
	}
	runMapped(t, config.EnvelopePlain, cases)
}

func TestNullsDefaultsAndLimits(t *testing.T) {
	t.Parallel()
	type edits = []func(*config.Field)
	const create = "create "
	var cases []mapped
	for _, c := range []struct {
		name  string
		edits edits
		op, a string
		want  string
	}{
		{"null is sent", nil, "u", `"a":null`, sends(`null`)},
		{"null is left out", edits{nulls(config.NullsOmit)}, "u", `"a":null`, "skip customers.nulls"},
		{"null is an empty text", edits{nulls(config.NullsEmpty)}, "u", `"a":null`, sends(`""`)},
		{"null with default", edits{fallback(`"x"`), nulls(config.NullsOmit)}, "u", `"a":null`, sends(`"x"`)},
		{"NaN with default", edits{typed(config.TypeNumber), fallback(`0`)}, "u", `"a":"NaN"`, sends(`0`)},
		{"NaN with a default of null", edits{typed(config.TypeNumber), fallback(`null`)}, "u", `"a":"NaN"`, sends(`null`)},
		{"NaN with a default of null, left out", edits{typed(config.TypeNumber), fallback(`null`), nulls(config.NullsOmit)}, "u", `"a":"NaN"`, "skip customers.nulls"},
		{"NaN with not_finite", edits{typed(config.TypeNumber), notFiniteAs(`-1`), fallback(`0`)}, "u", `"a":"NaN"`, sends(`-1`)},
		{"NaN with not_finite: null", edits{typed(config.TypeNumber), notFiniteAs(`null`), fallback(`0`)}, "u", `"a":"NaN"`, sends(`null`)},
		{"null with not_finite", edits{typed(config.TypeNumber), notFiniteAs(`-1`)}, "u", `"a":null`, sends(`null`)},
		{"NaN in an array", edits{typed(config.TypeNumber)}, "u", `"a":[1.5,"NaN"]`, "refuse not_finite a"},
		{"NaN in an array with not_finite", edits{typed(config.TypeNumber), notFiniteAs(`-1`)}, "u", `"a":[1.5,"NaN",null]`, sends(`[1.5,-1,null]`)},
		{"NaN in an array with not_finite: null", edits{typed(config.TypeNumber), notFiniteAs(`null`)}, "u", `"a":["NaN",1.5]`, sends(`[null,1.5]`)},
		{"NaN in a list", edits{typed(config.TypeNumber), notFiniteAs(`-1`), listOf(";")}, "u", `"a":[1.5,"NaN"]`, "refuse bad_value a"},
		{"NaN, required", edits{typed(config.TypeNumber), notFiniteAs(`null`), required}, "u", `"a":"NaN"`, "refuse required a"},
		{"absent with default in a create", edits{fallback(`"x"`)}, "c", `"b":1`, create + `{"a":"x"}`},
		{"absent with default in an update", edits{fallback(`"x"`)}, "u", `"b":1`, "refuse no_fields"},
		{"placeholder with default", edits{fallback(`"x"`)}, "c", `"a":` + unavailableString, "refuse no_fields"},
		{"required", edits{required}, "c", `"a":"x"`, create + `{"a":"x"}`},
		{"required and null", edits{required}, "u", `"a":null`, "refuse required a"},
		{"required and empty", edits{required}, "u", `"a":""`, "refuse required a"},
		{"required and absent from a create", edits{required}, "c", `"b":1`, "refuse required a"},
		{"required and absent from an update", edits{required}, "u", `"b":1`, "refuse no_fields"},
		{"required and a placeholder in a create", edits{required}, "c", `"a":` + unavailableString, "refuse required a"},
		{"required, null, with default", edits{required, fallback(`1`)}, "u", `"a":null`, sends(`1`)},
		{"short enough", edits{maxLength(5, config.OverReject)}, "u", `"a":"\u00e9éééé"`, sends(`"\u00e9éééé"`)},
		{"too long", edits{maxLength(4, config.OverReject)}, "u", `"a":"éééé\n"`, "refuse too_long a"},
		{"cut", edits{maxLength(4, config.OverCut)}, "u", `"a":"é\"éé\n"`, sends(`"é\"éé"`)},
		{"cut before an accent", edits{maxLength(2, config.OverCut)}, "u", `"a":"ae\u0301"`, sends(`"a"`)},
		{"cut before a joined emoji", edits{maxLength(3, config.OverCut)}, "u", `"a":"a👩‍👩‍👧b"`, sends(`"a"`)},
		{"cut before a flag", edits{maxLength(2, config.OverCut)}, "u", `"a":"a🇨🇭"`, sends(`"a"`)},
		{"cut behind a flag", edits{maxLength(3, config.OverCut)}, "u", `"a":"a🇨🇭🇩🇪"`, sends(`"a🇨🇭"`)},
		{"one character that is too long", edits{maxLength(1, config.OverCut)}, "u", `"a":"e\u0301"`, sends(`"e"`)},
		{"numbers have no length", edits{maxLength(1, config.OverReject)}, "u", `"a":12345`, sends(`12345`)},
		{"bytes are never cut", edits{typed(config.TypeBytesBase64), maxLength(2, config.OverCut)}, "u", `"a":"AP8Q"`, "refuse too_long a"},
		{"cut of what as makes", edits{listOf(";"), maxLength(3, config.OverCut)}, "u", `"a":["a","b","c"]`, sends(`"a;b"`)},
	} {
		cases = append(cases, mapped{name: c.name, edit: valueField(c.edits...), key: testKey,
			value: debeziumEvent(c.op, "null", `{"crm_id":"501",`+c.a+`}`), want: c.want})
	}
	cases = append(cases,
		mapped{name: "the route's nulls", edit: func(r *config.Route) { r.Nulls = config.NullsOmit; fields("a", "a", "b", "b")(r) }, key: testKey,
			value: debeziumEvent("u", "null", `{"crm_id":"501","a":null,"b":1}`), want: `update id=501 {"b":1}`},
		mapped{name: "the field's nulls win", edit: func(r *config.Route) {
			r.Nulls = config.NullsOmit
			r.Fields = []config.Field{{To: "a", From: "a", Nulls: config.NullsSend}}
		}, key: testKey, value: debeziumEvent("u", "null", `{"crm_id":"501","a":null}`), want: sends(`null`)})
	runMapped(t, config.EnvelopeDebezium, cases)
}

// Decimals, dates and moments are what big.Int and package time say.
func TestConversionsAgreeWithTheStandardLibrary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := new(finder)
		unscaled := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "unscaled")
		scale := rapid.IntRange(-30, 60).Draw(t, "scale")
		raw := []byte(`"` + base64.StdEncoding.EncodeToString(unscaled) + `"`)
		d, ok := f.unscaled(value{raw: raw, kind: kindString}, scale)
		if !ok || !isNumber(d.text) {
			t.Fatalf("%q, %v", d.text, ok)
		}
		n := new(big.Int).SetBytes(unscaled)
		if unscaled[0] >= 0x80 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(unscaled))))
		}
		power := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(scale, -scale))), nil))
		want := new(big.Rat).SetInt(n)
		if scale >= 0 {
			want.Quo(want, power)
		} else {
			want.Mul(want, power)
		}
		got, _ := new(big.Rat).SetString(string(d.text))
		if got.Cmp(want) != 0 {
			t.Fatalf("%s, want %s", got, want)
		}
		us := rapid.Int64Range(firstSecond*1_000_000, lastSecond*1_000_000+999_999).Draw(t, "us")
		m, ok := countedTime(value{raw: fmt.Append(nil, us), kind: kindNumber}, meansTimestampUS)
		if got, want := string(m.appendText(nil)), time.UnixMicro(us).UTC().Format(time.RFC3339Nano); !ok || got != want {
			t.Fatalf("%s, want %s", got, want)
		}
		again, ok := isoMoment(m.appendText(nil))
		if !ok || again.sec != m.sec || again.ns != m.ns {
			t.Fatalf("%s reads as %+v, want %+v", m.appendText(nil), again, m)
		}
	})
}
