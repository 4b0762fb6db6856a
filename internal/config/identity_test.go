package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// related is a configuration whose second route links its rows to those of the first.
const related = `kafka:
  brokers: [localhost:9092]
  group: crm-sync
ampersand:
  api_key: literal-key
  project: acme
routes:
  - name: companies
    topics: [shop.companies]
    envelope: debezium
    to: {integration: hubspot, object: companies, group: acme-inc}
    key: [id]
    id: ledger
    fields: {name: name}
  - name: contacts
    topics: [shop.contacts]
    envelope: debezium
    to: {integration: hubspot, object: contacts, group: acme-inc}
    id: [ledger, {match: {email: email}}]
    fields:
      email: email
      company: {id_of: {route: companies, key: company_id}}
`

// relate replaces lines of related: the first text of each pair with the second.
func relate(t *testing.T, pairs ...string) string {
	t.Helper()
	return replaced(t, related, pairs)
}

func TestIdentityReadsTheWaysInTheirOrder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		id   string
		want ID
		late bool
	}{
		{"{field: crm.id}", ID{Ways: []IDWay{IDField}, Field: "crm.id"}, false},
		{"ledger", ID{Ways: []IDWay{IDLedger}}, true},
		{`"ledger"`, ID{Ways: []IDWay{IDLedger}}, true},
		{"{match: {email: email, Zeta: a.b, Alpha: c}}",
			ID{Ways: []IDWay{IDMatch}, Match: []Match{{"email", "email"}, {"Zeta", "a.b"}, {"Alpha", "c"}}}, true},
		{"[ledger]", ID{Ways: []IDWay{IDLedger}}, true},
		{"[{match: {email: email}}, ledger, {field: a}]",
			ID{Ways: []IDWay{IDMatch, IDLedger, IDField}, Field: "a", Match: []Match{{"email", "email"}}}, true},
		{"\n      - {field: a}\n      - ledger\n", ID{Ways: []IDWay{IDField, IDLedger}, Field: "a"}, true},
	} {
		text := edit(t, "{field: crm_id}", c.id)
		got := mustParse(t, text).Routes[0].ID
		if !reflect.DeepEqual(got, c.want) || got.Late() != c.late {
			t.Errorf("id: %s is %+v, late %v", c.id, got, got.Late())
		}
	}
}

func TestIdentityDefaultsFollowFromOtherKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, id, more string
		unknown        OnUnknownDelete
		conflict       OnConflict
	}{
		{"what the ledger does not know was never written", "ledger", "", UnknownDeleteIgnore, ConflictDeadLetter},
		{"what a match cannot find may be there", "{match: {email: email}}", "", UnknownDeleteDeadLetter, ConflictDeadLetter},
		{"an upsert expects the record", "ledger", "    on_create: upsert\n", UnknownDeleteIgnore, ConflictUpdate},
		{"an upsert of updates alone does not", "ledger", "    on_update: upsert\n", UnknownDeleteIgnore, ConflictDeadLetter},
		{"what is said is kept", "ledger", "    on_create: upsert\n    on_conflict: dead_letter\n    on_unknown_delete: dead_letter\n",
			UnknownDeleteDeadLetter, ConflictDeadLetter},
	} {
		r := mustParse(t, edit(t, "{field: crm_id}", c.id)+c.more).Routes[0]
		if r.OnUnknownDelete != c.unknown || r.OnConflict != c.conflict {
			t.Errorf("%s: on_unknown_delete %s, on_conflict %s", c.name, r.OnUnknownDelete, r.OnConflict)
		}
	}
}

func TestIdentityReadsEveryChoice(t *testing.T) {
	t.Parallel()
	r := mustParse(t, relate(t, "email: email}}]", `email: email}}]
    identity_space: people
    search: {index_lag: 0s, on_several: first}
    on_create: upsert
    on_update: upsert
    on_snapshot: upsert
    on_unknown_delete: dead_letter
    on_conflict: dead_letter
    on_gone: recreate
    on_group_change: move
    on_missing_parent: omit
    parent_patience: 1s`)+"ledger: {topic: 'of-{group}'}\nlimits: {search_rate: 0.5}\n").Routes[1]
	for _, check := range []struct{ got, want any }{
		{r.IdentitySpace, "people"},
		{r.Search, Search{IndexLag: 0, OnSeveral: SeveralFirst}},
		{[]Action{r.OnCreate, r.OnUpdate, r.OnSnapshot}, []Action{ActionUpsert, ActionUpsert, ActionUpsert}},
		{r.OnUnknownDelete, UnknownDeleteDeadLetter},
		{r.OnConflict, ConflictDeadLetter},
		{r.OnGone, GoneRecreate},
		{r.OnGroupChange, GroupChangeMove},
		{r.OnMissingParent, MissingParentOmit},
		{r.ParentPatience, time.Second},
	} {
		if !reflect.DeepEqual(check.got, check.want) {
			t.Errorf("got %v, want %v", check.got, check.want)
		}
	}
}

