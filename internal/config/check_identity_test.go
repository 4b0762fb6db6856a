package config

import (
	"fmt"
	"strings"
	"testing"
)

const late = "only means something where the record of a row is looked up: put ledger or {match: {CRM_FIELD: FIELD}} into id"

func TestIdentityRefusesKeysThatMeanNothingOnTheirRoute(t *testing.T) {
	t.Parallel()
	const (
		match  = "only a match searches: put {match: {CRM_FIELD: FIELD}} into id"
		ledger = "only the ledger knows in which group a row was: put ledger into id"
		link   = "only a row that needs another row's id waits for it: give a field or an association {id_of: {route: ROUTE, key: FIELD}}"
	)
	for _, c := range []struct{ id, key, value, want string }{
		{"{field: crm_id}", "identity_space", "people", late},
		{"{field: crm_id}", "on_unknown_delete", "ignore", late},
		{"{field: crm_id}", "on_conflict", "update", late},
		{"{field: crm_id}", "on_gone", "dead_letter", late},
		{"{field: crm_id}", "search", "{}", match},
		{"{field: crm_id}", "on_group_change", "move", ledger},
		{"{field: crm_id}", "on_missing_parent", "wait", link},
		{"{field: crm_id}", "parent_patience", "5m", link},
		{"[{field: crm_id}, ledger]", "search", "{index_lag: 1m}", match},
		{"[{field: crm_id}, {match: {a: a}}]", "on_group_change", "move", ledger},
		{"[ledger, {match: {a: a}}]", "on_missing_parent", "omit", link},
	} {
		text := edit(t, "{field: crm_id}", c.id) + "    " + c.key + ": " + c.value + "\n"
		problems(t, text, fmt.Sprintf("c.yaml:14:%d: routes[0].%s: %s", len(c.key)+7, c.key, c.want))
	}
	// Where the id itself cannot be read, its consequences are not blamed.
	problems(t, edit(t, "{field: crm_id}", "leger")+"    on_gone: ignore\n",
		`c.yaml:12:9: routes[0].id: found "leger", expected {field: FIELD}, ledger, {match: {CRM_FIELD: FIELD}}, or a list of them; did you mean "ledger"?`)
}

func TestIdentityRefusesUpsertsThatFindNothing(t *testing.T) {
	t.Parallel()
	const ways = "an upsert looks for the row's record first: say with id where it is found (ledger, {match: {CRM_FIELD: FIELD}}), or write "
	noID := edit(t, "    id: {field: crm_id}\n", "    on_delete: ignore\n")
	problems(t, noID+"    on_update: ignore\n    on_create: upsert\n", "c.yaml:15:16: routes[0].on_create: "+ways+"create")
	problems(t, noID+"    on_update: upsert\n", "c.yaml:14:16: routes[0].on_update: "+ways+"update")
	problems(t, noID+"    on_update: ignore\n    on_snapshot: upsert\n", "c.yaml:15:18: routes[0].on_snapshot: "+ways+"create")
	problems(t, base+"    on_update: upsert\n", "c.yaml:14:16: routes[0].on_update: each update of a row that has no id yet would create it once more: "+
		"put ledger or {match: {CRM_FIELD: FIELD}} into id, or write update")
}

func TestIdentityRefusesMovesThatDeleteAndDoNotCreate(t *testing.T) {
	t.Parallel()
	text := edit(t, "{field: crm_id}", "ledger")
	problems(t, text+"    on_group_change: move\n", "c.yaml:14:22: routes[0].on_group_change: a row that moves to another group is created there, "+
		"and on_update is update, which creates none: write on_update: upsert too, or dead_letter")
	for _, sound := range []string{"    on_group_change: move\n    on_update: upsert\n", "    on_group_change: move\n    on_update: ignore\n", "    on_group_change: dead_letter\n"} {
		problems(t, text+sound)
	}
}

