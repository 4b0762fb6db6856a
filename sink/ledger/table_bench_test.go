//go:build linux

package ledger

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"syscall"
	"testing"
	"time"
)

// benchedRows are the sizes of the tables that are measured.
func benchedRows() []int {
	if testing.Short() {
		return []int{10_000, 100_000, 1_000_000}
	}
	return []int{10_000, 100_000, 1_000_000, 10_000_000}
}

// processorTime is what the process has used of the processors: the clock on the wall
// says on a shared machine what others do.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measure reports the processor time of each call.
func measure(b *testing.B, f func()) {
	b.ReportAllocs()
	calls := 0
	began := processorTime(b)
	for b.Loop() {
		f()
		calls++
	}
	b.ReportMetric(float64((processorTime(b)-began).Nanoseconds())/float64(calls), "ns-cpu/op")
}

// BenchmarkTable measures the operations on tables of several sizes, beside a chain of
// cache misses in as much memory: less than two of these a lookup cannot cost.
func BenchmarkTable(b *testing.B) {
	for _, n := range benchedRows() {
		x, s := newTable(), newShape(5_000)
		s.fill(x, 0, n)
		random := rand.New(rand.NewPCG(1, 2))
		next := n // the key that comes next; as many before it are there
		some := func() int { return next - 1 - random.IntN(n) }
		chain, at := missChain(random, n), uint64(0)
		var r Row
		id := make([]byte, 0, 64)
		for _, o := range []struct {
			name string
			step func()
		}{
			{"miss", func() { at = chain[at][0] }},
			{"get", func() {
				var ok bool
				if id, ok = x.getAppend(string(s.key(some())), &r, id[:0]); !ok {
					b.Fatal("a row is gone")
				}
			}},
			{"replace", func() {
				i := some()
				x.put(string(s.key(i)), s.row(i+1))
			}},
			{"get and replace", func() { // what an update costs
				i := some()
				id, _ = x.getAppend(string(s.key(i)), &r, id[:0])
				x.put(string(s.key(i)), s.row(i+1))
			}},
			{"put and delete", func() { // buckets are split and joined, blocks move
				x.put(string(s.key(next)), s.row(next))
				x.delete(string(s.key(next - n)))
				next++
			}},
		} {
			b.Run(fmt.Sprintf("%s/rows=%d", o.name, n), func(b *testing.B) { measure(b, o.step) })
		}
		x.close()
	}
}

// missChain is a random round through as many cache lines as there are rows.
func missChain(random *rand.Rand, n int) [][8]uint64 {
	chain, order := make([][8]uint64, n), random.Perm(n)
	for i, at := range order {
		chain[at][0] = uint64(order[(i+1)%n])
	}
	return chain
}

// BenchmarkFill measures growth, from nothing to several sizes.
func BenchmarkFill(b *testing.B) {
	for _, n := range benchedRows() {
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			s := newShape(5_000)
			tables := 0
			began := processorTime(b)
			for b.Loop() {
				x := newTable()
				s.fill(x, 0, n)
				b.ReportMetric(float64(x.bytes())/float64(n), "B/row")
				x.close()
				tables++
			}
			b.ReportMetric(float64((processorTime(b)-began).Nanoseconds())/float64(tables*n), "ns-cpu/put")
		})
	}
}

// BenchmarkTenMillionRows fills and then updates a table in a program that holds 24 MiB
// beside it and makes a kilobyte of garbage with each row, and looks how large the process becomes:
// with the rows outside of the heap, as they are, and with the rows on the heap under limits of
// the collector. 72 MiB is what the program sets (limits.memory and what it needs itself).
func BenchmarkTenMillionRows(b *testing.B) {
	if testing.Short() {
		b.Skip("it takes minutes and 1.5 GiB")
	}
	for _, x := range []struct {
		name     string
		mapAfter int64
		limit    int64
	}{
		{"mapped, limit 72 MiB", mapAfter, 72 << 20},
		{"heap, no limit", math.MaxInt64, math.MaxInt64},
		{"heap, limit 1 GiB", math.MaxInt64, 1 << 30},
		{"heap, limit 800 MiB", math.MaxInt64, 800 << 20},
	} {
		b.Run(x.name, func(b *testing.B) {
			defer debug.SetMemoryLimit(debug.SetMemoryLimit(x.limit))
			for b.Loop() {
				grow(b, x.mapAfter)
			}
		})
	}
}

func grow(b *testing.B, mapAfter int64) {
	const n = 10_000_000
	var before, after runtime.MemStats
	debug.FreeOSMemory()
	runtime.ReadMemStats(&before)
	first, began := resident(b), processorTime(b)
	peak := first
	x, s := newTable(), newShape(5_000)
	x.slabs.mapAfter = mapAfter
	held := make([][]byte, 24<<10)
	for i := range 2 * n {
		x.put(string(s.key(i%n)), s.row(i))
		held[i%len(held)] = make([]byte, 1<<10)
		if i%20_000 == 0 {
			peak = max(peak, resident(b))
		}
	}
	used := processorTime(b) - began
	runtime.ReadMemStats(&after)
	debug.FreeOSMemory()
	b.ReportMetric(float64(peak)/(1<<20), "MiB-peak")
	b.ReportMetric(float64(x.bytes())/n, "B/row")
	b.ReportMetric(float64(resident(b)-first-int64(len(held))<<10)/n, "B-resident/row")
	b.ReportMetric(float64(after.NumGC-before.NumGC), "collections")
	b.ReportMetric(float64(used.Nanoseconds())/(2*n), "ns-cpu/put")
	runtime.KeepAlive(held)
	x.close()
}
