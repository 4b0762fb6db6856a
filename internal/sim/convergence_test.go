//go:build synctests

package sim_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/ampersink/ampersink/internal/captures"
	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/internal/sandbox"
	"github.com/ampersink/ampersink/mapping"
	"github.com/ampersink/ampersink/sink"
	"github.com/ampersink/ampersink/sink/deadletter"
)

const (
	replays  = 3 // seeds of each capture, with a match and without
	tenant   = "acme"
	indexLag = 8 * time.Second
	patient  = 5 * time.Minute // virtual: longer than anything takes to be settled
)

// TestCapturesConverge plays what a real Debezium wrote of a real PostgreSQL through the
// whole program, which finds no CRM id in it, while requests fail, answers are lost, the search
// index lags and processes crash. When the stream has ended, the CRM holds one record for each of the
// database's final rows and nothing else, equal in every column, but for the exceptions that package
// captures names. Where nothing can be searched, a row whose create is in doubt is parked,
// and that is the only other exception.
func TestCapturesConverge(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var sum tally
	t.Run("all", func(t *testing.T) {
		for _, v := range captures.Postgres() {
			for _, match := range []bool{false, true} {
				for seed := range uint64(replays) {
					way := "ledger"
					if match {
						way = "match"
					}
					t.Run(fmt.Sprint(v.Name, " ", way, " ", seed), func(t *testing.T) {
						t.Parallel()
						synctest.Test(t, func(t *testing.T) {
							p := newPlay(t, v, match, *first+seed)
							p.run()
							mu.Lock()
							defer mu.Unlock()
							sum.add(p.tally)
						})
					})
				}
			}
		}
	})
	t.Logf("%+v", sum)
	if sum.Crashes < 50 || sum.Caught < 20 || sum.Faults < 100 || sum.Parked == 0 || sum.Creates < 1000 {
		t.Errorf("hardly anything happened: %+v", sum)
	}
}

// tally is what happened in replays.
type tally struct{ Crashes, Caught, Faults, Creates, Searches, Parked int }

func (a *tally) add(o tally) {
	a.Crashes += o.Crashes
	a.Caught += o.Caught
	a.Faults += o.Faults
	a.Creates += o.Creates
	a.Searches += o.Searches
	a.Parked += o.Parked
}

// play is one replay of a capture.
type play struct {
	t        *testing.T
	variant  captures.Variant
	match    bool
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
}

// reached is the sandbox as what a process reaches.
type reached struct{ http.RoundTripper }

func (s reached) roundTrip(_ string, r *http.Request) (*http.Response, error) { return s.RoundTrip(r) }

// registry is the schema registry, without a network.
type registry struct{ http.Handler }

// RoundTrip implements http.RoundTripper.
func (s registry) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result(), nil
}

func newPlay(t *testing.T, v captures.Variant, match bool, seed uint64) *play {
	p := &play{t: t, variant: v, match: match, random: rand.New(rand.NewPCG(seed, 7)), trace: newTrace(),
		kafka: kafkatest.NewVirtual(t, kfake.NumBrokers(nodes))}
	crm, err := sandbox.New(sandbox.Options{
		CRM: sandbox.HubSpot, IndexLag: indexLag, Latency: time.Duration(5+p.random.IntN(300)) * time.Millisecond,
		Rand: rand.New(rand.NewPCG(seed, 8)),
	})
	if err != nil {
		t.Fatal(err)
	}
	p.crm = crm
	schemas := srfake.NewRegistry()
	for id, s := range captures.Schemas(t) {
		schemas.SeedSchema(fmt.Sprint("s", id.Number), 1, int(id.Number), sr.Schema{Schema: s.Text})
	}
	p.registry = registry{schemas.Handler()}
	for table := range v.Tables() {
		p.topics = append(p.topics, v.Topic(table))
	}
	slices.Sort(p.topics)
	partitions := make(map[string]int32)
	for _, r := range captures.Records(t, v.Name) {
		if slices.Contains(p.topics, r.Topic) {
			p.records = append(p.records, r)
			partitions[r.Topic] = max(partitions[r.Topic], r.Partition+1)
		}
	}
	p.records = inTurn(p.records)
	for _, topic := range p.topics {
		p.kafka.CreateTopic(t, topic, partitions[topic], nil)
	}
	return p
}

