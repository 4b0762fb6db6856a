package demo

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

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
var tables = []string{customers, companies, deals}

// tenants are the shop's customers' CRM accounts: the group comes from a column.
var tenants = []string{"acme", "globex", "initech", "umbrella"}

// seeded is a CRM record that is there before the stream begins, and the row
// that it belongs to.
type seeded struct {
	Topic  string
	Tenant string
	Row    row
}

type row map[string]any

// generator makes a believable stream of Debezium events from a seed.
type generator struct {
	random  *rand.Rand
	clock   time.Time
	lsn     int64
	nextID  int
	known   map[string][]seeded // by topic: rows whose CRM id the row carries
	records []model.Record
	truth   truth
}

// truth is what the source holds when the stream has ended, by topic and row id.
type truth struct {
	rows map[string]map[int]row // without the deleted ones
	// tainted are the rows of which an event cannot reach the CRM: the CRM refuses
	// it, or it was broken.
	tainted map[string]map[int]bool
}

func newTruth() truth {
	t := truth{rows: make(map[string]map[int]row), tainted: make(map[string]map[int]bool)}
	for _, topic := range tables {
		t.rows[topic], t.tainted[topic] = make(map[int]row), make(map[int]bool)
	}
	return t
}

func (t *truth) taint(topic string, r row) { t.tainted[topic][idOf(r)] = true }

func idOf(r row) int {
	id, _ := r["id"].(int)
	return id
}

// generate returns events records for rows that are in the CRM already and for
// new ones, among them what a CRM refuses and what a broken producer writes.
func generate(events int, seed uint64, known []seeded, start time.Time) ([]model.Record, truth) {
	g := &generator{
		random: rand.New(rand.NewPCG(seed, 1)), clock: start, lsn: 26_000_000, nextID: 100_000,
		known: make(map[string][]seeded), truth: newTruth(),
	}
	for _, s := range known {
		g.known[s.Topic] = append(g.known[s.Topic], s)
		g.truth.rows[s.Topic][idOf(s.Row)] = clone(s.Row)
	}
	for len(g.records) < events {
		g.step()
	}
	return g.records, g.truth
}

// step appends the event or events of one thing that happens in the shop.
func (g *generator) step() {
	g.clock = g.clock.Add(time.Duration(g.random.IntN(40)) * time.Millisecond)
	topic := []string{customers, customers, customers, companies, deals}[g.random.IntN(5)]
	switch p := g.random.IntN(1000); {
	case p < 330:
		g.create(topic, nil)
	case p < 900:
		g.update(topic)
	case p < 950:
		g.remove(topic)
	case p < 962: // the CRM refuses these
		g.truth.taint(customers, g.create(customers, row{"email": "not an address"}))
	case p < 970:
		g.truth.taint(deals, g.create(deals, row{"name": nil}))
	case p < 976: // a row that was never in the CRM
		r := g.newRow(customers)
		r["crm_id"] = nil
		g.event(customers, "u", r, r)
		g.truth.taint(customers, r)
	case p < 982: // a producer that was cut off
		g.record(customers, `{"id":1}`, `{"op":"c","after":{"id":1,"email":"x@`)
	case p < 986: // a table without a key
		r := g.newRow(companies)
		g.truth.taint(companies, r)
		delete(r, "id")
		g.emit(companies, "null", "c", nil, r)
	default:
		g.record(heartbeat, `{"serverName":"shop"}`, fmt.Sprintf(`{"ts_ms":%d}`, g.clock.UnixMilli()))
	}
}

func (g *generator) create(topic string, change row) row {
	r := g.newRow(topic)
	maps.Copy(r, change)
	g.event(topic, "c", nil, r)
	return r
}

func (g *generator) update(topic string) {
	rows := g.known[topic]
	if len(rows) == 0 {
		return
	}
	s := &rows[g.random.IntN(len(rows))]
	before := clone(s.Row)
	for k, v := range g.newRow(topic) {
		if k != "id" && k != "crm_id" && k != "tenant" && k != "email" && g.random.IntN(2) == 0 {
			s.Row[k] = v
		}
	}
	g.event(topic, "u", before, s.Row)
}

func (g *generator) remove(topic string) {
	rows := g.known[topic]
	if len(rows) < 20 {
		return
	}
	i := g.random.IntN(len(rows))
	s := rows[i]
	g.known[topic] = append(rows[:i], rows[i+1:]...)
	g.event(topic, "d", s.Row, nil)
	key, _ := json.Marshal(row{"id": s.Row["id"]})
	g.records = append(g.records, model.Record{ // the tombstone behind the delete
		TopicPartition: model.TopicPartition{Topic: topic}, Timestamp: g.clock, Key: key,
	})
}

func (g *generator) event(topic, op string, before, after row) {
	r := after
	if r == nil {
		r = before
	}
	if after == nil {
		delete(g.truth.rows[topic], idOf(r))
	} else {
		g.truth.rows[topic][idOf(r)] = clone(after)
	}
	key, _ := json.Marshal(row{"id": r["id"]})
	g.emit(topic, string(key), op, before, after)
}

func (g *generator) emit(topic, key, op string, before, after row) {
	g.lsn += int64(g.random.IntN(4000))
	value, err := json.Marshal(map[string]any{
		"before": before, "after": after, "op": op, "ts_ms": g.clock.UnixMilli(), "transaction": nil,
		"source": row{
			"version": "3.7.0.Final", "connector": "postgresql", "name": "shop", "ts_ms": g.clock.UnixMilli(),
			"snapshot": "false", "db": "shop", "schema": "public", "table": topic[len("shop.public."):], "txId": g.lsn / 100, "lsn": g.lsn, "xmin": nil,
		},
	})
	if err != nil {
		panic("BUG: an event that is no JSON: " + err.Error())
	}
	g.record(topic, key, string(value))
}

func (g *generator) record(topic, key, value string) {
	r := model.Record{TopicPartition: model.TopicPartition{Topic: topic}, Timestamp: g.clock, Value: []byte(value)}
	if key != "null" {
		r.Key = []byte(key)
	}
	g.records = append(g.records, r)
}

// newRow makes a row that is not in the CRM yet.
func (g *generator) newRow(topic string) row {
	g.nextID++
	first, last := pick(g.random, firstNames), pick(g.random, lastNames)
	r := row{"id": g.nextID, "tenant": pick(g.random, tenants), "crm_id": nil, "updated_at": g.clock.UnixMicro()}
	switch topic {
	case customers:
		r["first_name"], r["last_name"] = first, last
		r["email"] = fmt.Sprintf("%s.%s.%d@example.com", first, last, g.nextID)
		r["phone"] = fmt.Sprintf("+1-555-%04d", g.random.IntN(10000))
		r["address"] = row{"city": pick(g.random, cities), "zip": fmt.Sprintf("%05d", g.random.IntN(100000))}
	case companies:
		r["name"] = last + " " + pick(g.random, []string{"Ltd", "Inc", "GmbH", "SA"})
		r["domain"] = fmt.Sprintf("%s-%d.example.com", last, g.nextID)
		r["employees"] = 1 + g.random.IntN(5000)
	case deals:
		r["name"] = fmt.Sprintf("Order %d for %s %s", g.nextID, first, last)
		r["amount"] = fmt.Sprintf("%d.%02d", g.random.IntN(90000), g.random.IntN(100))
		r["stage"] = pick(g.random, []string{"lead", "qualified", "won", "lost"})
	}
	return r
}

func clone(r row) row {
	c := make(row, len(r))
	maps.Copy(c, r)
	return c
}
