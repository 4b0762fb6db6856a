package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/sink"
	"github.com/ampersink/ampersink/sink/ampersand"
)

// process is a running sink and its only ways to the outside: cut, it is to the
// world what a killed process is.
type process struct {
	name     string
	sink     *sink.Sink
	registry *prometheus.Registry
	stop     context.CancelFunc
	ended    chan error // holds how it ended

	api *http.Transport

	mu    sync.Mutex
	cut   bool
	conns map[*conn]struct{}
	// asked counts the requests; open are those under way, by what the CRM knows them as.
	asked int
	open  map[string]struct{}
}

var errKilled = errors.New("the process was killed")

// start runs a sink as a process of its own.
func start(ctx context.Context, name string, c *config.Config, log zerolog.Logger, untilEnd bool) (*process, error) {
	p := &process{
		name: name, registry: prometheus.NewRegistry(), ended: make(chan error, 1),
		conns: make(map[*conn]struct{}), open: make(map[string]struct{}),
	}
	p.api = ampersand.NewTransport(ampersand.TransportOptions{MaxConns: c.Limits.Requests, Dial: p.dial})
	// What a dead process thinks is of no interest.
	log = log.Hook(zerolog.HookFunc(func(e *zerolog.Event, _ zerolog.Level, _ string) {
		if p.gone() {
			e.Discard()
		}
	}))
	var err error
	p.sink, err = sink.New(sink.Options{Config: c, Log: log, Registerer: p.registry, UntilEnd: untilEnd, Dial: p.dial, Transport: p})
	if err != nil {
		return nil, err
	}
	ctx, p.stop = context.WithCancel(ctx)
	go func() { p.ended <- p.sink.Run(ctx) }()
	return p, nil
}

// end stops it and waits for it.
func (p *process) end() error {
	p.stop()
	err := <-p.ended
	p.ended <- err
	p.api.CloseIdleConnections()
	return err
}

// hasEnded reports whether it ran to its end, and how.
func (p *process) hasEnded() (ended bool, err error) {
	select {
	case err := <-p.ended:
		p.ended <- err // for whoever waits for the end
		return true, err
	default:
		return false, nil
	}
}

// kill ends it without a word: from now on nothing leaves it and nothing reaches it.
// What it still has in memory is only waited for, in end.
func (p *process) kill() {
	p.mu.Lock()
	already := p.cut
	p.cut = true
	conns := p.conns
	p.conns = nil
	p.mu.Unlock()
	if already {
		return
	}
	for c := range conns {
		_ = c.Conn.Close()
	}
	p.stop()
}

// interrupted returns the requests that were under way as it was killed.
func (p *process) interrupted() map[string]struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.open)
}

func (p *process) gone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cut
}

func (p *process) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if p.gone() {
		return nil, errKilled
	}
	inner, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		_ = inner.Close()
		return nil, errKilled
	}
	c := &conn{inner, p}
	p.conns[c] = struct{}{}
	return c, nil
}

// RoundTrip implements http.RoundTripper. The CRM is told which process it is that asks, and
// which of its requests this is.
func (p *process) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	if p.cut {
		p.mu.Unlock()
		_ = r.Body.Close()
		return nil, errKilled
	}
	p.asked++
	name := fmt.Sprintf("%s/%d", p.name, p.asked)
	p.open[name] = struct{}{}
	p.mu.Unlock()
	r = r.Clone(r.Context())
	r.Header.Set("X-Sandbox-Client", name)
	resp, err := p.api.RoundTrip(r)
	if err != nil {
		p.answered(name)
		return nil, err
	}
	resp.Body = &answer{resp.Body, func() { p.answered(name) }}
	return resp, nil
}

// answered says that a request is over. Those that the kill interrupts stay open.
func (p *process) answered(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.cut {
		delete(p.open, name)
	}
}

// answer is the body of an answer.
type answer struct {
	io.ReadCloser
	read func()
}

func (a *answer) Close() error {
	a.read()
	return a.ReadCloser.Close()
}

// conn is a connection of a process.
type conn struct {
	net.Conn
	process *process
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.process.gone() {
		return 0, errKilled
	}
	return n, err
}

func (c *conn) Write(b []byte) (int, error) {
	if c.process.gone() {
		return 0, errKilled
	}
	return c.Conn.Write(b)
}

func (c *conn) Close() error {
	c.process.mu.Lock()
	delete(c.process.conns, c)
	c.process.mu.Unlock()
	return c.Conn.Close()
}
