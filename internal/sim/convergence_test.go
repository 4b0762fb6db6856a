//go:build synctests

package sim_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/ampersink/ampersink/internal/captures"
	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/internal/sandbox"
)

const (
	tenant   = "acme"
	indexLag = 8 * time.Second
	patient  = 5 * time.Minute // virtual: longer than anything takes to be settled
)

// TestCapturesConverge plays what a real Debezium wrote of a real PostgreSQL and a real MariaDB through the
// whole program, which finds no CRM id in it, while requests fail, answers are lost, the search
// index lags and processes crash. When the stream has ended, the CRM holds one record for each of the
// database's final rows and nothing else, equal in every column, but for the exceptions that package
// captures names; a row whose key was changed is the record that it was, or another one where it is
// recreated. Where nothing can be searched, a row whose create is in doubt is parked,
// and that is the only other exception.
func TestCapturesConverge(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var sum tally
	t.Run("all", func(t *testing.T) {
		for _, s := range scenarios() {
			for seed := range s.replays {
				t.Run(fmt.Sprint(s, " ", seed), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						p := newPlay(t, s, *first+seed)
						p.run()
						mu.Lock()
						defer mu.Unlock()
						sum.add(p.tally)
					})
				})
			}
		}
	})
	t.Logf("%+v", sum)
	if sum.Crashes < 50 || sum.Caught < 20 || sum.Faults < 100 || sum.Parked == 0 || sum.Creates < 1000 || sum.Moved < 200 || sum.Recreated < 50 {
		t.Errorf("hardly anything happened: %+v", sum)
	}
}

// scenario is a capture, and how its routes find and keep their records.
type scenario struct {
	captures.Variant
	match   bool // beside the ledger
	keys    config.OnKeyChange
	replays uint64
}

func (s scenario) String() string {
	way := "ledger"
	if s.match {
		way = "match"
	}
	return fmt.Sprint(s.Name, " ", way, " ", s.keys)
}

// scenarios recreates rows in one capture of each envelope and mode of deletes: how rows are
// deleted and created does not depend on the types of their columns. PostgreSQL's captures are the
// long ones, and their moves are replayed most.
func scenarios() (all []scenario) {
	recreated := []string{"crm-pg-envelope", "crm-pg-flat", "crm-maria-envelope", "crm-maria-cloudevents", "crm-maria-flat-drop", "crm-maria-flat-rewrite",
		"crm-maria-flat-rewrite-with-tombstone", "crm-maria-flat-delete-to-tombstone"}
	add := func(v captures.Variant, keys config.OnKeyChange, replays uint64) {
		all = append(all, scenario{v, false, keys, replays}, scenario{v, true, keys, replays})
	}
	postgres, maria := captures.Postgres(), captures.MariaDB()
	for _, v := range postgres {
		add(v, config.KeyChangeMove, 3)
	}
	for _, v := range maria {
		add(v, config.KeyChangeMove, 2)
	}
	for _, v := range append(postgres, maria...) {
		if slices.Contains(recreated, v.Name) {
			add(v, config.KeyChangeRecreate, 2)
		}
	}
	return all
}

// tally is what happened in replays.
type tally struct{ Crashes, Caught, Faults, Creates, Searches, Parked, Moved, Recreated int }

func (a *tally) add(o tally) {
	a.Crashes += o.Crashes
	a.Caught += o.Caught
	a.Faults += o.Faults
	a.Creates += o.Creates
	a.Searches += o.Searches
	a.Parked += o.Parked
	a.Moved += o.Moved
	a.Recreated += o.Recreated
}

// play is one replay of a capture.
type play struct {
	scenario
	t        *testing.T
	random   *rand.Rand
	trace    *trace
	kafka    *kafkatest.Fake
	crm      *sandbox.Server
	registry registry
	topics   []string
	records  []*model.Record

	up      *member
	started int
	ended   sync.WaitGroup
	tally   tally

	mu  sync.Mutex
	had map[string]map[string]bool // the CRM ids that each row ("customers 5") has had
}

// registry is the schema registry, without a network.
type registry struct{ http.Handler }

// RoundTrip implements http.RoundTripper.
func (s registry) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result(), nil
}

func newPlay(t *testing.T, s scenario, seed uint64) *play {
	p := &play{scenario: s, t: t, random: rand.New(rand.NewPCG(seed, 7)), trace: newTrace(),
		kafka: kafkatest.NewVirtual(t, kfake.NumBrokers(nodes)), had: make(map[string]map[string]bool)}
	crm, err := sandbox.New(sandbox.Options{
		CRM: sandbox.HubSpot, IndexLag: indexLag, Latency: time.Duration(5+p.random.IntN(300)) * time.Millisecond,
		Rand: rand.New(rand.NewPCG(seed, 8)),
	})
	if err != nil {
		t.Fatal(err)
	}
	p.crm = crm
	schemas := srfake.NewRegistry()
	for id, schema := range captures.Schemas(t) {
		schemas.SeedSchema(fmt.Sprint("s", id.Number), 1, int(id.Number), sr.Schema{Schema: schema.Text})
	}
	p.registry = registry{schemas.Handler()}
	p.load()
	return p
}

// load reads the capture, and creates its topics.
func (p *play) load() {
	for table := range p.Tables() {
		p.topics = append(p.topics, p.Topic(table))
	}
	slices.Sort(p.topics)
	partitions := make(map[string]int32)
	for _, r := range captures.Records(p.t, p.Name) {
		if slices.Contains(p.topics, r.Topic) {
			p.records = append(p.records, r)
			partitions[r.Topic] = max(partitions[r.Topic], r.Partition+1)
		}
	}
	if !p.OneLog {
		p.records = inTurn(p.records)
	}
	for _, topic := range p.topics {
		p.kafka.CreateTopic(p.t, topic, partitions[topic], nil)
	}
}

// run plays the capture in pieces, with something that goes wrong beside each, and
// compares what is left.
func (p *play) run() {
	p.start()
	for rest := p.records; len(rest) > 0; {
		n := min(len(rest), 5+p.random.IntN(1+len(p.records)/3))
		if !p.OneLog {
			if next := slices.IndexFunc(rest[1:], isMove) + 1; next > 0 {
				n = min(n, next)
			}
			if isMove(rest[0]) {
				p.settle()
			}
		}
		p.worsen()
		p.disturb(rest[:n])
		rest = rest[n:]
	}
	if err := p.crm.SetFaults(nil); err != nil {
		p.t.Fatal(err)
	}
	p.settle()
	p.up.stop()
	p.ended.Wait()
	if err := <-p.up.done; err != nil {
		p.t.Errorf("it ended with %v", err)
	}
	for _, v := range p.crm.Violations() {
		p.t.Errorf("a request breaks the contract: %+v", v)
	}
	stats := p.crm.Stats()
	for _, n := range stats.Faults {
		p.tally.Faults += n
	}
	p.tally.Creates, p.tally.Searches = stats.Applied["create"], stats.Searches
	p.compare()
	if p.t.Failed() {
		w := &world{seed: p.random.Uint64(), trace: p.trace}
		p.t.Logf("the trace is in %s", w.write(p.t))
	}
}
