package offsets

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/ampersink/ampersink/internal/model"
)

// machine drives a Tracker and the naive one side by side, over several assignments
// that read one log.
type machine struct {
	tracker *Tracker
	naive   *naive
	log     []logged
	end     int64
	epoch   int32
}

// logged is a record of the log: it has a transaction marker's emptiness, or writes.
type logged struct {
	offset int64
	names  []model.WriteName
}

// poll reads the next record, and makes it if the log ends.
func (m *machine) poll(t *rapid.T) logged {
	for _, r := range m.log {
		if r.offset >= m.naive.next {
			return r
		}
	}
	r := logged{offset: max(m.end, m.naive.next) + rapid.SampledFrom([]int64{0, 0, 0, 0, 1, 3, 200, 100_000}).Draw(t, "gap")}
	r.names = rapid.SampledFrom([][]model.WriteName{{1}, {1}, {1, 2}, {1, 2}, {2, 1}, {3, 1, 2}, {}}).Draw(t, "names")
	m.log, m.end = append(m.log, r), r.offset+1
	return r
}

func (m *machine) begin(t *rapid.T) {
	for range rapid.IntRange(1, 5).Draw(t, "records") {
		r := m.poll(t)
		if len(r.names) == 0 {
			m.tracker.Pass(r.offset, m.epoch)
			m.naive.next = r.offset + 1
			continue
		}
		if !m.tracker.Begin(r.offset, m.epoch, r.names[0], r.names[1:]...) {
			t.Fatalf("offset %d does not begin", r.offset)
		}
		m.naive.begin(r.offset, m.epoch, r.names...)
		for _, name := range r.names {
			was := m.naive.before[naiveMark{r.offset, name}]
			if m.tracker.WasDone(r.offset, name) != was {
				t.Fatalf("write %d of %d was done before: %v, expected %v", name, r.offset, !was, was)
			}
			if was { // as the sink does
				m.finish(t, r.offset, name)
			}
		}
	}
}

// reread hands out what was handed out already.
func (m *machine) reread(t *rapid.T) {
	offset := m.naive.next - 1 - rapid.Int64Range(0, 5).Draw(t, "back")
	if m.tracker.Begin(offset, m.epoch, 1) {
		t.Fatalf("offset %d begins again behind %d", offset, m.naive.next)
	}
	m.tracker.Pass(offset, m.epoch)
}

func (m *machine) done(t *rapid.T) {
	for range rapid.IntRange(1, 6).Draw(t, "writes") {
		var open []naiveMark
		for _, r := range m.naive.records {
			for _, w := range r.writes {
				if !w.done {
					open = append(open, naiveMark{r.offset, w.name})
				}
			}
		}
		if len(open) == 0 {
			return
		}
		x := rapid.SampledFrom(open).Draw(t, "write")
		m.finish(t, x.offset, x.name)
	}
}

func (m *machine) finish(t *rapid.T, offset int64, name model.WriteName) {
	if !m.tracker.Done(offset, name) {
		t.Fatalf("write %d of %d is not known", name, offset)
	}
	for i := range m.naive.records {
		if r := &m.naive.records[i]; r.offset == offset {
			for j := range r.writes {
				r.writes[j].done = r.writes[j].done || r.writes[j].name == name
			}
		}
	}
}

// again ends the assignment and begins another at what was committed.
func (m *machine) again(t *rapid.T) {
	c, ok := m.tracker.Commit()
	if !ok {
		t.Skip("nothing is known")
	}
	before := make(map[naiveMark]bool)
	for mark := range m.naive.done() {
		if mark.offset <= c.CoveredTo {
			before[mark] = true
		}
	}
	m.tracker = New(c.Offset, c.Metadata)
	m.naive = &naive{next: c.Offset, before: before}
	m.epoch++
}

func (m *machine) check(t *rapid.T) {
	low, _ := m.tracker.Low()
	if low != m.naive.low() {
		t.Fatalf("the low mark is %d, expected %d", low, m.naive.low())
	}
	if m.tracker.Open() != m.naive.open() || m.tracker.Next() != m.naive.next {
		t.Fatalf("%d open, next %d, expected %d and %d", m.tracker.Open(), m.tracker.Next(), m.naive.open(), m.naive.next)
	}
	if m.tracker.runs != m.naive.runs() {
		t.Fatalf("%d runs of done records, expected %d", m.tracker.runs, m.naive.runs())
	}
	c, ok := m.tracker.Commit()
	if !ok || c.Offset != low || len(c.Metadata) > MaxMetadata {
		t.Fatalf("the commit is at %d (%v) with %d bytes, expected %d", c.Offset, ok, len(c.Metadata), low)
	}
	m.roundTrip(t, c)
}

