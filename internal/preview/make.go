package preview

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/mapping"
	"github.com/ampersink/ampersink/sink"
	"github.com/ampersink/ampersink/sink/ampersand"
	"github.com/ampersink/ampersink/sink/registry"
)

// Make reads the records and makes their preview.
func Make(ctx context.Context, o Options) (*Document, error) {
	m := &maker{config: o.config, positions: make(map[*model.Write]Position), doc: &Document{Version: Version, Requests: []Request{}, NotSent: []NotSent{}}}
	var err error
	if m.mapper, err = mapping.New(o.routes, o.config.Skip); err != nil {
		return nil, fmt.Errorf("compiling the routes: %w", err)
	}
	m.mapper.Only(names(o.config.Routes))
	if m.api, err = encoder(o.config.Ampersand); err != nil {
		return nil, err
	}
	if c, needed := o.config.Registry(); needed {
		if m.registry, err = registry.New(registry.Options{Config: c, Transport: o.Registry}); err != nil {
			return nil, err
		}
		defer m.registry.Close()
		m.mapper.WithSchemas(m.registry)
	}
	records, read, err := o.read(ctx)
	if err != nil {
		return nil, err
	}
	m.doc.Read = read
	for i := range records {
		if err := m.record(ctx, &records[i]); err != nil {
			return nil, err
		}
	}
	if err := m.requests(); err != nil {
		return nil, err
	}
	m.doc.Summary = m.summary()
	return m.doc, nil
}

// encoder returns a client that can encode and never send.
func encoder(c config.Ampersand) (*ampersand.Client, error) {
	return ampersand.New(ampersand.Options{
		URL: c.URL, Project: c.Project, Timeout: c.Timeout, APIKey: func() string { return "" }, Transport: nowhere{},
	})
}

// nowhere sends nothing.
type nowhere struct{}

// RoundTrip implements http.RoundTripper.
func (nowhere) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("BUG: a preview sends nothing")
}

// maker makes one document.
type maker struct {
	config    *config.Config
	mapper    *mapping.Mapper
	registry  *registry.Client // nil: no route needs one
	api       *ampersand.Client
	doc       *Document
	writes    []*model.Write
	positions map[*model.Write]Position
	items     []model.Item
}

// record maps a record: its writes wait for their batches, its other fates are told.
func (m *maker) record(ctx context.Context, r *model.Record) error {
	m.items = m.mapper.Map(r, m.items[:0])
	for awaited := m.mapper.Awaits(); len(awaited) > 0; awaited = m.mapper.Awaits() {
		for _, id := range slices.Clone(awaited) {
			if err := m.registry.Fetch(ctx, id); err != nil {
				return fmt.Errorf("schema %s, with which %s/%d@%d was written: %w", id, r.Topic, r.Partition, r.Offset, err)
			}
		}
		m.items = m.mapper.Map(r, m.items[:0])
	}
	for i := range m.items {
		it := &m.items[i]
		p := positionOf(r, it)
		if it.Fate.Kind == model.Open {
			m.writes = append(m.writes, it.Write)
			m.positions[it.Write] = p
			continue
		}
		n := NotSent{Position: p, Fate: it.Fate.Kind.String(), Rule: it.Fate.Rule}
		if why := it.Fate.Reason; why != nil {
			n.Reason = &Reason{Stage: string(why.Stage), Code: why.Code, Field: why.Field,
				Message: why.Message, Found: why.Found(), Expected: why.Expected()}
		}
		m.doc.NotSent = append(m.doc.NotSent, n)
	}
	return nil
}

func positionOf(r *model.Record, it *model.Item) Position {
	p := Position{Route: it.Route, Topic: r.Topic, Partition: r.Partition, Offset: r.Offset,
		Timestamp: r.Timestamp.UTC(), Operation: string(it.Operation)}
	switch {
	case r.Key == nil:
	case utf8.Valid(r.Key):
		p.Key = new(string(r.Key))
	default:
		p.KeyBase64 = r.Key
	}
	return p
}

