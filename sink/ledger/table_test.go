package ledger

import (
	"fmt"
	"hash/maphash"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/ampersink/ampersink/internal/model"
)

func newTestTable(t testing.TB) *table {
	t.Helper()
	x := newTable()
	t.Cleanup(x.close)
	return x
}

// get reads by both ways.
func get(t failer, x *table, key string) (r Row, ok bool) {
	t.Helper()
	ok = x.get(key, &r)
	prefixed := []byte("id:")
	s := Row{ID: "another one's"}
	id, same := x.getAppend(key, &s, prefixed)
	if same != ok {
		t.Fatalf("get: %v, getAppend: %v", ok, same)
	}
	if !ok {
		if string(id) != "id:" {
			t.Fatalf("no row has the id %q", id)
		}
		return Row{}, false
	}
	if s.ID != "" {
		t.Fatalf("getAppend says the id %q twice", s.ID)
	}
	if s.ID = strings.TrimPrefix(string(id), "id:"); s != r {
		t.Fatalf("get: %+v, getAppend: %+v", r, s)
	}
	return r, true
}

// Rows come back as they were put, byte for byte.
func TestARowComesBackAsItWasPut(t *testing.T) {
	t.Parallel()
	whole := Row{State: Known, Group: "acme", ID: "0031t00000AbCdEAAV", Source: model.TopicPartition{Topic: "shop.public.customers", Partition: 11}, Offset: 12_345_678_901, Epoch: 1<<40 - 1}
	with := func(change func(*Row)) Row {
		r := whole
		change(&r)
		return r
	}
	for name, r := range map[string]Row{
		"nothing":       {},
		"whole":         whole,
		"exists":        with(func(r *Row) { r.State, r.ID = Exists, "" }),
		"doubt":         with(func(r *Row) { r.State, r.ID = Doubt, "" }),
		"every state":   with(func(r *Row) { r.State = math.MaxUint8 }),
		"largest":       with(func(r *Row) { r.Offset, r.Epoch, r.Source.Partition = math.MaxInt64, math.MaxInt64, math.MaxInt32 }),
		"least":         with(func(r *Row) { r.Offset, r.Epoch, r.Source.Partition = math.MinInt64, math.MinInt64, math.MinInt32 }),
		"long":          with(func(r *Row) { r.ID = strings.Repeat("x", 255) }),
		"longer":        with(func(r *Row) { r.ID = strings.Repeat("x", 1000) }),
		"not text":      with(func(r *Row) { r.ID, r.Group = "\x00\xff\x80", "\xff\x00" }),
		"zero":          with(func(r *Row) { r.ID = "0" }),
		"zeros":         with(func(r *Row) { r.ID = "00" }),
		"leading zero":  with(func(r *Row) { r.ID = "0123456789" }),
		"number":        with(func(r *Row) { r.ID = "151234567890" }),
		"a byte":        with(func(r *Row) { r.ID = "255" }),
		"two bytes":     with(func(r *Row) { r.ID = "256" }),
		"most digits":   with(func(r *Row) { r.ID = "9999999999999999999" }),
		"too many":      with(func(r *Row) { r.ID = "18446744073709551616" }),
		"signed":        with(func(r *Row) { r.ID = "+1" }),
		"negative":      with(func(r *Row) { r.ID = "-1" }),
		"fraction":      with(func(r *Row) { r.ID = "1.0" }),
		"other digits":  with(func(r *Row) { r.ID = "١٢٣" }),
		"space":         with(func(r *Row) { r.ID = "12 " }),
		"between 9 and": with(func(r *Row) { r.ID = "1:" }),
		"below 0":       with(func(r *Row) { r.ID = "1/" }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newTestTable(t)
			want := make(map[string]Row)
			for _, key := range []string{"", "\x00", "1", "customers|0000000001", "\xff\xfe", strings.Repeat("k", 127), strings.Repeat("k", 128), strings.Repeat("k", 64<<10)} {
				for range 2 { // the second time it is there
					x.put(key, &r)
					want[key] = r
				}
				if got, ok := get(t, x, key); !ok || got != r {
					t.Fatalf("key %.20q: %+v (%v), expected %+v", key, got, ok, r)
				}
			}
			checkTable(t, x, want)
			for key := range want {
				if !x.delete(key) || x.delete(key) {
					t.Fatalf("key %.20q is not deleted once", key)
				}
				if _, ok := get(t, x, key); ok {
					t.Fatalf("key %.20q is still there", key)
				}
				delete(want, key)
				checkTable(t, x, want)
			}
		})
	}
}

