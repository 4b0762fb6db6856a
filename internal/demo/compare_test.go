package demo

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/ampersink/ampersink/internal/sandbox"
)

// twoRows are a company and its contact with their records; a contact that the CRM refused, and a
// record of the CRM's own.
func twoRows() ([]*entry, []sandbox.Record, map[string]map[string]any) {
	company := row{"id": 1, "tenant": "acme", "name": "Ito SA", "domain": "ito.example.com", "employees": 3}
	contact := row{
		"id": 2, "tenant": "acme", "email": "a@example.com", "first_name": "Ann", "last_name": "Ito", "phone": "1", "city": nil, "company_id": 1,
	}
	changed := maps.Clone(contact)
	changed["email"] = "a at example.com"
	entries := []*entry{
		{table: companies, id: 1, now: company, crm: company},
		{table: customers, id: 2, now: changed, crm: contact, behind: badEmail},
		{table: customers, id: 3, now: changed, behind: badEmail},
		{table: deals, id: 4},
	}
	record := func(id, object, fields string) sandbox.Record {
		r := sandbox.Record{ID: id, Group: "acme", Object: object}
		if err := json.Unmarshal([]byte(fields), &r.Fields); err != nil {
			panic(err)
		}
		return r
	}
	return entries, []sandbox.Record{
		record("101", "company", `{"name":"Ito SA","domain":"ito.example.com","numberofemployees":3,"source_id":1}`),
		record("102", "contact", `{"email":"a@example.com","firstname":"Ann","lastname":"Ito","phone":"1","city":null,"source_id":2,"associatedcompanyid":"101"}`),
		record("103", "contact", `{"email":"nobody@example.com"}`),
	}, map[string]map[string]any{"103": {"email": "nobody@example.com"}}
}

func TestTheCRMIsComparedRecordByRecord(t *testing.T) {
	t.Parallel()
	entries, records, own := twoRows()
	c := compare(entries, records, own)
	if c.rows != 3 || c.records != 2 || c.own != 1 || c.equal != 1 || c.behind[badEmail] != 2 || len(wrongOf(&c)) > 0 {
		t.Fatalf("%+v", c)
	}
	if c.ids[rowName(customers, `{"id":2}`)] != "102" {
		t.Errorf("%v", c.ids)
	}
	deal := sandbox.Record{ID: "104", Group: "acme", Object: "deal", Fields: map[string]json.RawMessage{"source_id": json.RawMessage("4")}}
	for name, x := range map[string]struct {
		cook func([]sandbox.Record) []sandbox.Record
		of   func(*comparison) []string
	}{
		"a record is missing":       {func(r []sandbox.Record) []sandbox.Record { return slices.Delete(r, 1, 2) }, func(c *comparison) []string { return c.missing }},
		"a record is there twice":   {func(r []sandbox.Record) []sandbox.Record { return append(r, r[0]) }, func(c *comparison) []string { return c.duplicates }},
		"a field differs":           {set(0, "name", `"Ito Ltd"`), func(c *comparison) []string { return c.different }},
		"a null is a value":         {set(1, "city", `"Graz"`), func(c *comparison) []string { return c.different }},
		"what was refused is there": {set(1, "email", `"a at example.com"`), func(c *comparison) []string { return c.different }},
		"another company":           {set(1, companyID, `"103"`), func(c *comparison) []string { return c.different }},
		"no company":                {set(1, companyID, `null`), func(c *comparison) []string { return c.different }},
		"another tenant":            {func(r []sandbox.Record) []sandbox.Record { r[0].Group = "globex"; return r }, func(c *comparison) []string { return c.different }},
		"a row that was deleted":    {func(r []sandbox.Record) []sandbox.Record { return append(r, deal) }, func(c *comparison) []string { return c.left }},
		"no row at all":             {set(2, "city", `"Graz"`), func(c *comparison) []string { return c.different }},
		"a record out of nowhere":   {func(r []sandbox.Record) []sandbox.Record { r[2].ID = "105"; return r }, func(c *comparison) []string { return c.left }},
		"the CRM's own is gone":     {func(r []sandbox.Record) []sandbox.Record { return r[:2] }, func(c *comparison) []string { return c.missing }},
	} {
		entries, records, own := twoRows()
		if c := compare(entries, x.cook(records), own); len(x.of(&c)) == 0 {
			t.Errorf("%s: it is not said: %+v", name, c)
		}
	}
}

func set(i int, field, value string) func([]sandbox.Record) []sandbox.Record {
	return func(r []sandbox.Record) []sandbox.Record {
		r[i].Fields[field] = json.RawMessage(value)
		return r
	}
}

func wrongOf(c *comparison) []string {
	return slices.Concat(c.missing, c.duplicates, c.different, c.left)
}
