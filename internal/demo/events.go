package demo

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// generator makes a believable stream of Debezium events from a seed.
type generator struct {
	stream
	random *rand.Rand
	clock  time.Time
	lsn    int64
	nextID int
	alive  map[string][]*entry // by table
	gone   map[string][]*entry
}

// The rules that skip events: the first two behind the name of a route.
const (
	onUnknownDelete = ".on_unknown_delete"
	onTombstone     = ".on_tombstone"
	heartbeats      = "skip.heartbeats"
)

// The codes of what cannot reach the CRM.
const (
	badJSON = "bad_json"
	noKey   = "no_key"
	// What the sandbox says in the CRM's name.
	badEmail = "INVALID_EMAIL"
	noName   = "VALIDATION_ERROR"
	// What is found twice.
	several = "several_matches"
)

// generate returns at least so many events: a snapshot of the three tables, and what happens in
// them after it.
func generate(events int, seed uint64, start time.Time) *stream {
	g := &generator{
		random: rand.New(rand.NewPCG(seed, 1)), clock: start, lsn: 26_000_000, nextID: 1000,
		alive: make(map[string][]*entry), gone: make(map[string][]*entry),
	}
	g.snapshot(events / snapshotShare)
	for range events / ownShare {
		g.before = append(g.before, existing{table: customers, tenant: pick(g.random, tenants), own: true,
			fields: map[string]any{"email": fmt.Sprintf("nobody.%d@example.org", len(g.before)), "firstname": pick(g.random, firstNames)}})
	}
	for len(g.records) < events {
		g.step()
	}
	return &g.stream
}

const (
	// snapshotShare: one event of so many is a row that is there when the stream begins.
	snapshotShare = 6
	// ownShare: for so many events the CRM has one contact that is no row of the shop.
	ownShare = 150
	// ambiguousRows are customers that the CRM has twice.
	ambiguousRows = 3
)

// snapshot appends the rows that are there: those first that others name.
func (g *generator) snapshot(n int) {
	for _, part := range []struct {
		table string
		rows  int
	}{{companies, n / 4}, {customers, n / 2}, {deals, n / 4}} {
		for range part.rows {
			e := g.newEntry(part.table)
			if part.table != deals && g.random.IntN(5) < 2 {
				g.isInTheCRM(e, false)
			}
			g.happens(e, "r", e.now, "")
		}
	}
	for range ambiguousRows {
		e := g.newEntry(customers)
		e.ambiguous = true
		g.isInTheCRM(e, true)
		g.isInTheCRM(e, true)
		g.happens(e, "r", e.now, several)
	}
}

// isInTheCRM makes the CRM have a record of the row, without the shop's knowing.
func (g *generator) isInTheCRM(e *entry, own bool) {
	fields := map[string]any{"domain": e.now["domain"], "name": "entered by hand"}
	if e.table == customers {
		fields = map[string]any{"email": e.now["email"], "lastname": "entered by hand", "lifecyclestage": "customer"}
	}
	g.before = append(g.before, existing{table: e.table, tenant: e.now.text("tenant"), fields: fields, own: own})
}

// step appends the event or events of one thing that happens in the shop.
func (g *generator) step() {
	g.clock = g.clock.Add(time.Duration(g.random.IntN(40)) * time.Millisecond)
	table := pick(g.random, []string{customers, customers, customers, companies, deals})
	switch p := g.random.IntN(1000); {
	case p < 250:
		g.insert(table)
	case p < 310:
		g.remove(table)
	case p < 322:
		g.moves()
	case p < 332: // the CRM refuses these
		e := g.newEntry(customers)
		e.now["email"] = noAddress(e.now)
		g.happens(e, "c", e.now, badEmail)
	case p < 338:
		g.update(customers, badEmail)
	case p < 344:
		e := g.newEntry(deals)
		e.now["name"] = nil
		g.happens(e, "c", e.now, noName)
	case p < 348:
		g.update(deals, noName)
	case p < 358: // a producer that was cut off
		g.update(table, badJSON)
	case p < 362: // a table without a key
		e := g.newEntry(companies)
		delete(e.now, "id")
		g.forget(e)
		g.happens(e, "c", e.now, noKey)
	case p < 374:
		g.record(heartbeat, `{"serverName":"shop"}`, fmt.Sprintf(`{"ts_ms":%d}`, g.clock.UnixMilli()), fate{skipped, heartbeats})
	default:
		g.update(table, "")
	}
}

