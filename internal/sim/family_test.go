//go:build synctests

package sim_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/audit"
	"github.com/ampersink/ampersink/internal/model"
)

// relative is a field whose value is the CRM id of another row: its name in the CRM, the column
// that holds the other row's key, and the route that writes the other row.
type relative struct{ field, column, route string }

// route is a route of the family: of its rows it makes records of one object.
type route struct {
	name, table, object string
	email               string // the column that the CRM may refuse
	parents             []relative
	way                 string // ledger, match, or none: it knows no ids and only creates
	missing             string // on_missing_parent
	hides               bool   // it skips rows that say so
}

// table is what a topic holds.
type table struct {
	name       string
	rows       int
	partitions int32
	parents    map[string]string // by column: the table that the other row is in
}

// change is an event that was produced, and what its row is then.
type change struct {
	audit.Position
	number     int64
	when       time.Time
	table, key string
	op         string
	hidden     bool
	refused    map[string]bool   // by column: the CRM refuses what it holds
	parents    map[string]string // by column: the key of the other row, empty for none
}

func (c *change) String() string {
	return fmt.Sprintf("event %d (%s of %s %s, %s/%d@%d)", c.number, c.op, c.table, c.key, c.Topic, c.Partition, c.Offset)
}

var (
	tenants = []string{"acme", "globex"}
	emails  = []string{"mail", "other_mail"}
)

// tenantOf is the tenant of a row: it stays.
func tenantOf(key string) string { return tenants[int(key[len(key)-1]-'0')%len(tenants)] }

// kept is what a row is now.
type kept struct {
	live    bool
	parents map[string]string
}

// plant draws the tables and how large they are. Deals need contacts and companies, contacts
// need companies; the topic of contacts feeds two routes.
func (f *family) plant() {
	r := f.random
	f.tables = []*table{
		{name: "companies", rows: 3 + r.IntN(8), partitions: int32(1 + r.IntN(3))},
		{
			name: "contacts", rows: 4 + r.IntN(16), partitions: int32(1 + r.IntN(3)),
			parents: map[string]string{"company_id": "companies", "employer_id": "companies"},
		},
		{
			name: "deals", rows: 3 + r.IntN(10), partitions: int32(1 + r.IntN(3)),
			parents: map[string]string{"company_id": "companies", "contact_id": "contacts"},
		},
	}
	ways, rules := []string{"ledger", "match"}, []string{"wait", "omit", "dead_letter"}
	way := func() string { return ways[r.IntN(len(ways))] }
	rule := func(i int) string { return rules[(int(f.seed%3)+i)%len(rules)] }
	company := func(column string) relative { return relative{"firm", column, "companies"} }
	f.routes = []*route{
		{name: "companies", table: "companies", object: "firm", email: "mail", way: way()},
		{name: "contacts", table: "contacts", object: "reader", email: "mail", way: way(), missing: rule(0), parents: []relative{company("company_id")}},
		{
			name: "people", table: "contacts", object: "person", email: "other_mail", way: []string{"ledger", "match", "none"}[r.IntN(3)],
			missing: rule(1), parents: []relative{company("employer_id")}, hides: true,
		},
		{
			name: "deals", table: "deals", object: "sale", email: "mail", way: way(), missing: rule(2),
			parents: []relative{{"buyer", "contact_id", "contacts"}, company("company_id")},
		},
	}
	for _, t := range f.tables {
		topic := "shop." + t.name
		f.topics, f.partitions = append(f.topics, topic), append(f.partitions, t.partitions)
		f.kafka.CreateTopic(f.t, topic, t.partitions, nil)
	}
}

// grows appends n events to the topics: all at once, or those of the parents a moment ahead, so that their children
// come while they are in a request.
func (f *family) grows(n int) {
	if f.random.IntN(2) > 0 {
		f.mixed(n, 25)
		return
	}
	was := len(f.changes)
	f.mixed(1+n/4, 80)
	for _, c := range f.changes[was:] {
		if c.table == f.tables[0].name && c.op == "c" {
			f.fresh = append(f.fresh, c.key)
		}
	}
	time.Sleep(time.Duration(20+f.random.IntN(200)) * time.Millisecond)
	f.mixed(1+n/2, 0)
	f.fresh = nil
}

// mixed appends n events, of which so many of a hundred are of companies.
func (f *family) mixed(n, companies int) {
	records := make([]*kgo.Record, 0, n)
	for range n {
		i := 0
		if f.random.IntN(100) >= companies {
			i = 1 + f.random.IntN(5)/3
		}
		t := f.tables[i]
		records = append(records, f.event(t, fmt.Sprint(1+f.random.IntN(t.rows))))
	}
	f.send(records)
}

