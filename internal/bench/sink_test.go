package bench_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/sink"
)

// drain runs a sink up to the end of the topic and returns its metrics.
func drain(b *testing.B, k *kafkatest.Fake, topic, url, batch string) *prometheus.Registry {
	b.Helper()
	c, err := config.Parse("bench.yaml", []byte(settings(k.Brokers(), topic, url, batch)), func(string) (string, bool) { return "", false }, nil)
	if err != nil {
		b.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	s, err := sink.New(sink.Options{Config: c, Log: zerolog.Nop(), Registerer: registry, UntilEnd: true})
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Run(b.Context()); err != nil {
		b.Fatal(err)
	}
	return registry
}

// BenchmarkRequestsAgainstTheFewest has a backlog of 100,000 events of 10,000 keys.
func BenchmarkRequestsAgainstTheFewest(b *testing.B) {
	const n, keys = 100_000, 10_000
	for b.Loop() {
		k := kafkatest.NewFake(b)
		a := newResponder(b, 0)
		random := rand.New(rand.NewPCG(1, 1))
		chain := make(map[int]int)
		creates := 0
		topic := backlog(b, k.Endpoint, n, func(int) (string, int) {
			id := random.IntN(keys)
			op := "u"
			if chain[id]++; chain[id] == 1 {
				op = "c"
				creates++
			}
			return op, id
		})
		longest := 0
		for _, c := range chain {
			longest = max(longest, c)
		}
		drain(b, k, topic, a.URL, "size: 100, linger: 50ms")
		fewest := max((creates+99)/100+(n-creates+99)/100, longest)
		b.ReportMetric(float64(a.requests.Load()), "requests")
		b.ReportMetric(float64(fewest), "fewest")
		b.ReportMetric(float64(a.requests.Load())/float64(fewest), "ratio")
	}
}

// BenchmarkRecordsPerSecondAtLatency compares with what in_flight and the latency allow.
func BenchmarkRecordsPerSecondAtLatency(b *testing.B) {
	for _, inFlight := range []int{1, 4, 8} {
		b.Run("in_flight="+strconv.Itoa(inFlight), func(b *testing.B) {
			n := 15_000 * inFlight
			for b.Loop() {
				k := kafkatest.NewFake(b)
				a := newResponder(b, 50*time.Millisecond)
				var first, last time.Time
				a.observe = func([]byte) {
					last = time.Now()
					if first.IsZero() {
						first = last
					}
				}
				topic := backlog(b, k.Endpoint, n, func(i int) (string, int) { return "u", i })
				registry := drain(b, k, topic, a.URL, fmt.Sprintf("linger: 10ms, in_flight: %d", inFlight))
				latency := mean(b, registry, "ampersink_request_seconds")
				rate := float64(n) / (last.Sub(first).Seconds() + latency)
				b.ReportMetric(rate, "records/s")
				b.ReportMetric(latency*1000, "ms-latency")
				b.ReportMetric(rate/(float64(inFlight)*100/latency), "ratio")
			}
		})
	}
}

// mean returns the mean of a histogram over all labels.
func mean(b *testing.B, g prometheus.Gatherer, name string) float64 {
	families, err := g.Gather()
	if err != nil {
		b.Fatal(err)
	}
	var sum float64
	var count uint64
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			sum += m.GetHistogram().GetSampleSum()
			count += m.GetHistogram().GetSampleCount()
		}
	}
	return sum / float64(count)
}

// BenchmarkFromAppendToRequest appends 100 records a second with a linger of 10 ms.
func BenchmarkFromAppendToRequest(b *testing.B) {
	const n, every = 1000, 10 * time.Millisecond
	for b.Loop() {
		k := kafkatest.NewFake(b)
		a := newResponder(b, 0)
		topic := k.NewTopic(b, 4, nil)
		appended := make([]time.Time, n)
		var took []time.Duration
		a.observe = func(body []byte) {
			now := time.Now()
			for rest := body; ; {
				_, after, found := bytes.Cut(rest, []byte(`"version":`))
				if !found {
					return
				}
				end := bytes.IndexAny(after, ",}")
				i, _ := strconv.Atoi(string(after[:end]))
				took = append(took, now.Sub(appended[i]))
				rest = after
			}
		}
		c, err := config.Parse("bench.yaml", []byte(settings(k.Brokers(), topic, a.URL, "linger: 10ms")), func(string) (string, bool) { return "", false }, nil)
		if err != nil {
			b.Fatal(err)
		}
		s, err := sink.New(sink.Options{Config: c, Log: zerolog.Nop()})
		if err != nil {
			b.Fatal(err)
		}
		ctx, stop := context.WithCancel(b.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		time.Sleep(2 * time.Second) // joined
		producer := k.Client(b, kgo.ProducerLinger(0))
		for i := range n {
			a.mu.Lock()
			appended[i] = time.Now()
			a.mu.Unlock()
			producer.Produce(ctx, &kgo.Record{Topic: topic, Key: key(i), Value: value("u", i, i)}, nil)
			time.Sleep(every)
		}
		time.Sleep(time.Second)
		stop()
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
		b.ReportMetric(float64(len(took)), "records")
	}
}
