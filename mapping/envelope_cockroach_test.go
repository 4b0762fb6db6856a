package mapping

import (
	"testing"

	"github.com/ampersink/ampersink/internal/config"
)

func TestCockroach(t *testing.T) {
	t.Parallel()
	runFixtures(t, "cockroach", routed(config.EnvelopeCockroach, id("id"), changedOnly, fields("name", "name", "price", "price", "status", "status")))
	runMapped(t, config.EnvelopeCockroach, []mapped{
		{name: "wrapped", key: "[7]", value: `{"after":` + testRow + `}`, want: testUpdate},
		{name: "wrapped, without a CRM id", key: "[7]", value: `{"after":{"email":"a@b.c"}}`, want: testCreate},
		{name: "the before image proves what changed", edit: changedOnly, key: "[7]", value: `{"after":` + testRow + `,"before":` + testRow + `}`, want: "unchanged"},
		{name: "no before image, an insert", key: "[7]", value: `{"after":` + testRow + `,"before":null}`, want: testCreate},
		{name: "delete without its row", key: "[7]", value: `{"after":null}`, want: "refuse no_id crm_id"},
		{name: "delete with its row", key: "[7]", value: `{"after":null,"before":` + testRow + `}`, want: "delete id=501"},
		{name: "resolved", edit: noRow, key: null, value: `{"resolved":"1.0"}`, want: "refuse not_a_row", says: []string{"resolved"}},
		{name: "resolved, bare", key: null, value: `{"__crdb__":{"resolved":"1.0"}}`, want: "skip customers.on_no_row"},
		{name: "a row with a column resolved", key: "[7]", value: `{"resolved":true,"crm_id":"501","email":"a@b.c"}`, want: testUpdate},
		{name: "a row with a column after", key: "[7]", value: `{"after":"noon","crm_id":"501","email":"a@b.c"}`, want: testUpdate},
		{name: "a row with an object in a column after", key: "[7]", value: `{"after":{},"crm_id":"501","email":"a@b.c"}`, want: testUpdate},
		{name: "operation", key: "[7]", value: `{"after":` + testRow + `,"op":"c"}`, want: testCreate},
		{name: "unknown operation", key: "[7]", value: `{"after":` + testRow + `,"op":"x"}`, want: "refuse operation op", says: []string{`"x"`, "expected c, u or d"}},
		{name: "operation without a row", key: "[7]", value: `{"after":null,"op":"u"}`, want: "refuse bad_envelope after"},
		{name: "before is text", key: "[7]", value: `{"after":null,"before":"x"}`, want: "refuse bad_envelope before"},
		{name: "after twice", key: "[7]", value: `{"after":null,"after":{}}`, want: "refuse bad_envelope after"},
		{name: "list", key: "[7]", value: `[]`, want: "refuse bad_envelope", says: []string{"changefeed"}},
		{name: "key only", key: "[7]", value: null, want: "skip customers.on_tombstone", edit: func(r *config.Route) { r.OnTombstone = config.ActionIgnore }},
	})
}