// requests puts the writes into the requests that they would go in, if all of them
// were waiting when the first one goes.
func (m *maker) requests() error {
	var decided, undecided []*model.Write
	for _, w := range m.writes {
		if w.Type == model.Undecided {
			undecided = append(undecided, w)
		} else {
			decided = append(decided, w)
		}
	}
	shown := slices.Clone(m.config.Routes)
	for i := range shown {
		// What is passed on to the CRM may be a credential of it.
		shown[i].Headers = slices.Clone(shown[i].Headers)
		for k, h := range shown[i].Headers {
			shown[i].Headers[k] = h.Hidden()
		}
	}
	for _, b := range batches(m.config.Routes, decided) {
		r := sink.RequestOf(shown, b)
		size := m.api.Encode(sink.RequestOf(m.config.Routes, b)).Len()
		if err := m.request(r, m.api.Encode(r), size); err != nil {
			return err
		}
	}
	// What is not decided yet has no body: it is shown with others that ask for the same.
	for len(undecided) > 0 {
		first, rest := undecided[0], undecided[:0:0]
		r := &ampersand.Request{Destination: first.Destination, Type: model.Undecided}
		for _, w := range undecided {
			if w.Destination == first.Destination && w.Want == first.Want {
				r.Writes = append(r.Writes, w)
			} else {
				rest = append(rest, w)
			}
		}
		if err := m.request(r, new(ampersand.Body), 0); err != nil {
			return err
		}
		undecided = rest
	}
	return nil
}

// batches lets the real scheduler choose, as if each request were answered at once
// and its answer committed before the next one goes.
func batches(routes []config.Route, writes []*model.Write) (all []*batching.Batch) {
	now := time.Unix(0, 0) // no time passes
	s := batching.New(batching.Config{Settings: sink.LaneSettings(routes), Requests: 1})
	s.Drain(now) // nothing waits for company: all that there is has come
	for _, w := range writes {
		s.Add(w, now)
	}
	for b := s.Next(now); b != nil; b = s.Next(now) {
		all = append(all, b)
		s.Finish(b, make([]batching.Then, len(b.Entries)), batching.Verdict{}, now)
		for _, e := range b.Entries {
			s.Settled(e)
		}
		for _, e := range b.Entries {
			s.Durable(e.Write.Conflicts, now)
		}
	}
	return all
}

// request tells of a request.
func (m *maker) request(r *ampersand.Request, body *ampersand.Body, size int) error {
	target, err := url.Parse(m.api.Target(r.Destination))
	if err != nil {
		return fmt.Errorf("ampersand.url: %w", err)
	}
	told := Request{
		Method: ampersand.Method, Path: target.EscapedPath(), Type: r.Type.String(),
		Destination: Destination{Integration: r.Destination.Integration, Group: r.Destination.Group, Object: r.Destination.Object},
		Body:        body.Bytes(), Bytes: size, head: string(body.Head()),
	}
	for _, w := range r.Writes {
		told.Writes = append(told.Writes, m.write(w))
	}
	m.doc.Requests = append(m.doc.Requests, told)
	return nil
}

// write tells of a write.
func (m *maker) write(w *model.Write) Write {
	told := Write{Position: m.positions[w], Becomes: becomes(w), ID: w.ID, Associations: json.RawMessage(w.Associations)}
	if w.Type != model.Delete {
		told.Fields = json.RawMessage("{" + w.Fields + "}")
	}
	n := w.Identity
	if n == nil {
		return told
	}
	if n.Associations != "" {
		told.Associations = json.RawMessage("[" + n.Associations + "]")
	}
	for i := range n.Parents {
		p := &n.Parents[i]
		parent := Parent{Field: p.Field, Column: p.Column, Object: p.Space.Object, IdentitySpace: p.Space.Name}
		if !p.Clear {
			parent.Key = &p.Key
		}
		told.Parents = append(told.Parents, parent)
	}
	return told
}

// becomes says what a write is, or what it can still turn out to be when its id is
// looked up.
func becomes(w *model.Write) string {
	switch {
	case w.Type != model.Undecided:
		return w.Type.String()
	case w.Want == model.Delete:
		return "delete, if the record is known"
	case w.Identity != nil && w.Want == model.Update && !w.Identity.Upsert:
		return "update, if the record is known"
	}
	return "create or update"
}
