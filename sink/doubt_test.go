package sink_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/sink"
	"github.com/ampersink/ampersink/sink/ampersand"
)

// lost is a way in which the answer to a request that was taken is lost.
type lost struct {
	answer   func(t *testing.T, w http.ResponseWriter, gone <-chan struct{})
	evidence string // what the dead letter says of it
}

func lostAnswers() map[string]lost {
	status := func(status int) lost {
		return lost{func(_ *testing.T, w http.ResponseWriter, _ <-chan struct{}) {
			w.Header().Set("X-Request-Id", "request-7")
			http.Error(w, "upstream", status)
		}, fmt.Sprintf("HTTP %d", status)}
	}
	return map[string]lost{
		"cut after it was sent":         {cutting(""), "ended before an answer"},
		"cut within the answer":         {cutting("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + `{"successCount":3,"failureCount":0}`), "cannot be read"},
		"a gateway's page":              {saying(`<html>200</html>`), "cannot be read"},
		"a shape that nobody knows":     {saying(`{"accepted":true}`), "says nothing of the writes"},
		"counts that do not add up":     {saying(`{"successCount":1,"failureCount":0}`), "counts 1 written"},
		"some written, nobody says who": {saying(`{"successCount":2,"failureCount":1}`), "2 of 3 creates were written"},
		"timeout":                       {func(_ *testing.T, _ http.ResponseWriter, gone <-chan struct{}) { <-gone }, "no whole answer within"},
		"500":                           status(http.StatusInternalServerError),
		"502":                           status(http.StatusBadGateway),
		"504":                           status(http.StatusGatewayTimeout),
		"520":                           status(520),
	}
}

// fewLostAnswers has one of each kind: which answers are lost is the client's to say,
// and what follows is the same for all.
func fewLostAnswers() map[string]lost {
	all, few := lostAnswers(), map[string]lost{}
	for _, name := range []string{"cut after it was sent", "a gateway's page", "timeout", "502"} {
		few[name] = all[name]
	}
	return few
}

func cutting(answer string) func(*testing.T, http.ResponseWriter, <-chan struct{}) {
	return func(t *testing.T, w http.ResponseWriter, _ <-chan struct{}) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, answer)
		_ = conn.Close()
	}
}

func saying(answer string) func(*testing.T, http.ResponseWriter, <-chan struct{}) {
	return func(_ *testing.T, w http.ResponseWriter, _ <-chan struct{}) { _, _ = io.WriteString(w, answer) }
}

// runLost runs a sink to the end of three records whose first request's answer is lost.
func runLost(t *testing.T, x lost, more string, record func(topic string, id int) *kgo.Record) (*running, *api, []*kgo.Record) {
	t.Helper()
	k, a := kafkatest.NewFake(t), newAPI(t)
	gone := make(chan struct{})
	t.Cleanup(func() { close(gone) }) // before the server is closed, which waits for its handlers
	a.script = func(n int, _ call, w http.ResponseWriter) bool {
		if n == 0 {
			x.answer(t, w, gone)
		}
		return n == 0
	}
	topic := k.NewTopic(t, 1, nil)
	k.Produce(t, record(topic, 1), record(topic, 2), record(topic, 3))
	cfg := configure(t, k.Brokers(), "g", topic, a.URL, more)
	cfg.Routes[0].Batch.Size, cfg.Routes[0].Batch.Linger = 3, 300*time.Millisecond // one batch at first
	if strings.Contains(x.evidence, "within") {
		cfg.Ampersand.Timeout = 500 * time.Millisecond
	}
	s := start(t, sink.Options{Config: cfg, Log: testLog(t), UntilEnd: true})
	if err := s.until(); err != nil {
		t.Fatal(err)
	}
	if sum := committed(t, k.Endpoint, "g", topic); sum != 3 {
		t.Errorf("committed %d, not 3", sum)
	}
	if !k.HasTopic(t, topic+".dead") {
		return s, a, nil
	}
	return s, a, k.ReadAll(t, topic+".dead")
}

func TestACreateWhoseAnswerWasLostIsParkedWithItsEvidence(t *testing.T) {
	t.Parallel()
	for name, x := range lostAnswers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, a, letters := runLost(t, x, "", create)
			if n := len(a.taken()); n != 1 || len(letters) != 3 {
				t.Errorf("%d requests and %d dead letters, expected 1 and 3", n, len(letters))
			}
			for _, r := range letters {
				l := letter(t, r)
				if !l.InDoubt || l.Reason.Code != "in_doubt" || l.Attempts != 1 || l.First.IsZero() || !strings.Contains(l.Reason.Message, x.evidence) {
					t.Errorf("letter: %+v", l)
				}
				if strings.HasPrefix(x.evidence, "HTTP") && l.Reason.RequestID != "request-7" {
					t.Errorf("request id %q", l.Reason.RequestID)
				}
			}
			if totals := s.Status().Totals; totals.InDoubt != 3 || totals.Settled() != 3 {
				t.Errorf("totals: %+v", totals)
			}
		})
	}
}

