package ledger

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

// State is what is known of a row.
type State uint8

// The states.
const (
	Unknown State = iota
	Known         // its CRM id
	Exists        // that it is in the CRM, and not under which id
	Doubt         // that a create may have been applied
	// absent: that it is not in the CRM, whatever an announcement that has not ended says. It is
	// told as Unknown.
	absent
)

var stateNames = [...]string{"unknown", "known", "exists", "doubt", "absent"}

func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "of a later version"
}

// RowKey names a source row.
type RowKey struct {
	Space model.Space
	Key   string // canonical
}

// Compare orders rows by their spaces and keys.
func (k RowKey) Compare(o RowKey) int {
	return cmp.Or(k.Space.Compare(o.Space), cmp.Compare(k.Key, o.Key))
}

// Row is what is known of a source row.
type Row struct {
	State State
	Group string // whose CRM the record is in
	ID    string
	// Source and Offset say which write it is known by; ids that somebody had have none.
	Source model.TopicPartition
	Offset int64
	Epoch  int64 // of the owner that said so
}

// Intent is a create that was announced.
type Intent struct {
	RowKey
	Group  string // whose CRM
	Source model.TopicPartition
	Offset int64
	Name   model.WriteName
}

// The records of the topic. Keys begin with the version and the kind:
//
//	row:          'r' integration object space epoch, then the source key -> state group id topic partition offset
//	announcement: 'a' writer number -> epoch, time, then its intents
//	mark:         'm' writer -> number
//
// Texts are a length and the bytes, numbers are uvarints. A null value ends a row or an announcement.
const (
	version  = 1
	kindRow  = 'r'
	kindAnn  = 'a'
	kindMark = 'm'
)

// writerHeader says which process wrote a record: it knows its own already.
const writerHeader = "w"

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// rowKey is the key of a row's record.
func rowKey(k RowKey, epoch int64) []byte {
	b := append(make([]byte, 0, 16+len(k.Space.Integration)+len(k.Space.Object)+len(k.Space.Name)+len(k.Key)), version, kindRow)
	b = appendText(appendText(appendText(b, k.Space.Integration), k.Space.Object), k.Space.Name)
	b = binary.AppendUvarint(b, uint64(epoch))
	return append(b, k.Key...)
}

func rowValue(r *Row) []byte {
	b := append(make([]byte, 0, 24+len(r.Group)+len(r.ID)+len(r.Source.Topic)), byte(r.State))
	b = appendText(appendText(appendText(b, r.Group), r.ID), r.Source.Topic)
	b = binary.AppendUvarint(b, uint64(r.Source.Partition))
	return binary.AppendUvarint(b, uint64(r.Offset))
}

// partitionOf spreads rows over the partitions of the topic. The hash is our own, so that
// it stays the same whatever the client does.
func partitionOf(k RowKey, partitions int) int32 {
	h := fnv.New32a()
	for _, s := range []string{k.Space.Integration, k.Space.Object, k.Space.Name, k.Key} {
		_, _ = h.Write([]byte(s))
		_, _ = h.Write([]byte{0})
	}
	return int32(h.Sum32() % uint32(partitions))
}

// annID names an announcement.
type annID struct{ writer, number uint64 }

func annKey(id annID) []byte {
	b := binary.AppendUvarint([]byte{version, kindAnn}, id.writer)
	return binary.AppendUvarint(b, id.number)
}

func annValue(epochs map[model.TopicPartition]int64, intents []Intent, at time.Time) []byte {
	b := binary.AppendUvarint(nil, uint64(at.UnixMilli()))
	b = binary.AppendUvarint(b, uint64(len(intents)))
	for i := range intents {
		n := &intents[i]
		b = appendText(appendText(appendText(b, n.Space.Integration), n.Space.Object), n.Space.Name)
		b = appendText(appendText(appendText(b, n.Key), n.Group), n.Source.Topic)
		b = binary.AppendUvarint(b, uint64(n.Source.Partition))
		b = binary.AppendUvarint(b, uint64(n.Offset))
		b = binary.AppendUvarint(b, uint64(n.Name))
		b = binary.AppendUvarint(b, uint64(epochs[n.Source]))
	}
	return b
}

func markKey(writer uint64) []byte { return binary.AppendUvarint([]byte{version, kindMark}, writer) }

// reader reads the parts of a record; bad is set when it ends too early.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// number is a uvarint that is an int64.
func (r *reader) number() int64 {
	v := r.uvarint()
	if v > 1<<62 {
		r.bad = true
		return 0
	}
	return int64(v)
}

func (r *reader) text() []byte {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return nil
	}
	text := r.rest[:n]
	r.rest = r.rest[n:]
	return text
}

func (r *reader) space() model.Space {
	return model.Space{Integration: string(r.text()), Object: string(r.text()), Name: string(r.text())}
}

func (r *reader) source() model.TopicPartition {
	return model.TopicPartition{Topic: string(r.text()), Partition: int32(r.number())}
}

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.bad = true
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}
