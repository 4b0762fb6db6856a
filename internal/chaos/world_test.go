package chaos_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ampersink/ampersink/internal/audit"
	"github.com/ampersink/ampersink/internal/kafkatest"
)

const (
	session = 6 * time.Second // the least that Kafka takes by its own settings
	timeout = 3 * time.Second // of a request
	lag     = 3 * time.Second // of the index, at most
	// patience bounds how long a run may take to come to its end after the last fault.
	patience = 2 * time.Minute
)

// world is one run.
type world struct {
	t      *testing.T
	seed   uint64
	random *rand.Rand
	suite  *suite
	kafka  *kafkatest.Endpoint
	dir    string
	group  string
	topics []string
	// partitions is how many each topic has by now.
	partitions []int32

	api    *api
	stream *audit.Stream
	// late: no row carries a CRM id, the ledger finds them; match: they can be searched for too.
	late, match bool

	members   []*member // that run
	started   int
	disturbed []audit.Disturbance
	counts    counts
}

// counts is what was done.
type counts struct{ killed, caught, stopped, frozen, joined, grown, faults int }

func (c *counts) add(o counts) {
	c.killed += o.killed
	c.caught += o.caught
	c.stopped += o.stopped
	c.frozen += o.frozen
	c.joined += o.joined
	c.grown += o.grown
	c.faults += o.faults
}

func newWorld(t *testing.T, s *suite, seed uint64) *world {
	dir, err := os.MkdirTemp("", "ampersink-chaos-") //nolint:usetesting // kept when the run fails
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 1)), suite: s, kafka: s.kafka, dir: dir,
		group: kafkatest.UniqueName(t),
	}
	t.Cleanup(func() {
		for _, m := range w.members {
			m.kill()
		}
		if !t.Failed() {
			_ = os.RemoveAll(dir)
		}
	})
	w.late, w.match = seed%3 != 0, seed%3 == 2
	w.api = newAPI(t, seed, time.Duration(w.random.Int64N(int64(lag))))
	o := audit.StreamOptions{Seed: seed, Late: w.late, Twins: w.match}
	if !w.late {
		const rows = 40
		o.IDs = w.api.seedRows(rows)
	}
	for range 1 + w.random.IntN(2) {
		n := int32(1 + w.random.IntN(4))
		o.Topics = append(o.Topics, w.kafka.NewTopic(t, n, nil))
		o.Partitions = append(o.Partitions, n)
	}
	w.topics, w.partitions, w.stream = o.Topics, slices.Clone(o.Partitions), audit.NewStream(o)
	w.api.stream = w.stream
	if w.late && w.random.IntN(2) == 0 {
		w.newLedger()
	}
	return w
}

// newLedger makes the topic of the ledger before the program does, so that it is compacted
// while the run lasts: closed segments, as soon as the broker's cleaner comes by.
func (w *world) newLedger() {
	w.kafka.CreateTopic(w.t, w.group+".ledger", int32(1+w.random.IntN(4)), map[string]string{
		"cleanup.policy": "compact", "segment.ms": "1000", "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "604800000",
	})
}

func (w *world) config(url string) string {
	name, identity := "id", "id: {field: crm_id}\n    before: full"
	switch upsert := "\n    on_create: upsert\n    on_update: upsert\n    on_gone: recreate\n    on_group_change: move"; {
	case w.match:
		name, identity = "name", fmt.Sprintf("id: [ledger, {match: {external: name}}]\n    search: {index_lag: %s, on_several: first}", lag)+upsert
	case w.late:
		name, identity = "name", "id: ledger"+upsert
	}
	return fmt.Sprintf(`
kafka: {brokers: ["%s"], group: %s, session_timeout: %s}
ampersand: {url: "%s", api_url: "%s", search_url: "%s", project: acme, api_key: key, timeout: %s}
routes:
  - name: customers
    topics: ["%s"]
    envelope: debezium
    to: {integration: %s, object: contact, group: {field: tenant}}
    %s
    fields: {email: email, version: version, external: %s}
    batch: {size: 50, linger: 20ms, in_flight: 2}
retry: {initial: 50ms, max: 1s, patience: 10s}
limits: {search_rate: 50}
shutdown_timeout: 10s
admin: {listen: ""}
log: {level: debug, format: json}
`, strings.Join(w.kafka.Brokers(), `","`), w.group, session, url, url, url, timeout, strings.Join(w.topics, `","`), integration, identity, name)
}

