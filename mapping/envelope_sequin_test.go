package mapping

import (
	"testing"

	"github.com/ampersink/ampersink/internal/config"
)

func TestSequin(t *testing.T) {
	t.Parallel()
	runFixtures(t, "sequin", routed(config.EnvelopeSequin, id("id"), beforeFull, changedOnly, fields("product", "product", "price", "price", "status", "status")))
	row := func(action, more string) string { return `{"action":"` + action + `","record":` + testRow + more + `}` }
	runMapped(t, config.EnvelopeSequin, []mapped{
		{name: "insert", key: "7", value: row("insert", `,"changes":null`), want: testCreate},
		{name: "update", key: "7", value: row("update", `,"changes":{}`), want: testUpdate},
		{name: "changes prove nothing where whole rows are not logged", edit: changedOnly, key: "7", value: row("update", `,"changes":{}`), want: testUpdate},
		{name: "changes prove where they are", edit: func(r *config.Route) { changedOnly(r); beforeFull(r) }, key: "7", value: row("update", `,"changes":{"id":6}`), want: "unchanged"},
		{name: "a delete proves its key", key: "7", value: row("delete", ""), want: "refuse no_id crm_id", says: []string{"before: full"}},
		{name: "a delete that is declared whole", edit: beforeFull, key: "7", value: row("delete", ""), want: "delete id=501"},
		{name: "backfill", edit: func(r *config.Route) { r.OnSnapshot = config.ActionIgnore }, key: "7", value: row("read", ""), want: "skip customers.on_snapshot"},
		{name: "unknown action", key: "7", value: row("truncate", ""), want: "refuse operation action", says: []string{"truncate", "expected insert"}},
		{name: "no action", key: "7", value: testRow, want: "refuse bad_envelope action"},
		{name: "no record", key: "7", value: `{"action":"insert","record":null}`, want: "refuse bad_envelope record"},
		{name: "changes is text", key: "7", value: row("update", `,"changes":"x"`), want: "refuse bad_envelope changes"},
		{name: "list", key: "7", value: `[]`, want: "refuse bad_envelope", says: []string{"expected a message of Sequin"}},
	})
}