func TestIdentityReadsTheIDsOfOtherRows(t *testing.T) {
	t.Parallel()
	c := mustParse(t, relate(t, "key: [id]", "key: [tenant, id]", "key: company_id}}", `key: {id: company.id, tenant: tenant}}}
    associations:
      - {to: {id: "7"}, types: [1]}
      - {types: [{a: "</b>"}], to: {kind: x, id: {id_of: {route: companies, key: {tenant: tenant, id: c}}}, z: null}, last: '"id_of":'}
      - {to: {id: "8"}}
      - to: {id: {id_of: {route: companies, key: {tenant: t, id: d}}}}`))
	of := func(parts ...KeyPart) IDOf { return IDOf{Route: "companies", Key: parts} }
	company := of(KeyPart{"id", "company.id"}, KeyPart{"tenant", "tenant"})
	want := Associations{
		Fixed: []byte(`[{"to":{"id":"7"},"types":[1]},{"to":{"id":"8"}}]`),
		Linked: []Linked{
			{`{"types":[{"a":"</b>"}],"to":{"kind":"x","id":"`, `","z":null},"last":"\"id_of\":"}`, of(KeyPart{"tenant", "tenant"}, KeyPart{"id", "c"})},
			{`{"to":{"id":"`, `"}}`, of(KeyPart{"tenant", "t"}, KeyPart{"id", "d"})},
		},
	}
	r := c.Routes[1]
	if f := r.Fields[1]; !reflect.DeepEqual(f, Field{To: "company", Line: 22, IDOf: &company}) {
		t.Errorf("field %+v of %+v", f, f.IDOf)
	}
	if !reflect.DeepEqual(r.Associations, want) {
		t.Errorf("got  %q\nwant %q", r.Associations, want)
	}
	only := mustParse(t, relate(t, "    fields:\n", "    associations: [{to: {id: {id_of: {route: companies, key: c}}}}]\n    fields:\n"))
	want = Associations{Linked: []Linked{{`{"to":{"id":"`, `"}}`, of(KeyPart{From: "c"})}}}
	if got := only.Routes[1].Associations; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestIdentityReadsBackAsItIsPrinted(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		base,
		edit(t, "{field: crm_id}", "ledger"),
		edit(t, "{field: crm_id}", "{match: {b: x.y, 'a b': '$${X}'}}") + "    search: {index_lag: 0s}\n",
		edit(t, "{field: crm_id}", "[{match: {b: x}}, {field: y}, ledger]") + "    on_create: upsert\n",
		related,
		relate(t, "key: [id]", "key: [a, b]", "key: company_id", "key: {b: c.d, a: e}") + `
    on_missing_parent: dead_letter
    associations: [{to: {id: "7"}}, {to: {id: {id_of: {route: companies, key: {a: x, b: y}}}, k: '$${X}'}, types: [279]}]
`,
	} {
		c := mustParse(t, text)
		printed := c.Redacted()
		again := mustParse(t, printed)
		for _, one := range []*Config{c, again} {
			one.Ampersand.APIKey = Secret{}
			for i := range one.Routes {
				for j := range one.Routes[i].Fields {
					one.Routes[i].Fields[j].Line = 0
				}
			}
		}
		if !reflect.DeepEqual(again, c) {
			t.Errorf("%s\nis printed as\n%s\nand reads back as\n%s", text, printed, again.Redacted())
		}
	}
}

func TestIdentityIsPrintedInItsShortestForm(t *testing.T) {
	t.Parallel()
	printed := mustParse(t, related).Redacted()
	for _, want := range []string{"id: ledger\n", "id: [ledger, {match: {email: email}}]\n", "company: {id_of: {route: companies, key: company_id}}\n"} {
		if !strings.Contains(printed, want) {
			t.Errorf("%q is not in\n%s", want, printed)
		}
	}
}

