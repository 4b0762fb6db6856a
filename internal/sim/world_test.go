//go:build synctests

package sim_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/ampersink/ampersink/internal/audit"
	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/internal/sandbox"
	"github.com/ampersink/ampersink/sink"
)

const (
	group    = "sim"
	nodes    = 2
	session  = 10 * time.Second
	settling = 4 * time.Hour // virtual: after the last fault everything must be done by then
)

// timeouts are how long a request may take: shorter than a drain, so that each has ended before its
// partition goes, and longer, so that it may outlive the assignment and meet the next one.
var timeouts = [...]time.Duration{10 * time.Second, 40 * time.Second, time.Minute}

// world is one simulated run.
type world struct {
	t      *testing.T
	seed   uint64
	random *rand.Rand
	trace  *trace
	kafka  *kafkatest.Fake
	api    *api
	stream *audit.Stream
	topics []string
	// What a world is about: other tests have their own.
	upstream upstream                      // what takes the writes
	produce  func(n int)                   // appends n events or a few more to the topics
	config   func(slot int) *config.Config // of a member
	fair     func()                        // ends the bad weather of the API
	limit    time.Duration                 // virtual: by then everything is done, or the run is void or at fault
	// partitions is how many each topic has by now.
	partitions []int32

	eager, static bool
	// late: no row carries a CRM id, the ledger finds them; match: they can be searched for too.
	late, match bool
	members     []*member // those that are up
	leaving     []*member // those that were asked to stop
	started     int
	ended       sync.WaitGroup
	lagging     atomic.Int32   // how many read the ledger late
	held        sync.WaitGroup // until all that stands still, or is held up, goes on
	disturbed   []audit.Disturbance
	brokers     []*kfake.FaultHandle
	ledger      atomic.Pointer[[16]byte] // its topic's id
	counts      counts
	// void: the in-process broker got stuck in a rebalance, which Kafka ends after the
	// rebalance timeout. Such a run says nothing.
	void bool
}

// member is one process.
type member struct {
	name string
	slot int // its static identity
	link *link
	sink *sink.Sink
	stop context.CancelFunc
	done chan error

	froze bool
	ended atomic.Bool
}

// bareWorld is a world that is about nothing yet.
func bareWorld(t *testing.T, seed uint64) *world {
	return &world{
		t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 1)), trace: newTrace(), limit: settling,
		kafka: kafkatest.NewVirtual(t, kfake.NumBrokers(nodes)),
	}
}

