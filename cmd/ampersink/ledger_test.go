package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	settings "github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/internal/sandbox"
	"github.com/ampersink/ampersink/sink/kafka"
	"github.com/ampersink/ampersink/sink/ledger"
)

// remembering writes the configuration of a shop whose rows carry no CRM id.
func remembering(t *testing.T, broker, api, group string) string {
	t.Helper()
	return file(t, "config.yaml", fmt.Sprintf(`
kafka: {brokers: [%[1]q], group: %[3]s}
ampersand: {url: %[2]q, api_url: %[2]q, search_url: %[2]q, project: acme, api_key: k, timeout: 1s}
routes:
  - name: customers
    topics: [shop.customers]
    envelope: debezium
    to: {integration: hubspot, object: contact, group: {field: tenant}}
    key: [id]
    id: ledger
    on_create: upsert
    on_update: upsert
    fields: {email: email, firstname: name}
    batch: {linger: 10ms}
  - name: companies
    topics: [shop.companies]
    envelope: plain
    operation: {value: create}
    to: {integration: hubspot, object: company, group: acme}
    id: ledger
    fields: {name: name}
    batch: {linger: 10ms}
  - name: orders
    topics: {regex: 'shop\.orders\..*'}
    envelope: debezium
    to: {integration: hubspot, object: deal, group: acme}
    id: [ledger]
    fields: {dealname: name}
  - name: tickets
    topics: [shop.tickets]
    envelope: debezium
    to: {integration: hubspot, object: ticket, group: acme}
    id: {field: crm_id}
    fields: {subject: subject}
retry: {initial: 10ms, max: 50ms}
admin: {listen: ""}
log: {format: json}
`, broker, api, group))
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// says checks what a call of the ledger ends with, and what it says where.
func says(t *testing.T, args []string, code int, stdout, stderr string) (out string) {
	t.Helper()
	got, out, errs := call(append([]string{"ledger"}, args...)...)
	if got != code || !strings.Contains(out, stdout) || !strings.Contains(errs, stderr) || stdout == "" && out != "" {
		t.Errorf("%q exits with %d, prints\n%s\nand says\n%s\nexpected %d, %q and %q", args, got, out, errs, code, stdout, stderr)
	}
	return out
}

const noBroker = "127.0.0.1:1"

func TestWrongCallsOfTheLedgerAreRefusedBeforeAnythingIsAsked(t *testing.T) {
	t.Parallel()
	config := remembering(t, noBroker, nowhere, "g")
	plain := shop(t, noBroker, nowhere)
	ids := file(t, "ids.csv", "id,crm_id,group\n7,501,acme\n")
	for _, c := range []struct {
		args string // words; %s is the configuration
		says string
	}{
		{"get", "takes one argument, KEY"},
		{"get 7", "which configuration?"},
		{"get 7 8", "takes one argument, KEY"},
		{"exprot --config %s", "did you mean export?"},
		{"export --config %s all", `takes no argument: "all"`},
		{"stats --config %s.not", "config.yaml.not"},
		{"stats --config " + plain, "no route of this configuration keeps its rows in the ledger"},
		{"get --config %s 7", "of which route? Say --route, one of: customers, companies, orders"},
		{"get --config %s --route costumers 7", `--route: "costumers" is not in the configuration; did you mean "customers"? expected one of: customers, companies, orders`},
		{"get --config %s --route tickets 7", `--route: "tickets" keeps no rows in the ledger`},
		{"get --config %s --route customers 7", `neither the record key (7) nor the row holds the field; expected a value (a key of route customers is {"id": ...})`},
		{`get --config %s --route customers {"di":7}`, `(a key of route customers is {"id": ...})`},
		{"get --config %s --route customers --topic shop.orders.eu 7", `does not take topic "shop.orders.eu"; it takes shop.customers`},
		{"get --config %s --route orders 7", "names no identity_space: a key may be a row in each topic, so say which one"},
		{"import --config %s --route customers /there/is/none.csv", "/there/is/none.csv: no such file or directory; nothing was imported"},
		{"import --config %s --route customers .", ".: is a directory; nothing was imported"},
		{"import --config %s " + ids, "of which route?"},
		{"import --config %s --route nobody " + ids, "expected one of: customers"},
		{"import --config %s --route companies " + ids, `without "key"; expected the columns ["key" "crm_id"]`},
		{"import --config %s --route orders " + file(t, "o.csv", "key,crm_id\n7,1\n"), "line 2: route \"orders\" takes the topics of a pattern"},
		{"import --config %s --route customers " + file(t, "g.csv", "id,crm_id\n7,501\n"), "line 2: group: missing, and route customers takes it from its rows"},
		{"import --config %s --route companies " + file(t, "h.csv", "key,crm_id,group\n7,501,globex\n"), `line 2: group: found "globex"; expected "acme"`},
		{"import --config %s --route customers " + file(t, "two.csv", "id,crm_id,group\n7,501,acme\n8,502,acme\n7,503,acme\n"),
			`line 4: row {"id":7} is record 503 of acme here and record 501 of acme in line 2; expected one record; nothing was imported`},
		{"import --config %s --route customers " + file(t, "groups.csv", "id,crm_id,group\n7,501,acme\n7,501,globex\n"),
			"line 3: row {\"id\":7} is record 501 of globex here and record 501 of acme in line 2"},
	} {
		if strings.Contains(c.args, "%s") {
			c.args = fmt.Sprintf(c.args, config)
		}
		says(t, strings.Fields(c.args), exitConfig, "", c.says)
	}
}

// newCRM is the sandbox over HTTP.
func newCRM(t *testing.T) (*sandbox.Server, string) {
	t.Helper()
	crm, err := sandbox.New(sandbox.Options{CRM: sandbox.HubSpot})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(crm)
	t.Cleanup(api.Close)
	return crm, api.URL
}

// worked lets a group write some rows, the first of which are in doubt.
func worked(t *testing.T, k *kafkatest.Fake, config string, crm *sandbox.Server) {
	t.Helper()
	k.CreateTopic(t, "shop.customers", 2, nil)
	k.CreateTopic(t, "shop.companies", 1, nil)
	k.CreateTopic(t, "shop.tickets", 1, nil)
	run := func(records ...*kgo.Record) {
		t.Helper()
		k.Produce(t, records...)
		if code, _, stderr := call("run", "--config", config, "--until-end"); code != exitDone {
			t.Fatal(stderr)
		}
	}
	customer := func(id int) *kgo.Record {
		return &kgo.Record{Topic: "shop.customers", Key: fmt.Appendf(nil, `{"id":%d}`, id),
			Value: fmt.Appendf(nil, `{"before":null,"after":{"id":%d,"tenant":"acme","email":"u%d@example.com","name":"N"},"op":"c"}`, id, id)}
	}
	if err := crm.SetFaults([]sandbox.Fault{{Type: "create", Count: 1, Do: sandbox.DoReset, Apply: "yes"}}); err != nil {
		t.Fatal(err)
	}
	run(customer(1))
	var rows []*kgo.Record
	for i := 2; i < 30; i++ {
		rows = append(rows, customer(i))
	}
	for _, key := range []string{"a-text", "\xff\x00", `{"b":9007199254740993,"a":"x"}`, `"quoted"`, "7"} {
		rows = append(rows, &kgo.Record{Topic: "shop.companies", Key: []byte(key), Value: []byte(`{"name":"C"}`)})
	}
	run(rows...)
}

func TestLedgerGetSaysWhatIsKnownOfARow(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	crm, api := newCRM(t)
	config := remembering(t, k.Brokers()[0], api, "g")
	worked(t, k, config, crm)
	get := func(route, key string) []string { return []string{"get", "--config", config, "--route", route, key} }
	out := says(t, get("customers", `{"id": 2}`), exitDone, "row:    {\"id\":2} of hubspot/contact/shop.customers\nstate:  known\nid:     ", "")
	if !strings.Contains(out, "\ngroup:  acme\nsince:  shop.customers/") {
		t.Error(out)
	}
	says(t, get("customers", `{"id":1}`), exitDone, "state:  doubt: a create of it may have been applied; look it up in the CRM and import its id", "")
	says(t, get("customers", `{"id":99}`), exitFault, "state:  unknown\n", "ampersink: nothing is known of this row")
	says(t, get("companies", "a-text"), exitDone, "row:    a-text of hubspot/company/shop.companies\nstate:  known", "")
	says(t, get("companies", "\xff\x00"), exitDone, `row:    "\xff\x00" of hubspot/company/shop.companies`, "")
	says(t, get("companies", `{"a":"x","b":9007199254740993}`), exitDone, "state:  known", "")
	says(t, get("companies", `{"a":"x","b":9007199254740992}`), exitFault, "state:  unknown", "")
	says(t, append(get("orders", "7"), "--topic", "shop.orders.eu"), exitFault, "7 of hubspot/deal/shop.orders.eu", "nothing is known")
}

func TestLedgerStatsCounts(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	crm, api := newCRM(t)
	config := remembering(t, k.Brokers()[0], api, "g")
	worked(t, k, config, crm)
	line := `{"integration":"hubspot","object":"%s","space":"old\u001b[2J","key":"k%d","state":"%s","group":"acme","id":"%s","topic":"","partition":0,"offset":0}` + "\n"
	old := fmt.Sprintf(line, "contact", 1, "known", "5") + fmt.Sprintf(line, "contact", 2, "exists", "") + fmt.Sprintf(line, "contact", 2, "exists", "")
	says(t, []string{"import", "--config", config, file(t, "old.jsonl", old)}, exitDone,
		"into g.ledger: 2 added\n  1 line said the same again\n  no route of this configuration has rows in \"hubspot/contact/old\\x1b[2J\": nobody will look there\n", "")
	out := says(t, []string{"stats", "--config", config}, exitDone, "topic g.ledger: 36 rows, which take a member 0.0 MiB of memory; 0 open creates\n", "")
	for _, want := range []string{
		"  hubspot/company/shop.companies (companies): 5 known, 0 without an id, 0 in doubt; 1 group\n",
		"  \"hubspot/contact/old\\x1b[2J\" (no route of this configuration): 1 known, 1 without an id, 0 in doubt; 1 group\n",
		"  hubspot/contact/shop.customers (customers): 28 known, 0 without an id, 1 in doubt; 1 group\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if strings.Contains(out, "\x1b") {
		t.Error("a row does something to the terminal")
	}
}

func TestALedgerThatMayNotBeUsedIsSaid(t *testing.T) {
	t.Parallel()
	ids := file(t, "ids.csv", "id,crm_id,group\n7,501,acme\n")
	for name, c := range map[string]struct {
		refuse func(k *kafkatest.Fake)
		args   []string
		says   string
	}{
		"to describe": {func(k *kafkatest.Fake) { k.RefuseTopic("g.ledger", kerr.TopicAuthorizationFailed, kmsg.Metadata) },
			[]string{"stats"}, "grant this user READ and DESCRIBE on the topic"},
		"to read": {func(k *kafkatest.Fake) { k.RefuseTopic("g.ledger", kerr.TopicAuthorizationFailed, kmsg.Fetch) },
			[]string{"export"}, "grant this user READ and DESCRIBE on the topic"},
		"to write": {func(k *kafkatest.Fake) { k.RefuseTopic("g.ledger", kerr.TopicAuthorizationFailed, kmsg.Produce) },
			[]string{"import", "--route", "customers", ids}, "WRITE on dead-letter topics and on the ledger's"},
		"its policy": {func(k *kafkatest.Fake) { k.SetTopic(t, "g.ledger", "cleanup.policy", "delete") },
			[]string{"stats"}, "topic g.ledger has cleanup.policy=delete, which deletes what is old: set it to compact"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := kafkatest.NewFake(t)
			config := remembering(t, k.Brokers()[0], nowhere, "g")
			says(t, []string{"import", "--config", config, "--route", "customers", file(t, "i.csv", "id,crm_id,group\n1,1,acme\n")}, exitDone, "1 added", "")
			c.refuse(k)
			code, stdout, stderr := call(append([]string{"ledger", c.args[0], "--config", config}, c.args[1:]...)...)
			if code != exitFault || !strings.Contains(stderr, c.says) || strings.Contains(stdout, "1 added") {
				t.Errorf("exits with %d, prints %q and says %q; expected %q", code, stdout, stderr, c.says)
			}
		})
	}
}

