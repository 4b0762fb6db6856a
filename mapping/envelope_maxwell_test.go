package mapping

import (
	"testing"

	"github.com/ampersink/ampersink/internal/config"
)

func TestMaxwell(t *testing.T) {
	t.Parallel()
	runFixtures(t, "maxwell", routed(config.EnvelopeMaxwell, key("id"), id("id"), changedOnly, func(r *config.Route) {
		r.Fields = []config.Field{{To: "m", From: "m"}, {To: "c", From: "c", Type: config.TypeISOTimestamp}, {To: "comment", From: "comment"}}
		r.Key = nil
	}))
	row := func(what, more string) string {
		return `{"database":"d","table":"t","type":"` + what + `",` + more + `}`
	}
	data := `"data":` + testRow
	runMapped(t, config.EnvelopeMaxwell, []mapped{
		{name: "insert", key: testKey, value: row("insert", data), want: testCreate},
		{name: "update", key: testKey, value: row("update", data+`,"old":{"email":"x"}`), want: testUpdate},
		{name: "nothing that is mapped changed", edit: changedOnly, key: testKey, value: row("update", data+`,"old":{"id":6}`), want: "unchanged"},
		{name: "no old proves nothing", edit: changedOnly, key: testKey, value: row("update", data), want: testUpdate},
		{name: "delete shows the whole row", key: testKey, value: row("delete", data), want: "delete id=501"},
		{name: "snapshot", edit: func(r *config.Route) { r.OnSnapshot = config.ActionIgnore }, key: testKey, value: row("bootstrap-insert", data), want: "skip customers.on_snapshot"},
		{name: "bootstrap", edit: noRow, key: null, value: row("bootstrap-start", `"data":{}`), want: "refuse not_a_row", says: []string{"bootstrap"}},
		{name: "schema change", edit: noRow, key: null, value: row("database-create", `"sql":"x"`), want: "refuse not_a_row", says: []string{"schema change"}},
		{name: "unknown type", key: testKey, value: row("merge", data), want: "refuse operation type", says: []string{`"merge"`, "expected insert"}},
		{name: "no type", key: testKey, value: testRow, want: "refuse bad_envelope type", says: []string{"no type", "expected a message of Maxwell"}},
		{name: "type is a number", key: testKey, value: `{"type":5,` + data + `}`, want: "refuse operation type", says: []string{"a number (5)"}},
		{name: "type twice", key: testKey, value: `{"type":"insert","type":"delete",` + data + `}`, want: "refuse bad_envelope type", says: []string{"twice"}},
		{name: "no data", key: testKey, value: row("insert", `"data":null`), want: "refuse bad_envelope data", says: []string{"absent or null"}},
		{name: "data is text", key: testKey, value: row("insert", `"data":"x"`), want: "refuse bad_envelope data", says: []string{"a string"}},
		{name: "old is a list", key: testKey, value: row("update", data+`,"old":[]`), want: "refuse bad_envelope old", says: []string{"an array"}},
		{name: "null", edit: id("id"), key: testKey, value: null, want: "delete id=7"},
		{name: "text", key: testKey, value: `"x"`, want: "refuse bad_envelope", says: []string{"expected a message of Maxwell"}},
	})
}
