package mapping

import "github.com/ampersink/ampersink/internal/config"

// meaning is what a value is, beyond what its JSON says.
type meaning uint8

const (
	meansJSON meaning = iota // what its JSON says and no more
	meansDecimal
	meansVariableDecimal
	meansFloat // a number, or text where it is not finite
	meansNumber
	meansBoolean
	meansDateDays
	meansTimeMS
	meansTimeUS
	meansTimeNS
	meansTimestampS
	meansTimestampMS
	meansTimestampUS
	meansTimestampNS
	meansISODate
	meansISOTime
	meansISOZonedTime
	meansISOTimestamp
	meansDurationUS
	meansDurationNS
	meansISODuration
	meansStructured // the parts of one of them are the members of an object
	meansBase64
	meansBase64URL
	meansHex
	meansBits
	meansSet
	meansJSONText
	meansArray
	meansMap
	meansStruct
	meansGeometry
)

// expected says what the JSON of a value must be to have the meaning.
var expected = [...]string{
	meansDecimal:         "the bytes of a decimal in base64, of at most 64 KiB and with a scale from -1000 to 16383, or a number",
	meansVariableDecimal: `{"scale": a number from -1000 to 16383, "value": the bytes of a decimal in base64}`,
	meansFloat:           `a number, "NaN" or "Infinity"`,
	meansNumber:          "a number, or text that is one",
	meansBoolean:         "true or false, 1 or 0, or text such as t, true, yes, f, false, no",
	meansDateDays:        "a whole number of days since 1970-01-01",
	meansTimeMS:          "a whole number of milliseconds within 838:59:59 either way",
	meansTimeUS:          "a whole number of microseconds within 838:59:59 either way",
	meansTimeNS:          "a whole number of nanoseconds within 838:59:59 either way",
	meansTimestampS:      "a whole number of seconds since 1970",
	meansTimestampMS:     "a whole number of milliseconds since 1970",
	meansTimestampUS:     "a whole number of microseconds since 1970",
	meansTimestampNS:     "a whole number of nanoseconds since 1970",
	meansISODate:         "text such as 2024-03-01",
	meansISOTime:         "text such as 10:00:00.5",
	meansISOZonedTime:    "text such as 10:00:00.5+02:00",
	meansISOTimestamp:    "text such as 2024-03-01T10:00:00.5Z, of at most 9 digits behind the point",
	meansDurationUS:      "a whole number of microseconds",
	meansDurationNS:      "a whole number of nanoseconds",
	meansISODuration:     "text such as P1DT2H",
	meansStructured:      `an object such as {"year": 2024, "month": 3, "day": 1} or {"hour": 10, "minute": 0, "second": 0, "nanos": 0}`,
	meansBase64:          "text in base64",
	meansBase64URL:       "text in the URL's form of base64",
	meansHex:             "text of hexadecimal digits",
	meansBits:            "bits in base64",
	meansSet:             "text, its members joined by commas",
	meansJSONText:        "text that holds JSON, each name once in its object",
	meansArray:           "an array",
	meansMap:             "an object, or an array of pairs",
	meansStruct:          "an object",
	meansGeometry:        "something else: a geometry has no form that a CRM takes; map a part of it (from: column.x)",
}

// typ is what a schema, or the configuration, says of a value.
type typ struct {
	means   meaning
	logical string // the name in the schema, for messages
	scale   int    // of a decimal; of bits: how many
	scaled  bool   // the scale is known
	asIs    bool   // such values are sent as they are
	fields  []typField
	items   *typ   // of an array, or the values of a map
	entry   *typ   // of a map whose keys are not text: the pair of a key and its value
	list    *typ   // an array of such values; only of what the configuration says
	tuple   []*typ // of an array whose elements have a type each
}

type typField struct {
	name string
	typ  *typ
}

// logicalTypes are the names by which Connect's schemas tell what a value is.
// What they do not name is what its JSON says.
func logicalTypes() map[string]meaning {
	return map[string]meaning{
		"org.apache.kafka.connect.data.Decimal":     meansDecimal,
		"org.apache.kafka.connect.data.Date":        meansDateDays,
		"org.apache.kafka.connect.data.Time":        meansTimeMS,
		"org.apache.kafka.connect.data.Timestamp":   meansTimestampMS,
		"io.debezium.time.Date":                     meansDateDays,
		"io.debezium.time.Time":                     meansTimeMS,
		"io.debezium.time.MicroTime":                meansTimeUS,
		"io.debezium.time.NanoTime":                 meansTimeNS,
		"io.debezium.time.Timestamp":                meansTimestampMS,
		"io.debezium.time.MicroTimestamp":           meansTimestampUS,
		"io.debezium.time.NanoTimestamp":            meansTimestampNS,
		"io.debezium.time.ZonedTimestamp":           meansISOTimestamp,
		"io.debezium.time.ZonedTime":                meansISOZonedTime,
		"io.debezium.time.IsoDate":                  meansISODate,
		"io.debezium.time.IsoTime":                  meansISOTime,
		"io.debezium.time.IsoTimestamp":             meansISOTimestamp,
		"io.debezium.time.MicroDuration":            meansDurationUS,
		"io.debezium.time.NanoDuration":             meansDurationNS,
		"io.debezium.time.Interval":                 meansISODuration,
		"io.debezium.time.StructuredDate":           meansStructured,
		"io.debezium.time.StructuredTime":           meansStructured,
		"io.debezium.time.StructuredZonedTime":      meansStructured,
		"io.debezium.time.StructuredTimestamp":      meansStructured,
		"io.debezium.time.StructuredZonedTimestamp": meansStructured,
		"io.debezium.time.StructuredDuration":       meansStructured,
		"io.debezium.data.VariableScaleDecimal":     meansVariableDecimal,
		"io.debezium.data.Bits":                     meansBits,
		"io.debezium.data.EnumSet":                  meansSet,
		"io.debezium.data.Json":                     meansJSONText,
		"io.debezium.data.geometry.Geometry":        meansGeometry,
		"io.debezium.data.geometry.Geography":       meansGeometry,
		"io.debezium.data.geometry.Point":           meansGeometry,
	}
}

// configTypes are the words of the configuration for the same.
func configTypes() map[config.Type]meaning {
	return map[config.Type]meaning{
		config.TypeDecimal:         meansDecimal,
		config.TypeDecimalVariable: meansVariableDecimal,
		config.TypeNumber:          meansNumber,
		config.TypeBoolean:         meansBoolean,
		config.TypeDateDays:        meansDateDays,
		config.TypeTimeMS:          meansTimeMS,
		config.TypeTimeUS:          meansTimeUS,
		config.TypeTimeNS:          meansTimeNS,
		config.TypeTimestampS:      meansTimestampS,
		config.TypeTimestampMS:     meansTimestampMS,
		config.TypeTimestampUS:     meansTimestampUS,
		config.TypeTimestampNS:     meansTimestampNS,
		config.TypeISODate:         meansISODate,
		config.TypeISOTime:         meansISOTime,
		config.TypeISOZonedTime:    meansISOZonedTime,
		config.TypeISOTimestamp:    meansISOTimestamp,
		config.TypeDurationUS:      meansDurationUS,
		config.TypeDurationNS:      meansDurationNS,
		config.TypeISODuration:     meansISODuration,
		config.TypeStructured:      meansStructured,
		config.TypeBytesBase64:     meansBase64,
		config.TypeBytesBase64URL:  meansBase64URL,
		config.TypeBytesHex:        meansHex,
		config.TypeSet:             meansSet,
		config.TypeJSON:            meansJSONText,
	}
}
