package ampersand

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

// DefaultMaxAnswer bounds an answer in bytes. 100 entries that repeat their
// records in `data` stay below 1 MiB; what is much larger is not the API's, and
// limits.requests of them at once must not burst the process.
const DefaultMaxAnswer = 8 << 20

// Options are what a client needs.
type Options struct {
	URL string // ampersand.url, with its version: https://write.withampersand.com/v1
	// SearchURL is ampersand.search_url, in the same form; empty: the client does not search.
	SearchURL string
	Project   string // name or id
	// APIKey is asked once per request, so that a key read again takes effect.
	APIKey func() string
	// Timeout bounds one request, from connecting to the last byte of the answer.
	Timeout time.Duration
	// Transport is NewTransport's, or a test's. Redirects are never followed: it is
	// used without an http.Client.
	Transport http.RoundTripper
	MaxAnswer int64 // bytes; 0: DefaultMaxAnswer
	UserAgent string
}

// Client sends requests. It is safe for concurrent use and starts no goroutine.
type Client struct {
	o      Options
	write  endpoint
	search endpoint
	slots  sync.Pool // of *scratch
}

// endpoint is where requests go to, up to the integration.
type endpoint struct{ base, host string }

// newEndpoint reads an address of the configuration.
func newEndpoint(key, address, project string) (endpoint, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return endpoint{}, fmt.Errorf("%s: %w", key, err)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return endpoint{}, fmt.Errorf("%s: %q is no http or https URL", key, u.Redacted())
	}
	return endpoint{
		base: strings.TrimSuffix(address, "/") + "/projects/" + url.PathEscape(project) + "/integrations/",
		host: u.Host,
	}, nil
}

// New returns a client, or an error for options that no request could be sent with.
func New(o Options) (*Client, error) {
	write, err := newEndpoint("ampersand.url", o.URL, o.Project)
	var search endpoint
	if o.SearchURL != "" && err == nil {
		search, err = newEndpoint("ampersand.search_url", o.SearchURL, o.Project)
	}
	switch {
	case err != nil:
		return nil, err
	case o.Project == "":
		return nil, errors.New("ampersand.project: missing")
	case o.Timeout <= 0:
		return nil, fmt.Errorf("ampersand.timeout: %s is not positive", o.Timeout)
	case o.APIKey == nil || o.Transport == nil:
		return nil, errors.New("BUG: a client needs APIKey and Transport")
	}
	if o.MaxAnswer == 0 {
		o.MaxAnswer = DefaultMaxAnswer
	}
	c := &Client{o: o, write: write, search: search}
	c.slots.New = func() any { return newScratch() }
	return c, nil
}

// Send makes one request of a batch and returns what became of it: one outcome
// per write of r, in its order. It never fails otherwise. b is r's body.
//
// release is called for each connection that is tried, when the request gets it
// and again directly before the first byte of the body, and must not block. If it
// refuses once, nothing is sent and the answer's code is CodeNotReleased with the
// error's text. A nil release always agrees.
func (c *Client) Send(ctx context.Context, r *Request, b *Body, release func() error) model.Answer {
	if b.n != len(r.Writes) || b.kind != r.Type {
		panic("BUG: the body is another request's")
	}
	x := exchange{
		c: c, host: c.write.host, want: r.Writes, target: c.Target(r.Destination),
		gate: newGate(b, r.Type == model.Create, release),
	}
	var a model.Answer
	x.within(func() { a = classify(r, x.do(ctx)) })
	return a
}

// Method is the method of every request.
const Method = http.MethodPost

// Target returns the URL that the requests of a destination go to.
func (c *Client) Target(d model.Destination) string {
	return c.write.base + url.PathEscape(d.Integration) + "/objects/" + url.PathEscape(d.Object)
}

// exchange is one request and its answer.
type exchange struct {
	c      *Client
	target string // URL
	host   string // of it
	search bool
	want   []*model.Write // those of a batch
	gate   *gate
	// delicate are the filters of a search whose matches are looked at.
	delicate []Filter

	s    *scratch
	tidy tidier
	a    answer
}

// within lends the exchange a scratch, which its answer lies in, while f runs.
func (x *exchange) within(f func()) {
	x.s = x.c.slots.Get().(*scratch)
	defer func() {
		if x.s.body.Cap() <= keptBody {
			x.c.slots.Put(x.s)
		}
	}()
	f()
}

var errTimeout = errors.New("timeout")

func (x *exchange) do(ctx context.Context) *answer {
	key := x.c.o.APIKey()
	x.tidy.secret, x.a.search = key, x.search
	within, cancel := context.WithTimeoutCause(ctx, x.c.o.Timeout, errTimeout)
	defer cancel()
	req, err := x.request(within, key)
	if err != nil {
		x.a.lost, x.a.message = CodeUnreachable, x.tidy.message(err.Error())
		return &x.a
	}
	resp, err := x.c.o.Transport.RoundTrip(req) //nolint:bodyclose // receive closes it
	if err == nil {
		x.a.status = resp.StatusCode
		err = x.receive(resp)
	}
	sent, refused := x.gate.close()
	x.a.sent, x.a.large = sent.some, x.a.large && sent.all
	switch {
	case x.a.status == 0 && refused != nil:
		x.a.lost, x.a.message = CodeNotReleased, x.tidy.message(refused.Error())
	case err != nil && x.matters():
		x.a.lost, x.a.message = x.explain(ctx, within, err)
	case !sent.all && x.matters():
		// A proxy that repeats its last answer is ahead of the request that it is taken for.
		x.a.lost = CodeUnknownAnswer
		x.a.message = fmt.Sprintf("POST %s: HTTP %d came before the request had left", x.host, x.a.status)
	}
	return &x.a
}

