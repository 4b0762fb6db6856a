package mapping

import (
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ampersink/ampersink/internal/config"
)

// typedRow is a row with one column, a, of a type that its schema names.
func typedRow(schemaOf, a string) string {
	return `{"schema":{"type":"struct","optional":false,"fields":[{"type":"string","field":"crm_id"},` + schemaOf + `]},"payload":{"crm_id":"501","a":` + a + `}}`
}

func logical(physical, name string) string {
	return `{"type":"` + physical + `","name":"` + name + `","version":1,"field":"a"}`
}

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

func TestSchemasSayWhatValuesAre(t *testing.T) {
	t.Parallel()
	const connect, dbzTime, dbzData = "org.apache.kafka.connect.data.", "io.debezium.time.", "io.debezium.data."
	decimal := `{"type":"bytes","name":"` + connect + `Decimal","version":1,"parameters":{"scale":"4","connect.decimal.precision":"10"},"field":"a"}`
	bits := `{"type":"bytes","name":"` + dbzData + `Bits","parameters":{"length":"10"},"field":"a"}`
	array := func(items string) string { return `{"type":"array","items":` + items + `,"field":"a"}` }
	scaled := `{"type":"bytes","name":"` + connect + `Decimal","parameters":{"scale":"2"}}`
	micro := logical("int64", dbzTime+"MicroTimestamp")
	var cases []mapped
	for _, c := range []struct{ name, schema, a, want string }{
		{"decimal", decimal, `"BAg="`, sends(`0.1032`)},
		{"decimal below zero", decimal, `"/w=="`, sends(`-0.0001`)},
		{"decimal zero", decimal, `"AA=="`, sends(`0.0000`)},
		{"decimal of 8 bytes", decimal, `"f/////////8="`, sends(`922337203685477.5807`)},
		{"decimal of 9 bytes", decimal, `"AIAAAAAAAAAA"`, sends(`922337203685477.5808`)},
		{"decimal of 9 bytes below zero", decimal, `"/3//////////"`, sends(`-922337203685477.5809`)},
		{"decimal as a number", decimal, `12.50`, sends(`12.50`)},
		{"decimal null", decimal, `null`, sends(`null`)},
		{"decimal broken", decimal, `"?"`, "refuse bad_value a"},
		{"decimal empty", decimal, `""`, "refuse bad_value a"},
		{"decimal without scale", logical("bytes", connect+"Decimal"), `"BAg="`, "refuse bad_value a"},
		{"variable decimal", logical("struct", dbzData+"VariableScaleDecimal"), `{"scale":20,"value":"AMZBDXQyuSSS"}`, sends(`0.14285714285714285714`)},
		{"variable decimal, scale 0", logical("struct", dbzData+"VariableScaleDecimal"), `{"scale":0,"value":"D0JA"}`, sends(`1000000`)},
		{"variable decimal, scale below zero", logical("struct", dbzData+"VariableScaleDecimal"), `{"scale":-3,"value":"/w=="}`, sends(`-1000`)},
		{"variable decimal that asks for gigabytes", logical("struct", dbzData+"VariableScaleDecimal"), `{"scale":-1000000000,"value":"AQ=="}`, "refuse bad_value a"},
		{"variable decimal without value", logical("struct", dbzData+"VariableScaleDecimal"), `{"scale":1}`, "refuse bad_value a"},
		{"double", `{"type":"double","field":"a"}`, `0.1`, sends(`0.1`)},
		{"double NaN", `{"type":"double","field":"a"}`, `"NaN"`, "refuse not_finite a"},
		{"float infinity", `{"type":"float","field":"a"}`, `"-Infinity"`, "refuse not_finite a"},
		{"int64", `{"type":"int64","field":"a"}`, `9223372036854775807`, sends(`9223372036854775807`)},
		{"connect date", logical("int32", connect+"Date"), `-829`, sends(`"1967-09-25"`)},
		{"connect time", logical("int32", connect+"Time"), `34200001`, sends(`"09:30:00.001"`)},
		{"connect timestamp", logical("int64", connect+"Timestamp"), `-1`, sends(`"1969-12-31T23:59:59.999Z"`)},
		{"connect timestamp at infinity", logical("int64", connect+"Timestamp"), `9223372036825200000`, "refuse not_finite a"},
		{"date", logical("int32", dbzTime+"Date"), `-719162`, sends(`"0001-01-01"`)},
		{"date before year 1", logical("int32", dbzTime+"Date"), `-719163`, "refuse not_finite a"},
		{"last date", logical("int32", dbzTime+"Date"), `2932896`, sends(`"9999-12-31"`)},
		{"date at infinity, 3.5", logical("int32", dbzTime+"Date"), `-2147472692`, "refuse not_finite a"},
		{"date at infinity, 3.7", logical("int32", dbzTime+"Date"), `2146033979`, "refuse not_finite a"},
		{"date of another kind", logical("int32", dbzTime+"Date"), `"2024-01-01"`, "refuse bad_value a"},
		{"date with a fraction", logical("int32", dbzTime+"Date"), `1.5`, "refuse bad_value a"},
		{"time ms", logical("int32", dbzTime+"Time"), `0`, sends(`"00:00:00"`)},
		{"time us", logical("int64", dbzTime+"MicroTime"), `86399999999`, sends(`"23:59:59.999999"`)},
		{"time 24:00", logical("int64", dbzTime+"MicroTime"), `86400000000`, sends(`"24:00:00"`)},
		{"time above 24:00", logical("int64", dbzTime+"MicroTime"), `86400000001`, sends(`"24:00:00.000001"`)},
		{"MySQL's longest time", logical("int64", dbzTime+"MicroTime"), `3020399000000`, sends(`"838:59:59"`)},
		{"MySQL's least time", logical("int64", dbzTime+"MicroTime"), `-3020399000000`, sends(`"-838:59:59"`)},
		{"a time before midnight", logical("int64", dbzTime+"MicroTime"), `-1`, sends(`"-00:00:00.000001"`)},
		{"a time that no database has", logical("int64", dbzTime+"MicroTime"), `3020400000000`, "refuse bad_value a"},
		{"time ns", logical("int64", dbzTime+"NanoTime"), `1`, sends(`"00:00:00.000000001"`)},
		{"timestamp ms", logical("int64", dbzTime+"Timestamp"), `981173106789`, sends(`"2001-02-03T04:05:06.789Z"`)},
		{"timestamp us", micro, `1709290800123456`, sends(`"2024-03-01T11:00:00.123456Z"`)},
		{"timestamp us before 1970", micro, `-2174586894000000`, sends(`"1901-02-03T04:05:06Z"`)},
		{"timestamp us, year 1", micro, `-62135596800000000`, sends(`"0001-01-01T00:00:00Z"`)},
		{"timestamp at infinity, 3.5", micro, `9223372036825200000`, "refuse not_finite a"},
		{"timestamp at infinity, 3.7", micro, `9223372036854775807`, "refuse not_finite a"},
		{"timestamp at -infinity", micro, `-9223372036854775808`, "refuse not_finite a"},
		{"timestamp above int64", micro, `9223372036854775808`, "refuse bad_value a"},
		{"timestamp ns", logical("int64", dbzTime+"NanoTimestamp"), `1709290800123456789`, sends(`"2024-03-01T11:00:00.123456789Z"`)},
		{"zoned timestamp", logical("string", dbzTime+"ZonedTimestamp"), `"2024-03-08T08:00:00.500000Z"`, sends(`"2024-03-08T08:00:00.5Z"`)},
		{"zoned timestamp, offset", logical("string", dbzTime+"ZonedTimestamp"), `"2024-01-01T00:30:00+02:00"`, sends(`"2023-12-31T22:30:00Z"`)},
		{"zoned timestamp at infinity", logical("string", dbzTime+"ZonedTimestamp"), `"-infinity"`, "refuse not_finite a"},
		{"zoned timestamp of 10 digits", logical("string", dbzTime+"ZonedTimestamp"), `"2024-03-08T08:00:00.0000000001Z"`, "refuse bad_value a"},
		{"zoned time", logical("string", dbzTime+"ZonedTime"), `"07:30:00Z"`, sends(`"07:30:00Z"`)},
		{"zoned time, offset", logical("string", dbzTime+"ZonedTime"), `"01:30:00+02:00"`, sends(`"23:30:00Z"`)},
		{"iso date", logical("string", dbzTime+"IsoDate"), `"1999-12-31Z"`, sends(`"1999-12-31"`)},
		{"iso date at infinity", logical("string", dbzTime+"IsoDate"), `"+5877611-06-21Z"`, "refuse not_finite a"},
		{"iso time", logical("string", dbzTime+"IsoTime"), `"09:30:00Z"`, sends(`"09:30:00"`)},
		{"iso timestamp", logical("string", dbzTime+"IsoTimestamp"), `"1901-02-03T04:05:06Z"`, sends(`"1901-02-03T04:05:06Z"`)},
		{"iso timestamp at infinity", logical("string", dbzTime+"IsoTimestamp"), `"-292275055-05-16T23:00:00Z"`, "refuse not_finite a"},
		{"iso timestamp, 30 February", logical("string", dbzTime+"IsoTimestamp"), `"2024-02-30T00:00:00Z"`, "refuse bad_value a"},
		{"duration", logical("int64", dbzTime+"MicroDuration"), `37091106000000`, sends(`"PT10303H5M6S"`)},
		{"duration below zero", logical("int64", dbzTime+"MicroDuration"), `-86400000001`, sends(`"-PT24H0.000001S"`)},
		{"duration zero", logical("int64", dbzTime+"MicroDuration"), `0`, sends(`"PT0S"`)},
		{"duration, the smallest", logical("int64", dbzTime+"MicroDuration"), `-9223372036854775808`, sends(`"-PT2562047788H54.775808S"`)},
		{"duration ns", logical("int64", dbzTime+"NanoDuration"), `60000000001`, sends(`"PT1M0.000000001S"`)},
		{"interval", logical("string", dbzTime+"Interval"), `"P1Y2M3DT4H5M6S"`, sends(`"P1Y2M3DT4H5M6S"`)},
		{"year", logical("int32", dbzTime+"Year"), `2024`, sends(`2024`)},
		{"enum", logical("string", dbzData+"Enum"), `"pro"`, sends(`"pro"`)},
		{"enum set", logical("string", dbzData+"EnumSet"), `"a,b"`, sends(`"a,b"`)},
		{"uuid", logical("string", dbzData+"Uuid"), `"7a000000-0000-4000-8000-000000000001"`, sends(`"7a000000-0000-4000-8000-000000000001"`)},
		{"json", logical("string", dbzData+"Json"), `"{\"a\": 1}"`, sends(`"{\"a\": 1}"`)},
		{"xml", logical("string", dbzData+"Xml"), `"<a/>"`, sends(`"<a/>"`)},
		{"bytes", `{"type":"bytes","field":"a"}`, `"AP8Q"`, sends(`"AP8Q"`)},
		{"bits", bits, `"AwI="`, sends(`"1000000011"`)},
		{"more bits than there are", bits, `"Aw=="`, "refuse bad_value a"},
		{"geometry", logical("struct", dbzData+"geometry.Point"), `{"x":1,"y":2,"wkb":"AQ=="}`, "refuse bad_value a"},
		{"unknown name", logical("struct", "com.example.Thing"), `{"x":1}`, sends(`{"x":1}`)},
		{"array of texts", array(`{"type":"string"}`), `["a", "b"]`, sends(`["a", "b"]`)},
		{"array of decimals", array(scaled), `[ "BAg=" , null ]`, sends(`[10.32,null]`)},
		{"array of timestamps at infinity", array(micro), `[0,9223372036854775807]`, "refuse bad_value a"},
		{"array of arrays", array(array(micro)), `[[0],[]]`, sends(`[["1970-01-01T00:00:00Z"],[]]`)},
		{"array that is none", array(scaled), `"BAg="`, "refuse bad_value a"},
		{"struct", `{"type":"struct","fields":[{"type":"int32","name":"` + dbzTime + `Date","field":"d"}],"field":"a"}`, `{"d":1, "x":"2"}`, sends(`{"d":"1970-01-02","x":"2"}`)},
		{"map", `{"type":"map","keys":{"type":"string"},"values":` + scaled + `,"field":"a"}`, `{"k\n":"AQ=="}`, sends(`{"k\n":0.01}`)},
		{"map with keys that are no text", `{"type":"map","keys":{"type":"int32","name":"` + dbzTime + `Date"},"values":` + scaled + `,"field":"a"}`, `[[1,"AQ=="]]`,
			sends(`[["1970-01-02",0.01]]`)},
		{"placeholder in a decimal", decimal, unavailableBytes, "refuse no_fields"},
	} {
		cases = append(cases, mapped{name: c.name, edit: valueField(), key: testKey, value: typedRow(c.schema, c.a), want: c.want})
	}
	runMapped(t, config.EnvelopePlain, cases)
}

