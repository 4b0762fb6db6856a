//go:build synctests

package sim_test

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/audit"
	"github.com/ampersink/ampersink/internal/model"
)

// stream makes the events of a run and remembers what must become of each.
type stream struct {
	world  *world
	random *rand.Rand
	zipf   *rand.Zipf
	next   int64            // version of the next event
	rows   int              // rows that were there before
	gone   map[int]bool     // of them: deleted
	at     map[string]int64 // next offset by topic/partition
	events []audit.Event
}

func newStream(w *world) *stream {
	s := &stream{
		world: w, random: rand.New(rand.NewPCG(w.seed, 3)), next: 1, rows: 5 + w.random.IntN(60),
		gone: make(map[int]bool), at: make(map[string]int64),
	}
	s.zipf = rand.NewZipf(s.random, 1.3, 2, uint64(s.rows-1))
	return s
}

// produce appends n events to the topics.
func (s *stream) produce(n int) {
	w := s.world
	var records []*kgo.Record
	for range n {
		records = append(records, s.event())
	}
	w.trace.add("%d events are produced", n)
	w.kafka.ProduceTo(w.t, records...)
}

// event makes one event of a row.
func (s *stream) event() *kgo.Record {
	version := s.next
	s.next++
	known := int(s.zipf.Uint64())
	email := fmt.Sprintf("u%d@example.com", version)
	switch p := s.random.IntN(100); {
	case p < 3: // the CRM refuses it
		return s.record(version, fmt.Sprintf("new-%d", version), "c", badEmail, "", model.Create, audit.Refused)
	case p < 5:
		if !s.gone[known] {
			return s.record(version, fmt.Sprint(known), "u", badEmail, crmID(known), model.Update, audit.Refused)
		}
		fallthrough
	case p < 7: // an update of a row that nobody knows in the CRM
		return s.record(version, fmt.Sprintf("new-%d", version), "u", email, "", model.Update, audit.Broken)
	case p < 40 || s.gone[known]:
		return s.record(version, fmt.Sprintf("new-%d", version), "c", email, "", model.Create, audit.Written)
	case p < 43:
		s.gone[known] = true
		s.world.api.deletes[crmID(known)] = version
		return s.record(version, fmt.Sprint(known), "d", email, crmID(known), model.Delete, audit.Written)
	default:
		return s.record(version, fmt.Sprint(known), "u", email, crmID(known), model.Update, audit.Written)
	}
}

func crmID(row int) string { return fmt.Sprint(9000 + row) }

func (s *stream) record(version int64, key, op, email, id string, typ model.Type, want audit.Want) *kgo.Record {
	w := s.world
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	topic := w.topics[int(h.Sum32())%len(w.topics)]
	partitions := len(w.kafka.Cluster.PartitionInfos(topic))
	partition := int32(int(h.Sum32()/7) % partitions)
	tenant := []string{"acme", "globex", "initech"}[h.Sum32()%3]
	row := fmt.Sprintf(`{"id":%q,"tenant":%q,"email":%q,"version":%d,"crm_id":%q}`, key, tenant, email, version, id)
	value := fmt.Sprintf(`{"before":null,"after":%s,"op":%q}`, row, op)
	if op == "d" {
		value = fmt.Sprintf(`{"before":%s,"after":null,"op":"d"}`, row)
	}
	place := fmt.Sprintf("%s/%d", topic, partition)
	s.events = append(s.events, audit.Event{
		Position: audit.Position{TopicPartition: model.TopicPartition{Topic: topic, Partition: partition}, Offset: s.at[place]},
		Number:   version, Key: key, Type: typ, Want: want,
	})
	s.at[place]++
	return &kgo.Record{Topic: topic, Partition: partition, Key: fmt.Appendf(nil, `{"id":%q}`, key), Value: []byte(value)}
}
