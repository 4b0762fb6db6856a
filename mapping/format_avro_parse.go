package mapping

import (
	"encoding/json"
	"fmt"

	"github.com/twmb/avro"

	"github.com/ampersink/ampersink/internal/model"
)

// parseAvro parses a schema and what it refers to. Where the defaults in it do not
// fit their types, which old converters wrote and old registries took, it is parsed
// without: they are for readers of other schemas. So are decimals that Avro does not have,
// such as PostgreSQL's numeric(3,5): a logical type that is not valid is to be ignored, and
// Connect's own name of it says the same.
func parseAvro(s *model.Schema) (*avro.SchemaNode, error) {
	parsed, err := parseAvroTexts(s, func(text string) string { return text })
	if err != nil {
		var again error
		if parsed, again = parseAvroTexts(s, lenient); again != nil {
			return nil, err
		}
	}
	return parsed.Root(), nil
}

func parseAvroTexts(s *model.Schema, edit func(string) string) (*avro.Schema, error) {
	var cache avro.SchemaCache
	// Names that Avro does not allow are the producer's affair.
	lax := avro.WithLaxNames(func(string) error { return nil })
	for _, r := range s.References {
		if _, err := cache.Parse(edit(r.Text), lax); err != nil {
			return nil, fmt.Errorf("the schema that it calls %q: %w", r.Name, err)
		}
	}
	return cache.Parse(edit(s.Text), lax)
}

func lenient(text string) string {
	var schema any
	if json.Unmarshal([]byte(text), &schema) != nil {
		return text
	}
	dropInvalid(schema)
	edited, err := json.Marshal(schema)
	if err != nil {
		return text
	}
	return string(edited)
}

func dropInvalid(schema any) {
	switch s := schema.(type) {
	case []any:
		for _, one := range s {
			dropInvalid(one)
		}
	case map[string]any:
		delete(s, "default")
		if s["logicalType"] == "decimal" && !isAvroDecimal(s) {
			delete(s, "logicalType")
		}
		for _, one := range s {
			dropInvalid(one)
		}
	}
}

// isAvroDecimal reports whether Avro has such a decimal.
func isAvroDecimal(s map[string]any) bool {
	precision, _ := s["precision"].(float64)
	scale, _ := s["scale"].(float64)
	return precision > 0 && scale >= 0 && scale <= precision
}
