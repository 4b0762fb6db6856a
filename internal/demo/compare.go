package demo

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/ampersink/ampersink/internal/sandbox"
)

// comparison is the CRM beside the source, record by record.
type comparison struct {
	rows    int // that the source has
	records int // that the CRM has of rows
	own     int // that the CRM has of its own, as they were
	equal   int // rows whose one record is equal to them
	// ids are the CRM ids of the rows that have a record, by their names.
	ids map[string]string
	// behind are rows whose last change could not reach the CRM, by the code of its dead letter:
	// their record is as the last change left it that could, or there is none.
	behind map[string]int
	// What should not be, each in words.
	missing, duplicates, different, left []string
}

// comparing is a comparison under way.
type comparing struct {
	comparison
	found map[string][]sandbox.Record // by row
}

// compare compares the rows of the source with the records of the CRM, of which own are those
// that no row is about.
func compare(entries []*entry, records []sandbox.Record, own map[string]map[string]any) comparison {
	c := &comparing{comparison: comparison{behind: make(map[string]int), ids: make(map[string]string)}, found: make(map[string][]sandbox.Record)}
	for _, r := range records {
		c.file(r, own)
	}
	if gone := len(own) - c.own - len(c.different); gone > 0 {
		c.missing = append(c.missing, fmt.Sprintf("%d of the CRM's own records", gone))
	}
	known := make(map[string]bool)
	for _, e := range entries {
		known[e.name()] = true
		c.row(e)
	}
	for name, records := range c.found {
		if !known[name] {
			c.left = append(c.left, fmt.Sprintf("record %s is of %s, which never was a row", records[0].ID, name))
		}
	}
	return c.comparison
}

// file finds out what a record is of.
func (c *comparing) file(r sandbox.Record, own map[string]map[string]any) {
	if was, ok := own[r.ID]; ok {
		if now := valuesOf(r); !reflect.DeepEqual(now, was) {
			c.different = append(c.different, fmt.Sprintf("the CRM's own record %s was %v and is %v", r.ID, was, now))
			return
		}
		c.own++
		return
	}
	c.records++
	for table, route := range routes {
		if route.object == r.Object {
			name := rowName(table, fmt.Sprintf(`{"id":%s}`, r.Fields[sourceID]))
			c.found[name] = append(c.found[name], r)
			c.ids[name] = r.ID
		}
	}
}

// row looks for a row's record.
func (c *comparing) row(e *entry) {
	if e.now != nil {
		c.rows++
	}
	found := c.found[e.name()]
	if len(found) > 1 {
		c.duplicates = append(c.duplicates, fmt.Sprintf("%s is %d records: %s", e.name(), len(found), idsOf(found)))
	}
	switch {
	case e.crm == nil && len(found) > 0:
		c.left = append(c.left, fmt.Sprintf("%s is record %s and should be none", e.name(), idsOf(found)))
		return
	case e.crm != nil && len(found) == 0:
		c.missing = append(c.missing, e.name())
		return
	case e.crm != nil:
		if why := c.differs(e, &found[0]); why != "" {
			c.different = append(c.different, fmt.Sprintf("%s: %s", e.name(), why))
			return
		}
	}
	switch {
	case e.now == nil:
	case e.behind != "":
		c.behind[e.behind]++
	default:
		c.equal++
	}
}

// differs says in what a record differs from its row, or nothing.
func (c *comparing) differs(e *entry, r *sandbox.Record) string {
	if tenant := e.crm.text("tenant"); r.Group != tenant {
		return fmt.Sprintf("it is of %s in the source and in the CRM of %s", tenant, r.Group)
	}
	have := valuesOf(*r)
	for field, column := range routes[e.table].fields {
		if want := plain(e.crm[column]); !reflect.DeepEqual(want, have[field]) {
			return fmt.Sprintf("%s is %v in the source and %v in the CRM", field, want, have[field])
		}
	}
	var company any
	switch e.table {
	case companies:
		return ""
	case customers:
		company = have[companyID]
	case deals:
		company = associated(r)
	}
	if want := c.company(e); want != company {
		return fmt.Sprintf("its company is record %v in the source and %v in the CRM", want, company)
	}
	return ""
}

// company is the record of the company that a row names, or nil.
func (c *comparing) company(e *entry) any {
	id, ok := e.crm["company_id"].(int)
	if !ok {
		return nil
	}
	if record := c.ids[rowName(companies, keyOf(id))]; record != "" {
		return record
	}
	return fmt.Sprintf("of %s, which is not there", keyOf(id))
}

// associated is the record that a record is associated with, or nil.
func associated(r *sandbox.Record) any {
	var all []struct {
		To struct {
			ID string `json:"id"`
		} `json:"to"`
	}
	if json.Unmarshal(r.Associations, &all) != nil || len(all) == 0 {
		return nil
	}
	return all[0].To.ID
}

func valuesOf(r sandbox.Record) map[string]any {
	values := make(map[string]any, len(r.Fields))
	for name, raw := range r.Fields {
		var v any
		_ = json.Unmarshal(raw, &v)
		values[name] = v
	}
	return values
}

// plain is a value as JSON brings it back.
func plain(v any) (out any) {
	data, _ := json.Marshal(v)
	_ = json.Unmarshal(data, &out)
	return out
}

func idsOf(records []sandbox.Record) string {
	ids := make([]string, len(records))
	for i := range records {
		ids[i] = records[i].ID
	}
	return fmt.Sprint(slices.Sorted(slices.Values(ids)))
}

// name names a row as the ledger does.
func (e *entry) name() string { return rowName(e.table, keyOf(e.id)) }

// rowName names a row by its table and its key.
func rowName(table, key string) string { return table + " " + key }

// all is every record of the CRM.
func (w *world) all() (all []sandbox.Record) {
	for _, table := range tables {
		for _, tenant := range tenants {
			all = append(all, w.crm.Records(integration, tenant, routes[table].object)...)
		}
	}
	return all
}
