package audit

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/model"
)

// lateRow is a row of a source without CRM ids. Its name is what the judge knows it by, and
// what it can be searched for: it stays, whatever becomes of its key, its group and its partition.
type lateRow struct {
	name, key, group string
	at               model.TopicPartition
	// open: events of it, or of its key, may not be settled yet. The order of a key is that of a partition, so
	// it stays in its own for as long.
	open bool
	// twin: another row has its name too, and so its record. Nobody says which of them it
	// goes with, so both stay.
	twin bool
}

// lateRows are the rows of a stream without CRM ids.
type lateRows struct {
	alive, dead []*lateRow
	// freed are keys that rows had before they were changed, and where: other rows may get them.
	freed []lateRow
}

// Settled says that everything which was made so far is settled: the next event of a row may
// come in another partition, as when its key has changed or its topic has grown.
func (s *Stream) Settled() {
	for _, r := range slices.Concat(s.late.alive, s.late.dead) {
		r.open = false
	}
}

// lateEvents makes the records of an event of a source without CRM ids: whatever is sent for
// it, the CRM must end with one record for each row that is there, in its group, as its last event
// that the CRM takes says.
func (s *Stream) lateEvents() []*kgo.Record {
	switch p := s.random.IntN(100); {
	case len(s.late.alive) == 0, p < 28:
		return s.lateRecord(s.born(), "c", model.Create, Written)
	case p < 32: // the CRM refuses it, and the row is there all the same
		return s.lateRecord(s.born(), "c", model.Create, Refused)
	case p < 36:
		return s.lateRecord(s.one(), "u", model.Update, Refused)
	case p < 48:
		r := s.one()
		if r.twin {
			return s.lateRecord(r, "u", model.Update, Written)
		}
		s.late.alive = slices.DeleteFunc(s.late.alive, func(x *lateRow) bool { return x == r })
		s.late.dead = append(s.late.dead, r)
		return s.lateRecord(r, "d", model.Delete, Written)
	case p < 54:
		if r := s.one(); !r.twin {
			return s.rekeyed(r)
		}
	case p < 59:
		if r := s.one(); !r.twin {
			r.group = pick(s.random, Tenants)
			return s.lateRecord(r, "u", model.Update, Written)
		}
	}
	return s.lateRecord(s.one(), "u", model.Update, Written)
}

func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }

// born is a new row, or one that was deleted and is there again, or one with a key that
// another one had, or another one with the name of one that is there.
func (s *Stream) born() *lateRow {
	l := &s.late
	r := &lateRow{name: fmt.Sprintf("r%d", s.next), key: fmt.Sprintf("k%d", s.next), group: pick(s.random, Tenants), at: s.anywhere()}
	switch p := s.random.IntN(8); {
	case p < 2 && len(l.dead) > 0:
		i := s.random.IntN(len(l.dead))
		r = l.dead[i]
		l.dead = slices.Delete(l.dead, i, i+1)
	case p < 4 && len(l.freed) > 0:
		i := s.random.IntN(len(l.freed))
		r.key, r.at, r.open = l.freed[i].key, l.freed[i].at, true
		l.freed = slices.Delete(l.freed, i, i+1)
	case p < 5 && s.o.Twins && len(l.alive) > 0:
		of := s.one()
		of.twin = true
		r.name, r.group, r.at, r.twin = of.name, of.group, of.at, true
	}
	l.alive = append(l.alive, r)
	return r
}

// anywhere is a partition of a topic as it has grown.
func (s *Stream) anywhere() model.TopicPartition {
	i := s.random.IntN(len(s.o.Topics))
	return model.TopicPartition{Topic: s.o.Topics[i], Partition: s.random.Int32N(s.grown[i])}
}

// elsewhere is a partition of the topic that a row is in.
func (s *Stream) elsewhere(r *lateRow) model.TopicPartition {
	i := slices.Index(s.o.Topics, r.at.Topic)
	return model.TopicPartition{Topic: r.at.Topic, Partition: s.random.Int32N(s.grown[i])}
}