func TestSchemasOfPathsKeysAndIDs(t *testing.T) {
	t.Parallel()
	point := `{"type":"struct","name":"io.debezium.data.geometry.Point","fields":[{"type":"double","field":"x"},{"type":"int32","name":"io.debezium.time.Date","field":"d"}],"field":"a"}`
	id := func(r *config.Route) { r.ID.Field = "a" }
	number := `{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"0"},"field":"a"}`
	runMapped(t, config.EnvelopePlain, []mapped{
		{name: "path into a struct", edit: fields("d", "a.d", "x", "a.x"), key: testKey, value: typedRow(point, `{"x":1.5,"d":1}`), want: `update id=501 {"d":"1970-01-02","x":1.5}`},
		{name: "an id that is a decimal", edit: func(r *config.Route) { id(r); fields("e", "=1")(r) }, key: testKey, value: typedRow(number, `"BAg="`), want: `update id=1032 {"e":1}`},
		{name: "an id of the key that is a decimal", edit: id, key: `{"schema":{"type":"struct","fields":[` + number + `]},"payload":{"a":"BAg="}}`, value: null, want: `delete id=1032`},
		{name: "an id that is a date", edit: func(r *config.Route) { id(r); fields("e", "=1")(r) }, key: testKey, value: typedRow(logical("int32", "io.debezium.time.Date"), `1`),
			want: "refuse bad_id a"},
		{name: "an expression over columns that have a type", edit: computed(`a > date("1990-01-01") ? string(a.Year()) : "old"`, func(f *config.Field) { f.As = config.AsNumber }), key: testKey,
			value: typedRow(logical("int32", "io.debezium.time.Date"), `10000`), want: `update id=501 {"a":1997}`},
		{name: "a schema that is none", edit: valueField(), key: testKey, value: `{"schema":{"type":5},"payload":{"crm_id":"501","a":1}}`, want: "refuse bad_schema"},
		{name: "a schema of null", edit: valueField(), key: testKey, value: `{"schema":null,"payload":{"crm_id":"501","a":1}}`, want: sends(`1`)},
		{name: "a row whose columns are called so", edit: fields("a", "payload"), key: testKey, value: `{"schema":{"type":5},"payload":"x","crm_id":"501"}`, want: sends(`"x"`)},
	})
}

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

