package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	problems(t, `kafka:
  brokers: [localhost:9092]
  gruop: crm-sync
  project: acme
  whatever: 1
ampersand: {api_key: k, project: acme, timeout: 60s, timeout: 5s}
rotues: []
routes:
  - name: contacts
    topics: [shop.contacts]
    envelope: debeziun
    to: {integration: hubspot, object: contacts, group: {feild: tenant}}
    id: {field: crm_id}
    fields: {email: email, email: mail}
    onCreate: ignore
    batch: {sise: 10, <<: {size: 1}, [a]: 1}
`,
		`c.yaml:3:3: kafka.gruop: unknown key; did you mean "group"?`,
		`c.yaml:4:3: kafka.project: unknown key here; it belongs in "ampersand"`,
		`c.yaml:5:3: kafka.whatever: unknown key; expected brokers, group, start, on_lost_offset, session_timeout, instance_id, client_id, balancer, tls, sasl or schema_registry`,
		`c.yaml:6:54: ampersand.timeout: the key is there twice`,
		`c.yaml:7:1: rotues: unknown key; did you mean "routes"?`,
		`c.yaml:11:15: routes[0].envelope: found "debeziun", expected plain, debezium, debezium_flat, maxwell, canal, cockroach, dms or sequin; did you mean "debezium"?`,
		`c.yaml:12:58: routes[0].to.group.feild: unknown key; did you mean "field"?`,
		`c.yaml:14:28: routes[0].fields.email: the field is there twice`,
		`c.yaml:15:5: routes[0].onCreate: unknown key; did you mean "on_create"?`,
		`c.yaml:16:13: routes[0].batch.sise: unknown key; did you mean "size"?`,
		`c.yaml:16:23: routes[0].batch: merge keys (<<) are not read; write the keys, or reuse a whole value with *name`,
		`c.yaml:16:38: routes[0].batch: a key must be a plain word, found a list`,
	)
}

func TestParseRefusesWhatIsMissing(t *testing.T) {
	t.Parallel()
	problems(t, "",
		`c.yaml:1:1: kafka.brokers: missing, and required: addresses (host:port) to ask first; the other brokers are learned from them.`,
		`c.yaml:1:1: kafka.group: missing, and required: the consumer group, whose members share the partitions.`,
		"c.yaml:1:1: ampersand.api_key: missing, and required: the project's API key; better from ${NAME} or ${file:PATH} than written here.",
		`c.yaml:1:1: ampersand.project: missing, and required: the project, by id or name.`,
		`c.yaml:1:1: routes: missing, and required: which topics become writes to which object, and how; several routes may take one topic, whose records have one envelope.`,
	)
	problems(t, edit(t, "    topics: [shop.contacts]\n", "", "    envelope: debezium\n", "", "integration: hubspot, ", "", "contacts, group: acme-inc", "contacts"),
		`c.yaml:8:5: routes[0].topics: missing, and required: the topics that the route takes, by name or by pattern.`,
		`c.yaml:8:5: routes[0].envelope: missing, and required: the dialect (docs/inputs.md): plain rows, Debezium's envelope, what its ExtractNewRecordState makes of it, or another source's.`,
		`c.yaml:9:9: routes[0].to.integration: missing, and required: the integration, by name or id.`,
		`c.yaml:9:9: routes[0].to.group: missing, and required: the groupRef: whose CRM it is; the same for every row, or taken from it.`,
	)
	problems(t, edit(t, "[localhost:9092]", "[]", "[shop.contacts]", "[]"),
		`c.yaml:2:12: kafka.brokers: empty; expected at least one`,
		`c.yaml:9:13: routes[0].topics: empty; expected at least one topic`,
	)
	problems(t, edit(t, "project: acme", "project:", "crm-sync", `""`),
		`c.yaml:3:10: kafka.group: empty; expected a text`,
		`c.yaml:6:11: ampersand.project: found nothing, expected a text`,
	)
}

func TestParseRefusesWrongTypesAndRanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ key, value, want string }{
		{"kafka.brokers", "localhost:9092", `found "localhost:9092", expected a list of texts; put it in brackets: [...]`},
		{"kafka.group", "7", `found the number 7, expected a text; put it in quotes`},
		{"kafka.group", "{no: 1}", `found a mapping, expected a text`},
		{"kafka.group", "true", `found true, expected a text; put it in quotes`},
		{"kafka.group", "!name x", `tags are not read; a text that begins with ! needs quotes`},
		{"admin.listen", "8080", `found the number 8080, expected a text; write ":8080" for every address or "127.0.0.1:8080" for this machine alone`},
		{"admin.listen", "99999", `found the number 99999, expected a text; put it in quotes`},
		{"ledger", "crm.ledger", `found a text, expected a section (key: value); write ledger: {topic: crm.ledger}`},
		{"dead_letter", "'{topic}.dead'", `found a text, expected a section (key: value); write dead_letter: {topic: "{topic}.dead"}`},
		{"admin", ":8080", `found a text, expected a section (key: value); write admin: {listen: ":8080"}`},
		{"kafka.tls", "on", `found a text, expected a section (key: value)`},
		{"kafka.start", "first", `found "first", expected earliest or latest`},
		{"kafka.start", "earlyest", `found "earlyest", expected earliest or latest; did you mean "earliest"?`},
		{"kafka.start", "1", `found the number 1, expected earliest or latest`},
		{"kafka.session_timeout", "45", `found the number 45, expected a duration such as 200ms, 30s or 5m, 6s to 30m; add the unit`},
		{"kafka.session_timeout", "5999ms", `found "5999ms", expected a duration such as 200ms, 30s or 5m, 6s to 30m`},
		{"kafka.session_timeout", "31m", `found "31m", expected a duration such as 200ms, 30s or 5m, 6s to 30m`},
		{"retry.initial", "-1s", `found "-1s", expected a duration such as 200ms, 30s or 5m, at least 1ms`},
		{"shutdown_timeout", "0s", `found "0s", expected a duration such as 200ms, 30s or 5m, 1s to 1h`},
		{"limits.memory", "4MiB", `found "4MiB", expected a size such as 512KiB, 8MB or 32MiB, at least 8MiB`},
		{"limits.memory", "32mib", `found "32mib", expected a size such as 512KiB, 8MB or 32MiB, at least 8MiB`},
		{"limits.memory", "9999999999GiB", `found "9999999999GiB", expected a size such as 512KiB, 8MB or 32MiB, at least 8MiB`},
		{"limits.lane_share", "0", `found the number 0, expected a number, above 0 and at most 1`},
		{"limits.lane_share", "1.01", `found the number 1.01, expected a number, above 0 and at most 1`},
		{"limits.lane_share", ".nan", `found the number .nan, expected a number, above 0 and at most 1`},
		{"limits.requests", "0", `found the number 0, expected a whole number, 1 to 10000`},
		{"limits.requests", "1.5", `found the number 1.5, expected a whole number, 1 to 10000`},
		{"limits.requests", "010", `found the number 010, expected a whole number, 1 to 10000`},
		{"limits.requests", `"10"`, `found "10", expected a whole number, 1 to 10000; without quotes`},
		{"limits.search_rate", "0", `found the number 0, expected a number, above 0`},
		{"limits.search_rate", "-1", `found the number -1, expected a number, above 0`},
		{"limits.requests", "[1]", `found a list, expected a whole number, 1 to 10000`},
		{"dead_letter.create", "yes", `found "yes", expected true or false`},
		{"dead_letter.create", "True", `found True, expected true or false`},
		{"log", "[]", `found a list, expected a section (key: value)`},
		{"skip", "{name: a}", `found a mapping, expected a list of sections`},
	} {
		section, key, nested := strings.Cut(c.key, ".")
		text := section + ": " + c.value
		if nested {
			text = section + ":\n  " + key + ": " + c.value
		}
		problems(t, overlay(t, text), "c.yaml:"+position(text)+": "+c.key+": "+c.want)
	}
}

// overlay puts a section into base: before it, with what base requires of it.
func overlay(t *testing.T, text string) string {
	t.Helper()
	if !strings.HasPrefix(text, "kafka:") {
		return text + "\n" + base
	}
	rest := strings.TrimPrefix(base, "kafka:\n")
	for _, required := range []string{"brokers", "group"} {
		if strings.Contains(text, "  "+required+":") {
			line := rest[max(0, strings.Index(rest, "  "+required)):]
			rest = strings.Replace(rest, line[:strings.Index(line, "\n")+1], "", 1)
		}
	}
	return text + "\n" + rest
}

// position is where the value stands in a text of one or two lines.
func position(text string) string {
	lines := strings.Split(text, "\n")
	last := lines[len(lines)-1]
	return fmt.Sprintf("%d:%d", len(lines), strings.Index(last, ": ")+3)
}

