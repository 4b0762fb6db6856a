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

	members   []*member // that run
	started   int
	disturbed []audit.Disturbance
	counts    counts
}

// counts is what was done.
type counts struct{ killed, stopped, frozen, joined, grown, faults int }

func (c *counts) add(o counts) {
	c.killed += o.killed
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
	const rows = 40
	w.api = newAPI(t, seed)
	o := audit.StreamOptions{Seed: seed, IDs: w.api.seedRows(rows)}
	for range 1 + w.random.IntN(2) {
		n := int32(1 + w.random.IntN(4))
		o.Topics = append(o.Topics, w.kafka.NewTopic(t, n, nil))
		o.Partitions = append(o.Partitions, n)
	}
	w.topics, w.partitions, w.stream = o.Topics, slices.Clone(o.Partitions), audit.NewStream(o)
	w.api.deletes = w.stream.Deletes
	return w
}

func (w *world) config(url string) string {
	return fmt.Sprintf(`
kafka: {brokers: ["%s"], group: %s, session_timeout: %s}
ampersand: {url: "%s", api_url: "%s", project: acme, api_key: key, timeout: %s}
routes:
  - name: customers
    topics: ["%s"]
    envelope: debezium
    to: {integration: crm, object: contact, group: {field: tenant}}
    id: {field: crm_id}
    before: full
    fields: {email: email, version: version}
    batch: {size: 50, linger: 20ms, in_flight: 2}
retry: {initial: 50ms, max: 1s, patience: 10s}
shutdown_timeout: 10s
admin: {listen: ""}
log: {level: debug, format: json}
`, strings.Join(w.kafka.Brokers(), `","`), w.group, session, url, url, timeout, strings.Join(w.topics, `","`))
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
	case p < 58:
		w.counts.stopped++
		w.terminate(m())
		w.join()
	case p < 68:
		w.produce(50 + w.random.IntN(200))
		w.counts.frozen++
		w.freeze(m(), session+time.Duration(1+w.random.IntN(5))*time.Second)
	case p < 76 && len(w.members) < 3:
		w.counts.joined++
		w.join()
	case p < 80:
		w.counts.grown++
		w.grow()
	default:
		w.counts.faults++
		w.api.worsen(w.random)
	}
}

func (w *world) produce(n int) {
	w.api.mu.Lock() // which reads the stream's deletes
	records := w.stream.Make(n)
	w.api.mu.Unlock()
	w.say("%d events", n)
	w.kafka.ProduceTo(w.t, records...)
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
	w.api.mu.Lock()
	defer w.api.mu.Unlock()
	run.Calls, run.Disturbances = w.api.calls, w.disturbed
	return audit.Check(run)
}
