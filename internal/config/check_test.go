package config

import (
	"fmt"
	"strings"
	"testing"
)

// second is a further route, to the destination of base's.
const second = `  - name: leads
    topics: [shop.leads]
    envelope: debezium
    to: {integration: hubspot, object: contacts, group: acme-inc}
    id: {field: crm_id}
    fields: {email: email}
`

// registry is base with a schema registry.
func registry(t *testing.T, section string) string {
	t.Helper()
	return edit(t, "group: crm-sync", "group: crm-sync\n  schema_registry: "+section)
}

func TestCheckRefusesImpossibleCombinations(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"operation without plain", edit(t, "envelope: debezium", "envelope: debezium\n    operation: {field: op}"),
			"11:16: routes[0].operation: only envelope plain has it; debezium says itself what happened to a row"},
		{"an update without id", edit(t, "    id: {field: crm_id}\n", "    on_delete: ignore\n"),
			"8:5: routes[0].on_update: an update needs the CRM's own id: say with id where it is found (ledger, {match: {CRM_FIELD: FIELD}} or {field: FIELD}), or on_update: ignore"},
		{"a delete without id", edit(t, "    id: {field: crm_id}\n", "    on_update: ignore\n"),
			"8:5: routes[0].on_delete: a delete needs the CRM's own id: say with id where it is found (ledger, {match: {CRM_FIELD: FIELD}} or {field: FIELD}), or on_delete: ignore"},
		{"fields to set on a delete without id", edit(t, "    id: {field: crm_id}\n", "    on_update: ignore\n    on_delete: {status: {value: gone}}\n"),
			"13:16: routes[0].on_delete: to set fields needs the CRM's own id: say with id where it is found (ledger, {match: {CRM_FIELD: FIELD}} or {field: FIELD}), or on_delete: ignore"},
		{"a tombstone that deletes without id", edit(t, "    id: {field: crm_id}\n", "", "envelope: debezium", "envelope: plain\n    operation: {value: create}"),
			"8:5: routes[0].on_tombstone: the delete that a tombstone asks for needs the CRM's own id: say with id where it is found (ledger, {match: {CRM_FIELD: FIELD}} or {field: FIELD}), or on_tombstone: ignore"},
		{"a create without fields", edit(t, "    fields: {email: email}\n", ""),
			"8:5: routes[0].fields: missing, and required: a create or an update without fields would write nothing"},
		{"a placeholder of no bytes", base + "    placeholder: hex:zz\n",
			"14:18: routes[0].placeholder: found \"hex:zz\", expected hexadecimal digits behind hex:, two for each byte"},
		{"a placeholder that is no text", base + "    placeholder: hex:ff\n",
			"14:18: routes[0].placeholder: found \"hex:ff\", expected text that is UTF-8 and not empty"},
		{"in_flight above all", base + "    batch: {in_flight: 9}\nlimits: {requests: 8}\n",
			"14:24: routes[0].batch.in_flight: 9 is above limits.requests (8), which bounds all lanes together"},
		{"a batch above the memory", base + "    batch: {bytes: 10MiB}\nlimits: {memory: 8MiB}\n",
			"14:20: routes[0].batch.bytes: 10MiB is above limits.memory (8MiB), so no batch could fill"},
		{"retries that start above their end", base + "retry: {initial: 40s}\n",
			"14:18: retry.initial: retry.initial (40s) is above retry.max (30s, the default)"},
		{"retries longer than the patience", base + "retry: {max: 10m}\n",
			"14:14: retry.max: retry.max (10m) is above retry.patience (5m, the default)"},
		{"retries whose end is the default, and longer than the patience", base + "retry: {patience: 10s}\n",
			"14:19: retry.patience: retry.max (30s, the default) is above retry.patience (10s)"},
		{"a port alone, in quotes", base + "admin: {listen: '8080'}\n",
			`14:17: admin.listen: found "8080", expected host:port, :port, or "" for no listener; write ":8080" for every address or "127.0.0.1:8080" for this machine alone`},
		{"a flood window smaller than its keys", base + "flood: {window: 50}\n",
			"14:17: flood.window: the guard would never act, because 100 different keys (flood.keys) are not among the last 50 writes (flood.window): " +
				"make keys smaller or window larger, or switch the guard off with flood.action: dead_letter"},
		{"flood keys above their window", base + "flood: {keys: 201}\n",
			"14:15: flood.keys: the guard would never act, because 201 different keys (flood.keys) are not among the last 200 writes (flood.window): " +
				"make keys smaller or window larger, or switch the guard off with flood.action: dead_letter"},
		{"a certificate without its key", edit(t, "group: crm-sync", "group: crm-sync\n  tls: {cert: a.pem}"),
			"4:8: kafka.tls: cert and key go together: mutual TLS needs both\n" +
				"c.yaml:4:15: kafka.tls.cert: the file cannot be read: open a.pem: file does not exist"},
		{"a readable password", edit(t, "group: crm-sync", "group: crm-sync\n  sasl: {mechanism: plain, user: u, password: pa55}"),
			"4:21: kafka.sasl.mechanism: plain without TLS sends the password readable: add kafka.tls, use a scram mechanism, or say allow_plaintext: true"},
		{"a readable key", edit(t, "project: acme", "project: acme\n  url: http://api.example.com/v1"),
			"7:8: ampersand.url: http:// to another machine sends the API key readable: use https://, or say allow_http: true"},
		{"a readable key at the search", edit(t, "project: acme", "project: acme\n  search_url: http://api.example.com/v1"),
			"7:15: ampersand.search_url: http:// to another machine sends the API key readable: use https://, or say allow_http: true"},
		{"a search address that is none", edit(t, "project: acme", "project: acme\n  search_url: search.example.com"),
			"7:15: ampersand.search_url: expected the address of the API, such as https://write.withampersand.com/v1"},
		{"a readable key at the operations", edit(t, "project: acme", "project: acme\n  api_url: http://api.example.com/v1"),
			"7:12: ampersand.api_url: http:// to another machine sends the API key readable: use https://, or say allow_http: true"},
		{"Avro without a registry", edit(t, "envelope: debezium", "envelope: debezium\n    format: avro"),
			"11:13: routes[0].format: avro is read with the schemas of a registry: add kafka.schema_registry: {url: ADDRESS}"},
		{"keys of Protobuf without a registry", edit(t, "envelope: debezium", "envelope: debezium\n    format: {key: protobuf}"),
			"11:13: routes[0].format: protobuf is read with the schemas of a registry: add kafka.schema_registry: {url: ADDRESS}"},
		{"a registry without an address", registry(t, "{user: u, password: p}"),
			"4:20: kafka.schema_registry.url: missing, and required: its address."},
		{"a registry's address that is none", registry(t, "{url: registry:8081}"),
			"4:26: kafka.schema_registry.url: expected the address of the registry, such as https://registry.example.com:8081"},
		{"a login in the registry's address", registry(t, "{url: 'https://u:pa55@registry'}"),
			"4:26: kafka.schema_registry.url: credentials do not belong into the address: they are user and password"},
		{"a query in the registry's address", registry(t, "{url: 'https://registry?a=b'}"),
			"4:26: kafka.schema_registry.url: expected an address without ? and #"},
		{"a user without a password", registry(t, "{url: 'https://registry', user: u}"),
			"4:20: kafka.schema_registry: user and password go together"},
		{"a password without a user", registry(t, "{url: 'https://registry', password: p}"),
			"4:20: kafka.schema_registry: user and password go together"},
		{"a user with a colon", registry(t, "{url: 'https://registry', user: 'a:b', password: p}"),
			"4:52: kafka.schema_registry.user: contains a colon, which the name of a user cannot have here"},
		{"a registry's password with a line break", registry(t, `{url: 'https://registry', user: u, password: "p\nq"}`),
			"4:65: kafka.schema_registry.password: contains a line break or another control character, which no login can carry"},
		{"a registry's password that is readable", registry(t, "{url: 'http://registry:8081', user: u, password: p}"),
			"4:26: kafka.schema_registry.url: http:// to another machine sends the password readable: use https://, or say allow_http: true"},
		{"TLS for a registry without it", registry(t, "{url: 'http://registry:8081', tls: {}}"),
			"4:55: kafka.schema_registry.tls: is for an https:// url, and kafka.schema_registry.url is http://"},
		{"a registry's certificate without its key", registry(t, "{url: 'https://registry', tls: {cert: a.pem}}"),
			"4:51: kafka.schema_registry.tls: cert and key go together: mutual TLS needs both\n" +
				"c.yaml:4:58: kafka.schema_registry.tls.cert: the file cannot be read: open a.pem: file does not exist"},
		{"two routes of one name", base + strings.Replace(second, "leads", "contacts", 1),
			`14:11: routes[1].name: "contacts" is also the name of routes[0]`},
		{"batches that differ for one destination", base + second + "    batch: {size: 50}\n",
			`20:19: routes[1].batch.size: route "contacts" has 100 and this route, "leads", has 50, but both write to object "contacts" of "hubspot" for group "acme-inc" and share its lane: make them agree`},
		{"batches that may differ for one destination", base + strings.Replace(second, "acme-inc", "{field: tenant}", 1) + "    batch: {linger: 2s}\n",
			`20:21: routes[1].batch.linger: route "contacts" has 1s and this route, "leads", has 2s, but both write to object "contacts" of "hubspot" and share its lane: make them agree`},
		{"a topic twice", edit(t, "[shop.contacts]", "[shop.contacts, shop.contacts]"),
			"9:29: routes[0].topics[1]: is there twice (routes[0].topics[0])"},
		{"a rule that skips what a route takes", base + "skip: [{name: all, topics: {regex: '.*'}}]\n",
			`14:28: skip[0].topics: would skip topic "shop.contacts", which route "contacts" takes by name: take it out of one of them`},
		{"dead letters into their source", base + "dead_letter: {topic: '{topic}'}\n",
			"14:22: dead_letter.topic: would put dead letters back into the topic that they come from: add to it, as in {topic}.dead"},
		{"a route that reads dead letters", edit(t, "[shop.contacts]", "[shop.contacts.dead]"),
			`9:14: routes[0].topics[0]: "shop.contacts.dead" fits dead_letter.topic ("{topic}.dead"), and our own topics are never consumed: ` +
				"take it out, or call the dead letters' topic something else"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			problems(t, c.text, strings.Split("c.yaml:"+c.want, "\n")...)
		})
	}
}

