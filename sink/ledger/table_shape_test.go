package ledger

import (
	"fmt"

	"github.com/ampersink/ampersink/internal/model"
)

// shape makes rows of the shape for which the cost is stated: keys of 20 bytes, ids of 18
// that are no number, many rows to a group, a hundred partitions.
type shape struct {
	groups  []string
	topics  []string
	ids     []string
	buf     [20]byte
	current Row
}

func newShape(groups int) *shape {
	s := &shape{}
	for i := range groups {
		s.groups = append(s.groups, fmt.Sprintf("tenant-%05d", i))
	}
	for i := range 4_096 {
		s.ids = append(s.ids, fmt.Sprintf("003Qx%010dIAG", i*1_000_003))
	}
	for i := range 8 {
		s.topics = append(s.topics, fmt.Sprintf("shop.public.table_%d", i))
	}
	copy(s.buf[:], "customers|")
	return s
}

// key is valid until the next call.
func (s *shape) key(i int) []byte {
	for at := len(s.buf) - 1; at >= 10; at-- {
		s.buf[at] = byte('0' + i%10)
		i /= 10
	}
	return s.buf[:]
}

// row is valid until the next call.
func (s *shape) row(i int) *Row {
	n := int(uint32(i) * 2_654_435_761 >> 8)
	s.current = Row{
		State: Known, Group: s.groups[n%len(s.groups)], ID: s.ids[n%len(s.ids)],
		Source: model.TopicPartition{Topic: s.topics[i%8], Partition: int32(i / 8 % 12)}, Offset: 1_000_000_000 + int64(i), Epoch: 1<<40 - int64(i%100),
	}
	return &s.current
}

func (s *shape) fill(t *table, from, to int) {
	for i := from; i < to; i++ {
		t.put(string(s.key(i)), s.row(i))
	}
}