// roundTrip: what the metadata says is what is done, up to where it says that it covers.
func (m *machine) roundTrip(t *rapid.T, c Commit) {
	restored := New(c.Offset, c.Metadata)
	done := m.naive.done()
	for mark := range done {
		if mark.offset <= c.CoveredTo && !restored.WasDone(mark.offset, mark.name) {
			t.Fatalf("write %d of %d is done and the metadata, which covers up to %d, does not say so", mark.name, mark.offset, c.CoveredTo)
		}
	}
	for _, r := range m.naive.records {
		for name := range model.WriteName(6) {
			if restored.WasDone(r.offset, name) && !done[naiveMark{r.offset, name}] {
				t.Fatalf("write %d of %d is open and the metadata says that it is done", name, r.offset)
			}
		}
	}
	for _, offset := range []int64{c.Offset - 1, m.naive.next + 1_000_000, math.MaxInt64} {
		if restored.WasDone(offset, 1) && !m.naive.before[naiveMark{offset, 1}] {
			t.Fatalf("the metadata says of offset %d, which nobody polled, that it is done", offset)
		}
	}
}

func TestTheTrackerAgreesWithANaiveOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		start := rapid.SampledFrom([]int64{0, 7, 1 << 40}).Draw(t, "start")
		m := &machine{tracker: New(start, ""), naive: &naive{next: start}}
		t.Repeat(map[string]func(*rapid.T){
			"begin": m.begin, "begin more": m.begin, "reread": m.reread, "tidy": func(*rapid.T) { m.tracker.tidy() }, "done": m.done, "done more": m.done, "again": m.again,
			"": m.check,
		})
	})
}

func TestTheCommitIsTheLowestOffsetWithAnOpenWrite(t *testing.T) {
	t.Parallel()
	x := New(-1, "")
	if _, ok := x.Commit(); ok {
		t.Fatal("a commit is offered before anything was polled")
	}
	for offset := range int64(5) {
		x.Begin(100+offset, 3, 1)
	}
	steps := []struct{ done, low int64 }{{102, 100}, {101, 100}, {100, 103}, {104, 103}, {103, 105}}
	for _, s := range steps {
		x.Done(s.done, 1)
		if low, _ := x.Low(); low != s.low {
			t.Fatalf("with %d done the low mark is %d, expected %d", s.done, low, s.low)
		}
	}
	if c, _ := x.Commit(); c.Metadata != "" || c.LeaderEpoch != 3 || c.CoveredTo != math.MaxInt64 {
		t.Fatalf("with nothing open the commit is %+v", c)
	}
}

func TestASkippedOrDeadLetteredLastRecordMovesTheOffset(t *testing.T) {
	t.Parallel()
	x := New(41, "")
	x.Begin(41, 0, 1)
	x.Done(41, 1) // whatever its fate
	if low, _ := x.Low(); low != 42 {
		t.Fatalf("the low mark is %d, expected 42", low)
	}
	x.Pass(42, 0) // a transaction marker at the end
	if low, _ := x.Low(); low != 43 {
		t.Fatalf("the low mark behind a marker is %d, expected 43", low)
	}
}

func TestARecordIsDoneWhenEachOfItsWritesIs(t *testing.T) {
	t.Parallel()
	x := New(0, "")
	x.Begin(0, 0, 1, 2, 3)
	x.Begin(1, 0, 1)
	x.Done(1, 1)
	for _, name := range []model.WriteName{3, 1} {
		x.Done(0, name)
		if low, _ := x.Low(); low != 0 {
			t.Fatalf("the low mark is %d with a write open", low)
		}
	}
	c, _ := x.Commit()
	again := New(c.Offset, c.Metadata)
	for name, want := range map[model.WriteName]bool{1: true, 2: false, 3: true} {
		if again.WasDone(0, name) != want {
			t.Errorf("after a restart, write %d is done: %v, expected %v", name, !want, want)
		}
	}
	x.Done(0, 2)
	if low, _ := x.Low(); low != 2 {
		t.Fatalf("the low mark is %d, expected 2", low)
	}
}

func TestAMarkSurvivesAnEditOfTheRoutes(t *testing.T) {
	t.Parallel()
	held, fine := model.NameOf("held", 0), model.NameOf("fine", 0)
	x := New(10, "")
	for offset := int64(10); offset < 20; offset++ {
		x.Begin(offset, 0, held, fine)
		x.Done(offset, fine)
	}
	c, _ := x.Commit()
	// The routes are written in another order, and there is a new one.
	again := New(c.Offset, c.Metadata)
	again.Begin(10, 0, model.NameOf("new", 0), fine, held)
	for route, want := range map[string]bool{"fine": true, "held": false, "new": false} {
		if again.WasDone(10, model.NameOf(route, 0)) != want {
			t.Errorf("the write of route %s is done: %v, expected %v", route, !want, want)
		}
	}
}