func TestCheckLetsPossibleCombinationsRun(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a window that just holds its keys":          base + "flood: {window: 100}\n",
		"a window too small for a guard that is off": base + "flood: {window: 50, action: dead_letter}\n",
		"only creates, and no id":                    edit(t, "    id: {field: crm_id}\n", "    on_update: ignore\n    on_delete: ignore\n"),
		"routes that agree":                          base + second,
		"groups that tell routes apart":              base + strings.Replace(second, "acme-inc", "other", 1) + "    batch: {size: 50}\n",
		"deletes alone need no fields": edit(t, "    fields: {email: email}\n", "", "envelope: debezium",
			"envelope: debezium\n    on_create: ignore\n    on_update: ignore"),
		"a password over TLS": edit(t, "group: crm-sync", "group: crm-sync\n  tls: {}\n  sasl: {mechanism: plain, user: u, password: p}"),
		"a readable password that is accepted": edit(t, "group: crm-sync",
			"group: crm-sync\n  sasl: {mechanism: plain, user: u, password: p, allow_plaintext: true}"),
		"http to this machine":                       edit(t, "project: acme", "project: acme\n  url: http://localhost:8090/v1\n  search_url: http://localhost:8090/v1\n  api_url: http://[::1]:8090"),
		"http that is accepted":                      edit(t, "project: acme", "project: acme\n  url: http://sandbox:8090/v1\n  allow_http: true"),
		"skip what a pattern takes":                  edit(t, "[shop.contacts]", "{regex: 'shop\\..*'}") + "skip: [{name: odd, topics: [shop.odd]}]\n",
		"no admin listener":                          base + "admin: {listen: ''}\n",
		"Avro with a registry":                       edit(t, "group: crm-sync", "group: crm-sync\n  schema_registry: {url: http://registry:8081}", "envelope: debezium", "envelope: debezium\n    format: avro"),
		"a registry nobody needs":                    registry(t, "{url: 'https://registry/', user: u, password: p, tls: {}}"),
		"a registry on this machine":                 registry(t, "{url: 'http://127.0.0.1:8081', user: u, password: p}"),
		"a registry's password that may be readable": registry(t, "{url: 'http://registry', user: u, password: p, allow_http: true}"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mustParse(t, text)
		})
	}
}

// A thousand routes are checked in time: each against each would look up where
// every key stands half a million times.
func TestCheckOfAThousandRoutesIsNotQuadraticInLookUps(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString(base)
	for i := range 1000 {
		text.WriteString(strings.NewReplacer("leads", fmt.Sprintf("leads-%d", i), "acme-inc", fmt.Sprintf("group-%d", i)).Replace(second))
	}
	if n := len(mustParse(t, text.String()).Routes); n != 1001 {
		t.Errorf("%d routes", n)
	}
}
