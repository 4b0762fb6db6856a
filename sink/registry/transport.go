package registry

import (
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/ampersink/ampersink/internal/config"
)

const (
	// dialTimeout and tlsTimeout bound a connection below what kafka.schema_registry.timeout may be.
	dialTimeout = 10 * time.Second
	tlsTimeout  = 10 * time.Second
	// idleTimeout: questions come in bursts, when topics or their schemas are new.
	idleTimeout = 30 * time.Second
	// maxConns is more than are used: schemas are asked for one after another.
	maxConns = 2
	// maxBody bounds an answer in bytes: a table of a thousand columns stays below a hundredth of it.
	maxBody        = 16 << 20
	maxHeaderBytes = 64 << 10
)

func newTransport(c config.SchemaRegistry) (*http.Transport, error) {
	settings, err := c.TLS.Load("kafka.schema_registry.tls")
	if err != nil {
		return nil, err
	}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSClientConfig:        settings,
		TLSHandshakeTimeout:    tlsTimeout,
		MaxConnsPerHost:        maxConns,
		MaxIdleConnsPerHost:    maxConns,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		// Inflated, an answer could have any size.
		DisableCompression: true,
	}, nil
}

var errTooLong = errors.New("the answer is too long")

// bounded bounds the bodies of answers: the library reads them whole.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.next.RoundTrip(r)
	if err == nil {
		answer.Body = &body{answer.Body, maxBody}
	}
	return answer, err
}

type body struct {
	io.ReadCloser
	left int
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	if b.left -= n; b.left < 0 {
		return 0, errTooLong
	}
	return n, err
}
