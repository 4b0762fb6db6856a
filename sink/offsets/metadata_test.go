package offsets

import (
	"encoding/base64"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/ampersink/ampersink/internal/model"
)

// scattered makes a tracker at base in which the first write is open and every second
// of n records behind it is done, each in a run of its own.
func scattered(base int64, n int, stride int64) *Tracker {
	x := New(base, "")
	x.Begin(base, 0, 1)
	for i := range int64(n) {
		offset := base + 1 + i*stride
		x.Begin(offset, 0, 1)
		if i%2 == 0 {
			x.Done(offset, 1)
		}
	}
	return x
}

func TestMetadataThatOverflowsSaysWhatItCovers(t *testing.T) {
	t.Parallel()
	for _, stride := range []int64{1, 300, 40_000} {
		x := scattered(5, 4000, stride)
		c, _ := x.Commit()
		if len(c.Metadata) > MaxMetadata || len(c.Metadata) < MaxMetadata*9/10 {
			t.Errorf("stride %d: %d bytes, expected nearly %d", stride, len(c.Metadata), MaxMetadata)
		}
		if c.CoveredTo == math.MaxInt64 {
			t.Fatalf("stride %d: it is said to cover everything", stride)
		}
		again := New(c.Offset, c.Metadata)
		for i := range int64(4000) {
			offset := 6 + i*stride
			want := i%2 == 0 && offset <= c.CoveredTo
			if again.WasDone(offset, 1) != want {
				t.Fatalf("stride %d: offset %d is done: %v, expected %v; covered to %d", stride, offset, !want, want, c.CoveredTo)
			}
		}
	}
}

// What is in flight when the partition stops to take work can still add runs: at the
// mark there must be room for it.
func TestAPartitionIsFullBeforeItsMetadataOverflows(t *testing.T) {
	t.Parallel()
	for _, stride := range []int64{1, 100, 8_000} {
		var n int
		for n = 1; ; n++ {
			if x := scattered(0, n, stride); x.Full() {
				c, _ := x.Commit()
				if c.CoveredTo != math.MaxInt64 || len(c.Metadata) > MaxMetadata*7/8 {
					t.Errorf("stride %d: full at %d records with %d bytes, covered to %d", stride, n, len(c.Metadata), c.CoveredTo)
				}
				break
			}
			n += 20
		}
		x := scattered(0, n+200, stride) // a batch of each of two lanes more
		if c, _ := x.Commit(); c.CoveredTo != math.MaxInt64 {
			t.Errorf("stride %d: 100 more runs do not fit", stride)
		}
	}
}

func TestAContiguousWindowTakesFewBytes(t *testing.T) {
	t.Parallel()
	x := New(0, "")
	x.Begin(0, 0, 1)
	for offset := int64(1); offset < 100_000; offset++ {
		x.Begin(offset, 0, 1)
		x.Done(offset, 1)
	}
	if c, _ := x.Commit(); len(c.Metadata) > 40 || c.CoveredTo != math.MaxInt64 {
		t.Errorf("one run takes %d bytes", len(c.Metadata))
	}
	if x.Full() {
		t.Error("a window of one run is full")
	}
}

func TestForeignMetadataIsIgnored(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "x", "ampersink", prefix, prefix + "AAAA", prefix + "!!!!", "ampersink2:AAAA", prefix + strings.Repeat("A", 4000),
		"consumer-1@host", "\x00\xff",
	} {
		if x := New(5, text); x.Restored() != 0 || x.WasDone(5, 0) || x.WasDone(6, 1) {
			t.Errorf("metadata %q is taken for ours", text)
		}
	}
}

func TestMetadataOfAnotherOffsetIsIgnored(t *testing.T) {
	t.Parallel()
	c, _ := scattered(1000, 50, 1).Commit()
	for _, base := range []int64{0, 999, 1001, 1 << 40} {
		if x := New(base, c.Metadata); x.Restored() != 0 {
			t.Errorf("what was committed with 1000 is taken over at %d: %d runs", base, x.Restored())
		}
	}
	if x := New(-1, c.Metadata); x.Restored() != 0 || x.Next() != -1 {
		t.Error("metadata counts where nothing is committed")
	}
}

