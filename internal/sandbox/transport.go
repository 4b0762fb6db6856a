package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// Transport returns a client's way to the server without a network: for tests in
// virtual time. It starts no goroutine and blocks on nothing but the request's
// context, the server's own waits and the request's body.
//
// What a client sees is what an http.Transport shows it: the request is written
// whole before the server looks at it, the hooks of net/http/httptrace are called,
// a closed connection is an error, a context that ends gives its cause, and what the
// server resets or cuts ends as it would over TCP.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ server *Server }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	trace := httptrace.ContextClientTrace(ctx)
	if trace == nil {
		trace = &httptrace.ClientTrace{}
	}
	body, err := written(r, trace)
	if err != nil {
		return nil, err
	}
	in := r.Clone(ctx)
	in.Body, in.RequestURI, in.RemoteAddr = io.NopCloser(bytes.NewReader(body)), r.URL.RequestURI(), "in-process"
	out := &recorder{header: http.Header{}}
	aborted := serve(t.server, out, in)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case aborted && out.status == 0:
		return nil, errReset
	}
	if trace.GotFirstResponseByte != nil {
		trace.GotFirstResponseByte()
	}
	return out.response(r, aborted), nil
}

// written is the first half of a round trip: the request on its way to the server.
func written(r *http.Request, trace *httptrace.ClientTrace) ([]byte, error) {
	if r.Body != nil {
		defer func() { _ = r.Body.Close() }()
	}
	if r.Context().Err() != nil {
		return nil, context.Cause(r.Context())
	}
	if trace.GetConn != nil {
		trace.GetConn(r.URL.Host)
	}
	if trace.GotConn != nil {
		c := newConn()
		trace.GotConn(httptrace.GotConnInfo{Conn: c})
		if c.closed.Load() {
			return nil, errClosed
		}
	}
	if trace.WroteHeaders != nil {
		trace.WroteHeaders()
	}
	body, err := bodyOf(r)
	if trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{Err: err})
	}
	return body, err
}

func bodyOf(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	buffer := bytes.NewBuffer(make([]byte, 0, max(0, r.ContentLength)+bytes.MinRead))
	n, err := buffer.ReadFrom(r.Body)
	if err == nil && r.ContentLength > 0 && n != r.ContentLength {
		err = fmt.Errorf("http: ContentLength=%d with Body length %d", r.ContentLength, n)
	}
	return buffer.Bytes(), err
}

// conn is what a hook is shown as the connection. It carries nothing; closing it
// before the request is written ends the request.
type conn struct {
	net.Conn
	closed atomic.Bool
}

func newConn() *conn {
	end, _ := net.Pipe()
	return &conn{Conn: end}
}

func (c *conn) Close() error {
	c.closed.Store(true)
	return c.Conn.Close()
}

// The ends that a connection can come to before an answer.
var (
	errClosed = &net.OpError{Op: "write", Net: "tcp", Err: net.ErrClosed}
	errReset  = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
)

// serve runs the handler and reports whether it cut the connection.
func serve(h http.Handler, w http.ResponseWriter, r *http.Request) (aborted bool) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			aborted = true
		default:
			panic(p)
		}
	}()
	h.ServeHTTP(w, r)
	return false
}

// recorder is the handler's way to answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}

// response is what was recorded, as the client gets it.
func (r *recorder) response(req *http.Request, aborted bool) *http.Response {
	r.WriteHeader(http.StatusOK)
	length := int64(r.body.Len())
	if announced, err := strconv.ParseInt(r.header.Get("Content-Length"), 10, 64); err == nil {
		length = announced
	}
	r.header.Set("Content-Length", strconv.FormatInt(length, 10))
	r.header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	end := io.EOF
	if aborted {
		end = io.ErrUnexpectedEOF
	}
	return &http.Response{
		Status: itoa(r.status) + " " + http.StatusText(r.status), StatusCode: r.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: r.header, Request: req,
		ContentLength: length, Body: &answerBody{ctx: req.Context(), rest: r.body.Bytes(), end: end},
	}
}

// answerBody is an answer's body: what came, and how it ended.
type answerBody struct {
	ctx  context.Context
	rest []byte
	end  error
}

func (b *answerBody) Read(p []byte) (int, error) {
	if complete := len(b.rest) == 0 && errors.Is(b.end, io.EOF); !complete && b.ctx.Err() != nil {
		return 0, context.Cause(b.ctx)
	}
	if len(b.rest) == 0 {
		return 0, b.end
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// Close implements io.Closer.
func (b *answerBody) Close() error {
	b.rest, b.end = nil, http.ErrBodyReadAfterClose
	return nil
}