func TestACreateWhoseAnswerWasLostIsResentWhereTheUserAcceptsDuplicates(t *testing.T) {
	t.Parallel()
	for name, x := range fewLostAnswers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, a, letters := runLost(t, x, "in_doubt: resend", create)
			if n := a.rows(); n != 6 || len(letters) != 0 {
				t.Errorf("%d rows were sent and %d dead letters written, expected 6 and none", n, len(letters))
			}
			if totals := s.Status().Totals; totals.Written["create"] != 3 || totals.InDoubt != 0 {
				t.Errorf("totals: %+v", totals)
			}
		})
	}
}

func TestAnUpdateWhoseAnswerWasLostIsResent(t *testing.T) {
	t.Parallel()
	for name, x := range fewLostAnswers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, a, letters := runLost(t, x, "", func(topic string, id int) *kgo.Record { return update(topic, id, 1) })
			if n := a.rows(); n != 6 || len(letters) != 0 {
				t.Errorf("%d rows were sent and %d dead letters written, expected 6 and none", n, len(letters))
			}
			if n := s.Status().Totals.Written["update"]; n != 3 {
				t.Errorf("%d written", n)
			}
		})
	}
}

// unreachable is a way in which a connection is not made, the first few times.
func unreachable(t *testing.T) map[string]func(ctx context.Context) (net.Conn, error) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	var d net.Dialer
	return map[string]func(context.Context) (net.Conn, error){
		"connection refused": func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "tcp", closed.Addr().String()) },
		"DNS": func(context.Context) (net.Conn, error) {
			return nil, &net.DNSError{Err: "no such host", Name: "write.example", IsNotFound: true}
		},
		"TLS": func(ctx context.Context) (net.Conn, error) {
			return d.DialContext(ctx, "tcp", plain.Listener.Addr().String())
		},
	}
}

func TestACreateThatWasNotSentIsNotInDoubt(t *testing.T) {
	t.Parallel()
	const failures = 3
	for name, fail := range unreachable(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := kafkatest.NewFake(t)
			a := bareAPI(t)
			a.Server = httptest.NewTLSServer(a)
			t.Cleanup(a.Close)
			var dialled atomic.Int32
			roots := x509.NewCertPool()
			roots.AddCert(a.Certificate())
			transport := ampersand.NewTransport(ampersand.TransportOptions{
				MaxConns: 4, TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
				Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
					if dialled.Add(1) <= failures {
						return fail(ctx)
					}
					return new(net.Dialer).DialContext(ctx, network, address)
				},
			})
			t.Cleanup(transport.CloseIdleConnections)
			topic := k.NewTopic(t, 1, nil)
			k.Produce(t, create(topic, 1), create(topic, 2), create(topic, 3))
			cfg := configure(t, k.Brokers(), "g", topic, a.URL, "")
			s := start(t, sink.Options{Config: cfg, Log: testLog(t), Transport: transport, UntilEnd: true})
			if err := s.until(); err != nil {
				t.Fatal(err)
			}
			if n := a.rows(); n != 3 || dialled.Load() <= failures {
				t.Errorf("%d rows arrived after %d dials, expected each create once", n, dialled.Load())
			}
			if totals := s.Status().Totals; totals.Written["create"] != 3 || len(totals.DeadLettered) != 0 {
				t.Errorf("totals: %+v", totals)
			}
		})
	}
}

// A create that was parked is done: what follows it on its key goes on, and a
// restart does not send it again.
func TestAParkedCreateIsNotSentAfterARestart(t *testing.T) {
	t.Parallel()
	k, a := kafkatest.NewFake(t), newAPI(t)
	a.script = func(n int, _ call, _ http.ResponseWriter) bool {
		if n == 0 {
			panic(http.ErrAbortHandler)
		}
		return false
	}
	topic := k.NewTopic(t, 1, nil)
	k.Produce(t, create(topic, 1), update(topic, 1, 1))
	cfg := configure(t, k.Brokers(), "g", topic, a.URL, "")
	for range 2 {
		if err := start(t, sink.Options{Config: cfg, Log: testLog(t), UntilEnd: true}).until(); err != nil {
			t.Fatal(err)
		}
	}
	var types []string
	for _, c := range a.taken() {
		types = append(types, c.Type)
	}
	if !slices.Equal(types, []string{"create", "update"}) {
		t.Errorf("requests: %v", types)
	}
}
