package mapping

import (
	"testing"

	"github.com/ampersink/ampersink/internal/config"
)

func TestDMS(t *testing.T) {
	t.Parallel()
	runFixtures(t, "dms", routed(config.EnvelopeDMS, id("id"), beforeFull, changedOnly, fields("first", "fname", "last", "lname")))
	row := func(operation, more string) string {
		return `{"data":` + testRow + more + `,"metadata":{"record-type":"data","operation":"` + operation + `","partition-key-type":"primary-key"}}`
	}
	before := `,"before-image":` + testRow
	runMapped(t, config.EnvelopeDMS, []mapped{
		{name: "insert", key: "d.t.7", value: row("insert", ""), want: testCreate},
		{name: "create", key: "d.t.7", value: row("create", ""), want: testCreate},
		{name: "update", key: "d.t.7", value: row("update", before), want: testUpdate},
		{name: "an image proves nothing unless it is declared", edit: changedOnly, key: "d.t.7", value: row("update", before), want: testUpdate},
		{name: "an image that is declared full", edit: func(r *config.Route) { changedOnly(r); beforeFull(r) }, key: "d.t.7", value: row("update", before), want: "unchanged"},
		{name: "a delete proves its key", key: "d.t.7", value: row("delete", ""), want: "refuse no_id crm_id"},
		{name: "a delete that is declared whole", edit: beforeFull, key: "d.t.7", value: row("delete", ""), want: "delete id=501"},
		{name: "load", edit: func(r *config.Route) { r.OnSnapshot = config.ActionIgnore }, key: "d.t.7", value: row("load", ""), want: "skip customers.on_snapshot"},
		{name: "a key that is the table's name", key: "d.t", value: `{"data":` + testRow + `,"metadata":{"operation":"insert","partition-key-type":"schema-table"}}`,
			want: "refuse no_key", says: []string{"schema-table", "expected key: [...]"}},
		{name: "the route's key", edit: key("id"), key: "d.t", value: `{"data":` + testRow + `,"metadata":{"operation":"insert","partition-key-type":"schema-table"}}`, want: testCreate},
		{name: "truncate", edit: func(r *config.Route) { r.OnTruncate = config.TruncateIgnore }, key: "d", value: `{"metadata":{"record-type":"control","operation":"TruncateTable"}}`,
			want: "skip customers.on_truncate"},
		{name: "control record", edit: noRow, key: "d", value: `{"metadata":{"record-type":"control","operation":"drop-table"}}`, want: "refuse not_a_row", says: []string{"control record"}},
		{name: "unknown operation", key: "d.t.7", value: row("merge", ""), want: "refuse operation metadata.operation", says: []string{"merge", "expected load"}},
		{name: "no operation", key: "d.t.7", value: `{"data":{},"metadata":{}}`, want: "refuse operation metadata.operation"},
		{name: "unknown record type", key: "d.t.7", value: `{"data":{},"metadata":{"record-type":"x","operation":"insert"}}`, want: "refuse bad_envelope metadata.record-type"},
		{name: "no metadata", key: "d.t.7", value: testRow, want: "refuse bad_envelope metadata", says: []string{"expected a record of AWS DMS"}},
		{name: "no data", key: "d.t.7", value: `{"metadata":{"operation":"insert"}}`, want: "refuse bad_envelope data"},
		{name: "before image is text", key: "d.t.7", value: row("update", `,"before-image":"x"`), want: "refuse bad_envelope before-image"},
	})
}