// What a row holds is read into a row that another one was read into before.
func TestARowThatIsReusedKeepsNothing(t *testing.T) {
	t.Parallel()
	x := newTestTable(t)
	x.put("a", &Row{State: Known, Group: "g", ID: "1", Source: model.TopicPartition{Topic: "t", Partition: 1}, Offset: 1, Epoch: 1})
	x.put("b", &Row{})
	var r Row
	for _, key := range []string{"a", "b"} {
		if !x.get(key, &r) {
			t.Fatalf("%s is not there", key)
		}
	}
	if r != (Row{}) {
		t.Errorf("%+v is left", r)
	}
	before := r
	if x.get("c", &r) || r != before {
		t.Errorf("a key that is not there: %+v", r)
	}
}

// A name that came as a part of a record must not keep the record in memory.
func TestNamesAreNotPartsOfTheirRecords(t *testing.T) {
	t.Parallel()
	x := newTestTable(t)
	record := strings.Repeat("a large record, ", 1000)
	put := Row{Group: record[:7], Source: model.TopicPartition{Topic: record[8:15]}, ID: record[16:20]}
	x.put(record[:5], &put)
	var r Row
	x.get("a lar", &r)
	if r != put {
		t.Fatalf("%+v, expected %+v", r, put)
	}
	for _, s := range [][2]string{{r.Group, put.Group}, {r.Source.Topic, put.Source.Topic}, {r.ID, put.ID}} {
		if unsafe.StringData(s[0]) == unsafe.StringData(s[1]) {
			t.Errorf("%q is a part of the record", s[0])
		}
	}
}

// An id that was read stays what it was, whatever becomes of its row.
func TestAnIDThatWasReadStays(t *testing.T) {
	t.Parallel()
	x := newTestTable(t)
	var r Row
	x.put("a", &Row{ID: "first"})
	x.get("a", &r)
	x.put("a", &Row{ID: "other"})
	x.delete("a")
	for i := range 1000 {
		x.put(fmt.Sprint(i), &Row{ID: strings.Repeat("z", i%50)})
	}
	if r.ID != "first" {
		t.Errorf("the id became %q", r.ID)
	}
}

// The race detector looks on: readers share a lock.
func TestSeveralMayReadAtTheSameTime(t *testing.T) {
	t.Parallel()
	x, s := newTestTable(t), newShape(50)
	s.fill(x, 0, 2_000)
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			s := newShape(50)
			var r Row
			for i := range 2_000 {
				if !x.get(string(s.key(i)), &r) || r != *s.row(i) {
					t.Errorf("row %d is %+v", i, r)
					return
				}
			}
			x.each(func([]byte, *Row) bool { return true })
		})
	}
	readers.Wait()
}

func TestEachStopsWhenItIsTold(t *testing.T) {
	t.Parallel()
	x := newTestTable(t)
	for i := range 1000 {
		x.put(fmt.Sprint(i), &Row{})
	}
	calls := 0
	x.each(func([]byte, *Row) bool { calls++; return calls < 10 })
	if calls != 10 {
		t.Errorf("%d calls, expected 10", calls)
	}
}

