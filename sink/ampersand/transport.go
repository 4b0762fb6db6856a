package ampersand

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// TransportOptions are the boundaries of a transport.
type TransportOptions struct {
	// MaxConns bounds the connections: limits.requests.
	MaxConns int
	// Dial opens connections; nil: a net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLS is the client's TLS configuration; nil: the system's roots.
	TLS *tls.Config
}

const (
	// idleTimeout is shorter than the 60 s after which common gateways close an
	// idle connection: whoever closes first decides, and a create sent into a
	// connection that the other side is closing is in doubt.
	idleTimeout = 30 * time.Second
	// dialTimeout is the patience for one connection; a retry by the lane is
	// cheaper than a slot of limits.requests that waits for a dead address.
	dialTimeout = 10 * time.Second
	// tlsTimeout is the same for the handshake.
	tlsTimeout = 10 * time.Second
	// keepAlive finds a peer that vanished without a word, within about two
	// minutes (nine probes), for answers that take longer than that.
	keepAlive = 15 * time.Second
	// maxHeaderBytes bounds an answer's headers; real ones stay below 4 KiB.
	maxHeaderBytes = 64 << 10
)

// NewTransport returns a transport that keeps and reuses up to MaxConns
// connections to a host, one request on each at a time.
//
// It speaks HTTP/1.1 only. Over HTTP/2 all requests share one connection, whose
// end leaves every create on it in doubt at once, a refused request cannot be
// kept from showing its headers, and the library replays streams that the peer
// reset. What HTTP/2 saves is a few dozen connections.
//
// It has no timeout for an answer: that is the request's
// (Options.Timeout), since a CRM may take most of a minute over a batch.
func NewTransport(o TransportOptions) *http.Transport {
	dial := o.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}).DialContext
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dial,
		TLSClientConfig:        o.TLS,
		TLSHandshakeTimeout:    tlsTimeout,
		Protocols:              protocols,
		MaxIdleConns:           0, // bounded per host; there are two hosts
		MaxIdleConnsPerHost:    o.MaxConns,
		MaxConnsPerHost:        o.MaxConns,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		// An answer has some 20 KiB; inflating it takes more memory than that.
		DisableCompression: true,
	}
}
