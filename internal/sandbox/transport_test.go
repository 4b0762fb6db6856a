package sandbox_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ampersink/ampersink/internal/sandbox"
)

// hooked returns a context whose hooks write down that they were called.
func hooked(ctx context.Context, calls *[]string, got func(net.Conn)) context.Context {
	note := func(what string) { *calls = append(*calls, what) }
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(string) { note("get") },
		GotConn:      func(i httptrace.GotConnInfo) { note("got"); got(i.Conn) },
		WroteHeaders: func() { note("headers") },
		WroteRequest: func(i httptrace.WroteRequestInfo) {
			if i.Err != nil {
				note("failed")
				return
			}
			note("request")
		},
		GotFirstResponseByte: func() { note("answer") },
	})
}

func TestTheHooksOfATraceAreCalledAsOnANetwork(t *testing.T) {
	t.Parallel()
	for way, run := range ways() {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			run(t, func(t *testing.T, reach func(*sandbox.Server) (http.RoundTripper, string)) {
				s := server(t, sandbox.Options{})
				rt, base := reach(s)
				var calls []string
				a := exchangeWithin(hooked(t.Context(), &calls, func(net.Conn) {}), rt, base, "thing", create(`{}`))
				if want := []string{"get", "got", "headers", "request", "answer"}; a.status != 200 || !slices.Equal(calls, want) {
					t.Errorf("%d %v: %q, not %q", a.status, a.err, calls, want)
				}
			})
		})
	}
}

// TestAConnectionThatAHookClosesCarriesNothing: a sink keeps a request back in this way.
func TestAConnectionThatAHookClosesCarriesNothing(t *testing.T) {
	t.Parallel()
	for way, run := range ways() {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			run(t, func(t *testing.T, reach func(*sandbox.Server) (http.RoundTripper, string)) {
				s := server(t, sandbox.Options{})
				rt, base := reach(s)
				var calls []string
				ctx := hooked(t.Context(), &calls, func(c net.Conn) { _ = c.Close() })
				if a := exchangeWithin(ctx, rt, base, "thing", create(`{}`)); a.err == nil || slices.Contains(calls, "answer") {
					t.Errorf("%d, hooks %q", a.status, calls)
				}
				if r := s.Requests(); len(r) > 0 {
					t.Errorf("it arrived: %+v", r)
				}
			})
		})
	}
}

// TestARequestIsWrittenBeforeItIsRefused: what a wrong key meets has left the client whole.
func TestARequestIsWrittenBeforeItIsRefused(t *testing.T) {
	t.Parallel()
	s := server(t, sandbox.Options{APIKey: "other"})
	body := strings.NewReader(create(`{}`))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://sandbox/projects/p/integrations/crm/objects/thing", body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.Transport().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusUnauthorized || body.Len() != 0 {
		t.Errorf("%d with %d bytes not read", resp.StatusCode, body.Len())
	}
}

func TestAContextThatHasEndedSendsNothing(t *testing.T) {
	t.Parallel()
	for way, run := range ways() {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			run(t, func(t *testing.T, reach func(*sandbox.Server) (http.RoundTripper, string)) {
				s := server(t, sandbox.Options{})
				rt, base := reach(s)
				why := errors.New("no more")
				ctx, cancel := context.WithCancelCause(t.Context())
				cancel(why)
				if a := exchangeWithin(ctx, rt, base, "thing", create(`{}`)); !errors.Is(a.err, why) || len(s.Requests()) > 0 {
					t.Errorf("%d %v, %d requests", a.status, a.err, len(s.Requests()))
				}
			})
		})
	}
}

// TestAClientThatGivesUpDuringTheLatencyPreventsNothing: the write was there before the wait.
func TestAClientThatGivesUpDuringTheLatencyPreventsNothing(t *testing.T) {
	t.Parallel()
	for way, run := range ways() {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			run(t, func(t *testing.T, reach func(*sandbox.Server) (http.RoundTripper, string)) {
				ctx, cancel := context.WithCancel(t.Context())
				s := server(t, sandbox.Options{Latency: time.Hour, Observe: func(sandbox.Event) { cancel() }})
				rt, base := reach(s)
				if a := exchangeWithin(ctx, rt, base, "thing", create(`{}`)); !errors.Is(a.err, context.Canceled) {
					t.Errorf("%d %v", a.status, a.err)
				}
				if n := len(s.Records("crm", "g", "thing")); n != 1 {
					t.Errorf("%d records", n)
				}
			})
		})
	}
}

// TestACutAnswerSaysHowLongItWouldHaveBeen: the header is there, the rest is not.
func TestACutAnswerSaysHowLongItWouldHaveBeen(t *testing.T) {
	t.Parallel()
	s := server(t, sandbox.Options{Faults: sandbox.Faults{{Do: sandbox.DoCut}}})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://sandbox/projects/p/integrations/crm/objects/thing", strings.NewReader(create(`{}`)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Api-Key", "k")
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.Transport().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || int64(len(data)) >= resp.ContentLength || len(data) == 0 {
		t.Errorf("%d of %d bytes, %v", len(data), resp.ContentLength, err)
	}
}
