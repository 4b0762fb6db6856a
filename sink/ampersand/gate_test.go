package ampersand

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ampersink/ampersink/internal/model"
)

var errLease = errors.New("the lease is over; the partition may have a new owner")

func TestNotReleasedSendsNothing(t *testing.T) {
	t.Parallel()
	for _, typ := range [...]model.Type{c, u, d} {
		t.Run(typ.String(), func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int64
			api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				said{status: 200, body: written3}.ServeHTTP(w, r)
			}))
			defer api.Close()
			cl := client(t, api.URL)
			r := request(typ, count(typ))
			b := cl.Encode(r)
			asked := 0 // once for a refusal, twice for a request
			refuse := func() error { asked++; return errLease }
			agree := func() error { asked++; return nil }
			// On a fresh connection, then on one that is reused.
			a := cl.Send(context.Background(), r, b, refuse)
			if a.Sent || a.Code != CodeNotReleased || a.Message != errLease.Error() || a.Status != 0 || shown(a) != lostOutcomes(typ, false) {
				t.Errorf("%+v", a)
			}
			if a := cl.Send(context.Background(), r, b, agree); !a.Sent || a.Status != 200 {
				t.Errorf("%+v", a)
			}
			if a := cl.Send(context.Background(), r, b, refuse); a.Sent || a.Code != CodeNotReleased {
				t.Errorf("%+v", a)
			}
			if requests.Load() != 1 || asked != 4 {
				t.Errorf("the API saw %d requests; asked %d times", requests.Load(), asked)
			}
		})
	}
}

// transport is a RoundTripper of a test's own.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestBodyReadAfterSendGaveUpGetsNothing: the transport's writer reads the body
// after RoundTrip returned. Send has said "not sent", so nothing may leave.
func TestBodyReadAfterSendGaveUpGetsNothing(t *testing.T) {
	t.Parallel()
	var late io.ReadCloser
	rt := transport(func(r *http.Request) (*http.Response, error) {
		late = r.Body
		return nil, errors.New("gave up")
	})
	cl := client(t, "http://api.example", func(o *Options) { o.Transport = rt })
	r := request(c, 3)
	a := cl.Send(context.Background(), r, cl.Encode(r), func() error { t.Error("released"); return nil })
	if a.Sent || shown(a) != "retry lane, retry lane, retry lane" {
		t.Errorf("%+v", a)
	}
	if got, err := io.ReadAll(late); len(got) != 0 || !errors.Is(err, errShut) {
		t.Errorf("%d bytes left after all, %v", len(got), err)
	}
}

// TestSentIsNeverMissed races the reader against the end of Send: either bytes
// left and Sent is true, or none ever do.
func TestSentIsNeverMissed(t *testing.T) {
	t.Parallel()
	cl := client(t, "http://api.example")
	r := request(c, 3)
	b := cl.Encode(r)
	both := [2]int{}
	for range 2000 {
		g := newGate(b, true, func() error { return nil })
		left := make(chan int)
		go func() {
			n, _ := io.Copy(io.Discard, &g.first)
			left <- int(n)
		}()
		sent, _ := g.close()
		if n := <-left; n > 0 != sent.some {
			t.Fatalf("%d bytes left, sent %v", n, sent.some)
		}
		if sent.some {
			both[1]++
		} else {
			both[0]++
		}
	}
	t.Logf("not sent %d, sent %d", both[0], both[1])
}

// TestReplayOnAnotherConnection: what the transport may send again when its
// connection died.
func TestReplayOnAnotherConnection(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name              string
		typ               model.Type
		http1, begun      bool
		wantErr, wantSent bool
	}{
		{name: "a create that did not begin", typ: c},
		{name: "a create over HTTP/1, nothing reached the connection", typ: c, http1: true, begun: true},
		{name: "a create over HTTP/2 whose body began to leave", typ: c, begun: true, wantErr: true, wantSent: true},
		{name: "an update over HTTP/2", typ: u, begun: true, wantSent: true},
		{name: "a delete over HTTP/2", typ: d, begun: true, wantSent: true},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			g := newGate(&Body{bytes: []byte("body")}, x.typ == c, func() error { asked++; return nil })
			g.exact = x.http1
			if x.begun {
				_, _ = g.first.Read(make([]byte, 2))
			}
			again, err := g.again()
			if (err != nil) != x.wantErr {
				t.Fatalf("%v", err)
			}
			if err == nil {
				first := asked
				if got, err := io.ReadAll(again); string(got) != "body" || err != nil {
					t.Errorf("%q, %v", got, err)
				}
				if asked != first+1 {
					t.Errorf("the release check was asked %d times for the second connection", asked-first)
				}
				return
			}
			if sent, _ := g.close(); sent.some != x.wantSent {
				t.Errorf("sent %v", sent)
			}
		})
	}
}

