package ledger

import (
	"cmp"
	"encoding/binary"
	"strings"
	"time"
	"unsafe"

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

// cloneSpace returns a space that keeps nothing else.
func cloneSpace(s model.Space) model.Space {
	return model.Space{Integration: strings.Clone(s.Integration), Object: strings.Clone(s.Object), Name: strings.Clone(s.Name)}
}

// clonePartition returns a partition that keeps nothing else.
func clonePartition(p model.TopicPartition) model.TopicPartition {
	return model.TopicPartition{Topic: strings.Clone(p.Topic), Partition: p.Partition}
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
//	row:          'r' integration object space epoch, then the source key -> state writer group id topic partition offset
//	announcement: 'a' writer number -> time, how many, then its intents: what of one is as before, source key, offset, the rest
//	mark:         'm' writer -> number
//	owner:        'o' topic partition -> epoch
//
// Texts are a length and the bytes, numbers are uvarints; the writer of a row has 8 bytes. A null
// value ends a row or an announcement.
const (
	version   = 1
	kindRow   = 'r'
	kindAnn   = 'a'
	kindMark  = 'm'
	kindOwner = 'o'
)

// writerHeader says which process ended a row: it knows its own already, and a null value has no
// room for that.
const writerHeader = "w"

// nobody is no process: what it writes is news to all of them.
const nobody = 0

const (
	writerBytes = 8
	// leastIntent is what an intent takes at least.
	leastIntent = 3
)

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// recordBytes is about what a row's record takes: its texts, and what stands between them.
func recordBytes(k *RowKey, group, id, topic string) int {
	const between = 32
	return between + len(k.Space.Integration) + len(k.Space.Object) + len(k.Space.Name) + len(k.Key) + len(group) + len(id) + len(topic)
}

// appendRowKey appends the key of a row's record.
func appendRowKey(b []byte, k RowKey, epoch int64) []byte {
	b = appendSpace(append(b, version, kindRow), &k.Space)
	b = binary.AppendUvarint(b, uint64(epoch))
	return append(b, k.Key...)
}

func appendSpace(b []byte, s *model.Space) []byte {
	return appendText(appendText(appendText(b, s.Integration), s.Object), s.Name)
}

func appendRowValue(b []byte, r *Row, writer uint64) []byte {
	b = binary.LittleEndian.AppendUint64(append(b, byte(r.State)), writer)
	b = appendSource(appendText(appendText(b, r.Group), r.ID), r.Source)
	return binary.AppendUvarint(b, uint64(r.Offset))
}

// wroteRow reports whether a row's record is a process's own.
func wroteRow(r *model.Record, writer uint64) bool {
	if r.Value != nil {
		return len(r.Value) > writerBytes && binary.LittleEndian.Uint64(r.Value[1:]) == writer
	}
	w, ok := r.Header(writerHeader)
	return ok && len(w) == writerBytes && binary.LittleEndian.Uint64(w) == writer
}

// partitionOf spreads rows over the partitions of the topic. The hash (FNV-1a) is our own, so
// that it stays the same whatever the client does.
func partitionOf(k RowKey, partitions int) int32 {
	const offset, prime = 2166136261, 16777619
	h := uint32(offset)
	for _, s := range [...]string{k.Space.Integration, k.Space.Object, k.Space.Name, k.Key} {
		for i := range len(s) {
			h = (h ^ uint32(s[i])) * prime
		}
		h *= prime // as a byte of zero
	}
	return int32(h % uint32(partitions))
}

// annID names an announcement.
type annID struct{ writer, number uint64 }

func annKey(id annID) []byte {
	b := binary.AppendUvarint([]byte{version, kindAnn}, id.writer)
	return binary.AppendUvarint(b, id.number)
}

func annValue(creates []Creating, at time.Time) []byte {
	first := creates[0].row()
	size := recordBytes(&first, creates[0].Destination.Group, "", creates[0].Source.Topic)
	b := binary.AppendUvarint(make([]byte, 0, size+len(creates)*(len(first.Key)+2*leastIntent)), uint64(at.UnixMilli()))
	b = binary.AppendUvarint(b, uint64(len(creates)))
	before := &Creating{}
	for i := range creates {
		b = appendIntent(b, &creates[i], before)
		before = &creates[i]
	}
	return b
}

// What of an intent is as it is of the one before: most of a batch are of one table.
const (
	sameSpace byte = 1 << iota
	sameGroup
	sameSource
	sameOwner // its write's name and its epoch
)

func appendIntent(b []byte, c, before *Creating) []byte {
	at := len(b)
	b = appendText(append(b, 0), c.Identity.Key)
	b = binary.AppendUvarint(b, uint64(c.Source.Offset))
	known := before.Write != nil
	if known && *c.Identity.Space == *before.Identity.Space {
		b[at] |= sameSpace
	} else {
		b = appendSpace(b, c.Identity.Space)
	}
	if known && c.Destination.Group == before.Destination.Group {
		b[at] |= sameGroup
	} else {
		b = appendText(b, c.Destination.Group)
	}
	if known && c.Source.TopicPartition == before.Source.TopicPartition {
		b[at] |= sameSource
	} else {
		b = appendSource(b, c.Source.TopicPartition)
	}
	if known && c.Name == before.Name && c.Epoch == before.Epoch {
		b[at] |= sameOwner
	} else {
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(c.Name)), uint64(c.Epoch))
	}
	return b
}

// intent reads an intent; n and k are the one before.
func (r *reader) intent(n *intent, k *RowKey) {
	same := r.byte()
	k.Key, n.offset = r.text(), r.number()
	if same&sameSpace == 0 {
		k.Space = r.space()
	}
	if same&sameGroup == 0 {
		n.group = r.text()
	}
	if same&sameSource == 0 {
		n.source = r.source()
	}
	if same&sameOwner == 0 {
		n.name, n.epoch = model.WriteName(r.number()), r.number()
	}
}

// appendSource appends a partition of the source.
func appendSource(b []byte, p model.TopicPartition) []byte {
	return binary.AppendUvarint(appendText(b, p.Topic), uint64(p.Partition))
}

func ownerKey(p model.TopicPartition) []byte { return appendSource([]byte{version, kindOwner}, p) }

func markKey(writer uint64) []byte { return binary.AppendUvarint([]byte{version, kindMark}, writer) }

// reader reads the parts of a record; bad is set when it ends too early. Its texts are valid as
// long as the record.
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

// take takes n bytes off, or none when there are fewer.
func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) text() string { return view(r.take(r.uvarint())) }

func (r *reader) space() model.Space {
	return model.Space{Integration: r.text(), Object: r.text(), Name: r.text()}
}

func (r *reader) source() model.TopicPartition {
	return model.TopicPartition{Topic: r.text(), Partition: int32(r.number())}
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

// view is bytes as text without a copy: valid as long as nobody writes to them.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
