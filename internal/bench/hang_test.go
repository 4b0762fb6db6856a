package bench_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/sink"
)

// BenchmarkAFastDestinationBesideOneThatHangs has a backlog for each of two
// destinations and compares how fast one is written while the other is not asked for
// anything, and while it never answers.
func BenchmarkAFastDestinationBesideOneThatHangs(b *testing.B) {
	const rounds = 3
	for b.Loop() {
		var ratios []float64
		for range rounds {
			alone := besideAnother(b, false)
			ratios = append(ratios, besideAnother(b, true)/alone)
		}
		b.ReportMetric(median(ratios), "records/s-ratio")
	}
}

// besideAnother returns the records per second of one destination; the other one's
// backlog is there, or not.
func besideAnother(b *testing.B, hangs bool) float64 {
	const n = 60_000
	k := kafkatest.NewFake(b)
	a := newResponder(b, 50*time.Millisecond)
	a.hangs = "company"
	done, written := make(chan struct{}), 0
	a.observe = func(body []byte) {
		before := written
		if written += strings.Count(string(body), `"record":{`); before < n && written >= n {
			close(done)
		}
	}
	one := backlog(b, k.Endpoint, n, func(i int) (string, int) { return "u", i })
	events := 1
	if hangs {
		events = n
	}
	other := backlog(b, k.Endpoint, events, func(i int) (string, int) { return "u", i })
	text := settings(k.Brokers(), one, a.URL, "linger: 10ms, in_flight: 4")
	route := text[strings.Index(text, "  - name:"):strings.Index(text, "admin:")]
	route = strings.NewReplacer("customers", "others", one, other, "contact", "company").Replace(route)
	text = strings.Replace(text, "admin:", route+"admin:", 1)
	c, err := config.Parse("bench.yaml", []byte(text+"shutdown_timeout: 1s\n"), func(string) (string, bool) { return "", false }, nil)
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
	<-done
	rate := n / a.span().Seconds()
	stop()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
	return rate
}