func TestAClosedTableIsEmptyAndOfUse(t *testing.T) {
	t.Parallel()
	x := newTestTable(t)
	x.slabs.mapAfter = 0
	for range 3 {
		want := make(map[string]Row)
		for i := range 1000 {
			key, r := fmt.Sprint(i), Row{Group: fmt.Sprint(i % 7), Offset: int64(i)}
			x.put(key, &r)
			want[key] = r
		}
		checkTable(t, x, want)
		x.close()
		checkTable(t, x, nil)
	}
}

// machine drives a table and a map side by side.
type machine struct {
	table *table
	rows  map[string]Row
	keys  []string // in the order in which they were put, also those that are gone
}

// key draws a key that was used, or a new one of any size.
func (m *machine) key(t *rapid.T) string {
	if len(m.keys) > 0 && rapid.IntRange(0, 2).Draw(t, "known") > 0 {
		return rapid.SampledFrom(m.keys).Draw(t, "key")
	}
	size := rapid.SampledFrom([]int{0, 1, 2, 8, 20, 20, 20, 60, 200, 5_000, 64 << 10}).Draw(t, "size")
	key := rapid.StringN(0, size, size).Draw(t, "key")
	if n := rapid.IntRange(0, size).Draw(t, "more"); len(key) < n {
		key += strings.Repeat("k", n-len(key))
	}
	m.keys = append(m.keys, key)
	return key
}

func drawRow(t *rapid.T) Row {
	id := rapid.OneOf(
		rapid.StringMatching(`[0-9]{0,21}`), rapid.StringMatching(`[0-9A-Za-z]{18}`), rapid.StringN(0, 255, 255), rapid.Just(""),
	).Draw(t, "id")
	return Row{
		State: State(rapid.Byte().Draw(t, "state")), ID: id,
		Group:  rapid.SampledFrom([]string{"", "a", "b", "a tenant with a name", strings.Repeat("g", 300)}).Draw(t, "group"),
		Source: model.TopicPartition{Topic: rapid.SampledFrom([]string{"", "t", "u"}).Draw(t, "topic"), Partition: rapid.Int32Range(-1, 300).Draw(t, "partition")},
		Offset: rapid.Int64().Draw(t, "offset"), Epoch: rapid.Int64().Draw(t, "epoch"),
	}
}

func (m *machine) put(t *rapid.T) {
	key, r := m.key(t), drawRow(t)
	m.table.put(key, &r)
	m.rows[key] = r
}

// putMany makes the table grow.
func (m *machine) putMany(t *rapid.T) {
	r := drawRow(t)
	from := len(m.keys)
	for i := range rapid.IntRange(1, 2_000).Draw(t, "rows") {
		key := fmt.Sprint("many ", from+i)
		r.Offset = int64(i)
		m.table.put(key, &r)
		m.rows[key] = r
		m.keys = append(m.keys, key)
	}
}

func (m *machine) delete(t *rapid.T) {
	key := m.key(t)
	_, want := m.rows[key]
	if got := m.table.delete(key); got != want {
		t.Fatalf("delete of %.20q: %v, expected %v", key, got, want)
	}
	delete(m.rows, key)
}

// deleteMany makes it shrink: a run of keys, or most of them all over the table.
func (m *machine) deleteMany(t *rapid.T) {
	if len(m.keys) == 0 {
		t.Skip("there is none")
	}
	from := rapid.IntRange(0, len(m.keys)-1).Draw(t, "from")
	step := rapid.IntRange(1, 3).Draw(t, "step")
	for i := from; i < len(m.keys); i += step {
		_, want := m.rows[m.keys[i]]
		if got := m.table.delete(m.keys[i]); got != want {
			t.Fatalf("delete of %.20q: %v, expected %v", m.keys[i], got, want)
		}
		delete(m.rows, m.keys[i])
	}
}

func (m *machine) get(t *rapid.T) {
	key := m.key(t)
	want, there := m.rows[key]
	if got, ok := get(t, m.table, key); ok != there || got != want {
		t.Fatalf("key %.20q: %+v (%v), expected %+v (%v)", key, got, ok, want, there)
	}
}