// matters reports whether the body decides, so that its loss is the answer's.
func (x *exchange) matters() bool {
	row := rowOf(x.a.status)
	return x.a.status == 0 || x.search && row.searches == read || !x.search && row.others == read
}

func (x *exchange) request(ctx context.Context, key string) (*http.Request, error) {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: x.gate.connected})
	req, err := http.NewRequestWithContext(ctx, Method, x.target, &x.gate.first)
	if err != nil {
		return nil, err
	}
	req.ContentLength = int64(len(x.gate.body))
	req.GetBody = x.gate.again
	req.Header = http.Header{
		"Content-Type": {"application/json"},
		"Accept":       {"application/json, application/problem+json"},
		"X-Api-Key":    {key},
	}
	if x.search {
		// The service's example of a search has it, the published schema does not.
		req.Header["X-Amp-Request-Type"] = []string{"search"}
	}
	if x.c.o.UserAgent != "" {
		req.Header["User-Agent"] = []string{x.c.o.UserAgent}
	}
	return req, nil
}

// errTooLarge is an answer over MaxAnswer.
var errTooLarge = errors.New("the answer is too large")

// errPage is an answer that is no JSON.
var errPage = errors.New("the answer is no JSON")

// receive reads an answer to its end, so that the connection can be used again,
// and parses it.
func (x *exchange) receive(resp *http.Response) error {
	defer func() { _ = resp.Body.Close() }()
	x.s.body.Reset()
	n, err := x.s.body.ReadFrom(io.LimitReader(resp.Body, x.c.o.MaxAnswer+1))
	if err == nil && n > x.c.o.MaxAnswer {
		// The rest is not drained: closing the connection is cheaper.
		err, x.a.large = errTooLarge, true
		x.s.body.Truncate(int(x.c.o.MaxAnswer))
	}
	if parsing := x.parse(); err == nil {
		err = parsing
	}
	x.a.after = wish(resp.Header, x.a.reply.retryAfter)
	x.a.reply.final = x.a.reply.final || strings.EqualFold(resp.Header.Get("X-Amp-Retryable"), "false")
	if x.a.reply.requestID == "" {
		x.a.reply.requestID = resp.Header.Get("X-Request-Id")
	}
	x.a.reply.requestID = x.tidy.message(x.a.reply.requestID)
	x.a.reply.operationID = x.tidy.message(x.a.reply.operationID)
	return err
}

// parse reads the body as JSON; what is none is kept as one sentence.
func (x *exchange) parse() error {
	raw, err := x.s.body.Bytes(), errPage
	if key := []byte(x.tidy.secret); len(key) >= minSecret && bytes.Contains(raw, key) {
		clean := bytes.ReplaceAll(raw, key, []byte(secretShown))
		x.s.body.Reset()
		x.s.body.Write(clean)
		raw = x.s.body.Bytes()
	}
	if first := bytes.TrimLeft(raw, " \t\r\n"); len(first) > 0 && first[0] == '{' {
		x.a.reply, err = x.s.parse(x.want, x.search, x.delicate, &x.tidy)
		if err == nil || x.a.reply.why.said() {
			x.a.json = true
			return err
		}
	}
	x.a.reply.succeeded, x.a.reply.failed = notSaid, notSaid
	if text := string(bytes.ToValidUTF8(raw[:min(len(raw), maxPage)], nil)); strings.TrimSpace(text) != "" {
		x.a.reply.why.texts = []string{text}
		x.a.reply.why.message = x.tidy.message(text)
	}
	return err
}

// maxPage bounds how much of a text is searched for codes and words, in bytes.
const maxPage = 8 << 10

// explain says why there is no answer.
func (x *exchange) explain(ctx, within context.Context, err error) (code, message string) {
	where := "POST " + x.host
	switch {
	case ctx.Err() != nil:
		return CodeCancelled, x.tidy.message(context.Cause(ctx).Error())
	case !x.a.sent && x.a.status == 0:
		if within.Err() != nil {
			err = fmt.Errorf("no connection within %s", x.c.o.Timeout)
		}
		return CodeUnreachable, x.tidy.message(where + ": " + err.Error())
	case within.Err() != nil:
		return CodeTimeout, x.tidy.message(fmt.Sprintf(
			"%s: no whole answer within %s; raise ampersand.timeout if the CRM is that slow", where, x.c.o.Timeout))
	case x.a.status == 0:
		return CodeNoAnswer, x.tidy.message(where + ": the connection ended before an answer: " + err.Error())
	case errors.Is(err, errShape):
		return CodeUnknownAnswer, x.tidy.message(fmt.Sprintf("%s: HTTP %d: %s", where, x.a.status, err))
	}
	return CodeUnreadable, x.tidy.message(fmt.Sprintf("%s: HTTP %d with an answer that cannot be read: %s %s",
		where, x.a.status, err, x.a.reply.why.message))
}
