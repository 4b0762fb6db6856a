package sink

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/model"
)

// metrics are what Prometheus sees. Each is a row of docs/metrics.md.
type metrics struct {
	records, letters, letterFailures, commits, commitFailures prometheus.Counter

	fates    *prometheus.CounterVec
	reasons  *prometheus.CounterVec
	lookups  *prometheus.CounterVec
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	batch    *prometheus.HistogramVec
	searches *prometheus.CounterVec

	// Children that the record path uses, looked up once.
	fateOf map[fateKey]prometheus.Counter
}

type fateKey struct {
	route string
	kind  model.FateKind
	typ   model.Type
}

func newMetrics(r prometheus.Registerer, s *Sink) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "ampersink", Name: name, Help: help})
	}
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "ampersink", Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "ampersink", Name: name, Help: help, Buckets: buckets}, labels)
	}
	m := &metrics{
		records:        counter("records_total", "Records read from the topics."),
		letters:        counter("dead_letters_total", "Dead letters acknowledged by Kafka."),
		letterFailures: counter("dead_letter_failures_total", "Failed attempts to write a dead letter."),
		commits:        counter("commits_total", "Offset commits answered."),
		commitFailures: counter("commit_failures_total", "Partitions whose offset commit failed."),
		fates:          vec("writes_total", "Writes that have their fate, by route, fate and type.", "route", "fate", "type"),
		reasons:        vec("refusals_total", "Writes dead-lettered (by code) or skipped (by rule).", "route", "fate", "reason"),
		lookups:        vec("schema_lookups_total", "Schemas that the registry was asked for, by result: known, missing, failed.", "result"),
		requests:       vec("requests_total", "Requests to the API, by integration, object, type and status (0: no answer).", "integration", "object", "type", "status"),
		duration: histogram("request_seconds", "Duration of a request to the API.",
			prometheus.ExponentialBuckets(0.005, 2, 14), "integration", "object", "type"),
		batch: histogram("batch_writes", "Writes in a request.",
			[]float64{1, 2, 5, 10, 25, 50, 75, 90, 99, 100}, "integration", "object", "type"),
		searches: vec("searches_total", "Searches for CRM records, by integration, object and what they came to (none, one, several, failed).",
			"integration", "object", "result"),
		fateOf: make(map[fateKey]prometheus.Counter),
	}
	for _, c := range []prometheus.Collector{
		m.records, m.letters, m.letterFailures, m.commits, m.commitFailures, m.fates, m.reasons, m.lookups, m.requests, m.duration, m.batch, m.searches,
		newGauges(s),
	} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// fate counts a fate. Sink.mu is held.
func (m *metrics) fate(route string, f model.Fate, t model.Type) {
	key := fateKey{route, f.Kind, t}
	c := m.fateOf[key]
	if c == nil {
		c = m.fates.WithLabelValues(route, f.Kind.String(), t.String())
		m.fateOf[key] = c
	}
	c.Inc()
	switch {
	case f.Kind == model.Skipped:
		m.reasons.WithLabelValues(route, f.Kind.String(), f.Rule).Inc()
	case f.Reason != nil:
		m.reasons.WithLabelValues(route, f.Kind.String(), f.Reason.Code).Inc()
	}
}

func (m *metrics) request(b *batching.Batch, a *model.Answer, took time.Duration) {
	d, t := b.Destination, b.Type.String()
	m.requests.WithLabelValues(d.Integration, d.Object, t, strconv.Itoa(a.Status)).Inc()
	m.duration.WithLabelValues(d.Integration, d.Object, t).Observe(took.Seconds())
	m.batch.WithLabelValues(d.Integration, d.Object, t).Observe(float64(len(b.Entries)))
}

func (m *metrics) search(w *model.Write, f *found) {
	result := "several"
	switch {
	case f.failed:
		result = "failed"
	case len(f.ids) == 0:
		result = "none"
	case len(f.ids) == 1 && !f.more:
		result = "one"
	}
	m.searches.WithLabelValues(w.Destination.Integration, w.Destination.Object, result).Inc()
}

// gauges reads the sink's state when it is scraped.
type gauges struct {
	sink  *Sink
	descs map[string]*prometheus.Desc
}