func TestIdentityRefusesLinksThatNobodyCanAnswer(t *testing.T) {
	t.Parallel()
	const route, key = "c.yaml:22:32: routes[1].fields.company.id_of.route: ", "c.yaml:22:48: routes[1].fields.company.id_of.key"
	for _, c := range []struct{ name, text, want string }{
		{"a route that is not there", relate(t, "route: companies,", "route: compnies,"), route + `found "compnies", expected the name of a route; did you mean "companies"?`},
		{"a name of nothing", relate(t, "route: companies,", "route: invoices,"), route + `found "invoices", expected the name of a route`},
		{"a route without the ledger", relate(t, "id: ledger", "id: {match: {name: name}}"), route + `route "companies" does not remember the ids of its rows: put ledger into its id`},
		{"topics that are several spaces", relate(t, "[shop.companies]", "[shop.companies, erp.companies]"),
			route + `route "companies" takes more than one topic, and each has an identity space of its own: give it an identity_space`},
		{"a pattern of topics", relate(t, "[shop.companies]", `{regex: '.*\.companies'}`),
			route + `route "companies" takes more than one topic, and each has an identity space of its own: give it an identity_space`},
		{"another CRM", relate(t, "integration: hubspot, object: companies", "integration: salesforce, object: companies"),
			route + `route "companies" writes to "salesforce" and this one to "hubspot": an id means nothing in another CRM`},
		{"another customer's CRM", relate(t, "object: companies, group: acme-inc", "object: companies, group: other"),
			route + `route "companies" writes for group "other" and this one for "acme-inc": an id means nothing in another CRM`},
		{"a key without names", relate(t, "    key: [id]\n", ""), strings.Replace(route, "22", "21", 1) + `route "companies" does not name the fields of its key: give it key: [FIELD]`},
		{"one column for a key of two fields", relate(t, "key: [id]", "key: [tenant, id]"),
			key + `: the key of route "companies" is ["tenant", "id"]: write the column of each field, {KEY_FIELD: FIELD, ...}`},
		{"a field that the key does not have", relate(t, "key: company_id", "key: {ident: company_id}"),
			strings.Replace(key, "48", "56", 1) + `.ident: the key of route "companies" is ["id"], and has no such field`},
		{"a field of the key that is not given", relate(t, "key: [id]", "key: [tenant, id]", "key: company_id", "key: {id: company_id}"),
			key + `: the key of route "companies" is ["tenant", "id"]: the column of each of its fields is needed, found 1`},
		{"an association with nobody", relate(t, "fields:\n      email", "associations: [{to: {id: '7'}}, {to: {id: {id_of: {route: contact, key: a}}}}]\n    fields:\n      email"),
			`c.yaml:20:63: routes[1].associations[1].to.id.id_of.route: found "contact", expected the name of a route; did you mean "contacts"?`},
		{"a second association", relate(t, "fields:\n      email", "associations: [{to: {id: {id_of: {route: companies, key: a}}}}, {to: {id: {id_of: {route: companies, key: {b: b}}}}}]\n    fields:\n      email"),
			`c.yaml:20:115: routes[1].associations[1].to.id.id_of.key.b: the key of route "companies" is ["id"], and has no such field`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			problems(t, c.text, c.want)
		})
	}
}

func TestIdentityRefusesOneSpaceWithTwoKeys(t *testing.T) {
	t.Parallel()
	shared := strings.Replace(edit(t, "{field: crm_id}", "ledger", "envelope: debezium", "envelope: debezium\n    key: [id, tenant]\n    identity_space: people")+second,
		"id: {field: crm_id}", "id: ledger\n    identity_space: people\n    key: [tenant, id]", 1)
	mustParse(t, shared)
	problems(t, strings.Replace(shared, "key: [tenant, id]", "key: [id]", 1),
		`c.yaml:22:10: routes[1].key: route "contacts" has the same identity_space and the key ["id", "tenant"]: rows of one space have one key`)
	mustParse(t, strings.NewReplacer("key: [tenant, id]", "key: [id]", "object: contacts, group: acme-inc}\n    id: ledger\n    identity", "object: leads, group: acme-inc}\n    id: ledger\n    identity").Replace(shared))
}

func TestIdentityRefusesATopicOfTheLedgerThatIsInUse(t *testing.T) {
	t.Parallel()
	ledger := edit(t, "{field: crm_id}", "ledger")
	const own = "and our own topics are never consumed: take it out, or call the ledger's topic something else"
	for _, c := range []struct{ name, text, want string }{
		{"braces", ledger + "ledger: {topic: '{topic}.ledger'}\n",
			`14:17: ledger.topic: found "{topic}.ledger", expected a topic name, in which only {group} is replaced`},
		{"no topic name", ledger + "ledger: {topic: 'a/{group}'}\n",
			`14:17: ledger.topic: found "a/{group}", expected a topic name, with {group} for the consumer group`},
		{"a group that no topic can have", strings.Replace(ledger, "group: crm-sync", "group: crm sync", 1),
			`3:10: kafka.group: ledger.topic ("{group}.ledger") is not the name of a topic for group "crm sync" ` +
				"(letters, digits, dots, dashes and underscores, at most 249): write a name without {group}"},
		{"a route's", strings.Replace(ledger, "[shop.contacts]", "[shop.contacts, crm-sync.ledger]", 1),
			`9:29: routes[0].topics[1]: "crm-sync.ledger" fits ledger.topic ("{group}.ledger"), ` + own},
		{"a rule's", ledger + "skip: [{name: all, topics: [x]}]\nledger: {topic: x}\n",
			`14:29: skip[0].topics[0]: "x" fits ledger.topic ("x"), ` + own},
		{"dead letters into the ledger", ledger + "dead_letter: {topic: '{topic}.ledger'}\n",
			`14:22: dead_letter.topic: ledger.topic ("{group}.ledger") fits dead_letter.topic ("{topic}.ledger"): call one of them something else`},
		{"a ledger among dead letters", ledger + "ledger: {topic: all.dead}\n",
			`14:17: ledger.topic: ledger.topic ("all.dead") fits dead_letter.topic ("{topic}.dead"): call one of them something else`},
		{"also where no route has it", base + "ledger: {topic: '{x}'}\n",
			`14:17: ledger.topic: found "{x}", expected a topic name, in which only {group} is replaced`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			problems(t, c.text, "c.yaml:"+c.want)
		})
	}
	if topic := mustParse(t, ledger).Ledger.TopicOf("crm-sync"); topic != "crm-sync.ledger" {
		t.Errorf("the ledger's topic is %s", topic)
	}
}