func TestAnUnknownAnswerIsRefusedAndATwofoldOneIsABug(t *testing.T) {
	t.Parallel()
	x := New(0, "")
	x.Begin(0, 0, 1)
	x.Begin(5, 0, 1, 2)
	x.Done(5, 1)
	for _, unknown := range []naiveMark{{3, 1}, {5, 9}, {6, 1}, {-1, 1}} {
		if x.Done(unknown.offset, unknown.name) {
			t.Errorf("write %d of offset %d is taken for known", unknown.name, unknown.offset)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a write was settled twice and nobody noticed")
		}
	}()
	x.Done(5, 1)
}

func TestMemoryOfAMillionRecordsIsGivenBack(t *testing.T) {
	t.Parallel()
	x := New(0, "")
	most := 0
	for offset := range int64(1_000_000) {
		x.Begin(offset, 0, 1)
		if offset >= 1000 {
			x.Done(offset-1000, 1)
		}
		most = max(most, cap(x.records))
	}
	if most > 8*1024 {
		t.Errorf("room for %d records is kept for 1,000 open ones", most)
	}
	if x.Window() != 1000 || x.Open() != 1000 {
		t.Errorf("%d records and %d writes are open, expected 1,000", x.Window(), x.Open())
	}
	if !slices.IsSortedFunc(x.records[x.head:], func(a, b record) int { return int(a.offset - b.offset) }) {
		t.Error("the records are out of order")
	}
}

// One write stays open, for days, and its partition goes on.
func TestAWriteThatStaysOpenDoesNotCostMemoryForEachRecordAboveIt(t *testing.T) {
	t.Parallel()
	x := New(0, "")
	x.Begin(0, 0, 1)
	most := 0
	for offset := int64(1); offset < 1_000_000; offset++ {
		x.Begin(offset, int32(offset/1000), 1)
		if offset > 100 {
			x.Done(offset-100, 1)
		}
		most = max(most, cap(x.records))
	}
	if most > 4*firstTidy {
		t.Errorf("room for %d records is kept for 101 open ones and one run", most)
	}
	if x.Full() {
		t.Error("one run is too much for the metadata")
	}
	c, _ := x.Commit()
	again := New(c.Offset, c.Metadata)
	for _, offset := range []int64{0, 1, 500_000, 999_899, 999_900, 999_999} {
		if want := offset > 0 && offset < 999_900; again.WasDone(offset, 1) != want {
			t.Errorf("after a restart, offset %d is done: %v, expected %v", offset, !want, want)
		}
	}
	x.tidy()
	x.Done(0, 1)
	if low, epoch := x.Low(); low != 999_900 || epoch != 999 {
		t.Errorf("behind the run the low mark is %d of epoch %d", low, epoch)
	}
	for offset := int64(999_900); offset < 1_000_000; offset++ {
		x.Done(offset, 1)
	}
	if low, epoch := x.Low(); low != 1_000_000 || epoch != 999 || x.Window() != 0 {
		t.Errorf("in the end the low mark is %d of epoch %d with %d records kept", low, epoch, x.Window())
	}
}

func TestRecordsThatAreOpenAreNotJoined(t *testing.T) {
	t.Parallel()
	x := New(0, "")
	for offset := range int64(6) {
		x.Begin(offset, 0, 1, 2)
		x.Done(offset, 1) // of each, one write is done
	}
	x.tidy()
	for offset := int64(5); offset >= 0; offset-- {
		if !x.Done(offset, 2) {
			t.Fatalf("the open write of offset %d is not known any more", offset)
		}
	}
	if low, _ := x.Low(); low != 6 || x.Open() != 0 {
		t.Errorf("the low mark is %d with %d open", low, x.Open())
	}
}

func BenchmarkTracker(b *testing.B) {
	x := New(0, "")
	b.ReportAllocs()
	var offset int64
	for b.Loop() {
		x.Begin(offset, 0, 1)
		if offset >= 10_000 {
			// Not in order: every second one is overtaken.
			x.Done((offset-10_000)^1, 1)
		}
		offset++
	}
}

func BenchmarkCommit(b *testing.B) {
	x := New(0, "")
	x.Begin(0, 0, 1)
	for offset := int64(1); !x.Full(); offset++ {
		x.Begin(offset, 0, 1)
		if offset%3 == 0 {
			x.Done(offset, 1)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		x.Commit()
	}
}