// insert makes a new row, or one that was deleted and is there again.
func (g *generator) insert(table string) {
	if gone := g.gone[table]; len(gone) > 0 && g.random.IntN(4) == 0 {
		i := g.random.IntN(len(gone))
		e := gone[i]
		g.gone[table] = slices.Delete(gone, i, i+1)
		g.alive[table] = append(g.alive[table], e)
		again := clone(e.was)
		g.changeSome(table, again)
		g.mend(table, again)
		g.happens(e, "c", again, "")
		return
	}
	e := g.newEntry(table)
	if table == customers && g.random.IntN(10) == 0 {
		g.isInTheCRM(e, false)
	}
	g.happens(e, "c", e.now, "")
}

// one picks a row that is there: mostly one of those that came lately, so that creates have
// updates behind them. It returns nil where there is none.
func (g *generator) one(table string) *entry {
	rows := g.alive[table]
	if len(rows) == 0 {
		return nil
	}
	return rows[len(rows)-1-min(g.random.IntN(len(rows)), g.random.IntN(len(rows)))]
}

// update changes some of a row; code says why the event does not reach the CRM, if so.
func (g *generator) update(table, code string) {
	e := g.one(table)
	if e == nil || e.ambiguous && code != "" {
		return
	}
	if e.ambiguous {
		code = several
	}
	after := clone(e.now)
	g.changeSome(table, after)
	if !e.ambiguous {
		g.mend(table, after)
	}
	switch code {
	case badEmail:
		after["email"] = noAddress(after)
	case noName:
		after["name"] = nil
	}
	g.happens(e, "u", after, code)
}

// moves gives a customer to another tenant.
func (g *generator) moves() {
	e := g.one(customers)
	if e == nil || e.ambiguous || e.behind != "" {
		return
	}
	after := clone(e.now)
	for after["tenant"] == e.now["tenant"] {
		after["tenant"] = pick(g.random, tenants)
	}
	after["company_id"] = g.company(after.text("tenant"))
	g.happens(e, "u", after, "")
}

// remove deletes a row that nobody names.
func (g *generator) remove(table string) {
	e := g.one(table)
	if e == nil || e.named || e.ambiguous {
		return
	}
	g.forget(e)
	g.gone[table] = append(g.gone[table], e)
	e.was = e.now
	g.happens(e, "d", nil, "")
}

// forget takes a row out of those that something can happen to.
func (g *generator) forget(e *entry) {
	g.alive[e.table] = slices.DeleteFunc(g.alive[e.table], func(x *entry) bool { return x == e })
}

// happens appends a change of a row, and notes what has to come of it. after is the row as the
// change leaves it, nil of a delete; code is why the event cannot reach the CRM, if so.
func (g *generator) happens(e *entry, op string, after row, code string) {
	f := fate{written, ""}
	switch {
	case code != "":
		f = fate{dead, code}
		e.behind = code
	case after == nil && e.crm == nil: // what never came into the CRM
		f = fate{skipped, routes[e.table].name + onUnknownDelete}
		e.behind = ""
	default:
		e.crm, e.behind = nil, ""
		if after != nil {
			e.crm = clone(after)
		}
	}
	e.now = after
	g.event(e, op, f)
	if op == "d" {
		g.record(e.table, keyOf(e.id), "", fate{skipped, routes[e.table].name + onTombstone})
	}
}
