package audit

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"

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
	// Late: no row carries a CRM id, none is there before, and a delete tells nothing but its
	// key. Rows change their keys, their groups and, where they are settled, their partitions. Twins:
	// some have the name of another one, and so one record with it.
	Late, Twins bool
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
	grown  []int32 // how many partitions each topic has by now
	at     map[model.TopicPartition]int64
	events []Event
	// Deletes are the events that delete a record, by its CRM id: a delete carries no version.
	Deletes map[string]int64
	late    lateRows
}

// NewStream makes a stream; its seed decides all of it.
func NewStream(o StreamOptions) *Stream {
	s := &Stream{
		o: o, random: rand.New(rand.NewPCG(o.Seed, 3)), next: 1, gone: make(map[int]bool), grown: slices.Clone(o.Partitions),
		at: make(map[model.TopicPartition]int64), Deletes: make(map[string]int64),
	}
	if !o.Late {
		s.zipf = rand.NewZipf(s.random, 1.3, 2, uint64(len(o.IDs)-1))
	}
	return s
}

// Events returns what was made so far, with the positions that the records get
// when nobody else writes to the topics.
func (s *Stream) Events() []Event { return s.events }

// Grow says that a topic has more partitions now. Rows that were there before stay in
// theirs, as the order of a key is of one partition.
func (s *Stream) Grow(topic int, partitions int32) { s.grown[topic] = partitions }

// Tenant returns the tenant of a row that was there before.
func Tenant(row int) string { return tenantOf(fmt.Sprint(row)) }

func tenantOf(key string) string { return Tenants[hash(key)%uint32(len(Tenants))] }

func hash(key string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	return h.Sum32()
}

// Make makes the next n events or a few more, for the partitions that they name.
func (s *Stream) Make(n int) []*kgo.Record {
	records := make([]*kgo.Record, 0, n)
	for len(records) < n {
		if s.o.Late {
			records = append(records, s.lateEvents()...)
			continue
		}
		records = append(records, s.event())
	}
	return records
}

// row is what an event is about.
type row struct {
	key, id    string // id: the CRM's, if it has one
	partitions []int32
}

func (s *Stream) event() *kgo.Record {
	version := s.next
	s.next++
	n := int(s.zipf.Uint64())
	known := row{fmt.Sprint(n), s.o.IDs[n], s.o.Partitions}
	fresh := row{fmt.Sprintf("new-%d", version), "", s.grown}
	email := fmt.Sprintf("u%d@example.com", version)
	switch p := s.random.IntN(100); {
	case p < 3:
		return s.record(version, fresh, "c", BadEmail, model.Create, Refused)
	case p < 5 && !s.gone[n]:
		return s.record(version, known, "u", BadEmail, model.Update, Refused)
	case p < 7: // of a row that nobody knows in the CRM
		return s.record(version, fresh, "u", email, model.Update, Broken)
	case p < 40 || s.gone[n]:
		return s.record(version, fresh, "c", email, model.Create, Written)
	case p < 43:
		s.gone[n] = true
		s.Deletes[known.id] = version
		return s.record(version, known, "d", email, model.Delete, Written)
	default:
		return s.record(version, known, "u", email, model.Update, Written)
	}
}

func (s *Stream) record(version int64, of row, op, email string, typ model.Type, want Want) *kgo.Record {
	h := hash(of.key)
	i := h % uint32(len(s.o.Topics))
	tp := model.TopicPartition{Topic: s.o.Topics[i], Partition: int32(h / 7 % uint32(of.partitions[i]))}
	image := fmt.Sprintf(`{"id":%q,"tenant":%q,"email":%q,"version":%d,"crm_id":%q}`, of.key, tenantOf(of.key), email, version, of.id)
	value := fmt.Sprintf(`{"before":null,"after":%s,"op":%q}`, image, op)
	if op == "d" {
		value = fmt.Sprintf(`{"before":%s,"after":null,"op":"d"}`, image)
	}
	s.events = append(s.events, Event{
		Position: Position{TopicPartition: tp, Offset: s.at[tp]}, Number: version, Key: of.key, Type: typ, Want: want,
	})
	s.at[tp]++
	return &kgo.Record{Topic: tp.Topic, Partition: tp.Partition, Key: fmt.Appendf(nil, `{"id":%q}`, of.key), Value: []byte(value)}
}
