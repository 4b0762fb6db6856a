package preview

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/model"
)

const family = `
kafka: {brokers: ["127.0.0.1:1"], group: g}
ampersand: {url: "https://write.example.com/v1", project: acme, api_key: k}
routes:
  - name: companies
    topics: [companies]
    envelope: plain
    to: {integration: hubspot, object: company, group: acme}
    key: [id]
    id: ledger
    fields: {name: name}
  - name: contacts
    topics: [contacts]
    envelope: plain
    operation: {field: op}
    to: {integration: hubspot, object: contact, group: acme}
    id: ledger
    fields: {email: email, companyid: {id_of: {route: companies, key: company_id}}}
    associations:
      - {to: {id: {id_of: {route: companies, key: company_id}}}, types: [{associationTypeId: 279}]}
      - {to: {id: "7"}, types: [{associationTypeId: 280}]}
  - name: leads
    topics: [contacts]
    envelope: plain
    operation: {value: create}
    on_tombstone: ignore
    to: {integration: hubspot, object: lead, group: acme}
    fields: {hs_lead_name: email}
`

// TestTheIDsOfOtherRowsAreShown: also of a route that is previewed without the one that it names.
func TestTheIDsOfOtherRowsAreShown(t *testing.T) {
	t.Parallel()
	c := configured(t, family)
	path := captureOf(t,
		row(0, `{"id":1}`, `{"op":"create","email":"a@b.c","company_id":3}`), row(1, `{"id":2}`, `{"op":"update","email":"x@b.c","company_id":null}`),
		row(2, `{"id":3}`, `{"op":"create","email":"y@b.c"}`), model.Record{TopicPartition: model.TopicPartition{Topic: "companies"}, Key: []byte(`{"id":3}`), Value: []byte(`{"id":3,"name":"Acme"}`)})
	for creates, routes := range map[int][]string{3: nil, 0: {"contacts"}} { // of leads, from the topic of contacts
		s, err := Select(c, nil, routes)
		if err != nil {
			t.Fatal(err)
		}
		doc := previewed(t, c, path, func(o *Options) { o.Selection = s })
		shown := table(t, doc, 0)
		for _, want := range []string{
			`email: "a@b.c"  companyid: id of company {"id":3}  with associations [{"to":{"id":"7"},"types":[{"associationTypeId":280}]}]  with an association: id of company {"id":3}`,
			`email: "x@b.c"  companyid: null`,
			"company_id  contacts  companyid     1",
			"company_id  contacts  associations  1",
		} {
			if !strings.Contains(shown, want) {
				t.Errorf("%q: %q is not shown: %s", routes, want, shown)
			}
		}
		for _, other := range []string{"Acme", "hs_lead_name"} {
			if named := strings.Contains(shown, other); named != (routes == nil) {
				t.Errorf("%q: %s is shown: %t", routes, other, named)
			}
		}
		if n := doc.Summary.Writes["create"]; n != creates {
			t.Errorf("%q: %d creates", routes, n)
		}
		fields := make(map[string]string)
		for _, f := range doc.Summary.Fields {
			fields[f.Route+"."+f.Field] = fmt.Sprint(f.From, " ", f.Kinds, " ", f.Nulls, " ", f.Absent)
		}
		if fields["contacts.companyid"] != "company_id map[text:1] 1 1" || fields["contacts.associations"] != "company_id map[text:1] 0 1" {
			t.Errorf("%q: the summary has %v", routes, fields)
		}
		var back Document
		if err := json.Unmarshal([]byte(jsonOf(t, doc)), &back); err != nil {
			t.Fatal(err)
		}
		parents := make(map[int64]string)
		for _, r := range back.Requests {
			for _, w := range r.Writes {
				for _, p := range w.Parents {
					key := "null"
					if p.Key != nil {
						key = *p.Key
					}
					parents[w.Offset] += fmt.Sprint(p.Field, "=", p.Object, " of ", p.IdentitySpace, " ", key, " by ", p.Column, "; ")
				}
			}
		}
		want := map[int64]string{0: `companyid=company of companies {"id":3} by company_id; =company of companies {"id":3} by company_id; `, 1: "companyid=company of companies null by company_id; "}
		if fmt.Sprint(parents) != fmt.Sprint(want) {
			t.Errorf("%q: JSON has %v", routes, parents)
		}
	}
}
