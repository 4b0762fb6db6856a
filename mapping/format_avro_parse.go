package mapping

import (
	"encoding/json"
	"fmt"

	"github.com/twmb/avro"

	"github.com/ampersink/ampersink/internal/model"
)

// parseAvro parses a schema and what it refers to. Where the defaults in it do not
// fit their types, which old converters wrote and old registries took, it is parsed
// without: they are for readers of other schemas.
func parseAvro(s *model.Schema) (*avro.SchemaNode, error) {
	parsed, err := parseAvroTexts(s, func(text string) string { return text })
	if err != nil {
		var again error
		if parsed, again = parseAvroTexts(s, withoutDefaults); again != nil {
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

func withoutDefaults(text string) string {
	var schema any
	if json.Unmarshal([]byte(text), &schema) != nil {
		return text
	}
	dropDefaults(schema)
	edited, err := json.Marshal(schema)
	if err != nil {
		return text
	}
	return string(edited)
}

func dropDefaults(schema any) {
	switch s := schema.(type) {
	case []any:
		for _, one := range s {
			dropDefaults(one)
		}
	case map[string]any:
		delete(s, "default")
		for _, one := range s {
			dropDefaults(one)
		}
	}
}
