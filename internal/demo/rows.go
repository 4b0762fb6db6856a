package demo

import (
	"fmt"
	"maps"
	"strings"
)

// newEntry makes a row that was never there.
func (g *generator) newEntry(table string) *entry {
	g.nextID++
	e := &entry{table: table, id: g.nextID}
	e.now = g.rowOf(table, e.id)
	if table != companies {
		e.now["company_id"] = g.company(e.now.text("tenant"))
	}
	g.entries = append(g.entries, e)
	g.alive[table] = append(g.alive[table], e)
	return e
}

// rowOf makes the columns of a row.
func (g *generator) rowOf(table string, id int) row {
	first, last, tenant := pick(g.random, firstNames), pick(g.random, lastNames), pick(g.random, tenants)
	r := row{"id": id, "tenant": tenant, "updated_at": g.clock.UnixMicro()}
	switch table {
	case customers:
		maps.Copy(r, row{"first_name": first, "last_name": last, "phone": fmt.Sprintf("+1-555-%04d", g.random.IntN(10000)), "city": pick(g.random, cities)})
		r["email"] = g.address(r)
	case companies:
		maps.Copy(r, row{
			"name": last + " " + pick(g.random, []string{"Ltd", "Inc", "GmbH", "SA"}), "domain": fmt.Sprintf("%s-%d.example.com", last, id),
			"employees": 1 + g.random.IntN(5000),
		})
	case deals:
		maps.Copy(r, row{
			"name": fmt.Sprintf("Order %d for %s %s", id, first, last), "amount": fmt.Sprintf("%d.%02d", g.random.IntN(90000), g.random.IntN(100)),
			"stage": pick(g.random, []string{"lead", "qualified", "won", "lost"}),
		})
	}
	return r
}

// address is one that no other row ever has.
func (g *generator) address(r row) string {
	return fmt.Sprintf("%s.%s.%v.%d@example.com", r["first_name"], r["last_name"], r["id"], len(g.records))
}

// noAddress is what a shop has for an address here and there.
func noAddress(r row) string { return strings.ReplaceAll(r.text("email"), "@", " at ") }

// company is one of a tenant that is in the CRM, or nil. One that was deleted and came back is
// not named: it is another record then, and a row of another table that names it can be written
// before that is so.
func (g *generator) company(tenant string) any {
	rows := g.alive[companies]
	for range 8 {
		if len(rows) == 0 {
			return nil
		}
		if e := rows[g.random.IntN(len(rows))]; e.crm != nil && e.was == nil && e.now["tenant"] == tenant {
			e.named = true
			return e.id
		}
	}
	return nil
}

// changeSome changes columns that tell nobody which row it is.
func (g *generator) changeSome(table string, r row) {
	other := g.rowOf(table, idOf(r))
	for _, column := range []string{"first_name", "last_name", "phone", "city", "name", "employees", "amount", "stage"} {
		if v, ok := other[column]; ok && g.random.IntN(2) == 0 {
			r[column] = v
		}
	}
	r["updated_at"] = other["updated_at"]
}

// mend corrects what the CRM does not take, and gives a customer another address or another
// company now and then: the CRM record stays the one that it was.
func (g *generator) mend(table string, r row) {
	switch table {
	case deals:
		if r["name"] == nil {
			r["name"] = fmt.Sprintf("Order %d, named at last", idOf(r))
		}
	case customers:
		if g.random.IntN(8) == 0 || !strings.Contains(r.text("email"), "@") {
			r["email"] = g.address(r)
		}
		if g.random.IntN(8) == 0 {
			r["company_id"] = g.company(r.text("tenant"))
		}
	}
}
