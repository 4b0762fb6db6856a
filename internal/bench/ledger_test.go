package bench_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ampersink/ampersink/internal/kafkatest"
)

// What the program says of its ledger, with the time that it took.
const (
	ledgerRead  = "the ledger is read"
	ledgerKnown = "the ledger is known up to here" // to the new owner of partitions
)

// ledgerSettings are settings for rows of which the ledger alone knows the CRM id.
func ledgerSettings(brokers []string, topic, url, more string) string {
	return strings.Replace(settings(brokers, topic, url, more), "id: {field: crm_id}", "id: ledger\n    on_create: upsert\n    on_update: upsert", 1)
}

// withAndWithout runs the program over a new backlog that does nothing but create rows, as
// nothing else asks more of the ledger: with ids that the rows carry, and with ids that the
// ledger knows, so that each create is announced, written down and acknowledged.
func withAndWithout(b *testing.B, k *kafkatest.Cluster, program, url, more string, n int, figure func(usage) float64) (with, without float64) {
	topic := backlog(b, k.Endpoint, n, func(i int) (string, int) { return "c", i })
	without = figure(child(b, program, "run", "--until-end", "--config", write(b, settings(k.Brokers(), topic, url, more))))
	text := strings.Replace(ledgerSettings(k.Brokers(), topic, url, more), `"g-`, `"h-`, 1)
	return figure(child(b, program, "run", "--until-end", "--config", write(b, text))), without
}

// BenchmarkCPUWithTheLedger compares the processor time of a create with the ledger and without.
func BenchmarkCPUWithTheLedger(b *testing.B) {
	k := kafkatest.Real(b)
	const n, rounds = 300_000, 5
	program := build(b, "../../cmd/ampersink", "")
	a := newResponder(b, 0)
	for b.Loop() {
		with, without, ratio := inTurn(b, rounds, func() (float64, float64) {
			return withAndWithout(b, k, program, a.URL, "size: 100, linger: 5ms", n, func(u usage) float64 { return float64(u.cpu.Nanoseconds()) / n })
		})
		b.ReportMetric(with, "ns-cpu/record")
		b.ReportMetric(without, "ns-cpu/record-without")
		b.ReportMetric(ratio, "ratio")
	}
}

// BenchmarkRecordsPerSecondWithTheLedger compares how fast creates go at 50 ms of latency.
func BenchmarkRecordsPerSecondWithTheLedger(b *testing.B) {
	k := kafkatest.Real(b)
	program := build(b, "../../cmd/ampersink", "")
	const rounds = 3
	for _, inFlight := range []int{1, 4} {
		b.Run("in_flight="+strconv.Itoa(inFlight), func(b *testing.B) {
			n := 15_000 * inFlight
			a := newResponder(b, 50*time.Millisecond)
			for b.Loop() {
				with, _, ratio := inTurn(b, rounds, func() (float64, float64) {
					return withAndWithout(b, k, program, a.URL, "linger: 10ms, in_flight: "+strconv.Itoa(inFlight), n,
						func(usage) float64 { return float64(n) / a.span().Seconds() })
				})
				b.ReportMetric(with, "records/s")
				b.ReportMetric(ratio, "records/s-ratio")
			}
		})
	}
}

