package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/internal/sandbox"
	"github.com/ampersink/ampersink/sink"
)

// Options are what a demo needs.
type Options struct {
	Events int
	Seed   uint64
	// Keep leaves everything running until the context ends.
	Keep bool
	// Terminal says that Out is one: progress is one line that changes.
	Terminal bool
	Out      io.Writer
	Log      zerolog.Logger
	// Admin serves the sink's pages and returns their address.
	Admin func(config.Admin, *sink.Sink, prometheus.Gatherer) (address string, stop func(), err error)
}

// DefaultEvents are enough to fill batches and take a few seconds.
const DefaultEvents = 6000

const (
	partitions = 4
	// latency is what the API takes to answer: a quick CRM.
	latency = 25 * time.Millisecond
	// patience bounds the demo, which promises to end within a minute.
	patience = 55 * time.Second
)

// world is everything that a demo runs.
type world struct {
	o       Options
	cluster *kfake.Cluster
	crm     *sandbox.Server
	api     string // base URL
	stopAPI func()
	records []model.Record
	truth   truth
	sink    *sink.Sink
	text    string // the configuration
	admin   string // address of the pages
	took    time.Duration
	shown   string // the last line of progress
}

// Run runs the demo. It returns an error when what came out does not add up.
func Run(ctx context.Context, o Options) (err error) {
	w := &world{o: o}
	if err := w.open(); err != nil {
		return err
	}
	defer w.close()
	if err := w.fill(ctx); err != nil {
		return err
	}
	w.say("%d change events of a shop are in Kafka: tables customers, companies and deals of %d tenants.", len(w.records), len(tenants))
	w.say("The CRM knows some of the rows already; some events are ones that it refuses, and some are broken.")
	w.say("")
	return w.work(ctx)
}

func (w *world) say(format string, args ...any) { _, _ = fmt.Fprintf(w.o.Out, format+"\n", args...) }

// open starts the broker and the API.
func (w *world) open() (err error) {
	w.cluster, err = kfake.NewCluster(kfake.NumBrokers(1),
		kfake.SeedTopics(partitions, tables...), kfake.SeedTopics(1, heartbeat))
	if err != nil {
		return fmt.Errorf("starting the embedded broker: %w", err)
	}
	w.crm, err = sandbox.New(sandbox.Options{CRM: sandbox.HubSpot, APIKey: "demo-key", Latency: latency})
	if err != nil {
		w.cluster.Close()
		return err
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		w.cluster.Close()
		return fmt.Errorf("starting the sandbox: %w", err)
	}
	server := &http.Server{Handler: w.crm, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener)
	}()
	w.api = "http://" + listener.Addr().String()
	w.stopAPI = func() {
		w.crm.Close()
		_ = server.Close()
		<-ended
	}
	return nil
}

func (w *world) close() {
	w.stopAPI()
	w.cluster.Close()
}

// fill puts known rows into the CRM and the events into Kafka.
func (w *world) fill(ctx context.Context) error {
	known, err := w.seed()
	if err != nil {
		return err
	}
	w.records, w.truth = generate(w.o.Events, w.o.Seed, known, time.Now().Add(-time.Hour).Truncate(time.Millisecond))
	client, err := kgo.NewClient(kgo.SeedBrokers(w.cluster.ListenAddrs()...))
	if err != nil {
		return err
	}
	defer client.Close()
	records := make([]*kgo.Record, len(w.records))
	for i, r := range w.records {
		records[i] = &kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value, Timestamp: r.Timestamp}
	}
	return client.ProduceSync(ctx, records...).FirstErr()
}

// work runs the sink over the events.
func (w *world) work(ctx context.Context) error {
	admin := ""
	if w.o.Keep {
		admin = "127.0.0.1:0"
	}
	w.text = configuration(w.cluster.ListenAddrs(), w.api+"/v1", admin)
	c, err := config.Parse("demo.yaml", []byte(w.text), func(string) (string, bool) { return "", false }, nil)
	if err != nil {
		return fmt.Errorf("BUG: the demo's configuration is refused: %w", err)
	}
	registry := prometheus.NewRegistry()
	w.sink, err = sink.New(sink.Options{Config: c, Log: w.o.Log, Registerer: registry, UntilEnd: !w.o.Keep})
	if err != nil {
		return err
	}
	if w.o.Keep && w.o.Admin != nil {
		address, stop, err := w.o.Admin(c.Admin, w.sink, registry)
		if err != nil {
			return err
		}
		defer stop()
		w.admin = address
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	began := time.Now()
	ended := make(chan error, 1)
	go func() { ended <- w.sink.Run(running) }()
	if err := w.watch(ctx, ended, began); err != nil {
		stop()
		return errors.Join(err, <-ended)
	}
	verdict := w.summary(ctx)
	if w.o.Keep && verdict == nil {
		w.tour()
		<-ctx.Done()
	}
	stop()
	return errors.Join(verdict, <-ended)
}
