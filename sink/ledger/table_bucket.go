package ledger

import "encoding/binary"

const (
	bucketHead = 8 // its number and how many rows it has, 4 bytes each
	entryBytes = 6 // of a row: its tag, 2 bytes, and its place, 4
)

// bucket is the block of one bucket. Behind the head are the entries of its rows in the order in
// which they came, from the end of the block backwards the rows in the same order, and between them what is
// free. The place of a row is the distance of its first byte from the end, so that a
// bucket moves to a larger block as it is. A bucket without a block is nil and has no rows.
type bucket []byte

// begin makes a block, whatever was in it, an empty bucket.
func (b bucket) begin(number uint32) {
	b.renumber(number)
	b.setRows(0)
}

func (b bucket) number() uint32         { return binary.LittleEndian.Uint32(b) }
func (b bucket) renumber(number uint32) { binary.LittleEndian.PutUint32(b, number) }
func (b bucket) setRows(n int)          { binary.LittleEndian.PutUint32(b[4:], uint32(n)) }

func (b bucket) rows() int {
	if b == nil {
		return 0
	}
	return int(binary.LittleEndian.Uint32(b[4:]))
}

func (b bucket) entry(i int) []byte    { return b[bucketHead+entryBytes*i:][:entryBytes] }
func (b bucket) tag(i int) uint16      { return binary.LittleEndian.Uint16(b.entry(i)) }
func (b bucket) setPlace(i, place int) { binary.LittleEndian.PutUint32(b.entry(i)[2:], uint32(place)) }

func (b bucket) place(i int) int {
	if i < 0 {
		return 0
	}
	return int(binary.LittleEndian.Uint32(b.entry(i)[2:]))
}

func (b bucket) row(i int) []byte { return b[len(b)-b.place(i) : len(b)-b.place(i-1)] }

// used is the bytes of the block that are in use, also of a bucket that begins with its
// first row.
func (b bucket) used() int {
	n := b.rows()
	return bucketHead + entryBytes*n + b.place(n-1)
}

// free is the room for a row and its entry; less than none without a block.
func (b bucket) free() int { return len(b) - b.used() }

// find returns which row has the key, -1 if none has.
func (b bucket) find(tag uint16, key string) int {
	if b == nil {
		return -1
	}
	entries := b[bucketHead:][:entryBytes*b.rows()]
	for i := 0; len(entries) >= entryBytes; i++ {
		if binary.LittleEndian.Uint16(entries) == tag {
			if k, _ := cutText(b[len(b)-int(binary.LittleEndian.Uint32(entries[2:])):]); string(k) == key {
				return i
			}
		}
		entries = entries[entryBytes:]
	}
	return -1
}

// glance returns a byte of the first row with the tag.
func (b bucket) glance(tag uint16) byte {
	for i := range b.rows() {
		if b.tag(i) == tag {
			return b[len(b)-b.place(i)]
		}
	}
	return 0
}

// add appends a row, for which there is room.
func (b bucket) add(tag uint16, text []byte) {
	n := b.rows()
	place := b.place(n-1) + len(text)
	copy(b[len(b)-place:], text)
	b.setRows(n + 1)
	binary.LittleEndian.PutUint16(b.entry(n), tag)
	b.setPlace(n, place)
}

// replace changes a row, for whose new text there is room.
func (b bucket) replace(i int, text []byte) {
	n, place := b.rows(), b.place(i)
	if more := len(text) - (place - b.place(i-1)); more != 0 {
		lowest := len(b) - b.place(n-1)
		copy(b[lowest-more:], b[lowest:len(b)-place])
		for j := i; j < n; j++ {
			b.setPlace(j, b.place(j)+more)
		}
	}
	copy(b.row(i), text)
}

// remove takes a row out, and moves those behind it up.
func (b bucket) remove(i int) {
	n, size := b.rows(), len(b.row(i))
	lowest := len(b) - b.place(n-1)
	copy(b[lowest+size:], b[lowest:len(b)-b.place(i)])
	copy(b[bucketHead+entryBytes*i:], b[bucketHead+entryBytes*(i+1):bucketHead+entryBytes*n])
	b.setRows(n - 1)
	for j := i; j < n-1; j++ {
		b.setPlace(j, b.place(j)-size)
	}
}

// copyTo makes another block, that has the room, the same bucket.
func (b bucket) copyTo(to bucket) {
	n := b.rows()
	copy(to, b[:bucketHead+entryBytes*n])
	copy(to[len(to)-b.place(n-1):], b[len(b)-b.place(n-1):])
}