func TestTheLedgerOfADeadBrokerFailsAtOnceAndNamesIt(t *testing.T) {
	t.Parallel()
	address := kafkatest.DeadAddress(t)
	config := remembering(t, address, nowhere, "g")
	ids := file(t, "ids.csv", "id,crm_id,group\n7,501,acme\n")
	for _, args := range [][]string{
		{"stats"}, {"export"}, {"create"}, {"get", "--route", "customers", `{"id":7}`}, {"import", "--route", "customers", ids},
	} {
		says(t, append([]string{args[0], "--config", config}, args[1:]...), exitFault, "", "no answer from ["+address+"]")
	}
}

func TestOpenCreatesAreShown(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	config := remembering(t, k.Brokers()[0], nowhere, "g")
	says(t, []string{"create", "--config", config}, exitDone, "holds 0 rows", "")
	topic, err := kafka.OpenCompacted(t.Context(), kafka.CompactedOptions{
		Config: settings.Kafka{Brokers: k.Brokers(), Group: "g", ClientID: "t"}, Topic: "g.ledger", Log: zerolog.Nop(), Fault: func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer topic.Close()
	l := ledger.New(ledger.Options{Log: topic, Writer: 1, Changed: func() {}, Logger: zerolog.Nop()})
	var creates []ledger.Creating
	space := model.Space{Integration: "hubspot", Object: "contact", Name: "shop.customers"}
	for i := range 25 {
		creates = append(creates, ledger.Creating{Write: &model.Write{
			Source:      &model.Kept{TopicPartition: model.TopicPartition{Topic: "shop.customers", Partition: 3}, Offset: int64(i)},
			Destination: model.Destination{Group: "acme"},
			Identity:    &model.Identity{Space: &space, Key: fmt.Sprintf(`{"id":%d}`, 100+i)},
		}})
	}
	if _, err := l.Announce(t.Context(), creates); err != nil {
		t.Fatal(err)
	}
	says(t, []string{"get", "--config", config, "--route", "customers", `{"id":104}`}, exitDone,
		"state:  unknown\nintent: a create was announced for shop.customers/3 offset 4, and what became of it is not known (yet, where a member runs)\n", "")
	out := says(t, []string{"stats", "--config", config}, exitDone, "25 open creates\n  open: {\"id\":100} of hubspot/contact/shop.customers, announced for shop.customers/3 offset 0\n", "")
	if strings.Count(out, "open: ") != 20 || !strings.HasSuffix(out, "  ... and 5 more\n") {
		t.Error(out)
	}
	ids := file(t, "ids.csv", "id,crm_id,group\n104,501,acme\n")
	says(t, []string{"import", "--config", config, "--route", "customers", ids}, exitDone, "into g.ledger: 0 added, 1 in doubt or without an id before\n", "")
	says(t, []string{"stats", "--config", config}, exitDone, "24 open creates", "")
}
