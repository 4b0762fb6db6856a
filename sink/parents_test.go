package sink_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/internal/sandbox"
	"github.com/ampersink/ampersink/sink"
)

// family configures two routes: companies, and customers that belong to one.
func (c *crm) family(t *testing.T, k *kafkatest.Fake, children, parents string, edit ...func(*config.Route)) sink.Options {
	t.Helper()
	text := fmt.Sprintf(`
kafka: {brokers: [%q], group: g, session_timeout: 10s}
ampersand: {url: %q, api_url: %q, search_url: %q, project: acme, api_key: secret-key, timeout: 1s}
routes:
  - name: companies
    topics: [%q]
    envelope: debezium
    to: {integration: hubspot, object: company, group: acme}
    key: [id]
    id: ledger
    on_create: upsert
    on_update: upsert
    fields: {name: name}
    batch: {linger: 10ms}
  - name: customers
    topics: [%q]
    envelope: debezium
    to: {integration: hubspot, object: contact, group: acme}
    id: ledger
    on_create: upsert
    on_update: upsert
    fields: {email: email, companyid: {id_of: {route: companies, key: company_id}}}
    associations:
      - {to: {id: {id_of: {route: companies, key: company_id}}}, types: [{associationCategory: HUBSPOT_DEFINED, associationTypeId: 279}]}
    batch: {linger: 10ms}
retry: {initial: 10ms, max: 100ms, patience: 5m}
admin: {listen: ""}
`, strings.Join(k.Brokers(), `","`), c.URL, c.URL, c.URL, parents, children)
	cfg, err := config.Parse("test.yaml", []byte(text), func(string) (string, bool) { return "", false }, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range edit {
		e(&cfg.Routes[1])
	}
	return sink.Options{Config: cfg, Log: testLog(t), UntilEnd: true}
}

func company(topic string, id int) *kgo.Record {
	return event(topic, "c", id, fmt.Sprintf(`{"id":%d,"name":"C%d"}`, id, id))
}

func employee(topic, op string, id int, of string) *kgo.Record {
	return event(topic, op, id, fmt.Sprintf(`{"id":%d,"email":"u%d@example.com","company_id":%s}`, id, id, of))
}

// links are the companies of the contacts, by email, as their field and their association say.
func (c *crm) links(t *testing.T) map[string]string {
	t.Helper()
	names := make(map[string]string)
	for _, r := range c.sandbox.Records("hubspot", "acme", "company") {
		names[r.ID] = text(r.Fields["name"])
	}
	links := make(map[string]string)
	for _, r := range c.sandbox.Records("hubspot", "acme", "contact") {
		id := text(r.Fields["companyid"])
		link := names[id]
		if id != "" && strings.Contains(string(r.Associations), `"`+id+`"`) {
			link += " associated"
		}
		links[text(r.Fields["email"])] = link
	}
	return links
}

func TestAChildWaitsForItsParentAndIsLinkedToIt(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{References: true})
	children, parents := k.NewTopic(t, 2, nil), k.NewTopic(t, 1, nil)
	o := c.family(t, k, children, parents)
	o.UntilEnd = false
	s := start(t, o)
	k.Produce(t, employee(children, "c", 1, "7"), employee(children, "c", 2, "null"))
	waitFor(t, "the one without a company", func() bool { return len(c.records("acme")) == 1 })
	waitFor(t, "the other one to be shown as waiting", func() bool {
		id := s.Status().Identity
		return id.Awaiting == 1 && strings.Contains(strings.Join(id.Reasons, ""), `companyid is the CRM id of row {"id":7}`)
	})
	k.Produce(t, company(parents, 7))
	waitFor(t, "the child", func() bool { return len(c.records("acme")) == 2 })
	if err := s.drain(); err != nil {
		t.Fatal(err)
	}
	if l := c.links(t); l["u1@example.com"] != "C7 associated" || l["u2@example.com"] != "" {
		t.Errorf("the links are %v", l)
	}
	// A company that is known, and none any more.
	o.UntilEnd = true
	k.Produce(t, employee(children, "c", 3, "7"), employee(children, "u", 1, "null"))
	runs(t, o)
	if l := c.links(t); l["u3@example.com"] != "C7 associated" || l["u1@example.com"] != "" {
		t.Errorf("the links are %v", l)
	}
	wantLetters(t, k, children)
}

func TestAParentThatNeverComes(t *testing.T) {
	t.Parallel()
	for on, want := range map[config.OnMissingParent]struct{ records, letters int }{
		config.MissingParentWait: {0, 1}, config.MissingParentDeadLetter: {0, 1}, config.MissingParentOmit: {1, 0},
	} {
		t.Run(string(on), func(t *testing.T) {
			t.Parallel()
			k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
			children, parents := k.NewTopic(t, 1, nil), k.NewTopic(t, 1, nil)
			o := c.family(t, k, children, parents, func(r *config.Route) { r.OnMissingParent, r.ParentPatience = on, 200*time.Millisecond })
			k.Produce(t, employee(children, "c", 1, "7"))
			runs(t, o)
			if n := len(c.records("acme")); n != want.records {
				t.Errorf("%d records, expected %d", n, want.records)
			}
			if l := letters(t, k, children); len(l) != want.letters || len(l) > 0 && l[0] != "missing_parent" {
				t.Errorf("dead letters %q, expected %d", l, want.letters)
			}
		})
	}
}

func TestAChildDoesNotOvertakeTheCreateOfItsParent(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{Latency: 150 * time.Millisecond})
	children, parents := k.NewTopic(t, 1, nil), k.NewTopic(t, 1, nil)
	o := c.family(t, k, children, parents, func(r *config.Route) { r.OnMissingParent, r.ParentPatience = config.MissingParentOmit, 10*time.Second })
	o.UntilEnd = false
	s := start(t, o)
	k.Produce(t, company(parents, 7))
	waitFor(t, "the company to be on its way", func() bool { return s.Status().InFlight == 1 })
	k.Produce(t, employee(children, "c", 1, "7"))
	waitFor(t, "the child", func() bool { return len(c.records("acme")) == 1 })
	if l := c.links(t); l["u1@example.com"] != "C7 associated" {
		t.Errorf("the links are %v", l)
	}
	if err := s.drain(); err != nil {
		t.Fatal(err)
	}
}