func TestDamagedMetadataMarksNothing(t *testing.T) {
	t.Parallel()
	c, _ := scattered(1000, 200, 3).Commit()
	alphabet := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(c.Metadata)
		switch rapid.SampledFrom([]string{"cut", "change", "swap"}).Draw(t, "damage") {
		case "cut":
			text = text[:rapid.IntRange(0, len(text)-1).Draw(t, "at")]
		case "change":
			i := rapid.IntRange(len(prefix), len(text)-2).Draw(t, "at") // the last one has bits that mean nothing
			text[i] = alphabet[rapid.IntRange(0, len(alphabet)-1).Draw(t, "to")]
		case "swap":
			i := rapid.IntRange(len(prefix), len(text)-3).Draw(t, "at")
			text[i], text[i+1] = text[i+1], text[i]
		}
		if string(text) != c.Metadata && New(1000, string(text)).Restored() != 0 {
			t.Fatal("damaged metadata is taken for whole")
		}
	})
}

func TestEncodeAndDecodeAreInverse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.Int64Range(0, 1<<50).Draw(t, "base")
		var runs []run
		at := base
		for i := range rapid.IntRange(0, 400).Draw(t, "runs") {
			first := at + rapid.Int64Range(int64(min(i, 1)), 300).Draw(t, "gap")
			r := run{first: first, last: first + rapid.Int64Range(0, 20_000).Draw(t, "length")}
			for name := range rapid.IntRange(1, 3).Draw(t, "names") {
				r.set = append(r.set, model.WriteName(name*name+i%5))
			}
			runs, at = append(runs, r), r.last
		}
		text, covered := encode(base, runs)
		if len(text) > MaxMetadata {
			t.Fatalf("%d bytes", len(text))
		}
		got, err := decode(base, text)
		if err != nil {
			t.Fatal(err)
		}
		if covered == math.MaxInt64 && len(got) != len(runs) {
			t.Fatalf("%d runs, expected %d", len(got), len(runs))
		}
		for i := range got {
			if got[i].first != runs[i].first || got[i].last != runs[i].last || len(got[i].set) != len(runs[i].set) {
				t.Fatalf("run %d is %+v, expected %+v", i, got[i], runs[i])
			}
			for _, name := range runs[i].set {
				if !got[i].has(name) {
					t.Fatalf("run %d lacks %d", i, name)
				}
			}
		}
		if len(got) < len(runs) && covered != runs[len(got)].first-1 {
			t.Fatalf("covered to %d, expected up to the run at %d", covered, runs[len(got)].first)
		}
	})
}

// FuzzParse reads payloads as if their checksum were right: nothing in them may panic,
// allocate without bound, or make runs that WasDone cannot search.
func FuzzParse(f *testing.F) {
	for _, stride := range []int64{1, 300} {
		c, _ := scattered(100, 40, stride).Commit()
		raw, err := base64.RawStdEncoding.DecodeString(strings.TrimPrefix(c.Metadata, prefix))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(int64(100), raw[4:])
	}
	f.Add(int64(math.MaxInt64), []byte{1, 1, 0, 0, 0, 0, 1, 1, 0})
	f.Add(int64(0), []byte{0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, base int64, payload []byte) {
		if base < 0 {
			return
		}
		runs, err := parse(base, payload)
		if err != nil && runs != nil {
			t.Fatal("runs come with an error")
		}
		at := base
		for _, r := range runs {
			if r.first < at || r.last < r.first {
				t.Fatalf("run %d to %d behind %d", r.first, r.last, at)
			}
			at = r.last
		}
		x := &Tracker{next: base, epoch: -1, restored: runs}
		if x.WasDone(base-1, 1) {
			t.Fatal("an offset below the commit is marked")
		}
		x.Begin(base, 0, 1, 2)
		if c, ok := x.Commit(); ok && len(c.Metadata) > MaxMetadata {
			t.Fatalf("%d bytes of metadata", len(c.Metadata))
		}
	})
}

// FuzzDecode takes any text: what comes back as runs is what encode would say.
func FuzzDecode(f *testing.F) {
	c, _ := scattered(100, 40, 1).Commit()
	f.Add(int64(100), c.Metadata)
	f.Add(int64(0), prefix)
	f.Fuzz(func(t *testing.T, base int64, text string) {
		runs, err := decode(base, text)
		if err != nil || len(runs) == 0 || base < 0 {
			return
		}
		for _, r := range runs {
			if r.first < base || r.last < r.first {
				t.Fatalf("run %d to %d below %d", r.first, r.last, base)
			}
		}
	})
}
