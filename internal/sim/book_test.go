//go:build synctests

package sim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ampersink/ampersink/internal/sandbox"
)

// call is what a request did to one record, as the CRM saw it.
type call struct {
	sandbox.Event
	*route
	process string
	request int
	row     string            // its key
	version int64             // the number of its event; 0 for a delete, which tells nothing
	links   map[string]string // by field: the CRM id that it names; empty for null, absent where it is left out
}

func (c *call) applied() bool { return c.Kind == sandbox.Applied }

// record is a record of the CRM, and what it was made by.
type record struct {
	*call
	deleted time.Time
	told    bool // somebody was told its id, or knew it
}

// book is everything that the CRM was asked, in order.
type book struct {
	routes map[string]*route // by object

	mu      sync.Mutex
	calls   []*call
	records map[string]*record // by id
	made    []*record          // in order
	ends    []time.Time        // of requests, by their numbers
}

func newBook(routes []*route) *book {
	b := &book{routes: make(map[string]*route), records: make(map[string]*record)}
	for _, x := range routes {
		b.routes[x.object] = x
	}
	return b
}

// note is told by the sandbox what happened to a record.
func (b *book) note(e sandbox.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := &call{Event: e, route: b.routes[e.Object], links: make(map[string]string)}
	process, request, _ := strings.Cut(e.Client, " ")
	c.process = process
	c.request, _ = strconv.Atoi(request)
	c.read(bytes.Clone(e.Record))
	r := b.records[e.ID]
	switch {
	case e.Type == "create" && c.applied():
		r = &record{call: c, told: e.Answer == sandbox.Told}
		b.records[e.ID], b.made = r, append(b.made, r)
	case r == nil:
	case e.Type == "delete":
		if c.row = r.row; c.applied() {
			r.deleted = e.At
		}
	case c.applied():
		r.told = true
	}
	b.calls = append(b.calls, c)
}

func (c *call) read(text json.RawMessage) {
	var fields map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if d.Decode(&fields) != nil {
		return
	}
	c.row = plain(fields["external"])
	c.version, _ = strconv.ParseInt(plain(fields["version"]), 10, 64)
	for _, p := range c.parents {
		if v, there := fields[p.field]; there {
			c.links[p.field] = plain(v)
		}
	}
}

// plain is a value as a text; empty for null.
func plain(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// said shows what a request did.
func (b *book) said(number int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var s strings.Builder
	for _, c := range b.calls {
		if c.request == number {
			fmt.Fprintf(&s, " [%s %s %s@%d %s %v %s %s %s %s]", c.Type, c.name, c.row, c.version, c.ID, c.links, c.Kind, c.Answer, c.Code, c.Fault)
		}
	}
	return s.String()
}

// counter gives each request a number, by which the book knows its sender and its end.
type counter struct {
	transport http.RoundTripper
	book      *book
	trace     *trace
}

func (c *counter) roundTrip(process string, r *http.Request) (*http.Response, error) {
	b := c.book
	b.mu.Lock()
	number := len(b.ends)
	b.ends = append(b.ends, time.Time{})
	b.mu.Unlock()
	r = r.Clone(r.Context())
	r.Header.Set("X-Sandbox-Client", fmt.Sprint(process, " ", number))
	resp, err := c.transport.RoundTrip(r)
	b.mu.Lock()
	b.ends[number] = time.Now()
	b.mu.Unlock()
	if said := b.said(number); said != "" {
		c.trace.add("api: %s: %s", process, said)
	}
	return resp, err
}

// text is a field of a record as a text; empty for null.
func text(fields map[string]json.RawMessage, name string) string {
	var v any
	d := json.NewDecoder(bytes.NewReader(fields[name]))
	d.UseNumber()
	_ = d.Decode(&v)
	return plain(v)
}
