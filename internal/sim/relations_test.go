//go:build synctests

package sim_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ampersink/ampersink/internal/audit"
	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/internal/sandbox"
)

// TestRelationsConverge plays tables whose rows name rows of other tables, of which one topic feeds
// two routes, through members that crash, freeze, come and go, with the sandbox as the CRM. Children
// come before their parents, parents never come, go, come back, are refused or in doubt. At the end the
// relations judge says what became of each write, of each route apart.
func TestRelationsConverge(t *testing.T) {
	var mu sync.Mutex
	sum := make(tallied)
	happened := eachSeed(t, func(t *testing.T, seed uint64) (*world, []string) {
		f := newFamily(t, seed)
		j := f.run()
		mu.Lock()
		defer mu.Unlock()
		if f.void {
			return f.world, nil
		}
		for name, n := range j.seen {
			sum[name] += n
		}
		if len(j.faults) > 0 {
			t.Errorf("seed %d: %s", seed, strings.Join(j.faults, "\n"))
		}
		return f.world, j.faults
	})
	t.Logf("%s\n%s", happened, sum)
	for _, name := range []string{seenLinked, seenWaited, seenOmitted, seenRefused, seenMissing, seenDoubt, seenKnown, seenCopies, seenSkipped} {
		if *seeds >= 50 && sum[name] < *seeds/2 {
			t.Errorf("hardly anything of this happened: %s", name)
		}
	}
}

// mostLag is search.index_lag: longer than the sandbox's index lags.
const mostLag = 20 * time.Second

// family is a world of rows that name other rows.
type family struct {
	*world
	tables   []*table
	routes   []*route
	patience time.Duration // parent_patience
	crm      *sandbox.Server
	book     *book

	rows    map[string]*kept
	fresh   []string // companies that come with these events
	next    int64
	at      map[model.TopicPartition]int64
	changes []*change
	lulls   []time.Time // when all that was produced was settled, and heard of by all members
	last    int64       // the first event behind which nothing was done to anybody any more
}

func newFamily(t *testing.T, seed uint64) *family {
	f := &family{world: bareWorld(t, seed), rows: make(map[string]*kept), at: make(map[model.TopicPartition]int64)}
	r := f.random
	f.late, f.eager, f.static = true, r.IntN(4) == 0, r.IntN(3) == 0
	f.limit = time.Hour
	f.patience = time.Duration(3+r.IntN(22)) * time.Second
	lag := time.Duration(r.IntN(15)) * time.Second // of the CRM's search index
	f.plant()
	f.book = newBook(f.routes)
	rules := make(map[string]sandbox.ObjectRules)
	for _, r := range f.routes {
		rules[r.object] = sandbox.ObjectRules{Email: []string{"email"}}
	}
	crm, err := sandbox.New(sandbox.Options{
		CRM: sandbox.HubSpot, IndexLag: lag, Latency: time.Duration(5+r.IntN(400)) * time.Millisecond, Objects: rules,
		References: r.IntN(2) == 0, Rand: rand.New(rand.NewPCG(seed, 8)), Observe: f.book.note,
	})
	if err != nil {
		t.Fatal(err)
	}
	f.crm = crm
	f.upstream = &counter{transport: crm.Transport(), book: f.book, trace: f.trace}
	f.produce, f.config, f.fair = f.grows, f.settings, func() { f.weather(nil) }
	return f
}

// run lets everything happen, then lets it end, has each child written once more, and judges.
func (f *family) run() *relations {
	for range 1 + f.random.IntN(3) {
		f.join()
	}
	for range 6 + f.random.IntN(8) {
		f.act()
		time.Sleep(time.Duration(f.random.IntN(8000)) * time.Millisecond)
	}
	if f.rest(); f.void {
		f.stop()
		return newRelations(f)
	}
	f.lull()
	f.last = f.next + 1
	f.touch()
	started := f.started
	if f.settle(); f.started > started {
		f.last = f.next + 1 // the in-process broker was stuck: it says nothing of how long anything takes
	}
	return f.judge()
}

// act does one thing to the world.
func (f *family) act() {
	f.supervise()
	if f.next > 0 && f.random.IntN(100) < *ambushes {
		f.ambush(f.anyone())
		return
	}
	switch p := f.random.IntN(100); {
	case p < 30 || f.next == 0:
		f.produce(1 + f.random.IntN(50))
	case p < 75:
		f.upset(p)
	case p < 87:
		f.lull()
		f.produce(1 + f.random.IntN(30))
	default:
		f.worsen()
	}
}

// lull waits in fair weather for everything to be settled, and heard of by all members.
func (f *family) lull() {
	f.fair()
	for range 40 {
		time.Sleep(2 * time.Second)
		if len(f.behind()) > 0 || f.still() {
			continue
		}
		time.Sleep(2 * time.Second) // whoever has it tells the others
		if !f.still() {
			f.trace.add("all is settled")
			f.lulls = append(f.lulls, time.Now())
			time.Sleep(time.Millisecond) // what comes then comes behind it
			return
		}
	}
}

