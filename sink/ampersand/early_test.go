package ampersand

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/model"
)

// TestAnAnswerAheadOfItsRequestIsNotBelieved: a proxy repeats the answer of the
// request before, or answers before it has read this one.
func TestAnAnswerAheadOfItsRequestIsNotBelieved(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		read int64
		sent bool
	}{"nothing had left": {}, "a part had left": {read: 40, sent: true}} {
		for _, typ := range [...]model.Type{c, u, d} {
			t.Run(name+"/"+typ.String(), func(t *testing.T) {
				t.Parallel()
				r := request(typ, count(typ))
				rt := transport(func(req *http.Request) (*http.Response, error) {
					_, _ = io.CopyN(io.Discard, req.Body, x.read)
					written := fmt.Sprintf(`{"successCount":%d,"failureCount":0}`, len(r.Writes))
					return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(written))}, nil
				})
				cl := client(t, "http://api.example", func(o *Options) { o.Transport = rt })
				a := cl.Send(t.Context(), r, cl.Encode(r), nil)
				if a.Sent != x.sent || a.Code != CodeUnknownAnswer || shown(a) != lostOutcomes(typ, x.sent) {
					t.Errorf("%+v", a)
				}
			})
		}
	}
}

// TestAnAnswerToHalfARequestOverTheNetwork has a body that no socket's buffers hold.
func TestAnAnswerToHalfARequestOverTheNetwork(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	answered, given := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(answered)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(written3), written3)
		<-given
		_ = conn.Close()
	}()
	defer func() { close(given); _ = l.Close(); <-answered }()
	r := request(c, 3)
	r.Writes[0].Fields = `"note":"` + strings.Repeat("x", 64<<20) + `"`
	cl := client(t, "http://"+l.Addr().String())
	if a := cl.Send(t.Context(), r, cl.Encode(r), nil); a.Status == http.StatusOK && shown(a) != lostOutcomes(c, a.Sent) || a.Outcomes[0].Kind == model.Accepted {
		t.Errorf("%+v", a)
	}
}
