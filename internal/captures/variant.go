package captures

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/config"
)

// Variant is a capture in full: how its records have to be read.
type Variant struct {
	Name     string
	Envelope config.Envelope
	Unwrap   config.Unwrap
	Format   config.Format          // keys and values
	types    map[string]config.Type // by the kind of a column, because no schema says it; nil: the schema does
	*database
}

// database is what was captured.
type database struct {
	schema     string                       // what stands before a table in the name of its topic
	keys       map[string][]string          // of each table
	columns    map[string]map[string]string // of each table, and their kinds
	full       []string                     // the tables whose deletes and updates hold the whole row before
	fields     func(f *config.Field, kind string)
	rows       func(testing.TB) map[string][]Row // the final ones
	value      func(tb testing.TB, kind string, written json.RawMessage) string
	exceptions func(Variant, config.OnKeyChange) []exception
	least      int // how many values a comparison is about
	// OneLog: the records of all topics stand in the order in which they were written. Else those
	// of a partition do, and between partitions their timestamps tell.
	OneLog bool
}

// Row is the values of a row by column, as the database's value writes them.
type Row map[string]string

const (
	// sent is what a column's field begins with: id is the CRM's own.
	sent = "c_"
	null = "NULL"
)

// Tables are the tables and their keys.
func (d *database) Tables() map[string][]string { return d.keys }

// Topic is where the changes of a table are.
func (v Variant) Topic(table string) string { return v.Name + "." + v.schema + "." + table }

// Before says what the deletes and updates of a table tell of the row before.
func (d *database) Before(table string) config.Before {
	if slices.Contains(d.full, table) {
		return config.BeforeFull
	}
	return config.BeforeKeys
}

// Fields sends every column of a table, as c_ and its name.
func (v Variant) Fields(table string) []config.Field {
	var fields []config.Field
	kinds := v.columns[table]
	for _, column := range slices.Sorted(maps.Keys(kinds)) {
		from := column
		if v.Format == config.FormatAvro {
			from = strings.ReplaceAll(column, " ", "_") // field.name.adjustment.mode=avro
		}
		f := config.Field{To: sent + column, From: from, Type: v.types[kinds[column]]}
		v.fields(&f, kinds[column])
		fields = append(fields, f)
	}
	return fields
}

// Key returns the source key of what was sent of a row of a table: its values, with commas.
func (d *database) Key(tb testing.TB, table string, fields map[string]json.RawMessage) string {
	tb.Helper()
	var parts []string
	for _, column := range d.keys[table] {
		raw := fields[sent+column]
		if raw == nil {
			tb.Fatalf("%s: %s of the key was not sent: %s", table, column, fields)
		}
		parts = append(parts, plain(string(raw)))
	}
	return strings.Join(parts, ",")
}

// plain is the value of a column that is part of a key: a text that needs no escapes, or a number.
func plain(value string) string { return strings.Trim(value, `"`) }
