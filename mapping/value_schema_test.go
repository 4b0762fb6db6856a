package mapping

import (
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/config"
)

// typedRow is a row with one column, a, of a type that its schema names.
func typedRow(schemaOf, a string) string {
	return `{"schema":{"type":"struct","optional":false,"fields":[{"type":"string","field":"crm_id"},` + schemaOf + `]},"payload":{"crm_id":"501","a":` + a + `}}`
}

func logical(physical, name string) string {
	return `{"type":"` + physical + `","name":"` + name + `","version":1,"field":"a"}`
}

func TestSchemasSayWhatValuesAre(t *testing.T) {
	t.Parallel()
	const connect, dbzTime, dbzData = "org.apache.kafka.connect.data.", "io.debezium.time.", "io.debezium.data."
	decimal := `{"type":"bytes","name":"` + connect + `Decimal","version":1,"parameters":{"scale":"4","connect.decimal.precision":"10"},"field":"a"}`
	bits := `{"type":"bytes","name":"` + dbzData + `Bits","parameters":{"length":"10"},"field":"a"}`
	anyLength := strings.Replace(bits, `"10"`, `"2147483647"`, 1) // bit varying
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
		{"timestamp ns at infinity", logical("int64", dbzTime+"NanoTimestamp"), `9223372036854775807`, "refuse not_finite a"},
		{"timestamp ns at the other infinity", logical("int64", dbzTime+"NanoTimestamp"), `-9223372036854775808`, "refuse not_finite a"},
		{"the last timestamp ns", logical("int64", dbzTime+"NanoTimestamp"), `9223372036854775806`, sends(`"2262-04-11T23:47:16.854775806Z"`)},
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
		{"structured date", logical("struct", dbzTime+"StructuredDate"), `{"year":2024,"month":2,"day":29,"specialValue":null}`, sends(`"2024-02-29"`)},
		{"structured date that is none", logical("struct", dbzTime+"StructuredDate"), `{"year":2023,"month":2,"day":29,"specialValue":null}`, "refuse bad_value a"},
		{"structured date after 9999", logical("struct", dbzTime+"StructuredDate"), `{"year":12024,"month":1,"day":1,"specialValue":null}`, "refuse not_finite a"},
		{"structured date before year 1", logical("struct", dbzTime+"StructuredDate"), `{"year":-43,"month":3,"day":15,"specialValue":null}`, "refuse not_finite a"},
		{"structured date at infinity", logical("struct", dbzTime+"StructuredDate"), `{"year":null,"month":null,"day":null,"specialValue":"POSITIVE_INFINITY"}`, "refuse not_finite a"},
		{"structured time", logical("struct", dbzTime+"StructuredTime"), `{"hour":12,"minute":34,"second":56,"nanos":789012000,"precision":6}`, sends(`"12:34:56.789012"`)},
		{"structured time after midnight", logical("struct", dbzTime+"StructuredTime"), `{"hour":24,"minute":0,"second":1,"nanos":0,"precision":6}`, "refuse bad_value a"},
		{"structured time with a zone", logical("struct", dbzTime+"StructuredZonedTime"), `{"hour":0,"minute":34,"second":56,"nanos":0,"offsetSeconds":7200,"precision":0}`, sends(`"22:34:56Z"`)},
		{"structured time of GMT", logical("struct", dbzTime+"StructuredZonedTime"), `{"hour":24,"minute":0,"second":0,"nanos":0,"offsetSeconds":0,"precision":6}`, sends(`"24:00:00Z"`)},
		{"structured timestamp", logical("struct", dbzTime+"StructuredTimestamp"),
			`{"year":1,"month":1,"day":1,"hour":0,"minute":0,"second":0,"nanos":1000,"specialValue":null,"precision":6}`, sends(`"0001-01-01T00:00:00.000001Z"`)},
		{"structured timestamp with a zone", logical("struct", dbzTime+"StructuredZonedTimestamp"),
			`{"year":2024,"month":2,"day":29,"hour":1,"minute":34,"second":56,"nanos":0,"offsetSeconds":7200,"zoneId":"+02:00","specialValue":null,"precision":6}`, sends(`"2024-02-28T23:34:56Z"`)},
		{"structured interval", logical("struct", dbzTime+"StructuredDuration"),
			`{"years":1,"months":2,"days":3,"hours":4,"minutes":5,"seconds":6,"nanos":789012000,"precision":6}`, sends(`"P1Y2M3DT4H5M6.789012S"`)},
		{"structured interval below zero", logical("struct", dbzTime+"StructuredDuration"),
			`{"years":0,"months":0,"days":-1,"hours":0,"minutes":0,"seconds":0,"nanos":-1000,"precision":6}`, sends(`"P0Y0M-1DT0H0M-0.000001S"`)},
		{"structured interval of seconds that contradict", logical("struct", dbzTime+"StructuredDuration"),
			`{"years":0,"months":0,"days":0,"hours":0,"minutes":0,"seconds":1,"nanos":-1,"precision":6}`, "refuse bad_value a"},
		{"structured time that lacks a part", logical("struct", dbzTime+"StructuredTime"), `{"hour":12,"minute":34,"nanos":0}`, "refuse bad_value a"},
		{"structured time that is none", logical("struct", dbzTime+"StructuredTime"), `45296`, "refuse bad_value a"},
		{"array of structured dates", array(logical("struct", dbzTime+"StructuredDate")), `[{"year":2024,"month":2,"day":29,"specialValue":null},null]`, sends(`["2024-02-29",null]`)},
		{"year", logical("int32", dbzTime+"Year"), `2024`, sends(`2024`)},
		{"enum", logical("string", dbzData+"Enum"), `"pro"`, sends(`"pro"`)},
		{"enum set", logical("string", dbzData+"EnumSet"), `"a,b"`, sends(`"a,b"`)},
		{"uuid", logical("string", dbzData+"Uuid"), `"7a000000-0000-4000-8000-000000000001"`, sends(`"7a000000-0000-4000-8000-000000000001"`)},
		{"json", logical("string", dbzData+"Json"), `"{\"a\": 1}"`, sends(`"{\"a\": 1}"`)},
		{"xml", logical("string", dbzData+"Xml"), `"<a/>"`, sends(`"<a/>"`)},
		{"bytes", `{"type":"bytes","field":"a"}`, `"AP8Q"`, sends(`"AP8Q"`)},
		{"bits", bits, `"AwI="`, sends(`"1000000011"`)},
		{"bits whose highest bytes are zero", bits, `"Aw=="`, sends(`"0000000011"`)},
		{"bits that are all zero", bits, `""`, sends(`"0000000000"`)},
		{"more bits than the schema says", bits, `"AQQ="`, "refuse bad_value a"},
		{"bits of any length", anyLength, `"Fg=="`, sends(`"10110"`)},
		{"no bits of any length", anyLength, `""`, sends(`""`)},
		{"bits that ask for megabytes", strings.Replace(bits, `"10"`, `"83886080"`, 1), `"AQ=="`, "refuse bad_value a"},
		{"geometry", logical("struct", dbzData+"geometry.Point"), `{"x":1,"y":2,"wkb":"AQ=="}`, "refuse bad_value a"},
		{"unknown name", logical("struct", "com.example.Thing"), `{"x":1}`, sends(`{"x":1}`)},
		{"array of texts", array(`{"type":"string"}`), `["a", "b"]`, sends(`["a", "b"]`)},
		{"array of decimals", array(scaled), `[ "BAg=" , null ]`, sends(`[10.32,null]`)},
		{"array of timestamps at infinity", array(micro), `[0,9223372036854775807]`, "refuse not_finite a"},
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
