package captures

import (
	"maps"
	"strings"

	"github.com/ampersink/ampersink/internal/config"
)

func variants() map[string]variant {
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
	return map[string]variant{
		"crm-pg-envelope":            {config.EnvelopeDebezium, adaptive, true, false},
		"crm-pg-envelope-schema":     {config.EnvelopeDebezium, nil, false, false},
		"crm-pg-flat":                {config.EnvelopeDebeziumFlat, adaptive, true, false},
		"crm-pg-flat-schema":         {config.EnvelopeDebeziumFlat, nil, false, false},
		"crm-pg-flat-rewrite-schema": {config.EnvelopeDebeziumFlat, nil, false, false},
		"crm-pg-connect-times": {config.EnvelopeDebezium, edited(map[string]config.Type{"numeric": number, "numeric(2)": number, "numeric(4)": number,
			"money": number, "timestamp": config.TypeTimestampMS, "time": config.TypeTimeMS}), false, false},
		"crm-pg-isostring": {config.EnvelopeDebezium, edited(map[string]config.Type{"numeric": number, "numeric(2)": number, "numeric(4)": number,
			"money": number, "date": config.TypeISODate, "timestamp": config.TypeISOTimestamp, "timestamp(3)": config.TypeISOTimestamp,
			"time": config.TypeISOTime, "interval": config.TypeISODuration, "bytea": config.TypeBytesHex}), false, false},
		"crm-pg-avro":      {config.EnvelopeDebezium, nil, false, true},
		"crm-pg-avro-flat": {config.EnvelopeDebeziumFlat, nil, false, true},
	}
}

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

// primary is the key of each table; audit_log has none in the database.
func primary() map[string][]string {
	return map[string][]string{"customers": {"id"}, "companies": {"id"}, "order_lines": {"order_id", "line_no"}, "audit_log": {"what"},
		"attachments": {"id"}, "leads_import": {"id"}, "debezium_signal": {"id"}}
}