func newGauges(s *Sink) *gauges {
	g := &gauges{sink: s, descs: make(map[string]*prometheus.Desc)}
	for name, help := range map[string]string{
		"memory_bytes":           "Bytes that wait between the poll and their fates.",
		"memory_limit_bytes":     "The bound of what waits and what is fetched ahead (limits.memory).",
		"fetched_ahead_bytes":    "Unpacked bytes that the Kafka client has fetched ahead.",
		"lanes":                  "Lanes with something in them.",
		"waiting_writes":         "Writes without a fate.",
		"requests_in_flight":     "Requests under way.",
		"dead_letters_in_flight": "Dead letters that are not acknowledged yet.",
		"assigned_partitions":    "Partitions assigned to this member.",
		"awaiting_partitions":    "Partitions whose next record needs a schema that is not known yet.",
		"ready":                  "1 when /readyz says ready.",
		"ledger_rows":            "Rows of which the ledger knows something.",
		"ledger_bytes":           "Bytes of memory that these rows take.",
		"ledger_open_intents":    "Creates that were announced and of which it is not known what became of them.",
		"awaiting_writes":        "Writes that wait for another row, or for a doubt to end.",
	} {
		g.descs[name] = prometheus.NewDesc("ampersink_"+name, help, nil, nil)
	}
	g.descs["holds"] = prometheus.NewDesc("ampersink_holds", "Scopes that are held, by scope.", []string{"scope"}, nil)
	g.descs["lag"] = prometheus.NewDesc("ampersink_lag", "Records behind the lowest open offset of a partition; -1 while unknown.", []string{"topic", "partition"}, nil)
	g.descs["fields_left_out_total"] = prometheus.NewDesc("ampersink_fields_left_out_total",
		"Fields left out of a write: absent (the row has no such column), placeholder_create and placeholder_update (Debezium did not bring the value).",
		[]string{"route", "field", "why"}, nil)
	return g
}

// Describe implements prometheus.Collector.
func (g *gauges) Describe(out chan<- *prometheus.Desc) {
	for _, d := range g.descs {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(out chan<- prometheus.Metric) {
	st := g.sink.Status()
	gauge := func(name string, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(g.descs[name], prometheus.GaugeValue, v, labels...)
	}
	gauge("memory_bytes", float64(st.Memory.Used))
	gauge("memory_limit_bytes", float64(st.Memory.Limit))
	gauge("fetched_ahead_bytes", float64(st.Memory.FetchedAhead))
	gauge("lanes", float64(st.LaneCount))
	gauge("waiting_writes", float64(st.Waiting))
	gauge("requests_in_flight", float64(st.InFlight))
	gauge("dead_letters_in_flight", float64(st.LettersInFlight))
	gauge("assigned_partitions", float64(len(st.Partitions)))
	awaiting := 0
	if st.Registry != nil {
		awaiting = st.Registry.Partitions
	}
	gauge("awaiting_partitions", float64(awaiting))
	ready := 0.0
	if st.Ready {
		ready = 1
	}
	gauge("ready", ready)
	if n := st.Identity; n != nil {
		gauge("ledger_rows", float64(n.Ledger.Rows))
		gauge("ledger_bytes", float64(n.Ledger.Bytes))
		gauge("ledger_open_intents", float64(n.Ledger.Intents))
		gauge("awaiting_writes", float64(n.Awaiting))
	}
	held := map[string]int{}
	for _, h := range st.Holds {
		if h.Held {
			held[h.Kind]++
		}
	}
	for _, kind := range []string{model.ScopeAPI.String(), model.ScopeIntegration.String(), model.ScopeDestination.String(), holdOfSearch} {
		gauge("holds", float64(held[kind]), kind)
	}
	for _, c := range g.sink.mapper.Absent() {
		for why, n := range map[string]uint64{
			"absent": c.Absent, "placeholder_create": c.PlaceholderCreates, "placeholder_update": c.PlaceholderUpdates,
		} {
			out <- prometheus.MustNewConstMetric(g.descs["fields_left_out_total"], prometheus.CounterValue, float64(n), c.Route, c.Field, why)
		}
	}
	for _, p := range st.Partitions {
		gauge("lag", float64(p.Lag), p.Topic, strconv.Itoa(int(p.Partition)))
	}
}
