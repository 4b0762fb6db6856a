package demo

import (
	"maps"

	"github.com/ampersink/ampersink/internal/model"
)

// The tables of the demo's shop. Each is a topic and a CRM object.
const (
	customers = "shop.public.customers"
	companies = "shop.public.companies"
	deals     = "shop.public.deals"
	heartbeat = "__debezium-heartbeat.shop"
)

// tables are the topics that have routes.
var tables = []string{companies, customers, deals}

// tenants are the shop's customers' CRM accounts: the group comes from a column.
var tenants = []string{"acme", "globex", "initech", "umbrella"}

type row map[string]any

func clone(r row) row {
	c := make(row, len(r))
	maps.Copy(c, r)
	return c
}

func (r row) text(column string) string {
	s, _ := r[column].(string)
	return s
}

func idOf(r row) int {
	id, _ := r["id"].(int)
	return id
}

// entry is a row of a table over its whole life, and what the CRM has to know of it.
type entry struct {
	table string
	id    int
	now   row // as the source has it; nil: deleted
	was   row // before it was deleted
	// crm is the row as the last event that can reach the CRM left it; nil: it has no record.
	crm row
	// behind says why crm is not now: the code of what was refused since. Empty: it is.
	behind string
	// ambiguous: two records of the CRM could be this row, so that nothing is written of it.
	ambiguous bool
	// named: other rows name it as theirs. It is not deleted any more.
	named bool
}

// kind is what becomes of an event.
type kind string

const (
	written kind = "written"
	skipped kind = "skipped"
	dead    kind = "dead-lettered"
)

// fate is what must become of an event: name is the rule that skips it, or the code of its
// dead letter.
type fate struct {
	kind kind
	name string
}

// existing is a record that the CRM has before the first event.
type existing struct {
	table, tenant string
	fields        map[string]any
	// own: nothing may be written into it.
	own bool
}

// stream is what happens in the shop, and what has to come of it.
type stream struct {
	records []model.Record
	fates   []fate   // of the records, one each
	entries []*entry // every row that ever was
	before  []existing
}
