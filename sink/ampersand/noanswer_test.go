package ampersand

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/ampersink/ampersink/internal/model"
)

// noAnswer has the requests that were never answered, or not to the end.
func noAnswer() (rows []outcomeRow) {
	type way = func(t *testing.T, r *Request) model.Answer
	add := func(row, code string, sent bool, via way) {
		for _, typ := range [...]model.Type{c, u, d} {
			rows = append(rows, outcomeRow{row: row, typ: typ, n: count(typ), via: func(t *testing.T, r *Request) model.Answer {
				a := via(t, r)
				if a.Sent != sent {
					t.Errorf("sent %v", a.Sent)
				}
				return a
			}, want: lostOutcomes(typ, sent), code: code})
		}
	}
	const before, after = "no answer, before it was sent", "no answer, after it was sent"
	add(before+"/refused", CodeUnreachable, false, toClosedPort)
	add(before+"/DNS", CodeUnreachable, false, toDial(&net.DNSError{Err: "no such host", Name: "api.example", IsNotFound: true}))
	add(before+"/TLS", CodeUnreachable, false, toPlainPort)
	add(before+"/no connection in time", CodeUnreachable, false, toSilence)
	add(after+"/timeout", CodeTimeout, true, toHanging)
	for name, x := range cutAnswers() {
		add(after+"/"+name, x.code, true, toRaw(x.answer, x.reset))
	}
	return rows
}

// cutAnswer is what comes before a connection is closed or reset.
type cutAnswer struct {
	answer, code string
	reset        bool
}

func cutAnswers() map[string]cutAnswer {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(z, written3)
	_ = z.Close()
	half := written3[:len(written3)/2]
	sized := func(n int) string { return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n", n) }
	const unsized = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
	return map[string]cutAnswer{
		"closed":                              {code: CodeNoAnswer},
		"reset":                               {code: CodeNoAnswer, reset: true},
		"reset within the headers":            {answer: "HTTP/1.1 200 OK\r\nContent-Le", code: CodeNoAnswer, reset: true},
		"no HTTP":                             {answer: "220 smtp.example ready\r\n\r\n", code: CodeNoAnswer},
		"truncated by its length":             {answer: sized(len(written3)) + "\r\n" + half, code: CodeUnreadable},
		"truncated and reset":                 {answer: sized(len(written3)) + "\r\n" + half, code: CodeUnreadable, reset: true},
		"truncated, but complete JSON so far": {answer: sized(len(written3)+9) + "\r\n" + written3, code: CodeUnreadable},
		"truncated within a chunk":            {answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n" + half, code: CodeUnreadable},
		"truncated without a length":          {answer: unsized + half, code: CodeUnreadable},
		"compressed, truncated": {answer: sized(zipped.Len()) + "Content-Encoding: gzip\r\n\r\n" +
			zipped.String()[:zipped.Len()-10], code: CodeUnreadable},
		"compressed although nobody asked": {answer: sized(zipped.Len()) + "Content-Encoding: gzip\r\n\r\n" + zipped.String(), code: CodeUnreadable},
		"over the limit":                   {answer: unsized + written3[:len(written3)-1] + strings.Repeat(" ", smallLimit) + "}", code: CodeUnreadable},
		"a gateway's page":                 {answer: unsized + "<html><body>200 OK</body></html>", code: CodeUnreadable},
	}
}

func toDial(err error) func(*testing.T, *Request) model.Answer {
	return func(t *testing.T, r *Request) model.Answer {
		return sendOver(t, r, "http://api.example", func(context.Context, string, string) (net.Conn, error) { return nil, err })
	}
}

func toClosedPort(t *testing.T, r *Request) model.Answer {
	return sendOver(t, r, closedPort(t), nil)
}

// toPlainPort speaks TLS to a server that does not.
func toPlainPort(t *testing.T, r *Request) model.Answer {
	plain := httptest.NewServer(said{status: http.StatusOK, body: written3})
	defer plain.Close()
	return sendOver(t, r, strings.Replace(plain.URL, "http:", "https:", 1), nil)
}

// toSilence dials for longer than the request may take.
func toSilence(t *testing.T, r *Request) (a model.Answer) {
	synctest.Test(t, func(t *testing.T) {
		a = sendOver(t, r, "http://api.example", func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
	})
	return a
}

func toHanging(t *testing.T, r *Request) (a model.Answer) {
	inMemory(t, http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		<-req.Context().Done()
	}), func(t *testing.T, cl *Client) { a = cl.Send(t.Context(), r, cl.Encode(r), nil) })
	return a
}

// toRaw reads the request, writes what is given and closes or resets.
func toRaw(answer string, reset bool) func(*testing.T, *Request) model.Answer {
	return func(t *testing.T, r *Request) model.Answer {
		var requests atomic.Int32
		a := sendOver(t, r, rawAPI(t, func(conn net.Conn, _ int) {
			requests.Add(1)
			_, _ = io.WriteString(conn, answer)
			if reset {
				_ = conn.(*net.TCPConn).SetLinger(0)
			}
		}), nil)
		if n := requests.Load(); n != 1 {
			t.Errorf("%d requests", n)
		}
		return a
	}
}

// smallLimit is a MaxAnswer that an answer of a test can exceed.
const smallLimit = 4096

func sendOver(t *testing.T, r *Request, url string, dial func(context.Context, string, string) (net.Conn, error)) model.Answer {
	t.Helper()
	transport := NewTransport(TransportOptions{MaxConns: 1, Dial: dial})
	defer transport.CloseIdleConnections()
	cl := client(t, url, func(o *Options) { o.Transport, o.MaxAnswer = transport, smallLimit })
	return cl.Send(t.Context(), r, cl.Encode(r), nil)
}