func (w *world) say(format string, args ...any) {
	f, err := os.OpenFile(filepath.Join(w.dir, "world.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	_, _ = fmt.Fprintf(f, time.Now().Format(time.RFC3339Nano)+" "+format+"\n", args...)
}

// keep returns where the logs are.
func (w *world) keep() string { return w.dir }

// run lets everything happen, then lets it end, and judges it.
func (w *world) run() *audit.Report {
	for range 1 + w.random.IntN(2) {
		w.join()
	}
	acts := 8 + w.random.IntN(6)
	if w.suite.long {
		acts *= 3
	}
	for range acts {
		w.act()
		time.Sleep(time.Duration(w.random.IntN(2500)) * time.Millisecond)
	}
	w.calm()
	deadline := time.Now().Add(patience)
	behind := w.behind()
	for ; len(behind) > 0 && time.Now().Before(deadline); behind = w.behind() {
		time.Sleep(300 * time.Millisecond)
	}
	return w.judge(behind)
}

// act does one thing to the world.
func (w *world) act() {
	m := func() *member { return w.members[w.random.IntN(len(w.members))] }
	switch p := w.random.IntN(100); {
	case p < 35 || len(w.stream.Events()) == 0:
		w.produce(20 + w.random.IntN(300))
	case p < 50:
		w.produce(50 + w.random.IntN(200))
		time.Sleep(time.Duration(w.random.IntN(300)) * time.Millisecond)
		w.counts.killed++
		w.kill(m())
		w.join()
	case p < 56:
		w.counts.stopped++
		w.terminate(m())
		w.join()
	case p < 66:
		w.produce(50 + w.random.IntN(200))
		w.counts.frozen++
		w.freeze(m(), session+time.Duration(1+w.random.IntN(5))*time.Second)
	case p < 74 && len(w.members) < 3:
		w.counts.joined++
		w.join()
	case p < 80:
		w.counts.grown++
		w.grow()
	case p < 84:
		w.lull()
	case p < 90:
		w.catch(m())
	default:
		w.counts.faults++
		w.api.worsen(w.random)
	}
}

func (w *world) produce(n int) {
	w.api.mu.Lock() // which reads the stream
	records := w.stream.Make(n)
	events := w.stream.Events()
	w.api.mu.Unlock()
	w.say("%d events", len(records))
	for i, e := range events[len(events)-len(records):] {
		w.say("%s: %s %s", &e, records[i].Key, records[i].Value)
	}
	w.kafka.ProduceTo(w.t, records...)
}

// lull waits for everything to be settled, if that does not take long: rows may go to other
// partitions then.
func (w *world) lull() {
	for range 15 {
		if len(w.behind()) == 0 {
			w.say("all is settled")
			w.stream.Settled()
			return
		}
		time.Sleep(300 * time.Millisecond)
	}
}

// grow gives a topic more partitions.
func (w *world) grow() {
	i := w.random.IntN(len(w.topics))
	w.partitions[i] += int32(1 + w.random.IntN(2))
	w.say("%s gets %d partitions", w.topics[i], w.partitions[i])
	w.kafka.Grow(w.t, w.topics[i], int(w.partitions[i]))
	w.stream.Grow(i, w.partitions[i])
}

func (w *world) calm() {
	w.say("calm")
	w.api.mend()
}

// behind lists the partitions whose committed offset is not their end.
func (w *world) behind() (behind []string) {
	committed := w.kafka.Committed(w.t, w.group)
	for _, topic := range w.topics {
		for p, end := range w.kafka.EndOffsets(w.t, topic) {
			if at := committed[topic][p]; end > 0 && at.Offset != end {
				behind = append(behind, fmt.Sprintf("%s/%d is committed at %d of %d", topic, p, at.Offset, end))
			}
		}
	}
	return behind
}

// judge stops everybody and judges what is left.
func (w *world) judge(behind []string) *audit.Report {
	run := &audit.Run{Events: w.stream.Events(), Behind: behind}
	for _, m := range w.members {
		if err := m.end(); err != nil {
			run.Behind = append(run.Behind, fmt.Sprintf("%s ended with %v", m.name, err))
		}
	}
	w.members = nil
	time.Sleep(timeout + time.Second) // what was given up and is applied late
	for _, topic := range w.topics {
		if !w.kafka.HasTopic(w.t, topic+".dead") {
			continue
		}
		letters, err := audit.ReadLetters(w.kafka.ReadAll(w.t, topic+".dead"))
		if err != nil {
			w.t.Errorf("a dead letter that cannot be read: %v", err)
		}
		run.Letters = append(run.Letters, letters...)
	}
	if run.Late, run.Match = w.late, w.match; w.late {
		run.Records = w.api.left()
		topic := w.group + ".ledger"
		run.Ledger = audit.ReadLedger(len(w.kafka.EndOffsets(w.t, topic)), w.kafka.ReadAll(w.t, topic))
	}
	w.api.mu.Lock()
	defer w.api.mu.Unlock()
	run.Calls, run.Disturbances = w.api.calls, w.disturbed
	return audit.Check(run)
}
