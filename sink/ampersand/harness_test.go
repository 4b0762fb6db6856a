package ampersand

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ampersink/ampersink/internal/model"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testKey = "amp-key-7f3a91"

// client returns a client of that URL over a real transport.
func client(t testing.TB, url string, change ...func(*Options)) *Client {
	t.Helper()
	transport := NewTransport(TransportOptions{MaxConns: 4})
	t.Cleanup(transport.CloseIdleConnections)
	o := Options{
		URL: url, Project: "acme", APIKey: func() string { return testKey },
		Timeout: 30 * time.Second, Transport: transport, UserAgent: "ampersink/test",
	}
	for _, f := range change {
		f(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// writes returns n writes of a type; the i-th has the id 10i (creates: none).
func writes(typ model.Type, n int) []*model.Write {
	all := make([]*model.Write, n)
	for i := range all {
		all[i] = &model.Write{
			Route: "customers", Type: typ, Want: typ,
			Fields: fmt.Sprintf(`"email":"p%d@example.com","firstname":"Ann"`, i),
		}
		if typ != model.Create {
			all[i].ID = fmt.Sprint(10 * (i + 1))
		}
	}
	return all
}

func request(typ model.Type, n int) *Request {
	return &Request{
		Destination: model.Destination{Integration: "hubspot", Group: "acme-inc", Object: "contact"},
		Type:        typ, Writes: writes(typ, n),
	}
}

// said is a scripted answer.
type said struct {
	status int
	header http.Header
	body   string
}

func (s said) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	maps.Copy(w.Header(), s.header)
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(s.status)
	_, _ = io.WriteString(w, s.body)
}

// given is an API that answers with these bytes, after it has read the request or without.
type given struct {
	status int
	reads  bool
	body   []byte
}

// RoundTrip implements http.RoundTripper.
func (g *given) RoundTrip(r *http.Request) (*http.Response, error) {
	if g.reads {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	return &http.Response{StatusCode: g.status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(g.body))}, nil
}

// unanswered is an API that reads a request and says no more than this, however long one waits.
func unanswered(begun string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if begun != "" {
			_, _ = io.WriteString(w, begun)
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
	})
}

// closedPort is the URL of an API that is not there.
func closedPort(t *testing.T) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	return "http://" + l.Addr().String()
}

// checked serves an API over HTTP that answers as scripted, after checking that the request is
// one of the contract's.
func checked(t *testing.T, s http.Handler, valid func(*http.Request, []byte) error) (url string) {
	t.Helper()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		if err := valid(req, body); err != nil {
			t.Errorf("the request breaks the contract: %v\n%s", err, body)
		}
		s.ServeHTTP(w, req)
	}))
	t.Cleanup(api.Close)
	return api.URL + "/v1"
}

// ask sends a request to an API that answers as scripted.
func ask(t *testing.T, r *Request, s http.Handler) model.Answer {
	t.Helper()
	c := client(t, checked(t, s, validRequest))
	a := c.Send(context.Background(), r, c.Encode(r), nil)
	if len(a.Outcomes) != len(r.Writes) {
		t.Fatalf("%d outcomes for %d writes", len(a.Outcomes), len(r.Writes))
	}
	return a
}

// show writes an outcome as the tables of these tests do.
func show(o model.Outcome) string {
	s := o.Kind.String()
	if o.Kind == model.Retry {
		s += " " + [...]string{"lane", "alone", "innocent", "halved"}[o.Again]
	}
	if o.Kind == model.Accepted && o.RecordID != "" {
		s += " " + o.RecordID
	}
	if o.Kind == model.Rejected {
		s += " " + o.Code
	}
	if o.ExistingID != "" {
		s += " existing " + o.ExistingID
	}
	return s
}

func shown(a model.Answer) string {
	all := make([]string, len(a.Outcomes))
	for i, o := range a.Outcomes {
		all[i] = show(o)
	}
	return strings.Join(all, ", ")
}

// validRequest checks a request against the contract and its table of shapes.
func validRequest(r *http.Request, body []byte) error {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(body, &m); err != nil {
		return err
	}
	for name := range m {
		switch name {
		case "groupRef", "type", "mode", "record", "batchPolicy", "batch", "headers":
		default:
			return fmt.Errorf("unexpected member %q", name)
		}
	}
	var b struct {
		GroupRef string                        `json:"groupRef"`
		Type     string                        `json:"type"`
		Mode     string                        `json:"mode"`
		Policy   *struct{ AllOrNone *bool }    `json:"batchPolicy"`
		Record   map[string]any                `json:"record"`
		Headers  []struct{ Key, Value string } `json:"headers"`
		Batch    []struct {
			Record       map[string]any   `json:"record"`
			Associations []map[string]any `json:"associations"`
		} `json:"batch"`
	}
	if err := json.Unmarshal(body, &b); err != nil {
		return err
	}
	switch {
	case r.Method != http.MethodPost || r.Header.Get("X-Api-Key") == "" || r.Header.Get("Content-Type") != "application/json":
		return fmt.Errorf("%s with headers %v", r.Method, r.Header)
	case r.ContentLength != int64(len(body)):
		return fmt.Errorf("length %d of %d", r.ContentLength, len(body))
	case b.GroupRef == "" || b.Mode != "synchronous":
		return fmt.Errorf("groupRef %q, mode %q", b.GroupRef, b.Mode)
	case b.Type == "delete" && (b.Record["id"] == nil || len(b.Record) != 1 || m["batch"] != nil || m["batchPolicy"] != nil):
		return fmt.Errorf("a delete is one record with its id only")
	case b.Type != "delete" && (m["record"] != nil || b.Policy == nil || b.Policy.AllOrNone == nil):
		return fmt.Errorf("a %s is a batch with its policy", b.Type)
	case b.Type != "delete" && (len(b.Batch) < 1 || len(b.Batch) > 100):
		return fmt.Errorf("a batch of %d", len(b.Batch))
	}
	for i, item := range b.Batch {
		id, has := item.Record["id"].(string)
		if b.Type == "update" && id == "" || b.Type == "create" && has || item.Record == nil {
			return fmt.Errorf("item %d of %s has id %q", i, b.Type, id)
		}
		if b.Type == "update" && item.Associations != nil {
			return fmt.Errorf("item %d: associations of an update", i)
		}
	}
	return nil
}

// rawAPI accepts connections, reads one request from each and lets answer do
// what no HTTP server would.
func rawAPI(t *testing.T, answer func(conn net.Conn, n int)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			req, err := http.ReadRequest(bufio.NewReader(conn))
			if err == nil {
				_, _ = io.Copy(io.Discard, req.Body)
				answer(conn, n)
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return "http://" + l.Addr().String() + "/v1"
}
