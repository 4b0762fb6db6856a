package captures

import (
	"encoding/json"
	"maps"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/config"
)

// Postgres returns the captures of one PostgreSQL database, all with the same final rows.
func Postgres() []Variant {
	adaptive := map[string]config.Type{"numeric": config.TypeDecimalVariable, "numeric(2)": config.TypeDecimal, "numeric(4)": config.TypeDecimal,
		"money": config.TypeDecimal, "float": config.TypeNumber, "date": config.TypeDateDays, "timestamp": config.TypeTimestampUS,
		"timestamp(3)": config.TypeTimestampMS, "timestamptz": config.TypeISOTimestamp, "time": config.TypeTimeUS, "timetz": config.TypeISOZonedTime,
		"interval": config.TypeDurationUS, "bytea": config.TypeBytesBase64}
	edited := func(edits map[string]config.Type) map[string]config.Type {
		types := maps.Clone(adaptive)
		maps.Copy(types, edits)
		return types
	}
	const number = config.TypeNumber
	variant := func(name string, envelope config.Envelope, types map[string]config.Type) Variant {
		return Variant{Name: "crm-pg-" + name, Envelope: envelope, Format: config.FormatJSON, types: types, database: postgres()}
	}
	avro := func(v Variant) Variant {
		v.Format = config.FormatAvro
		return v
	}
	return []Variant{
		variant("envelope", config.EnvelopeDebezium, adaptive),
		variant("envelope-schema", config.EnvelopeDebezium, nil),
		variant("flat", config.EnvelopeDebeziumFlat, adaptive),
		variant("flat-schema", config.EnvelopeDebeziumFlat, nil),
		variant("flat-rewrite-schema", config.EnvelopeDebeziumFlat, nil),
		variant("connect-times", config.EnvelopeDebezium, edited(map[string]config.Type{"numeric": number, "numeric(2)": number, "numeric(4)": number,
			"money": number, "timestamp": config.TypeTimestampMS, "time": config.TypeTimeMS})),
		variant("isostring", config.EnvelopeDebezium, edited(map[string]config.Type{"numeric": number, "numeric(2)": number, "numeric(4)": number,
			"money": number, "date": config.TypeISODate, "timestamp": config.TypeISOTimestamp, "timestamp(3)": config.TypeISOTimestamp,
			"time": config.TypeISOTime, "interval": config.TypeISODuration, "bytea": config.TypeBytesHex})),
		avro(variant("avro", config.EnvelopeDebezium, nil)),
		avro(variant("avro-flat", config.EnvelopeDebeziumFlat, nil)),
	}
}

// postgres is the database of the captures.
func postgres() *database {
	return &database{
		schema: "public",
		// audit_log has no key in the database, and what identifies its rows stands here.
		keys: map[string][]string{"customers": {"id"}, "companies": {"id"}, "order_lines": {"order_id", "line_no"}, "audit_log": {"what"},
			"attachments": {"id"}, "leads_import": {"id"}, "debezium_signal": {"id"}},
		columns:    postgresColumns(),
		full:       []string{"companies", "audit_log"}, // by their replica identity
		fields:     postgresField,
		rows:       postgresRows,
		value:      comparableValue,
		exceptions: postgresExceptions,
		least:      250,
	}
}

func postgresColumns() map[string]map[string]string {
	return map[string]map[string]string{
		"customers": {"id": "integer", "email": "text", "first_name": "text", "last_name": "text", "phone": "text", "annual_revenue": "numeric(2)",
			"score": "numeric", "is_active": "boolean", "stage": "text", "born": "date", "created_at": "timestamp", "updated_at": "timestamptz",
			"legacy_id": "integer", "tags": "text[]", "attrs": "text", "notes": "text", "external_id": "text", "vip": "boolean"},
		"companies": {"id": "integer", "name": "text", "tier": "text", "credit_limit": "money", "rating": "float", "ratio": "float", "floor": "integer",
			"logo": "bytea", "opens": "time", "opens_tz": "timetz", "sla": "interval", "founded": "timestamp(3)", "about": "text", "domain": "text", "VAT id": "text"},
		"order_lines": {"order_id": "integer", "line_no": "integer", "sku": "text", "qty": "integer", "price": "numeric(4)", "customer_id": "integer"},
		"audit_log":   {"at": "timestamptz", "actor": "text", "what": "text"},
		"attachments": {"id": "text", "file_name": "text", "body": "bytea", "meta": "text", "labels": "text[]", "sizes": "integer[]", "ids": "integer[]",
			"props": "hstore"},
		"leads_import":    {"id": "integer", "email": "text"},
		"debezium_signal": {"id": "text", "type": "text", "data": "text"},
	}
}