func newWorld(t *testing.T, seed uint64) *world {
	w := bareWorld(t, seed)
	w.produce, w.config = w.customers, w.customersConfig
	w.fair = func() { w.api.setWeather(weather{}) }
	strict, err := sandbox.New(sandbox.Options{CRM: sandbox.HubSpot, LogSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	w.api = &api{
		strict: strict,
		trace:  w.trace, random: rand.New(rand.NewPCG(seed, 2)),
		faults: make(map[fault]int), latency: time.Duration(5+w.random.IntN(400)) * time.Millisecond,
	}
	w.upstream = w.api
	w.eager, w.static = w.random.IntN(4) == 0, w.random.IntN(3) == 0
	w.late, w.match = seed%3 != 0, seed%3 == 2
	o := audit.StreamOptions{Seed: seed, Late: w.late, Twins: w.match}
	for i := range 1 + w.random.IntN(2) {
		o.Topics = append(o.Topics, fmt.Sprintf("shop.%d", i))
		o.Partitions = append(o.Partitions, int32(1+w.random.IntN(4)))
		w.kafka.CreateTopic(t, o.Topics[i], o.Partitions[i], nil)
	}
	for row := range 5 + w.random.IntN(60) {
		o.IDs = append(o.IDs, fmt.Sprint(9000+row))
	}
	w.topics, w.partitions, w.stream = o.Topics, slices.Clone(o.Partitions), audit.NewStream(o)
	w.api.deletes = w.stream.Deletes
	if w.late {
		w.api.crm = &crm{stream: w.stream, lag: time.Duration(w.random.IntN(20)) * time.Second, records: make(map[string]*crmRecord)}
	}
	return w
}

// customers appends n events to the topics.
func (w *world) customers(n int) {
	w.api.mu.Lock() // which reads the stream's deletes
	records := w.stream.Make(n)
	events := w.stream.Events()
	w.api.mu.Unlock()
	w.trace.add("%d events are produced", len(records))
	for i, e := range events[len(events)-len(records):] {
		w.trace.add("%s: %s %s", &e, records[i].Key, records[i].Value)
	}
	w.kafka.ProduceTo(w.t, records...)
}

// membership is how a member takes part in the group.
func (w *world) membership(slot int) string {
	more := ""
	if w.static {
		more += fmt.Sprintf(", instance_id: member-%d", slot)
	}
	if w.eager {
		more += ", balancer: range"
	}
	return more
}

func (w *world) customersConfig(slot int) *config.Config {
	name, identity := "id", "id: {field: crm_id}\n    before: full"
	if w.late {
		name, identity = "name", "id: ledger\n    on_create: upsert\n    on_update: upsert\n    on_gone: recreate\n    on_group_change: move"
	}
	if w.match {
		identity = "id: [ledger, {match: {external: name}}]\n    search: {index_lag: 20s, on_several: first}\n    on_create: upsert\n    on_update: upsert\n    on_gone: recreate\n    on_group_change: move"
	}
	text := fmt.Sprintf(`
kafka: {brokers: ["%s"], group: %s, session_timeout: %s%s}
ampersand: {url: "http://127.0.0.1:1", api_url: "http://127.0.0.1:1", search_url: "http://127.0.0.1:1", project: acme, api_key: key, timeout: %s}
routes:
  - name: customers
    topics: ["%s"]
    envelope: debezium
    to: {integration: hubspot, object: contact, group: {field: tenant}}
    %s
    fields: {email: email, version: version, external: %s}
    batch: {size: %d, linger: 20ms, in_flight: %d, all_or_none: %t}
retry: {initial: 100ms, max: 5s, patience: 30s}
limits: {search_rate: 50}
shutdown_timeout: 20s
admin: {listen: ""}
`, strings.Join(w.kafka.Brokers(), `","`), group, session, w.membership(slot), timeouts[w.seed/3%3], strings.Join(w.topics, `","`), identity, name,
		1+int(w.seed%40), 1+int(w.seed%3), w.seed%5 == 0)
	c, err := config.Parse("sim.yaml", []byte(text), func(string) (string, bool) { return "", false }, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// join starts a process.
func (w *world) join() {
	// A static identity belongs to one process at a time: whoever drains has it still.
	slot := 0
	for taken := true; taken; slot++ {
		taken = slices.ContainsFunc(w.members, func(m *member) bool { return m.slot == slot }) ||
			slices.ContainsFunc(w.leaving, func(m *member) bool { return m.slot == slot && !m.ended.Load() })
	}
	slot--
	w.started++
	if w.late && w.random.IntN(2) == 0 {
		// What is replaced is gone before the new one reads the ledger.
		w.trace.add("the ledger is compacted")
		w.kafka.Cluster.Compact()
	}
	m := &member{name: fmt.Sprintf("p%d", w.started), slot: slot, done: make(chan error, 1)}
	m.link = &link{process: m.name, api: w.upstream, dialer: w.kafka.Dial, isLedger: w.isLedger}
	w.trace.add("%s starts as member %d", m.name, slot)
	s, err := sink.New(sink.Options{
		Config: w.config(slot), Dial: m.link.dial, Transport: m.link, Rand: rand.NewPCG(w.seed, uint64(w.started)),
		Log: zerolog.New(w.trace.of(m.name)).Level(zerolog.DebugLevel),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	m.sink, m.stop = s, stop
	w.members = append(w.members, m)
	w.ended.Go(func() {
		err := s.Run(ctx)
		w.trace.add("%s ended: %v", m.name, err)
		m.ended.Store(true)
		m.done <- err
	})
}

// isLedger reports whether a request to fetch names the ledger's topic.
func (w *world) isLedger(request []byte) bool {
	id := w.ledger.Load()
	if id == nil {
		info := w.kafka.Cluster.TopicInfo(group + ".ledger")
		if info == nil {
			return false
		}
		id = &info.TopicID
		w.ledger.Store(id)
	}
	return bytes.Contains(request, id[:])
}

// leave stops a process as SIGTERM does, without waiting for it.
func (w *world) leave(m *member) {
	w.trace.add("%s is asked to stop", m.name)
	w.leaving = append(w.leaving, m)
	m.stop()
	w.forget(m)
}

func (w *world) forget(m *member) {
	for i, x := range w.members {
		if x == m {
			w.members = append(w.members[:i], w.members[i+1:]...)
			return
		}
	}
}

// crash ends a process without a word, and starts another one in its place after a while.
func (w *world) crash(m *member) {
	w.trace.add("%s crashes", m.name)
	m.link.crash()
	m.stop() // what it still thinks reaches nobody; it only has to end before the test does
	w.forget(m)
	w.disturb(m.name, time.Now(), time.Now().Add(settling))
}

func (w *world) freeze(m *member, d time.Duration) {
	w.trace.add("%s is frozen for %s", m.name, d)
	m.froze = true
	m.link.freeze()
	w.disturb(m.name, time.Now(), time.Now().Add(d+session))
	w.held.Go(func() {
		time.Sleep(d)
		w.trace.add("%s thaws", m.name)
		m.link.thaw()
	})
}

// supervise starts processes again that gave up: one that was frozen while it started, for
// longer than it waits for the brokers then. Whoever runs the program does that.
func (w *world) supervise() {
	for _, m := range slices.Clone(w.members) {
		select {
		case err := <-m.done:
			if !m.froze || !errors.Is(err, context.DeadlineExceeded) {
				m.done <- err // to be judged
				continue
			}
			w.forget(m)
			w.join()
		default:
		}
	}
}

func (w *world) disturb(process string, from, to time.Time) {
	w.disturbed = append(w.disturbed, audit.Disturbance{Process: process, From: from, To: to})
}

// disturbAll: the brokers' faults can cost any process its partitions or its commits.
func (w *world) disturbAll(d time.Duration) {
	for _, m := range w.members {
		w.disturb(m.name, time.Now(), time.Now().Add(d+2*session))
	}
}

// behind lists the partitions whose committed offset is not their end.
func (w *world) behind() (behind []string) {
	committed := w.kafka.Committed(w.t, group)
	for _, topic := range w.topics {
		for p, end := range w.kafka.EndOffsets(w.t, topic) {
			at, ok := committed[topic][p]
			if end > 0 && (!ok || at.Offset != end) {
				behind = append(behind, fmt.Sprintf("%s/%d is committed at %d of %d", topic, p, at.Offset, end))
			}
		}
	}
	return behind
}
