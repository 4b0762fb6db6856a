package sink

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/mapping"
	"github.com/ampersink/ampersink/sink/ampersand"
	"github.com/ampersink/ampersink/sink/kafka"
)

// Options is what a Sink is made of. Every boundary is handed in; a nil one is
// the real thing.
type Options struct {
	Config *config.Config
	Log    zerolog.Logger
	// Registerer takes the metrics; nil: they are counted and not exported.
	Registerer prometheus.Registerer
	// Dial opens connections to Kafka.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Transport sends requests to the API, Registry to the schema registry.
	Transport, Registry http.RoundTripper
	// Rand is the source of jitter.
	Rand rand.Source
	// UntilEnd ends the run at the end offsets seen at its start.
	UntilEnd bool
}

// Sink runs once: make another one to run again.
type Sink struct {
	options Options
	config  *config.Config
	log     zerolog.Logger
	metrics *metrics
	mapper  *mapping.Mapper
	api     *ampersand.Client
	kafka   *kafka.Client
	letters *letters
	commits *committer
	started time.Time

	requests      sync.WaitGroup
	requestCtx    context.Context
	cancelRequest context.CancelCauseFunc
	wake          chan struct{} // pump soon: the lease came back, or time made a batch due
	fault         faultOnce

	mu       sync.Mutex
	sched    *batching.Scheduler
	parts    map[model.TopicPartition]*partition
	memory   budget
	shares   shares
	floods   floods
	totals   Totals
	inFlight map[*batching.Entry]*flight
	identity *identities
	changed  chan struct{} // closed and replaced whenever a write is settled
	stopping bool          // draining: nothing new is taken in
	closed   bool          // the drain is over: nothing is sent any more
	keys     apiKey
	lookups  lookups

	leftOut leftOut                        // the intake's
	rewinds map[model.TopicPartition]int64 // the intake's: where partitions are read from again
}

// New checks what it is given and makes a sink. Nothing is started.
func New(o Options) (*Sink, error) {
	if o.Registerer == nil {
		o.Registerer = prometheus.NewRegistry()
	}
	if o.Rand == nil {
		o.Rand = rand.NewPCG(rand.Uint64(), rand.Uint64())
	}
	mapper, err := mapping.New(o.Config.Routes, o.Config.Skip)
	if err != nil {
		return nil, fmt.Errorf("compiling the routes: %w", err)
	}
	s := &Sink{
		options: o, config: o.Config, log: o.Log, mapper: mapper,
		wake:     make(chan struct{}, 1),
		parts:    make(map[model.TopicPartition]*partition),
		memory:   newBudget(int64(o.Config.Limits.Memory)),
		shares:   newShares(o.Config),
		floods:   newFloods(o.Config.Flood),
		totals:   newTotals(),
		inFlight: make(map[*batching.Entry]*flight),
		changed:  make(chan struct{}),
		keys:     newAPIKey(o.Config.Ampersand),
		rewinds:  make(map[model.TopicPartition]int64),
	}
	if err := s.useRegistry(); err != nil {
		return nil, err
	}
	if s.metrics, err = newMetrics(o.Registerer, s); err != nil {
		return nil, err
	}
	transport := o.Transport
	if transport == nil {
		transport = ampersand.NewTransport(ampersand.TransportOptions{MaxConns: o.Config.Limits.Requests})
	}
	s.api, err = ampersand.New(ampersand.Options{
		URL: o.Config.Ampersand.URL, SearchURL: o.Config.Ampersand.SearchURL, Project: o.Config.Ampersand.Project, APIKey: s.keys.current,
		Timeout: o.Config.Ampersand.Timeout, Transport: transport, UserAgent: "ampersink",
	})
	if err != nil {
		return nil, err
	}
	s.identity = newIdentities(s)
	s.sched = batching.New(batching.Config{
		Settings: LaneSettings(o.Config.Routes), Requests: o.Config.Limits.Requests,
		NewBackoff: s.newBackoff, Patience: o.Config.Retry.Patience, Resolve: s.identity.resolve,
	})
	return s, nil
}

// LaneSettings returns how the writes of a destination travel. Routes that share
// one agree (the configuration is refused otherwise), so any of them tells.
func LaneSettings(routes []config.Route) func(model.Destination) batching.Settings {
	type object struct{ integration, object, group string }
	table := make(map[object]batching.Settings)
	for _, r := range routes {
		table[object{r.To.Integration, r.To.Object, r.To.Group.Value}] = batching.Settings{
			Size: r.Batch.Size, Bytes: int64(r.Batch.Bytes), Linger: r.Batch.Linger, InFlight: r.Batch.InFlight,
		}
	}
	return func(d model.Destination) batching.Settings {
		if s, ok := table[object{d.Integration, d.Object, d.Group}]; ok {
			return s
		}
		return table[object{d.Integration, d.Object, ""}]
	}
}

// newBackoff makes the backoff of a pause. backoff/v4 would draw its jitter from the
// global random source, so its own is switched off and ours added.
func (s *Sink) newBackoff() batching.Backoff {
	b := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(s.config.Retry.Initial),
		backoff.WithMaxInterval(s.config.Retry.Max),
		backoff.WithMaxElapsedTime(0), // patience is the lane's: the record never dies of an outage
		backoff.WithRandomizationFactor(0),
	)
	return &jittered{b, rand.New(s.options.Rand)}
}

// jittered spreads a backoff by a half to each side with the random source that
// was handed in: backoff/v4 draws from the global one. It is used under Sink.mu.
type jittered struct {
	backoff.BackOff
	random *rand.Rand
}

func (j *jittered) NextBackOff() time.Duration {
	d := j.BackOff.NextBackOff()
	return d/2 + time.Duration(j.random.Int64N(int64(d)+1))
}

// Errors that end a run.
var (
	// errStopped is the cause when the caller asked for the end.
	errStopped = errors.New("the sink was asked to stop")
	// errEnd is the cause when --until-end has reached its end.
	errEnd = errors.New("the end offsets are reached")
)

// faultOnce keeps the first fault and tells that there is one.
type faultOnce struct {
	once   sync.Once
	err    atomic.Pointer[error]
	cancel context.CancelCauseFunc
}

func (f *faultOnce) set(err error) {
	f.once.Do(func() {
		f.err.Store(&err)
		f.cancel(err)
	})
}

func (f *faultOnce) get() error {
	if p := f.err.Load(); p != nil {
		return *p
	}
	return nil
}