// run plays the capture in pieces, with something that goes wrong beside each, and
// compares what is left.
func (p *play) run() {
	p.start()
	for rest := p.records; len(rest) > 0; {
		n := min(len(rest), 5+p.random.IntN(40))
		if next := slices.IndexFunc(rest[1:], isMove) + 1; next > 0 {
			n = min(n, next)
		}
		if isMove(rest[0]) {
			p.settle()
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
	p.variant.Compare(p.t, config.KeyChangeMove, p.left(), p.parked()...)
	if p.t.Failed() {
		w := &world{seed: p.random.Uint64(), trace: p.trace}
		p.t.Logf("the trace is in %s", w.write(p.t))
	}
}

// inTurn returns records, which stand by partition, in the order in which they were written.
func inTurn(records []*model.Record) (all []*model.Record) {
	partitions := make(map[model.TopicPartition][]*model.Record)
	for _, r := range records {
		partitions[r.TopicPartition] = append(partitions[r.TopicPartition], r)
	}
	for len(all) < len(records) {
		var first *model.Record
		for _, rest := range partitions {
			if len(rest) > 0 && (first == nil || before(rest[0], first)) {
				first = rest[0]
			}
		}
		all = append(all, first)
		partitions[first.TopicPartition] = partitions[first.TopicPartition][1:]
	}
	return all
}

// before orders the next records of two partitions. In one millisecond the row under its old key
// comes before the row under its new one.
func before(a, b *model.Record) bool {
	if c := a.Timestamp.Compare(b.Timestamp); c != 0 {
		return c < 0
	}
	if isMove(a) != isMove(b) {
		return isMove(b)
	}
	return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition)) < 0
}

// isMove reports whether a row comes under another key than before. Its partition is another one too,
// and Kafka promises no order between the two: what was written of the row is settled before.
func isMove(r *model.Record) bool {
	_, ok := r.Header("__debezium.oldkey")
	return ok
}

// disturb produces records while the process crashes: anywhere in its work, at a step that lies
// between two others, or not at all.
func (p *play) disturb(records []*model.Record) {
	steps := allSteps
	switch way := p.random.IntN(5); way {
	case 0:
		p.produce(records)
		time.Sleep(time.Duration(p.random.IntN(20)) * time.Second)
	case 1, 2:
		p.produce(records)
		time.Sleep(time.Duration(p.random.IntN(2500)) * time.Millisecond)
		p.crash()
	default:
		a := p.up.link.lie(steps[p.random.IntN(len(steps))], 1+p.random.IntN(6))
		p.produce(records)
		if a.over(p.up.link, time.Duration(2+p.random.IntN(20))*time.Second) {
			p.trace.add("%s is caught %s", p.up.name, a.step)
			p.tally.Caught++
			time.Sleep(time.Millisecond) // what it sent arrives
			p.crash()
		}
	}
}