// still reports whether a member does not hear what the others say, or does not say what they need to hear.
func (f *family) still() bool {
	for _, m := range f.members {
		m.link.mu.Lock()
		held := m.link.frozen != nil || m.link.dammed != nil || m.link.behind != nil
		m.link.mu.Unlock()
		if held {
			return true
		}
	}
	return len(f.members) == 0
}

// worsen draws what goes wrong with requests from now on.
func (f *family) worsen() {
	kinds := append(sandboxFaults(), sandbox.Fault{Do: sandbox.DoLock}, sandbox.Fault{Do: sandbox.DoWholeBatch})
	var faults sandbox.Faults
	for range 1 + f.random.IntN(3) {
		x := kinds[f.random.IntN(len(kinds))]
		x.Chance = f.random.Float64() * f.random.Float64()
		if f.random.IntN(2) == 0 { // one destination, so that a topic's other route goes on
			x.Object = f.routes[f.random.IntN(len(f.routes))].object
		}
		faults = append(faults, x)
	}
	f.weather(faults)
}

func (f *family) weather(faults sandbox.Faults) {
	f.trace.add("weather: %+v", faults)
	if err := f.crm.SetFaults(faults); err != nil {
		f.t.Fatal(err)
	}
}

// timeout is ampersand.timeout.
func (f *family) timeout() time.Duration { return timeouts[f.seed/3%3] }

// settings is the configuration of a member.
func (f *family) settings(slot int) *config.Config {
	var routes strings.Builder
	for i, r := range f.routes {
		f.writeRoute(&routes, i, r)
	}
	text := fmt.Sprintf(`
kafka: {brokers: ["%s"], group: %s, session_timeout: %s%s}
ampersand: {url: "http://127.0.0.1:1", api_url: "http://127.0.0.1:1", search_url: "http://127.0.0.1:1", project: acme, api_key: key, timeout: %s}
retry: {initial: 100ms, max: 5s, patience: 30s}
limits: {search_rate: 50}
shutdown_timeout: 20s
admin: {listen: ""}
routes:%s
`, strings.Join(f.kafka.Brokers(), `","`), group, session, f.membership(slot), f.timeout(), routes.String())
	c, err := config.Parse("family.yaml", []byte(text), func(string) (string, bool) { return "", false }, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

// writeRoute writes the configuration of a route.
func (f *family) writeRoute(to *strings.Builder, i int, r *route) {
	fmt.Fprintf(to, `
  - name: %s
    topics: [shop.%s]
    envelope: debezium
    to: {integration: hubspot, object: %s, group: {field: tenant}}
    key: [id]
    batch: {size: %d, linger: 20ms, in_flight: %d}`, r.name, r.table, r.object, 1+(int(f.seed)+i)%20, 1+(int(f.seed)+i)%3)
	switch r.way {
	case "none":
		to.WriteString("\n    on_update: ignore\n    on_delete: ignore")
	case "match":
		to.WriteString("\n    id: [ledger, {match: {external: ext}}]\n    search: {index_lag: " + mostLag.String() + "}")
	default:
		to.WriteString("\n    id: ledger")
	}
	if r.way != "none" {
		to.WriteString("\n    on_create: upsert\n    on_update: upsert\n    on_gone: recreate")
	}
	if r.hides {
		to.WriteString("\n    when: not hidden")
	}
	fields := fmt.Sprintf("external: ext, version: version, email: %s", r.email)
	if len(r.parents) > 0 {
		fmt.Fprintf(to, "\n    on_missing_parent: %s\n    parent_patience: %s\n    associations:", r.missing, f.patience)
	}
	for _, p := range r.parents {
		of := fmt.Sprintf("{id_of: {route: %s, key: %s}}", p.route, p.column)
		fields += fmt.Sprintf(", %s: %s", p.field, of)
		fmt.Fprintf(to, "\n      - {to: {id: %s}, types: [{associationCategory: HUBSPOT_DEFINED, associationTypeId: 1}]}", of)
	}
	fmt.Fprintf(to, "\n    fields: {%s}", fields)
}

// judge stops everybody and judges what is left.
func (f *family) judge() *relations {
	behind := f.stop()
	time.Sleep(time.Minute) // what was given up and is applied late
	j := newRelations(f)
	for _, b := range behind {
		j.fault("behind: %s", b)
	}
	for _, v := range f.crm.Violations() {
		j.fault("a request breaks the contract: %+v", v)
	}
	for _, topic := range f.topics {
		if f.kafka.Cluster.TopicInfo(topic+".dead") != nil {
			for _, r := range f.kafka.ReadAll(f.t, topic+".dead") {
				l := letterOf(f.t, r)
				at := audit.Position{TopicPartition: l.Record.TopicPartition, Offset: l.Record.Offset}
				j.letters[at] = append(j.letters[at], l)
			}
		}
	}
	j.check()
	return j
}