func TestIdentityLetsPossibleCombinationsRun(t *testing.T) {
	t.Parallel()
	noFields := "    fields: {email: email}\n"
	for name, text := range map[string]string{
		"updates and deletes by the ledger":     edit(t, "{field: crm_id}", "ledger"),
		"updates and deletes by a match":        edit(t, "{field: crm_id}", "{match: {email: email}}"),
		"fields instead of a delete":            edit(t, "{field: crm_id}", "ledger") + "    on_delete: {status: {value: gone}}\n",
		"an upsert by the id that the row has":  base + "    on_create: upsert\n    on_snapshot: upsert\n",
		"a group from the row, also of deletes": edit(t, "{field: crm_id}", "ledger", "group: acme-inc", "group: {field: tenant}") + "    on_group_change: move\n    on_update: upsert\n",
		"plain rows that are all creates": edit(t, "{field: crm_id}", "ledger", "envelope: debezium", "envelope: plain", noFields,
			"    fields: {email: email}\n    on_update: ignore\n"),
		"plain rows that carry no id are no updates": edit(t, "{field: crm_id}", "ledger", "envelope: debezium", "envelope: plain", noFields,
			"    on_create: ignore\n"),
		"a link in an association alone": edit(t, "{field: crm_id}", "ledger\n    key: [id]") +
			"    associations: [{to: {id: {id_of: {route: contacts, key: a}}}}]\n    parent_patience: 1h\n",
		"a group that no topic can have, without the ledger": edit(t, "group: crm-sync", "group: crm sync") + "ledger: {topic: '{group}.ledger'}\n",
		"a topic that a ledger would have, without one":      edit(t, "[shop.contacts]", "[crm-sync.ledger]"),
		"a parent of several topics in one space":            relate(t, "[shop.companies]", `{regex: '.*\.companies'}`, "id: ledger", "id: ledger\n    identity_space: companies"),
		"a parent whose group comes from the row":            relate(t, "object: companies, group: acme-inc", "object: companies, group: {field: tenant}"),
		"a parent that is of the same table":                 relate(t, "{name: name}", "{name: name, parent: {id_of: {route: companies, key: parent_id}}}"),
		"a link of a row whose id is a field":                relate(t, "[ledger, {match: {email: email}}]", "{field: crm_id}\n    on_missing_parent: omit"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mustParse(t, text)
		})
	}
	problems(t, edit(t, "{field: crm_id}", "ledger", noFields, "    on_create: upsert\n    on_update: ignore\n"),
		"c.yaml:8:5: routes[0].fields: missing, and required: a create or an update without fields would write nothing")
	problems(t, edit(t, "{field: crm_id}", "ledger", noFields, "    on_create: ignore\n    on_update: upsert\n"),
		"c.yaml:8:5: routes[0].fields: missing, and required: a create or an update without fields would write nothing")
}

// What a reference stands for is in no message about identity.
func TestIdentityShowsNoReference(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		edit(t, "{field: crm_id}", "'${KEY}'"),
		edit(t, "{field: crm_id}", "{match: {a: '.${KEY}'}}"),
		edit(t, "{field: crm_id}", "ledger") + "ledger: {topic: '/${KEY}'}\n",
		strings.Replace(edit(t, "{field: crm_id}", "ledger"), "group: crm-sync", "group: '/${KEY}'", 1),
		relate(t, "route: companies,", "route: '${KEY}',"),
		relate(t, "name: companies", "name: '${KEY}'", "route: companies,", "route: '${KEY}',", "key: [id]", "key: ['${KEY}', b]"),
		relate(t, "name: companies", "name: '${KEY}'", "route: companies,", "route: 'K${KEY}',"),
		relate(t, "object: companies, group: acme-inc", "object: companies, group: '${KEY}'"),
		relate(t, "integration: hubspot, object: companies", "integration: '${KEY}', object: companies"),
	} {
		_, err := parseSecret(text)
		if err == nil {
			t.Errorf("not refused: %s", text)
		} else if shows(err.Error(), keyMark) != "" {
			t.Errorf("%s\nfor\n%s", err, text)
		}
	}
}