func TestParseRefusesWrongForms(t *testing.T) {
	t.Parallel()
	const id = "expected {field: FIELD}, ledger, {match: {CRM_FIELD: FIELD}}, or a list of them"
	for _, c := range []struct{ old, new, want string }{
		{"[shop.contacts]", "shop.contacts", `9:13: routes[0].topics: found "shop.contacts", expected a list of topic names, or {regex: PATTERN}`},
		{"[shop.contacts]", "{regex: [a]}", `9:21: routes[0].topics.regex: found a list, expected a text`},
		{"[shop.contacts]", "{}", `9:13: routes[0].topics: expected exactly one of regex, found 0`},
		{"group: acme-inc", "group: [a]", `11:57: routes[0].to.group: found a list, expected a text, {field: FIELD} or {header: NAME}`},
		{"group: acme-inc", "group: {field: a, header: b}", `11:57: routes[0].to.group: expected exactly one of field or header, found 2`},
		{"group: acme-inc", "group: 42", `11:57: routes[0].to.group: found the number 42, expected a text, {field: FIELD} or {header: NAME}; put it in quotes`},
		{"id: {field: crm_id}", "id: crm_id", `12:9: routes[0].id: found "crm_id", ` + id + `; for the field of that name write {field: crm_id}`},
		{"id: {field: crm_id}", "id: {field: a..b}", `12:17: routes[0].id.field: "a..b" is not a field or a path into one (address.city)`},
		{"{email: email}", "[email]", `13:13: routes[0].fields: found a list, expected a mapping of the CRM's fields to the record's`},
		{"{email: email}", "{}", `13:13: routes[0].fields: empty; expected at least one field`},
		{"{email: email}", "{id: crm_id}", `13:14: routes[0].fields.id: the CRM's own id is not written as a field: say where it is found with id: {field: FIELD}`},
		{"{email: email}", "{a: 5}", `13:17: routes[0].fields.a: found the number 5, expected the name of a field, {from: FIELD} or {value: CONSTANT}; a constant is written {value: 5}`},
		{"{email: email}", "{a: }", `13:17: routes[0].fields.a: found nothing, expected the name of a field, {from: FIELD} or {value: CONSTANT}`},
		{"{email: email}", "{a: b.}", `13:17: routes[0].fields.a: "b." is not a field or a path into one (address.city)`},
		{"{email: email}", "{a: {from: b, value: c}}", `13:17: routes[0].fields.a: a constant (value) is sent as it is and goes with no other key`},
		{"{email: email}", "{a: {}}", `13:17: routes[0].fields.a: expected from, value, expr or id_of`},
		{"{email: email}", "{a: {required: true}}", `13:17: routes[0].fields.a: expected from, value, expr or id_of`},
		{"{email: email}", "{a: {from: b., as: date}}", `13:24: routes[0].fields.a.from: "b." is not a field or a path into one (address.city)`},
		{"{email: email}", "{a: {from: b, type: date_day}}", `13:33: routes[0].fields.a.type: found "date_day", expected ` + list(texts(Types())) + `; did you mean "date_days"?`},
		{"{email: email}", "{a: {from: b, type: decimal}}", `13:33: routes[0].fields.a.type: a decimal needs its scale: how many digits stand behind the point`},
		{"{email: email}", "{a: {from: b, scale: 2}}", `13:34: routes[0].fields.a.scale: only type decimal has one`},
		{"{email: email}", "{a: {expr: b, type: date_days}}", `13:33: routes[0].fields.a.type: says what the value of from is, and there is no from`},
		{"{email: email}", "{a: {from: b, as: list}}", `13:31: routes[0].fields.a.as: a list needs a separator`},
		{"{email: email}", "{a: {from: b, separator: ','}}", `13:38: routes[0].fields.a.separator: only as list has one`},
		{"{email: email}", "{a: {from: b, max_length: 80}}", `13:39: routes[0].fields.a.max_length: found a number, expected a section (key: value)`},
		{"{email: email}", "{a: {from: b, max_length: {over: cut}}}", `13:39: routes[0].fields.a.max_length.characters: missing, and required: how many characters (Unicode code points) it may have.`},
		{"{email: email}", "{a: {from: b, max_length: {characters: 0}}}", `13:52: routes[0].fields.a.max_length.characters: found the number 0, expected a whole number, at least 1`},
		{"{email: email}", "{a: {from: b, nulls: drop}}", `13:34: routes[0].fields.a.nulls: found "drop", expected send, omit or empty`},
		{"{email: email}", "{a: a}\n    update: some", `14:13: routes[0].update: found "some", expected all or changed`},
		{"{email: email}", "{a: {valu: b}}", `13:18: routes[0].fields.a.valu: unknown key; did you mean "value"?`},
		{"{email: email}", "{a: {value: .inf}}", `13:25: routes[0].fields.a.value: the number .inf cannot be written as JSON: put it in quotes`},
		{"{email: email}", "{a: {value: {b: 1, b: 2}}}", `13:32: routes[0].fields.a.value.b: the key is there twice`},
		{"{email: email}", "{a: a}\n    associations: [1]", `14:20: routes[0].associations[0]: found a number, expected an association: {to: ..., types: [...]}`},
		{"{email: email}", "{a: a}\n    associations: x", `14:19: routes[0].associations: found "x", expected {field: FIELD} or a list`},
		{"{email: email}", "{a: a}\n    headers: [{key: a}]", `14:15: routes[0].headers[0].value: missing, and required: the header's value.`},
		{"{email: email}", "{a: a}\n    headers: [{key: '', value: b}]", `14:21: routes[0].headers[0].key: empty; expected a text`},
		{"{email: email}", "{a: a}\n    on_delete: [a]", `14:16: routes[0].on_delete: found a list, expected delete or ignore, or the fields to set instead`},
		{"{email: email}", "{a: a}\n    on_delete: {}", `14:16: routes[0].on_delete: empty; expected at least one field`},
		{"{email: email}", "{a: a}\n    on_delete: drop", `14:16: routes[0].on_delete: found "drop", expected delete or ignore, or the fields to set instead`},
		{"envelope: debezium", "envelope: plain\n    operation: create", `11:16: routes[0].operation: found "create", expected {field: FIELD}, {header: NAME} or {value: create}`},
		{"envelope: debezium", "envelope: plain\n    operation: {value: creat}", `11:24: routes[0].operation.value: found "creat", expected create, update or delete; did you mean "create"?`},
		{"envelope: debezium", "envelope: debezium\n    format: avr", `11:13: routes[0].format: found "avr", expected json, avro, protobuf or json_schema, or {key: FORMAT, value: FORMAT}; did you mean "avro"?`},
		{"envelope: debezium", "envelope: debezium\n    format: [avro]", `11:13: routes[0].format: found a list, expected json, avro, protobuf or json_schema, or {key: FORMAT, value: FORMAT}`},
		{"envelope: debezium", "envelope: debezium\n    format: {values: json}", `11:14: routes[0].format.values: unknown key; did you mean "value"?`},
		{"envelope: debezium", "envelope: debezium\n    format: {key: jso}", `11:19: routes[0].format.key: found "jso", expected json, avro, protobuf or json_schema; did you mean "json"?`},
		{"envelope: debezium", "envelope: maxwel", `10:15: routes[0].envelope: found "maxwel", expected plain, debezium, debezium_flat, maxwell, canal, cockroach, dms or sequin; did you mean "maxwell"?`},
		{"envelope: debezium", "envelope: debezium\n    unwrap: cloud_events", `11:13: routes[0].unwrap: found "cloud_events", expected none or cloudevents; did you mean "cloudevents"?`},
		{"envelope: debezium", "envelope: debezium\n    on_truncate: delete", `11:18: routes[0].on_truncate: found "delete", expected ignore, stop or dead_letter`},
		{"envelope: debezium", "envelope: debezium\n    on_key_change: mov", `11:20: routes[0].on_key_change: found "mov", expected move, recreate or dead_letter; did you mean "move"?`},
		{"envelope: debezium", "envelope: debezium\n    on_no_row: skip", `11:16: routes[0].on_no_row: found "skip", expected ignore or dead_letter`},
		{"envelope: debezium", "envelope: debezium\n    mode: asynchronous", `11:11: routes[0].mode: "asynchronous" comes in a later version`},
	} {
		problems(t, edit(t, c.old, c.new), "c.yaml:"+c.want)
	}
}

func TestParseRefusesBrokenYAML(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"a: b: c", "c.yaml:1:5: not YAML: mapping values are not allowed in this context; look here and at the line above for an indentation that is off or a missing space behind a colon"},
		{"a: [1", "c.yaml:2:1: not YAML: did not find expected ',' or ']', while parsing a flow sequence"},
		{"a: 1\n---\nb: 2", "c.yaml: a configuration is one YAML document; this file has several"},
		{"a: \x00", "c.yaml: not YAML: control characters are not allowed (value: 0)"},
		{"a: \xff", "c.yaml: not YAML: invalid leading UTF-8 octet (value: 255)"},
		{"- a", "c.yaml:1:1: found a list, expected a configuration (key: value)"},
		{"text", "c.yaml:1:1: found a text, expected a configuration (key: value)"},
	} {
		problems(t, c.text, c.want)
	}
}
