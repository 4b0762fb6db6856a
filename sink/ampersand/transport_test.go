package ampersand

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

const written3 = `{"operationId":"op","successCount":3,"failureCount":0}`

// lostOutcomes is what a lost answer means: unknown for a create that left, else
// tried again with the lane.
func lostOutcomes(typ model.Type, sent bool) string {
	one := "retry lane"
	if typ == c && sent {
		one = "unknown"
	}
	if typ == d {
		return one
	}
	return one + ", " + one + ", " + one
}

func count(typ model.Type) int {
	if typ == d {
		return 1
	}
	return 3
}

// inMemory runs f in virtual time with an API that answers on in-memory
// connections.
func inMemory(t *testing.T, api http.Handler, f func(t *testing.T, cl *Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		server := &http.Server{Handler: api}
		go func() { _ = server.Serve(l) }()
		transport := NewTransport(TransportOptions{MaxConns: 1, Dial: l.dial})
		f(t, client(t, "http://api.example/v1", func(o *Options) { o.Transport, o.Timeout = transport, time.Minute }))
		transport.CloseIdleConnections()
		_ = server.Close()
	})
}

type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.IPAddr{} }

func TestTimeoutAfterTheRequestWasSent(t *testing.T) {
	t.Parallel()
	for name, begun := range map[string]string{"no answer": "", "half an answer": written3[:10]} {
		for _, typ := range [...]model.Type{c, u, d} {
			t.Run(name+"/"+typ.String(), func(t *testing.T) {
				t.Parallel()
				inMemory(t, unanswered(begun), func(t *testing.T, cl *Client) {
					r := request(typ, count(typ))
					start := time.Now()
					a := cl.Send(t.Context(), r, cl.Encode(r), nil)
					if took := time.Since(start); took != time.Minute {
						t.Errorf("took %s", took)
					}
					if !a.Sent || a.Code != CodeTimeout || shown(a) != lostOutcomes(typ, true) {
						t.Errorf("%+v", a)
					}
				})
			})
		}
	}
}

func TestCancelledWithACause(t *testing.T) {
	t.Parallel()
	for _, typ := range [...]model.Type{c, u, d} {
		t.Run("after it was sent/"+typ.String(), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(context.Background())
			api := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				cancel(errors.New("the drain bound passed"))
				<-r.Context().Done()
			})
			inMemory(t, api, func(t *testing.T, cl *Client) {
				r := request(typ, count(typ))
				a := cl.Send(ctx, r, cl.Encode(r), nil)
				if !a.Sent || a.Code != CodeCancelled || a.Message != "the drain bound passed" || shown(a) != lostOutcomes(typ, true) {
					t.Errorf("%+v", a)
				}
			})
		})
		t.Run("before it was sent/"+typ.String(), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(context.Background())
			cancel(errors.New("the partition is lost"))
			inMemory(t, said{status: 200, body: written3}, func(t *testing.T, cl *Client) {
				r := request(typ, count(typ))
				a := cl.Send(ctx, r, cl.Encode(r), nil)
				if a.Sent || a.Code != CodeCancelled || a.Message != "the partition is lost" || shown(a) != lostOutcomes(typ, false) {
					t.Errorf("%+v", a)
				}
			})
		})
	}
}

func TestConnectionIsReusedWhateverTheAnswer(t *testing.T) {
	t.Parallel()
	var conns, requests atomic.Int64
	api := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := [...]int{200, 400, 401, 404, 413, 422, 429, 500, 503, 302}[requests.Add(1)%10]
		said{status: status, body: strings.Repeat(" ", 20_000) + written3, header: header("Location", "/")}.ServeHTTP(w, r)
	}))
	api.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	api.Start()
	defer api.Close()
	cl := client(t, api.URL)
	r := request(u, 3)
	b := cl.Encode(r)
	for range 40 {
		if a := cl.Send(context.Background(), r, b, nil); a.Status == 0 {
			t.Fatalf("%+v", a)
		}
	}
	if conns.Load() != 1 || requests.Load() != 40 {
		t.Errorf("%d connections for %d requests", conns.Load(), requests.Load())
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the body was sent elsewhere") }))
	defer elsewhere.Close()
	for _, status := range [...]int{301, 302, 303, 307, 308} {
		a := ask(t, request(c, 3), said{status: status, header: header("Location", elsewhere.URL)})
		if a.Status != status || shown(a) != "unknown, unknown, unknown" {
			t.Errorf("%+v", a)
		}
	}
}

// TestHTTP2: our transport does not use it; with one that does, creates are not
// sent again either.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	var proto atomic.Int64
	api := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proto.Store(int64(r.ProtoMajor))
		if _, _ = io.Copy(io.Discard, r.Body); requests.Add(1) > 2 {
			panic(http.ErrAbortHandler) // resets the stream
		}
		said{status: 200, body: written3}.ServeHTTP(w, r)
	}))
	api.EnableHTTP2 = true
	api.StartTLS()
	defer api.Close()
	trust := &tls.Config{RootCAs: api.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	r := request(c, 3)
	send := func(rt *http.Transport, release func() error) model.Answer {
		defer rt.CloseIdleConnections()
		cl := client(t, api.URL, func(o *Options) { o.Transport = rt })
		return cl.Send(context.Background(), r, cl.Encode(r), release)
	}
	if a := send(NewTransport(TransportOptions{MaxConns: 2, TLS: trust.Clone()}), nil); shown(a) != "written, written, written" || proto.Load() != 1 {
		t.Errorf("HTTP/%d %+v", proto.Load(), a)
	}
	second := &http.Transport{TLSClientConfig: trust.Clone(), ForceAttemptHTTP2: true}
	if a := send(second, nil); shown(a) != "written, written, written" || proto.Load() != 2 {
		t.Errorf("HTTP/%d %+v", proto.Load(), a)
	}
	if a := send(second, nil); !a.Sent || a.Code != CodeNoAnswer || shown(a) != "unknown, unknown, unknown" {
		t.Errorf("%+v", a)
	}
	if n := requests.Load(); n != 3 {
		t.Errorf("%d requests", n)
	}
	if a := send(second, func() error { return errLease }); a.Sent || a.Code != CodeNotReleased || shown(a) != "retry lane, retry lane, retry lane" {
		t.Errorf("%+v", a)
	}
}

// TestIdleConnectionIsLeftAfterHalfAMinute: after 30 s of silence the next
// request opens a connection of its own.
func TestIdleConnectionIsLeftAfterHalfAMinute(t *testing.T) {
	t.Parallel()
	inMemory(t, said{status: 200, body: written3}, func(t *testing.T, cl *Client) {
		r := request(c, 3)
		b := cl.Encode(r)
		dials := 0
		transport := cl.o.Transport.(*http.Transport)
		dial := transport.DialContext
		transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			dials++
			return dial(ctx, network, addr)
		}
		for _, pause := range [...]time.Duration{0, 29 * time.Second, 31 * time.Second} {
			time.Sleep(pause) // virtual
			if a := cl.Send(t.Context(), r, b, nil); a.Status != 200 {
				t.Fatalf("%+v", a)
			}
		}
		if dials != 2 {
			t.Errorf("%d connections", dials)
		}
	})
}