// A schema part is parsed once, and a change of it in mid-topic is noticed.
func TestSchemasThatAlternateAreToldApart(t *testing.T) {
	t.Parallel()
	m := mustNew(t, []config.Route{routed(config.EnvelopePlain, valueField())})
	row := func(name string) string { return typedRow(logical("int64", "io.debezium.time."+name), "1") }
	for range 3 {
		for name, want := range map[string]string{
			"Timestamp": sends(`"1970-01-01T00:00:00.001Z"`), "MicroTimestamp": sends(`"1970-01-01T00:00:00.000001Z"`),
			"NanoTimestamp": sends(`"1970-01-01T00:00:00.000000001Z"`), "Year": sends(`1`),
		} {
			for range 2 {
				if got := show(mapOne(t, m, record(testKey, row(name)))); got != want {
					t.Errorf("%s: %s, want %s", name, got, want)
				}
			}
		}
	}
	m.Map(record(testKey, row("Year")), nil)
	first := m.value.schema
	if m.Map(record(testKey, row("Year")), nil); m.value.schema != first || first == nil {
		t.Error("a schema that is known was parsed again")
	}
	for name := range strings.FieldsSeq("A B C") {
		m.Map(record(testKey, row(name)), nil)
	}
	p := m.plan(testTopic)
	if len(p.valueSchemas.known) != maxSchemas {
		t.Errorf("%d schemas are kept, want %d", len(p.valueSchemas.known), maxSchemas)
	}
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
