package audit

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/model"
)

// BadEmail is what the CRM refuses in the field email.
const BadEmail = "not an address"

// Tenants are the groups that the rows of a stream belong to.
var Tenants = []string{"acme", "globex", "initech"}

// StreamOptions say what a stream is made of.
type StreamOptions struct {
	Seed uint64
	// Topics are the topics, and how many partitions each has.
	Topics     []string
	Partitions []int32
	// IDs are the CRM ids of the rows that are there before, by row; Tenant says which tenant
	// a row belongs to.
	IDs []string
}

// Stream makes Debezium events and remembers what must become of each: creates of
// new rows, updates of rows that are there, a few of them very often, deletes, events that the CRM refuses
// and events that mapping does. Each carries its number in the field version.
type Stream struct {
	o      StreamOptions
	random *rand.Rand
	zipf   *rand.Zipf
	next   int64
	gone   map[int]bool
	at     map[model.TopicPartition]int64
	events []Event
	// Deletes are the events that delete a record, by its CRM id: a delete carries no version.
	Deletes map[string]int64
}

// NewStream makes a stream; its seed decides all of it.
func NewStream(o StreamOptions) *Stream {
	s := &Stream{
		o: o, random: rand.New(rand.NewPCG(o.Seed, 3)), next: 1, gone: make(map[int]bool),
		at: make(map[model.TopicPartition]int64), Deletes: make(map[string]int64),
	}
	s.zipf = rand.NewZipf(s.random, 1.3, 2, uint64(len(o.IDs)-1))
	return s
}

// Events returns what was made so far, with the positions that the records get
// when nobody else writes to the topics.
func (s *Stream) Events() []Event { return s.events }

// Tenant returns the tenant of a row that was there before.
func Tenant(row int) string { return tenantOf(fmt.Sprint(row)) }

func tenantOf(key string) string { return Tenants[hash(key)%uint32(len(Tenants))] }

func hash(key string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	return h.Sum32()
}

// Make makes the next n events, for the partitions that they name.
func (s *Stream) Make(n int) []*kgo.Record {
	records := make([]*kgo.Record, n)
	for i := range records {
		records[i] = s.event()
	}
	return records
}

func (s *Stream) event() *kgo.Record {
	version := s.next
	s.next++
	known := int(s.zipf.Uint64())
	email := fmt.Sprintf("u%d@example.com", version)
	fresh := fmt.Sprintf("new-%d", version)
	switch p := s.random.IntN(100); {
	case p < 3:
		return s.record(version, fresh, "c", BadEmail, "", model.Create, Refused)
	case p < 5 && !s.gone[known]:
		return s.record(version, fmt.Sprint(known), "u", BadEmail, s.o.IDs[known], model.Update, Refused)
	case p < 7: // of a row that nobody knows in the CRM
		return s.record(version, fresh, "u", email, "", model.Update, Broken)
	case p < 40 || s.gone[known]:
		return s.record(version, fresh, "c", email, "", model.Create, Written)
	case p < 43:
		s.gone[known] = true
		s.Deletes[s.o.IDs[known]] = version
		return s.record(version, fmt.Sprint(known), "d", email, s.o.IDs[known], model.Delete, Written)
	default:
		return s.record(version, fmt.Sprint(known), "u", email, s.o.IDs[known], model.Update, Written)
	}
}

func (s *Stream) record(version int64, key, op, email, id string, typ model.Type, want Want) *kgo.Record {
	h := hash(key)
	i := h % uint32(len(s.o.Topics))
	tp := model.TopicPartition{Topic: s.o.Topics[i], Partition: int32(h / 7 % uint32(s.o.Partitions[i]))}
	row := fmt.Sprintf(`{"id":%q,"tenant":%q,"email":%q,"version":%d,"crm_id":%q}`, key, tenantOf(key), email, version, id)
	value := fmt.Sprintf(`{"before":null,"after":%s,"op":%q}`, row, op)
	if op == "d" {
		value = fmt.Sprintf(`{"before":%s,"after":null,"op":"d"}`, row)
	}
	s.events = append(s.events, Event{
		Position: Position{TopicPartition: tp, Offset: s.at[tp]}, Number: version, Key: key, Type: typ, Want: want,
	})
	s.at[tp]++
	return &kgo.Record{Topic: tp.Topic, Partition: tp.Partition, Key: fmt.Appendf(nil, `{"id":%q}`, key), Value: []byte(value)}
}