func TestIdentityRefusesWrongForms(t *testing.T) {
	t.Parallel()
	const id = "expected {field: FIELD}, ledger, {match: {CRM_FIELD: FIELD}}, or a list of them"
	for _, c := range []struct{ id, want string }{
		{"leger", `12:9: routes[0].id: found "leger", ` + id + `; did you mean "ledger"?`},
		{"5", `12:9: routes[0].id: found the number 5, ` + id},
		{"", `12:8: routes[0].id: found nothing, ` + id},
		{"[]", `12:9: routes[0].id: empty; expected at least one way to find the id`},
		{"[ledger, [ledger]]", `12:18: routes[0].id[1]: found a list, ` + id},
		{"[ledger, crm_id]", `12:18: routes[0].id[1]: found "crm_id", ` + id + `; for the field of that name write {field: crm_id}`},
		{"[ledger, {field: a}, ledger]", `12:30: routes[0].id[2]: ledger is there twice; each way is tried once`},
		{"[{field: a}, {field: b}]", `12:22: routes[0].id[1]: field is there twice; each way is tried once`},
		{"[{match: {a: a}}, {match: {b: b}}]", `12:27: routes[0].id[1]: match is there twice; each way is tried once`},
		{"{field: a, match: {b: b}}", `12:9: routes[0].id: several ways are a list, in the order in which they are tried: [{field: FIELD}, {match: {CRM_FIELD: FIELD}}]`},
		{"{ledger: }", `12:9: routes[0].id: the ledger is a word and no key: write ledger, or [ledger, {match: {CRM_FIELD: FIELD}}]`},
		{"{mach: {a: a}}", `12:10: routes[0].id.mach: unknown key; did you mean "match"?`},
		{"{match: email}", `12:17: routes[0].id.match: found "email", expected a mapping of the CRM's fields to the record's`},
		{"{match: {}}", `12:17: routes[0].id.match: empty; expected at least one field`},
		{"{match: {email: 5}}", `12:25: routes[0].id.match.email: found the number 5, expected a field; put it in quotes`},
		{"{match: {email: a.}}", `12:25: routes[0].id.match.email: "a." is not a field or a path into one (address.city)`},
		{"[ledger, {match: {email: [a]}}]", `12:34: routes[0].id[1].match.email: found a list, expected a field`},
		{"{match: {email: a, email: b}}", `12:28: routes[0].id.match.email: the field is there twice`},
		{"{match: {id: a}}", `12:18: routes[0].id.match.id: the CRM's own id is not searched for: the field of the row that holds it is {field: FIELD}`},
		{"!ledger x", `12:9: routes[0].id: tags are not read; a text that begins with ! needs quotes`},
	} {
		problems(t, edit(t, "{field: crm_id}", c.id), "c.yaml:"+c.want)
	}
	for _, c := range []struct{ more, want string }{
		{"on_create: update", `on_create: found "update", expected create, upsert or ignore`},
		{"on_update: upsrt", `on_update: found "upsrt", expected update, upsert or ignore; did you mean "upsert"?`},
		{"on_delete: upsert", `on_delete: found "upsert", expected delete or ignore, or the fields to set instead`},
		{"on_tombstone: upsert", `on_tombstone: found "upsert", expected delete or ignore`},
		{"on_unknown_delete: dead", `on_unknown_delete: found "dead", expected ignore or dead_letter`},
		{"on_conflict: updated", `on_conflict: found "updated", expected dead_letter or update; did you mean "update"?`},
		{"on_gone: create", `on_gone: found "create", expected dead_letter, recreate or ignore; did you mean "recreate"?`},
		{"on_group_change: delete", `on_group_change: found "delete", expected dead_letter or move`},
		{"on_missing_parent: skip", `on_missing_parent: found "skip", expected wait, omit or dead_letter`},
		{"parent_patience: 999ms", `parent_patience: found "999ms", expected a duration such as 200ms, 30s or 5m, at least 1s`},
		{"identity_space: 7", `identity_space: found the number 7, expected a text; put it in quotes`},
		{"search: {index_lag: -1s}", `search.index_lag: found "-1s", expected a duration such as 200ms, 30s or 5m, at least 0s`},
		{"search: {on_several: last}", `search.on_several: found "last", expected dead_letter or first`},
	} {
		text := strings.Replace(related, "    id: [ledger, {", "    "+c.more+"\n    id: [ledger, {", 1)
		key, _, _ := strings.Cut(c.want, ": ")
		problems(t, text, "c.yaml:"+place(t, text, key[strings.LastIndex(key, ".")+1:])+": routes[1]."+c.want)
	}
	problems(t, edit(t, "envelope: debezium", "envelope: plain\n    operation: {value: upsert}"),
		`c.yaml:11:24: routes[0].operation.value: "upsert" is nothing that happens to a row: write create, and on_create: upsert`)
}

