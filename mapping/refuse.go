package mapping

import (
	"unicode/utf8"

	"github.com/ampersink/ampersink/internal/model"
)

// The codes of what mapping refuses.
const (
	codeBadJSON         = "bad_json"         // not JSON, or a name twice in what would be sent
	codeBadEnvelope     = "bad_envelope"     // JSON of another shape than the route's envelope
	codeNotARow         = "not_a_row"        // an event of the connector that is about no row
	codeKeyChange       = "key_change"       // a primary key changed
	codeOperation       = "operation"        // an operation that is no create, update, delete or snapshot read
	codeNoKey           = "no_key"           // the source key cannot be told
	codePlaceholderKey  = "placeholder_key"  // the source key is Debezium's placeholder
	codeNoID            = "no_id"            // an update or delete without a CRM id
	codeBadID           = "bad_id"           // a CRM id that is neither text nor an integer
	codeNoGroup         = "no_group"         // the group cannot be told
	codeBadGroup        = "bad_group"        // a group that is neither text nor an integer
	codeNoFields        = "no_fields"        // a write that would say nothing
	codeBadAssociations = "bad_associations" // associations that are no JSON array
	codeBadSchema       = "bad_schema"       // a schema part, or a schema of the registry, that cannot be used
	codeNoSchemaID      = "no_schema_id"     // bytes that do not name the schema they were written with
	codeUnknownSchema   = "unknown_schema"   // a schema that the registry does not have
	codeAwaitedSchema   = "awaited_schema"   // a schema that is not known yet: whoever can wait does
	codeBadAvro         = "bad_avro"         // bytes that are not what their schema says
	codeBadProtobuf     = "bad_protobuf"     // the same
	codeBadValue        = "bad_value"        // a value that is not what its type says, or cannot become what the CRM should get
	codeNotFinite       = "not_finite"       // NaN, an infinity, or a date without a year from 1 to 9999
	codeRequired        = "required"         // a required field without a value
	codeTooLong         = "too_long"         // a text above its max_length
	codeExpression      = "expression"       // an expression that fails for this row
	codeNoRoute         = "no_route"         // a topic that neither a route nor a skip rule takes
)

func refusal(code, field, format string, args ...any) *model.Reason {
	return model.Refuse(code, field, format, args...).Reason
}

func refused(reason *model.Reason) model.Fate {
	return model.Fate{Kind: model.DeadLettered, Reason: reason}
}

// clone gives each item its own reason: whoever settles one adds to it.
func clone(reason *model.Reason) *model.Reason {
	c := *reason
	return &c
}

// maxExcerpt bounds what a message quotes: enough to find the place, too little to
// spread a row through logs and headers.
const maxExcerpt = 48

// excerpt shows the text at an offset, with some of what stands before it. Text
// that could harm a log or a header (control characters, broken UTF-8) is quoted.
func excerpt(text []byte, at int) string {
	from := max(0, min(at, len(text))-maxExcerpt/4)
	to := min(len(text), from+maxExcerpt)
	for n := 0; n < utf8.UTFMax-1 && from > 0 && from < to && !utf8.RuneStart(text[from]); n++ {
		from++
	}
	for n := 0; n < utf8.UTFMax-1 && to < len(text) && to > from && !utf8.RuneStart(text[to]); n++ {
		to--
	}
	s := model.Harmless(string(text[from:to]))
	if from > 0 {
		s = "…" + s
	}
	if to < len(text) {
		s += "…"
	}
	return s
}

// badJSON refuses a text that a scan rejected; what names it ("the value"), field
// is where it stood, if anywhere.
func badJSON(d *document, field, what string) *model.Reason {
	if len(d.text) == 0 {
		return refusal(codeBadJSON, field, "%s is empty (zero bytes, not null); expected JSON", what)
	}
	if d.fault.at == 0 && d.text[0] <= magicGUID {
		return refusal(codeBadJSON, field, "%s begins with %s, as a serializer of a schema registry writes it; expected JSON, or format: avro, protobuf or json_schema",
			what, hexExcerpt(d.text, 0))
	}
	if d.fault.at >= len(d.text) {
		return refusal(codeBadJSON, field, "%s ends at byte %d behind %s; expected %s there",
			what, d.fault.at, excerpt(d.text, d.fault.at), d.fault.want)
	}
	return refusal(codeBadJSON, field, "%s cannot be read at byte %d, in %s; expected %s there",
		what, d.fault.at, excerpt(d.text, d.fault.at), d.fault.want)
}

// badSchema refuses a text whose schema part is none.
func badSchema(d *document, field string) *model.Reason {
	return refusal(codeBadSchema, field, "the schema part of the value (%s) cannot be read; expected a schema of Kafka Connect",
		excerpt(d.read(d.find(0, "schema")).raw, 0))
}