func (f *family) send(records []*kgo.Record) {
	f.trace.add("%d events are produced", len(records))
	for i, c := range f.changes[len(f.changes)-len(records):] {
		f.trace.add("%s: %s", c, records[i].Value)
	}
	f.kafka.ProduceTo(f.t, records...)
}

// event makes the next event of a row: it comes, changes, changes its parents, goes, comes back.
func (f *family) event(t *table, key string) *kgo.Record {
	row := f.row(t, key)
	c := &change{table: t.name, key: key, op: "u", hidden: f.random.IntN(8) == 0, refused: make(map[string]bool)}
	for _, email := range emails {
		c.refused[email] = f.random.IntN(14) == 0
	}
	switch p := f.random.IntN(100); {
	case !row.live:
		row.live = true
		f.adopt(t, row, key, 1)
		if p < 92 { // else its create was before the topic began
			c.op = "c"
		}
	case p < 14:
		row.live, c.op = false, "d"
	default:
		f.adopt(t, row, key, 3)
	}
	return f.record(t, row, c)
}

func (f *family) row(t *table, key string) *kept {
	name := t.name + " " + key
	if f.rows[name] == nil {
		f.rows[name] = &kept{parents: make(map[string]string)}
	}
	return f.rows[name]
}

// adopt gives a row other parents, one time of so many: of its own tenant mostly, whether they are
// there yet or not; some that never come, some of another tenant, or none.
func (f *family) adopt(t *table, row *kept, key string, of int) {
	for _, column := range slices.Sorted(maps.Keys(t.parents)) {
		if f.random.IntN(of) > 0 {
			continue
		}
		rows := f.table(t.parents[column]).rows
		switch p := f.random.IntN(100); {
		case p < 12:
			row.parents[column] = ""
		case p < 16:
			row.parents[column] = fmt.Sprint(900 + f.random.IntN(2))
		case p < 50 && len(f.fresh) > 0 && t.parents[column] == f.tables[0].name:
			row.parents[column] = f.fresh[f.random.IntN(len(f.fresh))]
		default:
			parent := fmt.Sprint(1 + f.random.IntN(rows))
			for p < 97 && tenantOf(parent) != tenantOf(key) {
				parent = fmt.Sprint(1 + f.random.IntN(rows))
			}
			row.parents[column] = parent
		}
	}
}

// record makes the record of a change.
func (f *family) record(t *table, row *kept, c *change) *kgo.Record {
	f.next++
	c.number, c.when, c.parents = f.next, time.Now(), make(map[string]string)
	tp := model.TopicPartition{Topic: "shop." + t.name, Partition: int32(c.key[len(c.key)-1]-'0') % t.partitions}
	c.Position = audit.Position{TopicPartition: tp, Offset: f.at[tp]}
	f.at[tp]++
	f.changes = append(f.changes, c)
	var columns strings.Builder
	for _, column := range slices.Sorted(maps.Keys(t.parents)) {
		c.parents[column] = row.parents[column]
		value := row.parents[column]
		if value == "" {
			value = "null"
		}
		fmt.Fprintf(&columns, ",%q:%s", column, value)
	}
	for _, email := range emails {
		value := fmt.Sprintf("u%d@example.com", c.number)
		if c.refused[email] {
			value = audit.BadEmail
		}
		fmt.Fprintf(&columns, ",%q:%q", email, value)
	}
	image := fmt.Sprintf(`{"id":%[1]s,"ext":%[1]q,"tenant":%[2]q,"version":%[3]d,"hidden":%[4]t%[5]s}`, c.key, tenantOf(c.key), c.number, c.hidden, columns.String())
	value := fmt.Sprintf(`{"before":null,"after":%s,"op":%q}`, image, c.op)
	if c.op == "d" {
		value = fmt.Sprintf(`{"before":%s,"after":null,"op":"d"}`, image)
	}
	return &kgo.Record{Topic: tp.Topic, Partition: tp.Partition, Key: fmt.Appendf(nil, `{"id":%s}`, c.key), Value: []byte(value)}
}

// touch appends an update of each row that is there and has parents: by then all is settled, and each
// has to be linked to what its row names.
func (f *family) touch() {
	var records []*kgo.Record
	for _, t := range f.tables[1:] {
		for key := range t.rows {
			if row := f.row(t, fmt.Sprint(1+key)); row.live {
				c := &change{table: t.name, key: fmt.Sprint(1 + key), op: "u", refused: make(map[string]bool)}
				records = append(records, f.record(t, row, c))
			}
		}
	}
	if len(records) > 0 {
		f.send(records)
	}
}

func (f *family) table(name string) *table {
	return f.tables[slices.IndexFunc(f.tables, func(t *table) bool { return t.name == name })]
}

func (f *family) routeOf(name string) *route {
	if i := slices.IndexFunc(f.routes, func(r *route) bool { return r.name == name }); i >= 0 {
		return f.routes[i]
	}
	return nil
}
