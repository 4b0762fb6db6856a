package ledger

import (
	"hash/maphash"
	"reflect"

	"github.com/ampersink/ampersink/internal/model"
)

// bucketBytes is how much of rows a bucket holds at most on average. A smaller one costs
// more memory around the rows, a larger one more copying when a row joins.
const bucketBytes = 512

// mapAfter is what a table holds on the heap before it maps further slabs: so little that
// the collector may count it twice, and the memory of a small table goes without close.
const mapAfter = 4 << 20

// table holds rows by their keys in little memory, with no pointer per row.
//
// It is a linear hash table: rows lie packed in buckets (table_bucket.go), each bucket in
// a block of a slab (table_slabs.go), and a directory says in which (table_directory.go).
// With each put or delete the table may split one bucket or join two, so that it is never
// built anew. That bounds the work of one operation: it rewrites at most its own bucket
// and two others, and for each block that becomes free by that, one other block moves into
// the hole. These are six blocks at most, of 512 bytes on average; a row of 64 KiB makes
// the block in which it lies so much larger. (The lists of slabs, 32 bytes for up to 256
// KiB, and of group names grow as slices do.)
//
// Several may get at the same time, or one may write: the caller's mutex sees to it.
type table struct {
	seed    maphash.Seed
	dir     directory
	slabs   slabs
	groups  names[groupName]
	sources names[source]
	rows    int
	used    int64  // bytes of the rows and their entries
	buf     []byte // the row that is being put
	leaves  []bool // which rows of the bucket that is being split go
}

func newTable() *table {
	return &table{seed: maphash.MakeSeed(), dir: newDirectory(), slabs: newSlabs(mapAfter)}
}

// tagOf is the part of a hash that is kept with a row; the directory uses the other end.
func tagOf(hash uint64) uint16 { return uint16(hash >> 48) }

func (t *table) bucket(n uint32) bucket { return t.slabs.block(t.dir.at(n)) }

// find returns the bucket of a key and the key's place in it, -1 if it is not there.
func (t *table) find(key string) (bucket, int) {
	hash := maphash.String(t.seed, key)
	b := t.bucket(t.dir.of(hash))
	return b, b.find(tagOf(hash), key)
}

// get reads a row. It allocates the text of the id, unless r has the same one already.
func (t *table) get(key string, r *Row) bool {
	b, i := t.find(key)
	if i < 0 {
		return false
	}
	t.read(b.row(i), r)
	return true
}

// read unpacks a row that lies in a bucket.
func (t *table) read(text []byte, r *Row) {
	p := unpack(text)
	t.fill(&p, r)
	var digits [maxDigits]byte
	if id := p.appendID(digits[:0]); r.ID != string(id) {
		r.ID = string(id)
	}
}

func (t *table) fill(p *packed, r *Row) {
	r.State, r.Offset, r.Epoch = p.state, p.offset, p.epoch
	r.Group = string(t.groups.name(p.group))
	r.Source = model.TopicPartition(t.sources.name(p.source))
}

// getAppend reads a row as get does, but appends the id to a buffer and leaves r.ID
// empty. It allocates nothing if the buffer has room.
func (t *table) getAppend(key string, r *Row, id []byte) ([]byte, bool) {
	b, i := t.find(key)
	if i < 0 {
		return id, false
	}
	p := unpack(b.row(i))
	t.fill(&p, r)
	r.ID = ""
	return p.appendID(id), true
}

// glance reads a row as get does, but for its id, which it leaves empty. It allocates nothing.
func (t *table) glance(key string, r *Row) bool {
	b, i := t.find(key)
	if i < 0 {
		return false
	}
	p := unpack(b.row(i))
	t.fill(&p, r)
	r.ID = ""
	return true
}

// put sets the row of a key. It keeps nothing of what it is given.
func (t *table) put(key string, r *Row) {
	hash := maphash.String(t.seed, key)
	n := t.dir.of(hash)
	b := t.bucket(n)
	if i := b.find(tagOf(hash), key); i >= 0 {
		old := unpack(b.row(i))
		group, from := t.groups.swap(old.group, groupName(r.Group)), t.sources.swap(old.source, source(r.Source))
		t.buf = appendRow(t.buf[:0], key, r, group, from)
		t.replace(n, b, i)
	} else {
		t.buf = appendRow(t.buf[:0], key, r, t.groups.hold(groupName(r.Group)), t.sources.hold(source(r.Source)))
		t.add(n, b, tagOf(hash))
	}
	t.balance()
}

// add puts the row in t.buf into a bucket that does not have its key.
func (t *table) add(n uint32, b bucket, tag uint16) {
	if need := len(t.buf) + entryBytes; b.free() < need {
		b = t.move(n, b.used()+need)
	}
	b.add(tag, t.buf)
	t.rows++
	t.used += int64(len(t.buf) + entryBytes)
}

// replace puts the row in t.buf where the one with its key lies.
func (t *table) replace(n uint32, b bucket, i int) {
	more := len(t.buf) - len(b.row(i))
	if b.free() < more {
		b = t.move(n, b.used()+more)
	}
	b.replace(i, t.buf)
	t.used += int64(more)
	if more < 0 {
		t.shrink(n, b)
	}
}

// delete forgets a row, and reports whether there was one.
func (t *table) delete(key string) bool {
	hash := maphash.String(t.seed, key)
	n := t.dir.of(hash)
	b := t.bucket(n)
	i := b.find(tagOf(hash), key)
	if i < 0 {
		return false
	}
	text := b.row(i)
	old := unpack(text)
	t.groups.release(old.group)
	t.sources.release(old.source)
	t.rows--
	t.used -= int64(len(text) + entryBytes)
	b.remove(i)
	t.shrink(n, b)
	t.balance()
	return true
}

// each calls f with every row, in no order, until it returns false. The key and r are
// valid during the call only, and f must not write to the table.
func (t *table) each(f func(key []byte, r *Row) bool) {
	var r Row
	for n := range t.dir.n {
		b := t.bucket(n)
		for i := range b.rows() {
			text := b.row(i)
			t.read(text, &r)
			if key, _ := cutText(text); !f(key, &r) {
				return
			}
		}
	}
}

// len is the number of rows.
func (t *table) len() int { return t.rows }

// bytes is the memory that the table holds, mapped or on the heap.
func (t *table) bytes() int64 { return t.slabs.mapped + t.heapBytes() }

// heapBytes is the part of bytes that the collector counts.
func (t *table) heapBytes() int64 {
	own := int64(reflect.TypeFor[table]().Size()) + int64(cap(t.buf)) + int64(cap(t.leaves))
	return own + t.dir.bytes() + t.slabs.heapBytes() + t.groups.bytes() + t.sources.bytes()
}

// close gives all memory back and leaves the table empty. A table that is dropped
// without it keeps what it has mapped until the process ends.
func (t *table) close() {
	t.slabs.close()
	*t = table{seed: t.seed, dir: newDirectory(), slabs: newSlabs(t.slabs.mapAfter)}
}