// BenchmarkReadingTheLedger starts the program over a ledger of a million rows, of which nothing
// is compacted: every announcement and its end are still there. Then it starts a second member
// while the first one creates rows: half of the partitions move, and the new owner waits for
// the barrier.
func BenchmarkReadingTheLedger(b *testing.B) {
	k := kafkatest.Real(b)
	const rows, rounds, more = 1_000_000, 3, 100_000
	program := build(b, "../../cmd/ampersink", "")
	a := newResponder(b, 20*time.Millisecond)
	topic := k.NewTopic(b, 8, nil)
	text := ledgerSettings(k.Brokers(), topic, a.URL, "linger: 10ms, in_flight: 4")
	b.Logf("%d rows written within %s", rows, fillLedger(b, k.Endpoint, "g-"+topic, topic, rows))
	next := firstRow + rows
	for b.Loop() {
		var reads, cpu, barriers, moved, peaks []float64
		for range rounds {
			one := start(b, program, text)
			said := one.says(ledgerRead)
			if said.Rows < rows {
				b.Fatalf("%d rows were read, expected %d", said.Rows, rows)
			}
			reads, cpu = append(reads, said.Took/1000), append(cpu, one.used().Seconds())
			barriers = append(barriers, one.says(ledgerKnown).Took)
			fill(b, k.Endpoint, topic, more, func(i int) (string, int) { return "c", next + i })
			next += more
			before := a.rows.Load()
			two := start(b, program, text)
			moved = append(moved, two.says(ledgerKnown).Took)
			if a.rows.Load() == before {
				b.Error("the first member wrote nothing meanwhile")
			}
			peaks = append(peaks, float64(one.stop().rss)/(1<<20))
			two.stop()
		}
		b.Logf("read within %.1f s; barriers: alone %.0f ms, moved %.0f ms", reads, barriers, moved)
		b.ReportMetric(median(reads), "s-to-read")
		b.ReportMetric(median(cpu), "s-cpu-to-read")
		b.ReportMetric(median(peaks), "MiB-peak")
		b.ReportMetric(median(barriers), "ms-barrier-alone")
		b.ReportMetric(median(moved), "ms-barrier-moved")
		b.ReportMetric(slices.Max(moved), "ms-barrier-worst")
	}
}

// BenchmarkTenMillionKeys compares what a record costs over a ledger of ten thousand rows and over
// one of ten million, the reading of it aside. It takes some 3 GB of the broker's disk.
func BenchmarkTenMillionKeys(b *testing.B) {
	k := kafkatest.Real(b)
	const rounds = 3
	program := build(b, "../../cmd/ampersink", "")
	a := newResponder(b, 0)
	small, large := newKnown(b, k, 10_000), newKnown(b, k, 10_000_000)
	for b.Loop() {
		many, few, ratio := inTurn(b, rounds, func() (float64, float64) {
			return large.run(b, program, a.URL), small.run(b, program, a.URL)
		})
		b.ReportMetric(large.peak/(1<<20), "MiB-peak")
		b.ReportMetric((large.peak-small.peak)/float64(large.rows-small.rows), "B-resident/key")
		b.ReportMetric(float64(large.read.Bytes)/float64(large.read.Rows), "B/key")
		b.ReportMetric(large.read.Took/1000, "s-to-read")
		b.ReportMetric(few, "us-cpu/record-small")
		b.ReportMetric(many, "us-cpu/record-large")
		b.ReportMetric(ratio, "ratio")
	}
}

// known is a topic with a ledger of its rows.
type known struct {
	k      *kafkatest.Cluster
	topic  string
	rows   int // that the ledger knew at first
	next   int // the row that is created next
	random *rand.Rand

	peak float64 // bytes, of all runs
	read said    // by the last run
}

func newKnown(b *testing.B, k *kafkatest.Cluster, rows int) *known {
	n := &known{k: k, topic: k.NewTopic(b, 8, nil), rows: rows, next: firstRow + rows, random: rand.New(rand.NewPCG(1, 1))}
	b.Logf("%d rows written within %s", rows, fillLedger(b, k.Endpoint, "g-"+n.topic, n.topic, rows))
	return n
}

// run has the program work off more records, of which one half creates rows and the other updates
// known ones, and returns the processor time of one behind the reading of the ledger, in µs.
func (n *known) run(b *testing.B, program, url string) float64 {
	const records = 200_000
	fill(b, n.k.Endpoint, n.topic, records, func(i int) (string, int) {
		if i%2 == 0 {
			n.next++
			return "c", n.next - 1
		}
		return "u", firstRow + n.random.IntN(n.rows)
	})
	r := start(b, program, ledgerSettings(n.k.Brokers(), n.topic, url, "linger: 5ms, in_flight: 4"), "--until-end")
	n.read = r.says(ledgerRead)
	before := r.used()
	u := r.wait()
	n.peak = max(n.peak, float64(u.rss))
	return float64((u.cpu - before).Microseconds()) / records
}
