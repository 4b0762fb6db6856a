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

// lateSettings is settings for rows of which the ledger alone knows the CRM id.
func lateSettings(brokers []string, topic, url, more string) string {
	return strings.Replace(settings(brokers, topic, url, more), "id: {field: crm_id}", "id: ledger\n    on_create: upsert\n    on_update: upsert", 1)
}

// createHeavy is a backlog of new rows, of which one in ten is updated later.
func createHeavy(i int) (op string, id int) {
	if i%10 == 9 {
		return "u", i - i%1000/2 - 1
	}
	return "c", i
}

// BenchmarkCPUWithTheLedger runs the program over the same backlog in turn with ids that the
// rows carry, and with ids that the ledger knows: announced, written down and acknowledged.
func BenchmarkCPUWithTheLedger(b *testing.B) {
	k := kafkatest.Real(b)
	const n, rounds = 300_000, 3
	program := build(b, "../../cmd/ampersink", "")
	a := newResponder(b, 0)
	for b.Loop() {
		var ratios, with, without []float64
		for range rounds {
			topic := backlog(b, k.Endpoint, n, func(i int) (string, int) { return "c", i })
			x := child(b, program, "run", "--until-end", "--config", write(b, settings(k.Brokers(), topic, a.URL, "size: 100, linger: 5ms")))
			text := strings.Replace(lateSettings(k.Brokers(), topic, a.URL, "size: 100, linger: 5ms"), `"g-`, `"h-`, 1)
			y := child(b, program, "run", "--until-end", "--config", write(b, text))
			without, with = append(without, float64(x.cpu.Nanoseconds())/n), append(with, float64(y.cpu.Nanoseconds())/n)
			ratios = append(ratios, float64(y.cpu)/float64(x.cpu))
		}
		b.ReportMetric(median(with), "ns-cpu/record")
		b.ReportMetric(median(without), "ns-cpu/record-without")
		b.ReportMetric(median(ratios), "ratio")
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
			more := "linger: 10ms, in_flight: " + strconv.Itoa(inFlight)
			for b.Loop() {
				var ratios, rates []float64
				for range rounds {
					topic := backlog(b, k.Endpoint, n, func(i int) (string, int) { return "c", i })
					child(b, program, "run", "--until-end", "--config", write(b, settings(k.Brokers(), topic, a.URL, more)))
					without := a.span()
					text := strings.Replace(lateSettings(k.Brokers(), topic, a.URL, more), `"g-`, `"h-`, 1)
					child(b, program, "run", "--until-end", "--config", write(b, text))
					with := a.span()
					ratios, rates = append(ratios, without.Seconds()/with.Seconds()), append(rates, float64(n)/with.Seconds())
				}
				b.ReportMetric(median(rates), "records/s")
				b.ReportMetric(median(ratios), "records/s-ratio")
			}
		})
	}
}

// BenchmarkReadingTheLedger starts the program over a ledger of a million rows, as it was written
// and nothing of it compacted; then a second member, while the first creates rows: half
// of the partitions move.
func BenchmarkReadingTheLedger(b *testing.B) {
	k := kafkatest.Real(b)
	const rows, rounds = 1_000_000, 3
	program := build(b, "../../cmd/ampersink", "")
	a := newResponder(b, 20*time.Millisecond)
	topic := k.NewTopic(b, 8, nil)
	text := lateSettings(k.Brokers(), topic, a.URL, "linger: 10ms, in_flight: 4")
	b.Logf("%d rows written within %s", rows, fillLedger(b, k.Endpoint, "g-"+topic, topic, 0, rows))
	const (
		read  = "the ledger is read"
		known = "the ledger is known up to here"
	)
	for b.Loop() {
		var reads, cpu, barriers, moved, peaks []float64
		for round := range rounds {
			one := start(b, program, text)
			said := one.says(1, read)
			if said.Rows < rows {
				b.Fatalf("%d rows were read, expected %d", said.Rows, rows)
			}
			reads, cpu = append(reads, said.Took/1000), append(cpu, one.used().Seconds())
			barriers = append(barriers, one.says(1, known).Took)
			const more = 100_000
			fill(b, k.Endpoint, topic, more, func(i int) (string, int) { return "c", firstRow + rows + round*more + i })
			two := start(b, program, text)
			before := a.rows.Load()
			moved = append(moved, two.says(1, known).Took)
			if a.rows.Load() == before {
				b.Error("the first member wrote nothing meanwhile")
			}
			peaks = append(peaks, float64(one.stop().rss)/(1<<20))
			two.stop()
		}
		b.ReportMetric(median(reads), "s-to-read")
		b.ReportMetric(median(cpu), "s-cpu-to-read")
		b.ReportMetric(median(peaks), "MiB-peak")
		b.ReportMetric(median(barriers), "ms-barrier-idle")
		b.ReportMetric(median(moved), "ms-barrier-moved")
		b.ReportMetric(slices.Max(moved), "ms-barrier-worst")
	}
}

// BenchmarkTenMillionKeys compares what a record costs over a ledger of ten thousand rows and of
// ten million, the reading of it aside: half of the records create a row, half update one that
// is known. It takes some 3 GB of the broker's disk.
func BenchmarkTenMillionKeys(b *testing.B) {
	k := kafkatest.Real(b)
	const rounds, n = 3, 100_000
	program := build(b, "../../cmd/ampersink", "")
	a := newResponder(b, 0)
	type side struct {
		topic      string
		rows       int
		cpu        []float64 // of a record, in µs
		peak, read float64
		bytes      int64
	}
	sides := [2]side{{rows: 10_000}, {rows: 10_000_000}}
	for i := range sides {
		s := &sides[i]
		s.topic = k.NewTopic(b, 8, nil)
		b.Logf("%d rows written within %s", s.rows, fillLedger(b, k.Endpoint, "g-"+s.topic, s.topic, 0, s.rows))
	}
	random := rand.New(rand.NewPCG(1, 1))
	for b.Loop() {
		var ratios []float64
		for round := range rounds {
			for i := range sides {
				s := &sides[i]
				fill(b, k.Endpoint, s.topic, n, func(j int) (string, int) {
					switch {
					case j%2 == 0:
						return "c", firstRow + s.rows + (round*n+j)/2
					case s.rows < n:
						return "u", firstRow + j/2%s.rows
					}
					return "u", firstRow + random.IntN(s.rows)
				})
				r := start(b, program, lateSettings(k.Brokers(), s.topic, a.URL, "linger: 5ms, in_flight: 4"), "--until-end")
				read := r.says(1, "the ledger is read")
				before := r.used()
				u := r.wait()
				s.cpu = append(s.cpu, float64((u.cpu-before).Microseconds())/n)
				s.peak, s.read, s.bytes = max(s.peak, float64(u.rss)), read.Took/1000, read.Bytes
			}
			ratios = append(ratios, sides[1].cpu[round]/sides[0].cpu[round])
		}
		small, large := &sides[0], &sides[1]
		b.ReportMetric(large.peak/(1<<20), "MiB-peak")
		b.ReportMetric((large.peak-small.peak)/float64(large.rows-small.rows), "B-resident/key")
		b.ReportMetric(float64(large.bytes)/float64(large.rows), "B/key")
		b.ReportMetric(large.read, "s-to-read")
		b.ReportMetric(median(small.cpu), "us-cpu/record-small")
		b.ReportMetric(median(large.cpu), "us-cpu/record-large")
		b.ReportMetric(median(ratios), "ratio")
		b.Logf("of a record, ten thousand keys: %v µs, ten million: %v", small.cpu, large.cpu)
	}
}
