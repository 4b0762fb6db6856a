package bench_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ampersink/ampersink/internal/kafkatest"
)

// BenchmarkAgainstAnotherBuild compares this program with another build of it, mostly of an earlier
// commit, whose path AMPERSINK_BENCH_AGAINST gives: both work off the same backlogs in
// turn, and each ratio is this one's figure by the other one's.
func BenchmarkAgainstAnotherBuild(b *testing.B) {
	another := os.Getenv("AMPERSINK_BENCH_AGAINST")
	if another == "" {
		b.Skip("AMPERSINK_BENCH_AGAINST does not name the program of another build")
	}
	p := pair{k: kafkatest.Real(b), programs: [2]string{build(b, "../../cmd/ampersink", ""), another}}
	b.Run("CPU", func(b *testing.B) {
		const n = 300_000
		a := newResponder(b, 0)
		for b.Loop() {
			p.compare(b, 5, n, a.URL, "size: 100, linger: 5ms", "cpu-ratio", func(u usage) float64 { return float64(u.cpu.Nanoseconds()) / n })
		}
	})
	b.Run("RecordsPerSecond", func(b *testing.B) {
		const n = 60_000
		a := newResponder(b, 50*time.Millisecond)
		for b.Loop() {
			p.compare(b, 3, n, a.URL, "linger: 10ms, in_flight: 4", "records/s-ratio", func(usage) float64 { return n / a.span().Seconds() })
		}
	})
	b.Run("Requests", func(b *testing.B) {
		a := newResponder(b, 0)
		for b.Loop() {
			p.compare(b, 3, 100_000, a.URL, "size: 100, linger: 50ms", "requests-ratio", func(usage) float64 { return float64(a.requests.Swap(0)) })
		}
	})
	b.Run("ResidentMemory", func(b *testing.B) {
		a := newResponder(b, 5*time.Millisecond)
		for b.Loop() {
			topic := p.compare(b, 3, 300_000, a.URL, "in_flight: 4", "peak-ratio", func(u usage) float64 { return float64(u.rss) / (1 << 20) })
			text := settings(p.k.Brokers(), topic, a.URL, "")
			b.ReportMetric(idle(b, p.programs[0], text)/idle(b, p.programs[1], text), "idle-ratio")
		}
	})
}

// pair is this program and the other build.
type pair struct {
	k        *kafkatest.Cluster
	programs [2]string
}

// compare has both work off new backlogs of n updates, one in turn with the other, and reports the
// median of the ratios of a figure. It returns the last backlog's topic.
func (p *pair) compare(b *testing.B, rounds, n int, url, more, unit string, figure func(usage) float64) (topic string) {
	_, _, ratio := inTurn(b, rounds, func() (float64, float64) {
		var figures [2]float64
		topic = backlog(b, p.k.Endpoint, n, func(i int) (string, int) { return "u", i })
		for i, program := range p.programs {
			text := strings.Replace(settings(p.k.Brokers(), topic, url, more), `"g-`, []string{`"g-`, `"h-`}[i], 1)
			figures[i] = figure(child(b, program, "run", "--until-end", "--config", write(b, text)))
		}
		return figures[0], figures[1]
	})
	b.ReportMetric(ratio, unit)
	return topic
}
