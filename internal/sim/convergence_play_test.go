//go:build synctests

package sim_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/internal/sandbox"
	"github.com/ampersink/ampersink/sink"
)

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

// sandboxFaults are those that a CRM of any rows has.
func sandboxFaults() sandbox.Faults {
	return sandbox.Faults{
		{Do: sandbox.DoStatus, Status: http.StatusServiceUnavailable},
		{Do: sandbox.DoStatus, Status: http.StatusTooManyRequests, RetryAfter: time.Second, RetryAfterForm: "seconds"},
		{Do: sandbox.DoStatus, Status: http.StatusInternalServerError},
		{Do: sandbox.DoStatus, Status: http.StatusBadGateway, Body: "html", Apply: "yes"},
		{Do: sandbox.DoReset},
		{Do: sandbox.DoReset, Apply: "yes"},
		{Do: sandbox.DoHang},
		{Do: sandbox.DoHang, Apply: "yes"},
		{Do: sandbox.DoCut},
		{Do: sandbox.DoShort},
		{Do: sandbox.DoAbsent},
		{Do: sandbox.DoShape},
		{Do: sandbox.DoLatency, Delay: 5 * time.Second},
	}
}

// worsen draws what goes wrong with requests from now on.
func (p *play) worsen() {
	// An update that is applied late would come behind its successor.
	kinds := append(sandboxFaults(), sandbox.Fault{Do: sandbox.DoReset, Type: "create", Apply: "late", Delay: 300 * time.Millisecond})
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

// reached is the sandbox as what a process reaches.
type reached struct {
	p   *play
	crm http.RoundTripper
}

func (s reached) roundTrip(_ string, r *http.Request) (*http.Response, error) {
	answer, err := s.crm.RoundTrip(r)
	s.p.note()
	return answer, err
}

func (p *play) start() {
	p.started++
	m := &member{name: fmt.Sprintf("p%d", p.started), done: make(chan error, 1)}
	m.link = &link{process: m.name, api: reached{p, p.crm.Transport()}, dialer: p.kafka.Dial}
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