func postgresField(f *config.Field, kind string) {
	f.HasNotFinite, f.NotFinite = true, []byte(`"`+notFinite+`"`)
	if f.Type == config.TypeDecimal {
		scale := 2
		if kind == "numeric(4)" {
			scale = 4
		}
		f.Scale = &scale
	}
}

// postgresRows returns the rows that PostgreSQL prints.
func postgresRows(tb testing.TB) map[string][]Row {
	tb.Helper()
	var printed struct {
		Tables map[string][]map[string]*string
	}
	if err := json.Unmarshal(Unpacked(tb, "crm-pg.truth.json"), &printed); err != nil {
		tb.Fatal(err)
	}
	all := make(map[string][]Row)
	for table, kinds := range postgresColumns() {
		for _, columns := range printed.Tables[table] {
			row := make(Row)
			for column, text := range columns {
				row[column] = null
				if text != nil {
					row[column] = truth(tb, kinds[column], *text)
				}
			}
			all[table] = append(all[table], row)
		}
	}
	return all
}

// postgresExceptions are those of one capture.
func postgresExceptions(v Variant, keys config.OnKeyChange) []exception {
	var list []exception
	for _, row := range []string{"audit_log changed", "leads_import 1", "leads_import 2", "leads_import 3"} {
		list = append(list, exception{row, "", "a truncate is not obeyed", nil})
	}
	if v.Envelope == config.EnvelopeDebeziumFlat {
		list = append(list, exception{"audit_log no key", "", keyless, nil})
		if v.Name != "crm-pg-flat-rewrite-schema" {
			list = append(list, exception{"audit_log before the snapshot", "", keyless, nil})
		}
	}
	if v.Name != "crm-pg-envelope-schema" {
		list = append(list, exception{"customers 5", "stage", "a NULL arrives as the column's default", as("lead")})
	}
	if keys == config.KeyChangeRecreate {
		for _, column := range []string{"body", "meta", "labels", "sizes", "ids", "props"} {
			list = append(list, exception{"attachments 7a000000-0000-4000-8000-000000000002", column, "a large value that did not change is not in the row under its new key", as(null)})
		}
	}
	const milliseconds = "Connect's times have milliseconds"
	switch v.Name {
	case "crm-pg-connect-times":
		list = append(list, exception{"customers *", "created_at", milliseconds, cut}, exception{"companies *", "opens", milliseconds, cut})
	case "crm-pg-isostring":
		list = append(list, exception{"customers *", "score", "a numeric as double is rounded", rounded},
			exception{"companies 1", "opens", "isostring writes 24:00 as 00:00", as("00:00:00")})
	default:
		for _, row := range []string{"customers 11", "customers 14"} {
			list = append(list, exception{row, "score", "a numeric that is not finite arrives as null when decimals are precise", as(null)})
		}
	}
	return list
}

func cut(want string) string {
	return strings.TrimRight(regexp.MustCompile(`(\.\d{3})\d*`).ReplaceAllString(want, "$1"), "Z") + want[len(strings.TrimRight(want, "Z")):]
}

func rounded(want string) string {
	exact, ok := new(big.Rat).SetString(want)
	if !ok {
		return want
	}
	f, _ := exact.Float64()
	return new(big.Rat).SetFrac(decimalOf(f)).RatString()
}

// decimalOf is the shortest decimal that a float64 is written as.
func decimalOf(f float64) (numerator, denominator *big.Int) {
	r, _ := new(big.Rat).SetString(strconv.FormatFloat(f, 'g', -1, 64))
	return r.Num(), r.Denom()
}
