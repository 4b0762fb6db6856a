package model_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/model"
)

// The rows of one record and route never share a name: a write taken for another
// would be lost.
func TestTheRowsOfARecordHaveDifferentNames(t *testing.T) {
	t.Parallel()
	for _, route := range []string{"", "customers", strings.Repeat("x", 300)} {
		seen := make(map[model.WriteName]int)
		for row := range 1 << 14 {
			name := model.NameOf(route, row)
			if other, ok := seen[name]; ok {
				t.Fatalf("rows %d and %d of route %q share the name %08x", other, row, route, name)
			}
			seen[name] = row
		}
	}
}

func TestTheNamesOfRoutesCollideAsRarelyAsIsSaid(t *testing.T) {
	t.Parallel()
	const routes = 20_000 // about 0.05 collisions are expected of 32 bits
	seen := make(map[model.WriteName]string)
	collisions := 0
	for i := range routes {
		route := fmt.Sprintf("route-%d", i)
		if _, ok := seen[model.NameOf(route, 0)]; ok {
			collisions++
		}
		seen[model.NameOf(route, 0)] = route
	}
	if collisions > 2 {
		t.Errorf("%d collisions among %d routes", collisions, routes)
	}
}

// What lies in a commit's metadata names writes: the names must never change.
func TestTheNamesOfWritesAreFixed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		route string
		row   int
		want  model.WriteName
	}{{"", 0, 0x811c9dc5}, {"customers", 0, 0xc09344de}, {"customers", 1, 0xa9f50ca1}, {"customers", 300, 0xaea461a0}} {
		if got := model.NameOf(c.route, c.row); got != c.want {
			t.Errorf("%q row %d is %#08x, expected %#08x", c.route, c.row, got, c.want)
		}
	}
}

func TestASmallConflictSetCostsNoAllocation(t *testing.T) {
	var s model.Single
	if n := testing.AllocsPerRun(100, func() { s.Write.SetConflicts(1, 2) }); n != 0 {
		t.Errorf("two members cost %v allocations", n)
	}
	s.Write.SetConflicts(1, 2, 3)
	if len(s.Write.Conflicts) != 3 || s.Write.Conflicts[2] != 3 {
		t.Errorf("the set is %v", s.Write.Conflicts)
	}
	s.Write.SetConflicts()
	if len(s.Write.Conflicts) != 0 {
		t.Errorf("the empty set is %v", s.Write.Conflicts)
	}
}

func TestAScopeCoversWhatItNames(t *testing.T) {
	t.Parallel()
	d := model.Destination{Integration: "hubspot", Group: "acme", Object: "contact"}
	for kind, want := range map[model.ScopeKind]string{
		model.ScopeNone: "none", model.ScopeAPI: "api", model.ScopeIntegration: "integration hubspot",
		model.ScopeDestination: "destination hubspot/acme/contact",
	} {
		if got := model.ScopeOf(kind, d).String(); got != want {
			t.Errorf("%q, expected %q", got, want)
		}
	}
	other := d
	other.Group = "umbrella"
	if model.ScopeOf(model.ScopeIntegration, d) != model.ScopeOf(model.ScopeIntegration, other) ||
		model.ScopeOf(model.ScopeDestination, d) == model.ScopeOf(model.ScopeDestination, other) ||
		model.ScopeOf(model.ScopeAPI, d) != model.ScopeOf(model.ScopeAPI, model.Destination{}) {
		t.Error("a scope covers too much or too little")
	}
}

// What was found may quote a row that says "expected" itself.
func TestAReasonSaysWhatWasFoundAndWhatWasExpected(t *testing.T) {
	t.Parallel()
	for message, want := range map[string][2]string{
		"the key is null; expected a key":            {"the key is null", "a key"},
		"it is (a; expected b); expected c, d; or e": {"it is (a; expected b)", "c, d; or e"},
		"email: not an address":                      {"email: not an address", ""},
		"":                                           {"", ""},
		"expected to be there":                       {"expected to be there", ""},
		"what the CRM says; expected":                {"what the CRM says; expected", ""},
		model.Refuse("c", "f", "%d; expected %d", 1, 2).Reason.Message: {"1", "2"},
	} {
		r := model.Reason{Message: message}
		if got := [2]string{r.Found(), r.Expected()}; got != want {
			t.Errorf("%q: found %q and expected %q, not %q and %q", message, got[0], got[1], want[0], want[1])
		}
	}
}

func TestHarmlessTextDoesNothingToATerminal(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                    "",
		`{"name":"Zoë 日本 👍"}`: `{"name":"Zoë 日本 👍"}`,
		"\x1b[31mred":         `"\x1b[31mred"`,
		"bell\a, nul\x00":     `"bell\a, nul\x00"`,
		"c1 \u009b31m":        `"c1 \u009b31m"`,
		"turned \u202e round": `"turned \u202e round"`,
		"two\nlines":          `"two\nlines"`,
		"cut \xff":            `"cut \xff"`,
	} {
		if got := model.Harmless(text); got != want {
			t.Errorf("%q is shown as %s, expected %s", text, got, want)
		}
	}
}

func TestTheWordsOfTheTypes(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		model.Undecided.String(): "undecided", model.Create.String(): "create", model.Update.String(): "update", model.Delete.String(): "delete",
		model.Open.String(): "open", model.InDoubt.String(): "in_doubt", model.Parked.String(): "parked", model.DeadLettered.String(): "dead_lettered",
		model.Unknown.String(): "unknown", model.Accepted.String(): "written", model.Retry.String(): "retry",
	} {
		if got != want {
			t.Errorf("%q, expected %q", got, want)
		}
	}
	refused := model.Refuse("no_id", "crm_id", "field %q is empty", "crm_id")
	if refused.Kind != model.DeadLettered || refused.Reason.Stage != model.StageMapping ||
		refused.Reason.Error() != `no_id: field "crm_id": field "crm_id" is empty` {
		t.Errorf("a refusal is %+v: %s", refused, refused.Reason)
	}
}