// place returns where the value of a key stands that is once in a text.
func place(t *testing.T, text, key string) string {
	t.Helper()
	before, after, ok := strings.Cut(text, key+": ")
	if !ok || strings.Contains(after, key+": ") {
		t.Fatalf("%q is not once in\n%s", key, text)
	}
	line := before[strings.LastIndex(before, "\n")+1:]
	return fmt.Sprintf("%d:%d", strings.Count(before, "\n")+1, len(line+key+": ")+1)
}

func TestIdentityRefusesWrongLinks(t *testing.T) {
	t.Parallel()
	const field, link = "company: {id_of: {route: companies, key: company_id}}", "fields:\n      email"
	for _, c := range []struct{ old, new, want string }{
		{field, "company: {id_of: {route: companies, key: a}, required: true}", `22:16: routes[1].fields.company: the id of another row (id_of) goes with no other key`},
		{field, "company: {id_of: {route: companies, key: a}, from: a}", `22:16: routes[1].fields.company: the id of another row (id_of) goes with no other key`},
		{field, "company: {id_of: companies}", `22:24: routes[1].fields.company.id_of: found a text, expected a section (key: value)`},
		{field, "company: {id_of: {key: a}}", `22:24: routes[1].fields.company.id_of.route: missing, and required: the route of the other row, in the same integration: its id has ledger, it names the fields of its key, and it takes one topic or has an identity_space.`},
		{field, "company: {id_of: {route: companies}}", `22:24: routes[1].fields.company.id_of.key: missing, and required: the field of this row that holds the other row's key; of a key of several fields, each of them: {KEY_FIELD: FIELD}.`},
		{field, "company: {id_of: {rout: companies, key: a}}", `22:25: routes[1].fields.company.id_of.rout: unknown key; did you mean "route"?`},
		{field, "company: {id_of: {route: companies, key: [a]}}", `22:48: routes[1].fields.company.id_of.key: found a list, expected the name of a field, or {KEY_FIELD: FIELD, ...} for a key of several`},
		{field, "company: {id_of: {route: companies, key: {}}}", `22:48: routes[1].fields.company.id_of.key: empty; expected at least one field`},
		{field, "company: {id_of: {route: companies, key: 5}}", `22:48: routes[1].fields.company.id_of.key: found the number 5, expected the name of a field, or {KEY_FIELD: FIELD, ...} for a key of several; put it in quotes`},
		{field, "company: {id_of: {route: companies, key: {id: a.}}}", `22:53: routes[1].fields.company.id_of.key.id: "a." is not a field or a path into one (address.city)`},
		{field, field + "\n    on_delete: {company: {id_of: {route: companies, key: a}}}",
			`23:34: routes[1].on_delete.company.id_of: a deleted row proves only its key, so it is linked to nothing: set a constant or a column`},
		{link, "associations: [{to: {id: {id_of: {route: companies, key: a}, x: 1}}}]\n    " + link, `20:30: routes[1].associations[0].to.id: the id of another row (id_of) goes with no other key`},
		{link, "associations: [{to: {id_of: {route: companies, key: a}}}]\n    " + link,
			`20:20: routes[1].associations[0]: id_of belongs at to.id: {to: {id: {id_of: {route: ROUTE, key: FIELD}}}, types: [...]}`},
		{link, "associations: [{to: {id: {id_of: {route: companies, key: a}}}, id_of: 1}]\n    " + link,
			`20:20: routes[1].associations[0]: id_of belongs at to.id: {to: {id: {id_of: {route: ROUTE, key: FIELD}}}, types: [...]}`},
		{link, "associations: [{to: {id: {id_of: {route: companies}}}}]\n    " + link,
			`20:38: routes[1].associations[0].to.id.id_of.key: missing, and required: the field of this row that holds the other row's key; of a key of several fields, each of them: {KEY_FIELD: FIELD}.`},
		{link, "associations: [{to: {id: {id_of: {route: companies, key: a}}, id: 1}}]\n    " + link, `20:67: routes[1].associations[0].to.id: the key is there twice`},
	} {
		problems(t, relate(t, c.old, c.new), "c.yaml:"+c.want)
	}
}
