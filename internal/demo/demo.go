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
	// patience bounds the demo, which promises to end within a minute.
	patience = 55 * time.Second
)

// world is everything that a demo runs.
type world struct {
	o       Options
	cluster *kfake.Cluster
	crm     *sandbox.Server
	witness witness
	api     string // base URL
	stopAPI func()
	stream  *stream
	own     map[string]map[string]any // the CRM's own records, by id
	text    string                    // the configuration
	config  *config.Config

	began         time.Time
	took          time.Duration
	first, second *process
	killed        killed
	committed     int64  // events that the commits covered at the kill
	admin         string // address of the pages
	shown         string // the last line of progress
}

// Run runs the demo. It returns an error when what came out does not add up.
func Run(ctx context.Context, o Options) (err error) {
	w := &world{o: o, witness: witness{creates: make(map[string]*creates)}}
	if err := w.open(); err != nil {
		return err
	}
	defer w.close()
	if err := w.fill(ctx); err != nil {
		return err
	}
	w.say("%d change events of a shop are in Kafka: a snapshot of three tables, then inserts, updates and deletes", len(w.stream.records))
	w.say("of %d tenants. No row knows its CRM record, and %d of them are in the CRM already. Some events the CRM", len(tenants), w.known())
	w.say("refuses, some are broken, some answers get lost; and in the middle the process is killed.")
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
	unique := make(map[string][]string)
	for _, table := range tables {
		unique[routes[table].object] = nil
	}
	w.crm, err = sandbox.New(sandbox.Options{
		CRM: sandbox.HubSpot, APIKey: apiKey, Latency: latency, IndexLag: indexLag, Unique: unique, References: true,
		Observe: w.witness.observe,
	})
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

// fill puts the events into Kafka, and into the CRM what it has before them.
func (w *world) fill(ctx context.Context) error {
	w.stream = generate(w.o.Events, w.o.Seed, time.Now().Add(-time.Hour).Truncate(time.Millisecond))
	w.own = make(map[string]map[string]any)
	for _, r := range w.stream.before {
		ids, err := w.crm.Seed(integration, r.tenant, routes[r.table].object, []map[string]any{r.fields})
		if err != nil {
			return fmt.Errorf("BUG: a record is refused: %w", err)
		}
		if r.own {
			w.own[ids[0]] = r.fields
		}
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(w.cluster.ListenAddrs()...))
	if err != nil {
		return err
	}
	defer client.Close()
	records := make([]*kgo.Record, len(w.stream.records))
	for i, r := range w.stream.records {
		records[i] = &kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value, Timestamp: r.Timestamp}
	}
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return fmt.Errorf("filling the topics: %w", err)
	}
	for i, r := range records {
		w.stream.records[i].Partition, w.stream.records[i].Offset = r.Partition, r.Offset
	}
	return nil
}

// known is how many rows the CRM has a record of before it is told of them.
func (w *world) known() int { return len(w.stream.before) - len(w.own) }

// weather is what happens to some requests: what is lost was applied or was not, and
// nobody is told which.
func weather() sandbox.Faults {
	return sandbox.Faults{
		{Name: "answer lost", Type: "create", Do: sandbox.DoReset, Apply: "yes", Every: 15},
		{Name: "request lost", Type: "create", Do: sandbox.DoReset, Every: 25, Count: 2},
		{Name: "answer cut", Type: "update", Do: sandbox.DoCut, Every: 25},
		{Name: "overloaded", Do: sandbox.DoStatus, Status: http.StatusServiceUnavailable, Every: 60},
	}
}

// work runs a process over the events, kills it, and runs another one to the end.
func (w *world) work(ctx context.Context) (err error) {
	if err := w.configure(); err != nil {
		return err
	}
	if err := w.crm.SetFaults(weather()); err != nil {
		return err
	}
	w.began = time.Now()
	if w.first, err = start(ctx, "first", w.config, w.o.Log, false); err != nil {
		return err
	}
	w.witness.strike = w.first.kill
	err = w.watchUntilKilled(ctx)
	w.first.kill()
	defer func() { _ = w.first.end() }() // what a killed process ends with is nobody's
	if err != nil {
		return err
	}
	if err := w.lookAtTheDead(ctx); err != nil {
		return err
	}
	return w.goOn(ctx)
}

// configure reads the configuration, as a user's is read.
func (w *world) configure() (err error) {
	admin := ""
	if w.o.Keep {
		admin = "127.0.0.1:0"
	}
	w.text = configuration(w.cluster.ListenAddrs(), w.api+"/v1", admin)
	w.config, err = config.Parse("demo.yaml", []byte(w.text), func(string) (string, bool) { return "", false }, nil)
	if err != nil {
		return fmt.Errorf("BUG: the demo's configuration is refused: %w", err)
	}
	return nil
}

// goOn runs the second process to the end, and says what came out.
func (w *world) goOn(ctx context.Context) (err error) {
	if w.second, err = start(ctx, "second", w.config, w.o.Log, !w.o.Keep); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.second.end()) }()
	if w.o.Keep && w.o.Admin != nil {
		address, stop, err := w.o.Admin(w.config.Admin, w.second.sink, w.second.registry)
		if err != nil {
			return err
		}
		defer stop()
		w.admin = address
	}
	if err := w.watchToTheEnd(ctx); err != nil {
		return err
	}
	w.took = time.Since(w.began)
	if err := w.summary(ctx); err != nil {
		return err
	}
	if w.o.Keep {
		w.tour()
		<-ctx.Done()
	}
	return nil
}
