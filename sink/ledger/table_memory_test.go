package ledger

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
)

// Tests that look at the memory of the whole process are not parallel.

func heap() (bytes, objects int64) {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), int64(m.HeapObjects)
}

// resident is what of the process lies in memory, in bytes; the test is skipped where
// nobody says that.
func resident(tb testing.TB) int64 {
	tb.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		tb.Skipf("there is no /proc here: %v", err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		tb.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// near fails unless got is want, give or take a part in hundreds.
func near(t *testing.T, what string, got, want int64, percent float64) {
	t.Helper()
	off := 100 * (float64(got)/float64(want) - 1)
	t.Logf("%s: %d bytes, counted as %d (%+.1f %%)", what, want, got, off)
	if math.Abs(off) > percent {
		t.Errorf("%s: counted as %d bytes, expected %d within %g %%", what, got, want, percent)
	}
}

const mostPerRow = 80

// The figure of the package's documentation, at every size on the way and not only where
// it looks best.
func TestARowCostsAtMostEightyBytes(t *testing.T) {
	t.Parallel()
	most := 500_000
	if testing.Short() {
		most = 100_000
	}
	x, s := newTestTable(t), newShape(50)
	worst, at := 0.0, 0
	for n := 10_000; n <= most; n += n / 50 {
		s.fill(x, at, n)
		at = n
		perRow := float64(x.bytes()) / float64(x.len())
		if worst = max(worst, perRow); perRow > mostPerRow {
			t.Errorf("%.1f bytes a row with %d rows, expected at most %d", perRow, n, mostPerRow)
		}
	}
	t.Logf("%.1f bytes a row at worst, %.1f with %d rows", worst, float64(x.bytes())/float64(x.len()), x.len())
	checkLargest(t, x)
}

// checkLargest holds the work of one operation to its bound: the blocks that it moves are small.
func checkLargest(t *testing.T, x *table) {
	t.Helper()
	largest := 0
	for n := range x.dir.n {
		largest = max(largest, len(x.bucket(n)))
	}
	t.Logf("the largest of %d buckets has %d bytes", x.dir.n, largest)
	if largest > 8*bucketBytes {
		t.Errorf("a bucket has %d bytes, expected at most %d", largest, 8*bucketBytes)
	}
}

func TestWhatTheTableHoldsOfTheHeapIsCounted(t *testing.T) {
	s := newShape(50)
	for _, n := range []int{10_000, 200_000} {
		before, objects := heap()
		x := newTable()
		x.slabs.mapAfter = math.MaxInt64
		s.fill(x, 0, n)
		after, more := heap()
		near(t, strconv.Itoa(n)+" rows", x.bytes(), after-before, 5)
		if x.heapBytes() != x.bytes() {
			t.Errorf("%d bytes of %d are counted as the heap's", x.heapBytes(), x.bytes())
		}
		if perRow := float64(more-objects) / float64(n); perRow > 0.05 {
			t.Errorf("%.2f objects a row on the heap: the collector should have nothing to look at", perRow)
		}
		runtime.KeepAlive(x)
	}
}

func TestWhatTheTableHoldsResidentIsCounted(t *testing.T) {
	if mem := mapMemory(1); mem != nil {
		unmapMemory(mem)
	} else {
		t.Skip("nothing is mapped here")
	}
	n := 500_000
	if testing.Short() {
		n = 200_000
	}
	s := newShape(50)
	debug.FreeOSMemory()
	before := resident(t)
	x := newTestTable(t)
	x.slabs.mapAfter = 0
	s.fill(x, 0, n)
	debug.FreeOSMemory()
	near(t, strconv.Itoa(n)+" rows", x.bytes(), resident(t)-before, 10)
	if x.heapBytes() > x.bytes()/20 {
		t.Errorf("%d bytes of %d lie on the heap", x.heapBytes(), x.bytes())
	}
	for i := range n {
		if i%2 == 0 {
			x.delete(string(s.key(i)))
		}
	}
	debug.FreeOSMemory()
	near(t, "half of them", x.bytes(), resident(t)-before, 15)
	x.close()
	debug.FreeOSMemory()
	if left := resident(t) - before; left > 4<<20 {
		t.Errorf("a closed table leaves %d bytes", left)
	}
}

// Only a table of some size lies outside of the heap, and all but a stated part of it.
func TestALargeTableIsMapped(t *testing.T) {
	t.Parallel()
	if mem := mapMemory(1); mem != nil {
		unmapMemory(mem)
	} else {
		t.Skip("nothing is mapped here")
	}
	x, s := newTestTable(t), newShape(50)
	s.fill(x, 0, 50_000)
	if x.slabs.mapped != 0 {
		t.Errorf("a small table has mapped %d bytes", x.slabs.mapped)
	}
	s.fill(x, 50_000, 300_000)
	if x.slabs.heap > mapAfter || x.slabs.mapped == 0 {
		t.Errorf("a large table has %d bytes of rows on the heap and %d mapped", x.slabs.heap, x.slabs.mapped)
	}
}

func TestAHundredThousandGroupsAreCounted(t *testing.T) {
	const groups = 100_000
	s := newShape(groups)
	before, _ := heap()
	x := newTable()
	x.slabs.mapAfter = math.MaxInt64
	for i := range 2 * groups {
		r := s.row(i)
		r.Group = s.groups[i%groups]
		x.put(string(s.key(i)), r)
	}
	after, _ := heap()
	near(t, "a table with 100,000 groups", x.bytes(), after-before, 10)
	t.Logf("%.0f bytes a group, its name included", float64(x.groups.bytes())/groups)
	var r Row
	for i := range 2 * groups {
		if !x.get(string(s.key(i)), &r) || r.Group != s.groups[i%groups] {
			t.Fatalf("row %d has the group %q, expected %q", i, r.Group, s.groups[i%groups])
		}
	}
	for i := range 2 * groups {
		x.delete(string(s.key(i)))
	}
	if len(x.groups.numbers) != 0 || x.groups.text != 0 {
		t.Errorf("%d groups are left without a row", len(x.groups.numbers))
	}
}

func TestDeletedRowsGiveTheirMemoryBack(t *testing.T) {
	t.Parallel()
	const n = 200_000
	x, s := newTestTable(t), newShape(50)
	s.fill(x, 0, n)
	for i := range n {
		if i%20 > 0 {
			x.delete(string(s.key(i)))
		}
	}
	if perRow := float64(x.bytes()) / float64(x.len()); perRow > 1.25*mostPerRow {
		t.Errorf("%.1f bytes a row are held after most were deleted", perRow)
	}
	for i := 0; i < n; i += 20 {
		x.delete(string(s.key(i)))
	}
	if x.len() != 0 || x.slabs.heap+x.slabs.mapped != 0 || x.bytes() > 256<<10 {
		t.Errorf("%d rows; %d bytes, %d of them for rows", x.len(), x.bytes(), x.slabs.heap+x.slabs.mapped)
	}
}

// What a replaced row took is in use again: ids come and go, grow and shrink.
func TestReplacedRowsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	const n = 50_000
	x, s := newTestTable(t), newShape(50)
	s.fill(x, 0, n)
	for round := range 8 {
		for i := range n {
			r := s.row(i)
			if r.Offset += int64(n * (round + 1)); (i+round)%3 == 0 {
				r.State, r.ID = Doubt, "" // and known again in the next round
			}
			x.put(string(s.key(i)), r)
		}
		if perRow := float64(x.bytes()) / n; perRow > mostPerRow {
			t.Errorf("%.1f bytes a row after %d rounds, expected at most %d", perRow, round+1, mostPerRow)
		}
	}
}

func TestRowsThatBecomeSmallerGiveTheirMemoryBack(t *testing.T) {
	t.Parallel()
	const n = 50_000
	x, s := newTestTable(t), newShape(50)
	for _, id := range []string{strings.Repeat("x", 255), "0031t00000AbCdEAAV"} {
		for i := range n {
			r := s.row(i)
			r.ID = id
			x.put(string(s.key(i)), r)
		}
	}
	if perRow := float64(x.bytes()) / n; perRow > mostPerRow {
		t.Errorf("%.1f bytes a row, expected at most %d", perRow, mostPerRow)
	}
	checkBuckets(t, x)
	checkSlabs(t, x)
}

func TestAnIDThatIsANumberCostsHalfOfItsDigits(t *testing.T) {
	t.Parallel()
	x := newTestTable(t)
	x.put("key", &Row{ID: "151234567890"}) // 12 digits, 38 bits
	number := x.used
	x.put("key", &Row{ID: "15123456789x"})
	if saved := x.used - number; saved != 12-5 {
		t.Errorf("12 digits take %d bytes less than as text, expected 7", saved)
	}
}

func TestReadingAndReplacingAllocateNothing(t *testing.T) {
	x, s := newTestTable(t), newShape(50)
	s.fill(x, 0, 10_000)
	var r Row
	id := make([]byte, 0, 64)
	keys := []string{string(s.key(1)), string(s.key(2))}
	for what, f := range map[string]func(){
		"getAppend":    func() { id, _ = x.getAppend(keys[0], &r, id[:0]) },
		"get the same": func() { x.get(keys[0], &r) },
		"no such row":  func() { x.get("no such row", &r) },
		"put":          func() { x.put(keys[1], s.row(7)) },
	} {
		f()
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %g allocations, expected none", what, n)
		}
	}
	if n := testing.AllocsPerRun(100, func() { r.ID = ""; x.get(keys[0], &r) }); n != 1 {
		t.Errorf("get: %g allocations, expected the id alone", n)
	}
}
