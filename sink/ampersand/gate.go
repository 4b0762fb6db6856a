package ampersand

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http/httptrace"
	"sync"
)

var (
	errShut     = errors.New("the request was given up")
	errNoReplay = errors.New("a create whose body began to leave is not sent again on another connection")
)

// gate stands between a body and the transport. It asks the release check and
// knows whether any byte was handed out.
//
// The check is asked twice for each connection: when the request gets it, since
// the transport sends the headers on their own before it reads a body, and as
// the body is read for the first time, which is the last moment, and the only one
// that every http.RoundTripper has.
//
// The transport reads the body in a goroutine of its own, which can outlive the
// call: Send gives up (its context ended) while the writer has the connection but
// has not read yet. Were the flag only looked at, Send would report "not sent",
// the writer would then read, and a create would be written twice. So Send shuts
// the gate and reads the flag under the lock under which bytes are handed out:
// either the bytes left before and sent is true, or they never will.
type gate struct {
	body    []byte
	release func() error
	// once marks a create: it must not leave twice.
	once bool

	mu      sync.Mutex
	sent    bool
	whole   bool // all of the body was handed out
	shut    bool
	refused error
	// exact is set for HTTP/1 connections, where the transport replays only a
	// request of which nothing reached the connection.
	exact bool

	first gateReader
}

func newGate(b *Body, once bool, release func() error) *gate {
	g := &gate{body: b.bytes, release: release, once: once}
	g.first.gate = g
	return g
}

// handed is what left of a body.
type handed struct{ some, all bool }

// close shuts the gate and reports what was handed out, and what the release
// check said if it refused.
func (g *gate) close() (sent handed, refused error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
	return handed{g.sent, g.whole}, g.refused
}

// again is the request's GetBody: the transport found its connection dead and
// starts over on another one.
//
// Over HTTP/1 it does so only if nothing reached the connection, so what was
// handed out counts as not sent. Over HTTP/2 it also replays streams that the
// server reset, and one of these cases (a PROTOCOL_ERROR from the peer) does not
// exclude that the request was processed: a create is not replayed there.
func (g *gate) again() (io.ReadCloser, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refused != nil {
		return nil, g.refused
	}
	if g.sent && g.once && !g.exact {
		return nil, errNoReplay
	}
	g.sent, g.whole = g.sent && !g.exact, false
	return &gateReader{gate: g}, nil
}

// connected is called when the request got a connection, before anything is
// written to it. A refused request must not show itself to the API at all, and
// closing the connection is the one way to keep its headers back. An HTTP/2
// connection belongs to others too and stays open: there the body is held back.
func (g *gate) connected(info httptrace.GotConnInfo) {
	c, isTLS := info.Conn.(*tls.Conn)
	shared := isTLS && c.ConnectionState().NegotiatedProtocol == "h2"
	g.mu.Lock()
	g.exact = !shared
	err := g.check()
	g.mu.Unlock()
	if err != nil && !shared {
		_ = info.Conn.Close()
	}
}

// check asks the release check; its first refusal is final. The caller holds mu.
func (g *gate) check() error {
	if g.refused == nil && g.release != nil {
		g.refused = g.release()
	}
	return g.refused
}

// gateReader is the body of one attempt of the transport.
type gateReader struct {
	gate     *gate
	off      int
	released bool
}

func (r *gateReader) Read(p []byte) (int, error) {
	g := r.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return 0, errShut
	}
	if !r.released {
		if err := g.check(); err != nil {
			return 0, err
		}
		r.released = true
	}
	if r.off == len(g.body) {
		return 0, io.EOF
	}
	n := copy(p, g.body[r.off:])
	r.off += n
	g.sent = g.sent || n > 0
	g.whole = g.whole || r.off == len(g.body)
	return n, nil
}

// Close is called by the transport; the gate's own end is Send's.
func (r *gateReader) Close() error { return nil }
