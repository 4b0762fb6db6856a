package captures

import (
	"maps"
	"slices"
	"strings"

	"github.com/ampersink/ampersink/internal/config"
)

// Variant is a capture in full: how its records have to be read.
type Variant struct {
	Envelope config.Envelope
	Format   config.Format          // keys and values
	types    map[string]config.Type // by the kind of a column, because no schema says it; nil: the schema does
}

// Postgres returns the captures of one PostgreSQL database by name, all with the same final rows.
func Postgres() map[string]Variant {
	adaptive := map[string]config.Type{"numeric": config.TypeDecimalVariable, "numeric(2)": config.TypeDecimal, "numeric(4)": config.TypeDecimal,
		"money": config.TypeDecimal, "float": config.TypeNumber, "date": config.TypeDateDays, "timestamp": config.TypeTimestampUS,
		"timestamp(3)": config.TypeTimestampMS, "timestamptz": config.TypeISOTimestamp, "time": config.TypeTimeUS, "timetz": config.TypeISOZonedTime,
		"interval": config.TypeDurationUS, "bytea": config.TypeBytesBase64}
	edited := func(edits map[string]config.Type) map[string]config.Type {
		types := maps.Clone(adaptive)
		maps.Copy(types, edits)
		return types
	}
	const json, avro, number = config.FormatJSON, config.FormatAvro, config.TypeNumber
	return map[string]Variant{
		"crm-pg-envelope":            {config.EnvelopeDebezium, json, adaptive},
		"crm-pg-envelope-schema":     {config.EnvelopeDebezium, json, nil},
		"crm-pg-flat":                {config.EnvelopeDebeziumFlat, json, adaptive},
		"crm-pg-flat-schema":         {config.EnvelopeDebeziumFlat, json, nil},
		"crm-pg-flat-rewrite-schema": {config.EnvelopeDebeziumFlat, json, nil},
		"crm-pg-connect-times": {config.EnvelopeDebezium, json, edited(map[string]config.Type{"numeric": number, "numeric(2)": number, "numeric(4)": number,
			"money": number, "timestamp": config.TypeTimestampMS, "time": config.TypeTimeMS})},
		"crm-pg-isostring": {config.EnvelopeDebezium, json, edited(map[string]config.Type{"numeric": number, "numeric(2)": number, "numeric(4)": number,
			"money": number, "date": config.TypeISODate, "timestamp": config.TypeISOTimestamp, "timestamp(3)": config.TypeISOTimestamp,
			"time": config.TypeISOTime, "interval": config.TypeISODuration, "bytea": config.TypeBytesHex})},
		"crm-pg-avro":      {config.EnvelopeDebezium, avro, nil},
		"crm-pg-avro-flat": {config.EnvelopeDebeziumFlat, avro, nil},
	}
}

// Fields sends every column of a table, as c_ and its name.
func (v Variant) Fields(table string) []config.Field {
	var fields []config.Field
	kinds := columns()[table]
	for _, column := range slices.Sorted(maps.Keys(kinds)) {
		kind, from := kinds[column], column
		if v.Format == config.FormatAvro {
			from = strings.ReplaceAll(column, " ", "_") // field.name.adjustment.mode=avro
		}
		f := config.Field{To: sent + column, From: from, Type: v.types[kind], HasNotFinite: true, NotFinite: []byte(`"` + notFinite + `"`)}
		if f.Type == config.TypeDecimal {
			scale := 2
			if kind == "numeric(4)" {
				scale = 4
			}
			f.Scale = &scale
		}
		fields = append(fields, f)
	}
	return fields
}

// Before says what the deletes and updates of a table tell of the row before: the replica
// identity of two of them is FULL.
func Before(table string) config.Before {
	if table == "companies" || table == "audit_log" {
		return config.BeforeFull
	}
	return config.BeforeKeys
}

// sent is what a column's field begins with: id is the CRM's own.
const sent = "c_"

// columns are the tables of the captures: what each column is in PostgreSQL.
func columns() map[string]map[string]string {
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

// Tables are the tables of the PostgreSQL captures, and their keys: audit_log has none in the
// database, and what identifies its rows stands here.
func Tables() map[string][]string {
	return map[string][]string{"customers": {"id"}, "companies": {"id"}, "order_lines": {"order_id", "line_no"}, "audit_log": {"what"},
		"attachments": {"id"}, "leads_import": {"id"}, "debezium_signal": {"id"}}
}
