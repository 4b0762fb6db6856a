package sandbox

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"syscall"
)

// Transport returns a client's way to the server without a network: for tests in
// virtual time. Connections that the server cuts end as they would over a network.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ server *Server }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	body := &bodyOf{ReadCloser: r.Body}
	in := r.Clone(r.Context())
	in.Body = body
	if r.Body == nil {
		in.Body = http.NoBody
	} else {
		defer func() { _ = r.Body.Close() }()
	}
	out := &recorder{header: http.Header{}}
	aborted := serve(t.server, out, in)
	switch {
	case body.err != nil:
		return nil, body.err
	case r.Context().Err() != nil:
		return nil, r.Context().Err()
	case aborted && out.status == 0:
		return nil, errReset
	}
	resp := &http.Response{
		StatusCode: max(out.status, http.StatusOK), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: out.header, Body: io.NopCloser(&out.body), Request: r, ContentLength: int64(out.body.Len()),
	}
	resp.Status = itoa(resp.StatusCode) + " " + http.StatusText(resp.StatusCode)
	if aborted {
		resp.Body, resp.ContentLength = io.NopCloser(io.MultiReader(&out.body, cut{})), -1
	}
	return resp, nil
}

var errReset = &resetError{}

// resetError is a connection that the peer reset.
type resetError struct{}

func (*resetError) Error() string { return "read: " + syscall.ECONNRESET.Error() }
func (*resetError) Unwrap() error { return syscall.ECONNRESET }

// cut is the end of a body that is not its end.
type cut struct{}

func (cut) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

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

// bodyOf remembers why a body could not be read: that is the client's own error.
type bodyOf struct {
	io.ReadCloser
	err error
}

func (b *bodyOf) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

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
