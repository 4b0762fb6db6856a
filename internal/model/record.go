package model

import (
	"encoding/binary"
	"strings"
	"time"
)

// TopicPartition names a partition of a topic.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// Header is one header of a Kafka record. A nil Value is Kafka's null.
type Header struct {
	Key   string
	Value []byte
}

// Record is a Kafka record as it was polled. Key, Value and the header values
// alias the client's buffers: they are valid until the call that was handed the
// record returns. What must live longer is copied out with a Packer.
type Record struct {
	TopicPartition
	Offset      int64
	LeaderEpoch int32
	Timestamp   time.Time // millisecond precision
	Key         []byte    // nil: Kafka's null
	Value       []byte    // nil: Kafka's null
	Headers     []Header
	// Control marks a transaction marker: it carries no data and only moves the
	// position.
	Control bool
}

// Header returns the value of the last header with that name: writers that
// append (Kafka Connect) leave the current value last.
func (r *Record) Header(name string) (value []byte, ok bool) {
	for i := len(r.Headers) - 1; i >= 0; i-- {
		if r.Headers[i].Key == name {
			return r.Headers[i].Value, true
		}
	}
	return nil, false
}

// Kept is a record copied out of the client's buffers, to be dead-lettered byte
// for byte if that is its fate. All of its bytes stand in one string, so that a
// record that waits retains exactly that and no decompressed batch.
type Kept struct {
	TopicPartition
	Offset      int64
	LeaderEpoch int32
	Timestamp   time.Time

	text       string // key, value, packed headers, then what the packer added
	keyEnd     int    // text[:keyEnd] is the key
	valueEnd   int    // text[keyEnd:valueEnd] is the value
	headersEnd int    // text[valueEnd:headersEnd] are the packed headers
	nullKey    bool
	nullValue  bool
}

// keptOverhead is what a Kept and its Write weigh beside their text, in bytes:
// the two structs and the entries of the tables that hold them (the tracker's,
// the lane's, the conflict set's). Measured with backlogs of 5,000 to 140,000 records of
// as many keys: 700 to 722.
const keptOverhead = 720

// textSlack is the part of a text that the allocator adds to it, as a divisor:
// its size classes lie an eighth apart, so half of that on average.
const textSlack = 16

// Size returns the bytes that the record retains while it waits.
func (k *Kept) Size() int64 { return int64(len(k.text)+len(k.text)/textSlack) + keptOverhead }

// Record unpacks the record again. The result owns its bytes.
func (k *Kept) Record() Record {
	r := Record{TopicPartition: k.TopicPartition, Offset: k.Offset, LeaderEpoch: k.LeaderEpoch, Timestamp: k.Timestamp}
	if !k.nullKey {
		r.Key = []byte(k.text[:k.keyEnd])
	}
	if !k.nullValue {
		r.Value = []byte(k.text[k.keyEnd:k.valueEnd])
	}
	r.Headers = unpackHeaders(k.text[k.valueEnd:k.headersEnd])
	return r
}

// Key returns the record's key as text, for messages and identities.
func (k *Kept) Key() string { return k.text[:k.keyEnd] }

// Packer builds the text of a Kept: Begin with the record, Append what the
// writes of the record need (fields, ids), Finish once. It is reused from record
// to record and costs one allocation per Finish.
type Packer struct {
	scratch    []byte
	keyEnd     int
	valueEnd   int
	headersEnd int
}

// Span is a piece of the text of the record being packed.
type Span struct{ from, to int }

// Empty reports whether the span holds nothing.
func (s Span) Empty() bool { return s.from == s.to }

// maxScratch bounds what a packer keeps between records, so that one large
// record does not stay resident.
const maxScratch = 1 << 20

// Begin starts the text of a record, dropping whatever was packed before.
func (p *Packer) Begin(r *Record) {
	if cap(p.scratch) > maxScratch {
		p.scratch = nil
	}
	b := append(p.scratch[:0], r.Key...)
	p.keyEnd = len(b)
	b = append(b, r.Value...)
	p.valueEnd = len(b)
	b = packHeaders(b, r.Headers)
	p.headersEnd = len(b)
	p.scratch = b
}

// Buffer returns the text so far, to be appended to; give it back with Append.
func (p *Packer) Buffer() []byte { return p.scratch }

// Append takes the grown buffer back and returns the span of what was added.
func (p *Packer) Append(grown []byte) Span {
	s := Span{len(p.scratch), len(grown)}
	p.scratch = grown
	return s
}

// Finish fills kept with the record and returns a function that turns spans
// into strings of the same text.
func (p *Packer) Finish(r *Record, kept *Kept) Text {
	text := string(p.scratch)
	*kept = Kept{
		TopicPartition: r.TopicPartition, Offset: r.Offset, LeaderEpoch: r.LeaderEpoch, Timestamp: r.Timestamp,
		text: text, keyEnd: p.keyEnd, valueEnd: p.valueEnd, headersEnd: p.headersEnd,
		nullKey: r.Key == nil, nullValue: r.Value == nil,
	}
	return Text(text)
}

// Text is the finished text of a packed record.
type Text string

// At returns the piece of text that a span names, without copying.
func (t Text) At(s Span) string { return string(t[s.from:s.to]) }

// Keep copies a record that leads to no write, so that it can be dead-lettered.
func Keep(r *Record) *Kept {
	var p Packer
	p.Begin(r)
	k := new(Kept)
	p.Finish(r, k)
	return k
}

// Packed headers: count, then per header the key's length and bytes, the
// value's length plus one (0: null) and bytes. All lengths are uvarints.
func packHeaders(b []byte, headers []Header) []byte {
	if len(headers) == 0 {
		return b
	}
	b = binary.AppendUvarint(b, uint64(len(headers)))
	for _, h := range headers {
		b = binary.AppendUvarint(b, uint64(len(h.Key)))
		b = append(b, h.Key...)
		if h.Value == nil {
			b = append(b, 0)
			continue
		}
		b = binary.AppendUvarint(b, uint64(len(h.Value))+1)
		b = append(b, h.Value...)
	}
	return b
}

func unpackHeaders(text string) []Header {
	if text == "" {
		return nil
	}
	r := strings.NewReader(text)
	length := func() int {
		n, err := binary.ReadUvarint(r)
		if err != nil {
			panic("BUG: packed headers are cut: " + err.Error())
		}
		return int(n)
	}
	piece := func(n int) string {
		at := len(text) - r.Len()
		if _, err := r.Seek(int64(n), 1); err != nil {
			panic("BUG: packed headers: " + err.Error())
		}
		return text[at : at+n]
	}
	headers := make([]Header, length())
	for i := range headers {
		headers[i].Key = piece(length())
		if n := length(); n > 0 {
			headers[i].Value = []byte(piece(n - 1))
		}
	}
	return headers
}
