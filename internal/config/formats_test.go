package config

import "testing"

func TestFormatsAreOneWordOrOneForEach(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Formats{
		"":                                {FormatJSON, FormatJSON},
		"avro":                            {FormatAvro, FormatAvro},
		"{value: avro}":                   {FormatJSON, FormatAvro},
		"{key: protobuf}":                 {FormatProtobuf, FormatJSON},
		"{key: json_schema, value: json}": {FormatJSONSchema, FormatJSON},
	} {
		more := ""
		if text != "" {
			more = "\n    format: " + text
		}
		c := mustParse(t, edit(t, "group: crm-sync", "group: crm-sync\n  schema_registry: {url: 'http://registry:8081'}", "envelope: debezium", "envelope: debezium"+more))
		if got := c.Routes[0].Format; got != want || got.NeedRegistry() != (text != "") {
			t.Errorf("format: %s is %+v, needs a registry: %v", text, got, got.NeedRegistry())
		}
	}
}