// TestReleaseIsAskedAgainForAnotherConnection: the first connection of a request
// is found dead, the lease ends meanwhile.
func TestReleaseIsAskedAgainForAnotherConnection(t *testing.T) {
	t.Parallel()
	rt := transport(func(r *http.Request) (*http.Response, error) {
		_, _ = r.Body.Read(make([]byte, 8))
		g := r.Body.(*gateReader).gate
		g.exact = true
		again, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		if _, err = again.Read(make([]byte, 8)); err == nil {
			t.Error("bytes left without the lease")
		}
		return nil, err
	})
	cl := client(t, "http://api.example", func(o *Options) { o.Transport = rt })
	r := request(c, 3)
	asked := 0
	a := cl.Send(context.Background(), r, cl.Encode(r), func() error {
		if asked++; asked > 1 {
			return errLease
		}
		return nil
	})
	if a.Sent || a.Code != CodeNotReleased || shown(a) != "retry lane, retry lane, retry lane" {
		t.Errorf("%+v", a)
	}
}

func TestAnswerBeforeTheBodyWasSent(t *testing.T) {
	t.Parallel()
	rt := transport(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusBadGateway, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("proxy"))}, nil
	})
	cl := client(t, "http://api.example", func(o *Options) { o.Transport = rt })
	r := request(c, 3)
	a := cl.Send(context.Background(), r, cl.Encode(r), nil)
	if a.Sent || shown(a) != "retry lane, retry lane, retry lane" {
		t.Errorf("a create that never left cannot have been applied: %+v", a)
	}
}

func TestAPIKeyIsAskedPerRequest(t *testing.T) {
	t.Parallel()
	var got []string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("X-Api-Key"), r.Header.Get("User-Agent"), r.URL.EscapedPath())
		said{status: 401, body: "{}"}.ServeHTTP(w, r)
	}))
	defer api.Close()
	keys := []string{"first", "second"}
	cl := client(t, api.URL+"/v1/", func(o *Options) {
		o.Project = "a/b"
		o.APIKey = func() string { k := keys[0]; keys = keys[1:]; return k }
	})
	r := request(u, 3)
	r.Destination.Object = "custom object"
	b := cl.Encode(r)
	cl.Send(context.Background(), r, b, nil)
	cl.Send(context.Background(), r, b, nil)
	path := "/v1/projects/a%2Fb/integrations/hubspot/objects/custom%20object"
	if want := "first ampersink/test " + path + " second ampersink/test " + path; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAPIKeyIsInNoAnswer(t *testing.T) {
	t.Parallel()
	escaped := strings.ReplaceAll(testKey, "-", `\u002d`)
	for name, s := range map[string]said{
		"problem":          problem(`"detail":"key ` + testKey + ` is revoked","requestId":"` + testKey + `"`).as(401),
		"problem, escaped": problem(`"detail":"key ` + escaped + ` is revoked","requestId":"` + escaped + `"`).as(401),
		"text":             text("X-Api-Key: " + testKey).as(400),
		"html":             html(testKey).as(200),
		"header":           text("x").as(500).with("X-Request-Id", testKey),
		"entry":            said{body: `{"operationId":"` + testKey + `","results":[{"success":false,"errors":[{"code":"` + escaped + `","message":"` + escaped + `"}]},{"success":true},{"success":true}]}`}.as(200),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := ask(t, request(u, 3), s)
			all := []string{a.Code, a.Message, a.OperationID, a.RequestID}
			for _, o := range a.Outcomes {
				all = append(all, o.Code, o.Message, o.ExistingID)
			}
			text := strings.Join(all, "\n")
			if strings.Contains(strings.ToLower(text), testKey) || !strings.Contains(text, secretShown) {
				t.Errorf("%s", text)
			}
		})
	}
}

func TestIDsOfTheAnswer(t *testing.T) {
	t.Parallel()
	a := ask(t, request(u, 3), said{status: 200, body: written3})
	if a.OperationID != "op" {
		t.Errorf("operation %q", a.OperationID)
	}
	a = ask(t, request(u, 3), problem(`"requestId":"89eb#1"`).as(503))
	if a.RequestID != "89eb#1" {
		t.Errorf("request %q", a.RequestID)
	}
	a = ask(t, request(u, 3), text("x").as(503).with("X-Request-Id", "gw-1"))
	if a.RequestID != "gw-1" {
		t.Errorf("request %q", a.RequestID)
	}
}

func TestOptionsThatCannotWork(t *testing.T) {
	t.Parallel()
	good := Options{URL: "https://write.example/v1", Project: "p", APIKey: func() string { return "" }, Timeout: 1, Transport: transport(nil)}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Options){
		"ampersand.url":        func(o *Options) { o.URL = "write.example" },
		"ampersand.search_url": func(o *Options) { o.SearchURL = "search.example" },
		"ampersand.project":    func(o *Options) { o.Project = "" },
		"ampersand.timeout":    func(o *Options) { o.Timeout = 0 },
		"BUG":                  func(o *Options) { o.APIKey = nil },
	} {
		o := good
		change(&o)
		if _, err := New(o); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