func (m *machine) check(t *rapid.T) { checkTable(t, m.table, m.rows) }

func TestTheTableAgreesWithAMap(t *testing.T) {
	t.Parallel()
	seed := maphash.MakeSeed() // one for all, or a failure could not be made smaller
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{table: newTable(), rows: make(map[string]Row)}
		m.table.seed = seed
		m.table.slabs.mapAfter = rapid.SampledFrom([]int64{0, 64 << 10, mapAfter}).Draw(t, "map after")
		defer m.table.close()
		t.Repeat(map[string]func(*rapid.T){
			"put": m.put, "put another": m.put, "put many": m.putMany, "delete": m.delete, "delete many": m.deleteMany, "get": m.get,
			"": m.check,
		})
	})
}

// FuzzTable reads a sequence of operations: what is done, with which key, how long its
// row is.
func FuzzTable(f *testing.F) {
	f.Add([]byte{0, 1, 2, 0, 1, 200, 1, 1, 0})
	f.Add([]byte{3, 250, 9, 4, 2, 0, 3, 20, 30, 5, 0, 0, 2, 7, 7})
	f.Add([]byte{6, 255, 255, 0, 255, 255, 6, 0, 1, 1, 255, 255})
	f.Fuzz(func(t *testing.T, steps []byte) {
		x := newTestTable(t)
		x.slabs.mapAfter = 16 << 10
		want := make(map[string]Row)
		put := func(key string, n int) {
			r := Row{State: State(n), Group: fmt.Sprint(n % 5), ID: strings.Repeat("1", n), Source: model.TopicPartition{Partition: int32(n)}, Offset: int64(n) << (n % 50), Epoch: -int64(n)}
			x.put(key, &r)
			want[key] = r
		}
		drop := func(key string) {
			_, there := want[key]
			if x.delete(key) != there {
				t.Fatalf("delete of %.20q: %v, expected %v", key, !there, there)
			}
			delete(want, key)
		}
		for ; len(steps) >= 3; steps = steps[3:] {
			what, a, b := steps[0]%7, int(steps[1]), int(steps[2])
			key := fmt.Sprint(a)
			switch what {
			case 0:
				put(key, b)
			case 1:
				drop(key)
			case 2:
				there := want[key]
				if got, ok := get(t, x, key); got != there && ok {
					t.Fatalf("key %s: %+v, expected %+v", key, got, there)
				}
			case 3, 4: // many rows come, or go
				for i := range 4 * a {
					if key := fmt.Sprint(i * (1 + b%3)); what == 3 {
						put(key, b)
					} else {
						drop(key)
					}
				}
			case 5:
				checkTable(t, x, want)
			case 6:
				put(strings.Repeat("k", a*b), b)
			}
		}
		checkTable(t, x, want)
	})
}

// Hundreds of thousands of rows come and go, so that tags are equal by chance, slabs of
// all sizes are in use and buckets are split and joined several times over.
func TestALargeTableKeepsItsRows(t *testing.T) {
	t.Parallel()
	n := 200_000
	if testing.Short() {
		n = 50_000
	}
	x, s := newTestTable(t), newShape(50)
	want := make(map[string]Row, n)
	random := rand.New(rand.NewPCG(1, 1))
	for i := range 3 * n {
		if at := random.IntN(n); random.IntN(3) > 0 {
			key, r := string(s.key(at)), *s.row(i)
			x.put(key, &r)
			want[key] = r
		} else {
			key := string(s.key(at))
			_, there := want[key]
			if x.delete(key) != there {
				t.Fatalf("delete of %q: %v, expected %v", key, !there, there)
			}
			delete(want, key)
		}
	}
	checkTable(t, x, want)
	for key := range want {
		if !x.delete(key) {
			t.Fatalf("%q is not there", key)
		}
	}
	checkTable(t, x, nil)
}
