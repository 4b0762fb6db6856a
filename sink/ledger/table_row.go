package ledger

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/ampersink/ampersink/internal/model"
)

// source is where the write came from that a row is known by, as names count it.
type source model.TopicPartition

// packed is a row as it lies in a bucket, behind its key.
type packed struct {
	group, source uint32 // their numbers
	offset, epoch int64
	id            []byte
	state         State
	decimal       bool // id is a number, the lowest byte first
}

// appendRow appends a row as it lies in a bucket: the length of the key and the key, the
// state, the numbers of group and source, offset and epoch, the head of the id and the
// id. The head is twice the length of what follows, and one more if that is a number.
// All but the texts and the state are variable in length: most are small.
func appendRow(b []byte, key string, r *Row, group, source uint32) []byte {
	b = binary.AppendUvarint(b, uint64(len(key)))
	b = append(b, key...)
	b = append(b, byte(r.State))
	b = binary.AppendUvarint(b, uint64(group))
	b = binary.AppendUvarint(b, uint64(source))
	b = binary.AppendVarint(b, r.Offset)
	b = binary.AppendVarint(b, r.Epoch)
	if n, ok := decimal(r.ID); ok {
		at := len(b)
		b = append(b, 0)
		for ; n > 0; n >>= 8 {
			b = append(b, byte(n))
		}
		b[at] = byte(len(b)-at-1)<<1 | 1
		return b
	}
	b = binary.AppendUvarint(b, uint64(len(r.ID))<<1)
	return append(b, r.ID...)
}

// cutText returns the text at the beginning of b and what is behind it.
func cutText(b []byte) (text, rest []byte) {
	n, size := binary.Uvarint(b)
	return b[size : size+int(n)], b[size+int(n):]
}

func unpack(b []byte) (p packed) {
	_, b = cutText(b)
	p.state, b = State(b[0]), b[1:]
	p.group, b = cutNumber(b)
	p.source, b = cutNumber(b)
	var size int
	p.offset, size = binary.Varint(b)
	b = b[size:]
	p.epoch, size = binary.Varint(b)
	b = b[size:]
	head, size := binary.Uvarint(b)
	p.id, p.decimal = b[size:size+int(head>>1)], head&1 == 1
	return p
}

func cutNumber(b []byte) (uint32, []byte) {
	n, size := binary.Uvarint(b)
	return uint32(n), b[size:]
}

func (p *packed) appendID(b []byte) []byte {
	if !p.decimal {
		return append(b, p.id...)
	}
	var n uint64
	for i, x := range p.id {
		n |= uint64(x) << (8 * i)
	}
	return strconv.AppendUint(b, n, 10)
}

// maxDigits is how many digits an id may have to be kept as a number: as many always
// fit into 64 bits.
const maxDigits = 19

// decimal returns the number that an id is, if the number's own text is the id again.
func decimal(id string) (n uint64, ok bool) {
	if id == "" || len(id) > maxDigits || id[0] == '0' && id != "0" {
		return 0, false
	}
	for i := range len(id) {
		digit := id[i] - '0'
		if digit > 9 {
			return 0, false
		}
		n = 10*n + uint64(digit)
	}
	return n, true
}

// groupName is a group as a name to number.
type groupName string

func (g groupName) own() groupName { return groupName(strings.Clone(string(g))) }
func (g groupName) textBytes() int { return len(g) }

func (s source) own() source    { return source(clonePartition(model.TopicPartition(s))) }
func (s source) textBytes() int { return len(s.Topic) }