// one is a row that is there: mostly one of those that came lately, so that creates have
// updates behind them.
func (s *Stream) one() *lateRow {
	rows := s.late.alive
	back := min(s.random.IntN(len(rows)), s.random.IntN(len(rows)), s.random.IntN(len(rows)))
	return rows[len(rows)-1-back]
}

// rekeyed gives a row another key, as Debezium tells it: a delete of the old one, its
// tombstone, and a create under the new one, here or in another partition.
func (s *Stream) rekeyed(r *lateRow) []*kgo.Record {
	old := *r
	r.key = fmt.Sprintf("k%d", s.next)
	away := fmt.Appendf(nil, `{"id":%q}`, r.key)
	var records []*kgo.Record
	for _, op := range []string{"d", ""} {
		one := s.lateRecord(&old, op, model.Delete, Skipped)
		one[0].Headers = []kgo.RecordHeader{{Key: "__debezium.newkey", Value: away}}
		records = append(records, one...)
	}
	if !old.open {
		r.at = s.elsewhere(r)
	}
	if r.at == old.at {
		// Elsewhere, another row could get the key before this one is known to have left it.
		s.late.freed = append(s.late.freed, old)
	}
	r.open = true // it is where it shall be
	want := Written
	switch s.random.IntN(6) {
	case 0:
		want = Refused // the key is another one all the same
	case 1:
		r.group = pick(s.random, Tenants)
	}
	moved := s.lateRecord(r, "c", model.Update, want)
	moved[0].Headers = []kgo.RecordHeader{{Key: "__debezium.oldkey", Value: fmt.Appendf(nil, `{"id":%q}`, old.key)}}
	return append(records, moved...)
}

// lateRecord makes a record of the next version of a row: op c, u or d, or none for a tombstone.
func (s *Stream) lateRecord(r *lateRow, op string, typ model.Type, want Want) []*kgo.Record {
	version := s.next
	s.next++
	if i := slices.Index(s.o.Topics, r.at.Topic); !r.open && !r.twin && s.grown[i] > s.o.Partitions[i] && want != Skipped {
		r.at = s.elsewhere(r) // where its key hashes to, now that there are more
	}
	r.open = true
	email := fmt.Sprintf("u%d@example.com", version)
	if want == Refused {
		email = BadEmail
	}
	image := fmt.Sprintf(`{"id":%q,"name":%q,"tenant":%q,"email":%q,"version":%d}`, r.key, r.name, r.group, email, version)
	value := fmt.Appendf(nil, `{"before":null,"after":%s,"op":%q}`, image, op)
	switch op {
	case "d": // it proves nothing but the key
		value = fmt.Appendf(nil, `{"before":{"id":%q,"name":"","tenant":"","email":"","version":0},"after":null,"op":"d"}`, r.key)
	case "":
		value = nil
	}
	s.events = append(s.events, Event{
		Position: Position{TopicPartition: r.at, Offset: s.at[r.at]}, Number: version, Key: r.name, Group: r.group, Twin: r.twin, Type: typ, Want: want,
	})
	s.at[r.at]++
	return []*kgo.Record{{Topic: r.at.Topic, Partition: r.at.Partition, Key: fmt.Appendf(nil, `{"id":%q}`, r.key), Value: value}}
}

// EndOf returns the number of the event that ended a record, which was made of a row, was at a
// version of it and was deleted: 0 when the row went on in another group, or is not ended.
func (s *Stream) EndOf(name, group string, version int64) int64 {
	for i := range s.events {
		switch e := &s.events[i]; {
		case e.Key != name || e.Number <= version || e.Want == Skipped:
		case e.Type == model.Delete:
			return e.Number
		case e.Group != group:
			return 0
		}
	}
	return 0
}