func (p *play) produce(records []*model.Record) {
	var out []*kgo.Record
	for _, r := range records {
		k := &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: r.Value}
		for _, h := range r.Headers {
			k.Headers = append(k.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		out = append(out, k)
		p.trace.add("%s/%d@%d: %q %.200q", r.Topic, r.Partition, r.Offset, r.Key, r.Value)
	}
	p.kafka.ProduceTo(p.t, out...)
}

// worsen draws what goes wrong with requests from now on.
func (p *play) worsen() {
	kinds := sandbox.Faults{
		{Do: sandbox.DoStatus, Status: http.StatusServiceUnavailable},
		{Do: sandbox.DoStatus, Status: http.StatusTooManyRequests, RetryAfter: time.Second, RetryAfterForm: "seconds"},
		{Do: sandbox.DoStatus, Status: http.StatusInternalServerError},
		{Do: sandbox.DoStatus, Status: http.StatusBadGateway, Body: "html", Apply: "yes"},
		{Do: sandbox.DoReset},
		{Do: sandbox.DoReset, Apply: "yes"},
		{Do: sandbox.DoReset, Type: "create", Apply: "late", Delay: 300 * time.Millisecond}, // an update would come behind its successor
		{Do: sandbox.DoHang},
		{Do: sandbox.DoHang, Apply: "yes"},
		{Do: sandbox.DoCut},
		{Do: sandbox.DoShort},
		{Do: sandbox.DoAbsent},
		{Do: sandbox.DoShape},
		{Do: sandbox.DoLatency, Delay: 5 * time.Second},
	}
	var faults sandbox.Faults
	for range p.random.IntN(4) {
		f := kinds[p.random.IntN(len(kinds))]
		f.Chance = 0.4 * p.random.Float64()
		if told := f.Do == sandbox.DoStatus && f.Apply == "" || f.Do == sandbox.DoLatency; !p.match && !told {
			// A create in doubt is parked: the crashes leave enough of them.
			f.Type = []string{"update", "delete"}[p.random.IntN(2)]
			if f.Apply == "late" {
				f.Apply, f.Delay = "yes", 0
			}
		}
		faults = append(faults, f)
	}
	p.trace.add("faults: %+v", faults)
	if err := p.crm.SetFaults(faults); err != nil {
		p.t.Fatal(err)
	}
}

func (p *play) start() {
	p.started++
	m := &member{name: fmt.Sprintf("p%d", p.started), done: make(chan error, 1)}
	m.link = &link{process: m.name, api: reached{p.crm.Transport()}, dialer: p.kafka.Dial}
	s, err := sink.New(sink.Options{
		Config: p.config(), Dial: m.link.dial, Transport: m.link, Registry: p.registry, Rand: rand.NewPCG(p.random.Uint64(), 9),
		Log: zerolog.New(p.trace.of(m.name)).Level(zerolog.DebugLevel),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	m.sink, m.stop, p.up = s, stop, m
	p.ended.Go(func() { m.done <- s.Run(ctx) })
}

// crash ends the process without a word, and starts another one.
func (p *play) crash() {
	p.trace.add("%s crashes", p.up.name)
	p.tally.Crashes++
	p.up.link.crash()
	p.up.stop()
	p.start()
}

func (p *play) config() *config.Config {
	way := func([]string) string { return "ledger" }
	if p.match {
		way = func(key []string) string {
			var match []string
			for _, column := range key {
				match = append(match, fmt.Sprintf("c_%s: %s", column, column))
			}
			return "[ledger, {match: {" + strings.Join(match, ", ") + "}}]"
		}
	}
	var routes strings.Builder
	for _, table := range slices.Sorted(maps.Keys(p.variant.Tables())) {
		key := p.variant.Tables()[table]
		fmt.Fprintf(&routes, `
  - name: %[1]s
    topics: ["%[2]s"]
    format: %[3]s
    envelope: %[4]s
    to: {integration: hubspot, object: %[11]s, group: %[5]s}
    key: [%[6]s]
    id: %[7]s
    before: %[8]s
    on_create: upsert
    on_update: upsert
    on_snapshot: upsert
    on_truncate: ignore
    on_gone: recreate
    fields: {later: %[9]s}
    batch: {size: %[10]d, linger: 50ms, in_flight: 2}`,
			table, p.variant.Topic(table), p.variant.Format, p.variant.Envelope, tenant, strings.Join(key, ", "), way(key), p.variant.Before(table), key[0], 1+p.random.IntN(20), objectOf(table))
		if p.match {
			routes.WriteString("\n    search: {index_lag: 20s}")
		}
	}
	more := ""
	if p.variant.Format != config.FormatJSON {
		more = `, schema_registry: {url: "http://127.0.0.1:1"}`
	}
	text := fmt.Sprintf(`
kafka: {brokers: ["%s"], group: %s, session_timeout: %s%s}
ampersand: {url: "http://127.0.0.1:1", api_url: "http://127.0.0.1:1", search_url: "http://127.0.0.1:1", project: acme, api_key: key, timeout: 10s}
retry: {initial: 100ms, max: 5s, patience: 30s}
limits: {search_rate: 50}
shutdown_timeout: 20s
admin: {listen: ""}
routes:%s
`, strings.Join(p.kafka.Brokers(), `","`), group, session, more, routes.String())
	c, err := config.Parse("convergence.yaml", []byte(text), func(string) (string, bool) { return "", false }, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	for i := range c.Routes {
		c.Routes[i].Fields = p.variant.Fields(c.Routes[i].Name)
	}
	return c
}

// objectOf is the CRM's object for a table: one without rules of HubSpot's own.
func objectOf(table string) string { return "shop_" + table }

// settle waits until everything is committed.
func (p *play) settle() {
	w := &world{t: p.t, kafka: p.kafka, topics: p.topics}
	deadline, nudge := time.Now().Add(settling), time.Now().Add(patient)
	for ; ; time.Sleep(5 * time.Second) {
		if time.Now().After(nudge) {
			// A member that died while its join was pending stays in the in-process broker's group
			// until there is another rebalance.
			nudge = time.Now().Add(patient)
			p.up.stop()
			p.start()
		}
		behind := w.behind()
		if len(behind) == 0 {
			return
		}
		if time.Now().After(deadline) {
			status, _ := json.Marshal(p.up.sink.Status())
			p.trace.add("%s", status)
			p.t.Errorf("it does not come to the end: %s", behind)
			return
		}
	}
}

// left is the records of the CRM by source key: one each.
func (p *play) left() map[string]captures.Rows {
	tables := make(map[string]captures.Rows)
	for table := range p.variant.Tables() {
		rows := make(captures.Rows)
		for _, r := range p.crm.Records("hubspot", tenant, objectOf(table)) {
			key := p.variant.Key(p.t, table, r.Fields)
			if rows[key] != nil {
				p.t.Errorf("%s %s has a second record, %s", table, key, r.ID)
			}
			rows[key] = r.Fields
		}
		tables[table] = rows
	}
	return tables
}

// parked is the rows whose creates are in doubt, or told no id. Beside their changes only what
// names no row may be among the dead letters.
func (p *play) parked() (rows []string) {
	m, err := mapping.New(p.config().Routes, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	m.WithSchemas(known(captures.Schemas(p.t)))
	names := p.names(m)
	for _, topic := range p.topics {
		if p.kafka.Cluster.TopicInfo(topic+".dead") == nil {
			continue
		}
		for _, r := range p.kafka.ReadAll(p.t, topic+".dead") {
			l := p.letter(r)
			switch {
			case l.Reason.Code == "no_key" && l.Record.Key == nil:
			case (l.Reason.Code == "in_doubt" || l.Reason.Code == "id_unknown") && !p.match:
				w := m.Map(&l.Record, nil)[0].Write
				for _, key := range []string{w.Identity.Key, w.Identity.Former} {
					if name := names[w.Route+key]; name != "" {
						rows = append(rows, name)
					}
				}
			default:
				p.t.Errorf("%s/%d@%d is dead-lettered: %s: %s", l.Record.Topic, l.Record.Partition, l.Record.Offset, l.Reason.Code, l.Reason.Message)
			}
		}
	}
	slices.Sort(rows)
	rows = slices.Compact(rows)
	p.tally.Parked = len(rows)
	return rows
}

// names is what each row is called, by its route and its key in the ledger.
func (p *play) names(m *mapping.Mapper) map[string]string {
	names := make(map[string]string)
	for _, r := range p.records {
		w := m.Map(r, nil)[0].Write
		if w == nil || w.Identity.Deleted {
			continue
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal([]byte("{"+w.Identity.Update+"}"), &fields); err != nil {
			p.t.Fatal(err)
		}
		names[w.Route+w.Identity.Key] = w.Route + " " + p.variant.Key(p.t, w.Route, fields)
	}
	return names
}

func (p *play) letter(r *kgo.Record) *deadletter.Letter {
	record := &model.Record{TopicPartition: model.TopicPartition{Topic: r.Topic, Partition: r.Partition}, Offset: r.Offset, Key: r.Key, Value: r.Value}
	for _, h := range r.Headers {
		record.Headers = append(record.Headers, model.Header{Key: h.Key, Value: h.Value})
	}
	l, err := deadletter.Decode(record)
	if err != nil {
		p.t.Fatal(err)
	}
	return l
}

// known is a registry that has everything at once.
type known map[model.SchemaID]*model.Schema

func (k known) Schema(id model.SchemaID) (*model.Schema, model.SchemaState) {
	if s := k[id]; s != nil {
		return s, model.SchemaKnown
	}
	return nil, model.SchemaMissing
}
