package registry

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// Options is what a Client is made of.
type Options struct {
	Config config.SchemaRegistry
	// Transport sends requests; nil: the network.
	Transport http.RoundTripper
}

// Client asks a registry. It is safe for concurrent use and starts no goroutine.
type Client struct {
	url  string
	api  *sr.Client
	idle func()

	mu      sync.Mutex
	known   map[model.SchemaID]*model.Schema
	size    int64 // of all that are known
	missing map[model.SchemaID]time.Time
	doubts  doubts
}

const (
	// maxKnown bounds the texts of the schemas that are kept: those of thousands of tables.
	maxKnown = 32 << 20
	// maxMissing bounds the ids that are remembered as missing, at 40 bytes each.
	maxMissing = 64 << 10
	// forgetMissing is how long an id stays missing before it is asked for again: it may have
	// been registered since, by hand or from a backup.
	forgetMissing = time.Minute
	// confirmAfter is when an id that is missing is asked for a second time: the nodes of a
	// registry hear of a new schema within milliseconds of one another.
	confirmAfter = time.Second
	// maxDoubts is how many ids are confirmed within a minute. More of them are not of schemas
	// that are new: a topic that is not what its route says has an id in every record.
	maxDoubts = 20
)

// New returns a client for the registry of the configuration.
func New(o Options) (*Client, error) {
	transport, idle := o.Transport, func() {}
	if transport == nil {
		t, err := newTransport(o.Config)
		if err != nil {
			return nil, err
		}
		transport, idle = t, t.CloseIdleConnections
	}
	options := []sr.ClientOpt{
		sr.URLs(o.Config.URL), sr.UserAgent("ampersink"),
		sr.HTTPClient(&http.Client{
			Transport: bounded{transport}, Timeout: o.Config.Timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}),
	}
	if o.Config.User != "" {
		options = append(options, sr.BasicAuth(o.Config.User, o.Config.Password.Reveal()))
	}
	api, err := sr.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("kafka.schema_registry: %w", err)
	}
	return &Client{url: o.Config.URL, api: api, idle: idle, known: make(map[model.SchemaID]*model.Schema), missing: make(map[model.SchemaID]time.Time)}, nil
}

// URL returns the address of the registry.
func (c *Client) URL() string { return c.url }

// Close closes the connections that nothing uses.
func (c *Client) Close() { c.idle() }

// Schema returns what is known of a schema.
func (c *Client) Schema(id model.SchemaID) (*model.Schema, model.SchemaState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.known[id]; s != nil {
		return s, model.SchemaKnown
	}
	if id.Number > math.MaxInt32 {
		return nil, model.SchemaMissing // no registry gives such a number
	}
	since, missing := c.missing[id]
	if missing && time.Since(since) < forgetMissing {
		return nil, model.SchemaMissing
	}
	return nil, model.SchemaAwaited
}

// Fetch asks the registry for a schema. It returns nil when it is known now, or known to
// be missing, and an *Unavailable when the registry could not be asked.
func (c *Client) Fetch(ctx context.Context, id model.SchemaID) error {
	s, err := c.ask(ctx, id)
	if errors.Is(err, errMissing) && c.doubt(time.Now()) {
		select {
		case <-ctx.Done():
			return unavailable(ctx.Err(), c.url)
		case <-time.After(confirmAfter):
		}
		s, err = c.ask(ctx, id)
	}
	switch {
	case err == nil:
		c.learn(id, s)
		return nil
	case errors.Is(err, errMissing):
		c.lack(id)
		return nil
	}
	return unavailable(err, c.url)
}

func (c *Client) learn(id model.SchemaID, s *model.Schema) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.missing, id)
	if old := c.known[id]; old != nil {
		c.size -= old.Size()
	}
	if c.size += s.Size(); c.size > maxKnown {
		clear(c.known)
		c.size = s.Size()
	}
	c.known[id] = s
}

func (c *Client) lack(id model.SchemaID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.missing) >= maxMissing {
		clear(c.missing)
	}
	c.missing[id] = time.Now()
}

// doubts counts the ids that were missing lately.
type doubts struct {
	since time.Time
	n     int
}

// doubt reports whether a missing id is worth a second question.
func (c *Client) doubt(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.doubts.since) >= time.Minute {
		c.doubts = doubts{since: now}
	}
	c.doubts.n++
	return c.doubts.n <= maxDoubts
}

// Check looks whether the registry answers and takes the login, by asking for a schema
// that no registry has: that needs no other right than the sink does.
func (c *Client) Check(ctx context.Context) error {
	if _, err := c.one(ctx, model.SchemaID{Number: noSchema}); err != nil && !errors.Is(err, errMissing) {
		return unavailable(err, c.url)
	}
	return nil
}
