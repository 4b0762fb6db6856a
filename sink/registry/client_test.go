package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
	"go.uber.org/goleak"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const rowAvro = `{"type":"record","name":"Row","fields":[{"name":"id","type":"long"}]}`

// inProcess sends requests to a handler without a network, and counts them.
type inProcess struct {
	handler http.Handler
	n       atomic.Int32
}

func (p *inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	p.n.Add(1)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

func newClient(t *testing.T, handler http.Handler, edits ...func(*config.SchemaRegistry)) (*Client, *inProcess) {
	t.Helper()
	c := config.SchemaRegistry{URL: "http://registry", Timeout: time.Minute}
	for _, edit := range edits {
		edit(&c)
	}
	p := &inProcess{handler: handler}
	client, err := New(Options{Config: c, Transport: p})
	if err != nil {
		t.Fatal(err)
	}
	return client, p
}

func number(n uint32) model.SchemaID { return model.SchemaID{Number: n} }

func mustFetch(t *testing.T, c *Client, id model.SchemaID) (*model.Schema, model.SchemaState) {
	t.Helper()
	if err := c.Fetch(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	return c.Schema(id)
}

func TestASchemaIsAskedForOnceAndThenKnown(t *testing.T) {
	t.Parallel()
	fake := srfake.NewRegistry()
	fake.SeedSchema("rows-value", 1, 7, sr.Schema{Schema: rowAvro})
	c, requests := newClient(t, fake.Handler())
	if _, state := c.Schema(number(7)); state != model.SchemaAwaited {
		t.Errorf("known before it was asked for: %v", state)
	}
	s, state := mustFetch(t, c, number(7))
	if state != model.SchemaKnown || s.Type != model.SchemaAvro || s.Text != rowAvro || len(s.References) != 0 {
		t.Errorf("%v %+v", state, s)
	}
	for range 10 {
		c.Schema(number(7))
	}
	if n := requests.n.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestSchemasAreFoundByGUIDInEveryLanguage(t *testing.T) {
	t.Parallel()
	fake := srfake.NewRegistry()
	fake.SeedSchema("a", 1, 1, sr.Schema{Schema: rowAvro})
	fake.SeedSchema("p", 1, 2, sr.Schema{Schema: `syntax = "proto3"; message Row { int64 id = 1; }`, Type: sr.TypeProtobuf})
	fake.SeedSchema("j", 1, 3, sr.Schema{Schema: `{"type":"object"}`, Type: sr.TypeJSON})
	c, _ := newClient(t, fake.Handler())
	for subject, want := range map[string]model.SchemaType{"a": model.SchemaAvro, "p": model.SchemaProtobuf, "j": model.SchemaJSON} {
		registered, _ := fake.GetSchema(subject, 1)
		id := guid(t, registered.GUID)
		if id.String() != registered.GUID {
			t.Errorf("the GUID %s reads %s", registered.GUID, id)
		}
		if s, state := mustFetch(t, c, id); state != model.SchemaKnown || s.Type != want || s.Text != registered.Schema.Schema {
			t.Errorf("%s: %v %+v", subject, state, s)
		}
	}
}

func guid(t *testing.T, text string) (id model.SchemaID) {
	t.Helper()
	digits := strings.ReplaceAll(text, "-", "")
	for i := range id.GUID {
		var b byte
		for _, c := range digits[2*i : 2*i+2] {
			b = b<<4 | byte(strings.IndexRune("0123456789abcdef", c))
		}
		id.GUID[i] = b
	}
	return id
}

// What a schema refers to comes with it, each once, those first that others refer to.
func TestReferencesComeWithTheirSchema(t *testing.T) {
	t.Parallel()
	fake := srfake.NewRegistry()
	proto := func(text string, refs ...sr.SchemaReference) sr.Schema {
		return sr.Schema{Schema: text, Type: sr.TypeProtobuf, References: refs}
	}
	fake.SeedSchema("leaf", 3, 1, proto("leaf"))
	fake.SeedSchema("left", 1, 2, proto("left", sr.SchemaReference{Name: "leaf.proto", Subject: "leaf", Version: 3}))
	fake.SeedSchema("right", 1, 3, proto("right", sr.SchemaReference{Name: "leaf.proto", Subject: "leaf", Version: 3}))
	fake.SeedSchema("top", 1, 4, proto("top", sr.SchemaReference{Name: "left.proto", Subject: "left", Version: 1},
		sr.SchemaReference{Name: "right.proto", Subject: "right", Version: 1}))
	c, requests := newClient(t, fake.Handler())
	s, _ := mustFetch(t, c, number(4))
	var names []string
	for _, r := range s.References {
		names = append(names, r.Name+"="+r.Text)
	}
	if got := strings.Join(names, " "); got != "leaf.proto=leaf left.proto=left right.proto=right" {
		t.Errorf("references: %s", got)
	}
	if n := requests.n.Load(); n != 4 {
		t.Errorf("%d requests for 4 schemas", n)
	}
}

// answering is a registry that gives the same answer to everything.
func answering(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if status == http.StatusFound {
			w.Header().Set("Location", "http://elsewhere/")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func TestWhatIsNoAnswerIsNobodysFaultAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		handler http.Handler
		code    string
		person  bool
		says    []string
	}{
		"401": {answering(http.StatusUnauthorized, `{"error_code":401,"message":"who?"}`), CodeUnauthorized, true, []string{"who?", "kafka.schema_registry.user"}},
		"403": {answering(http.StatusForbidden, ``), CodeForbidden, true, []string{"403", "right"}},
		"a 404 of another server": {answering(http.StatusNotFound, "<html>\x01nothing here</html>"), CodeNoRegistry, true,
			[]string{"<html> nothing here</html>", "kafka.schema_registry.url", "ccompat"}},
		"a 404 of a path that is none": {answering(http.StatusNotFound, `{"error_code":404,"message":"HTTP 404 Not Found"}`), CodeNoRegistry, true, []string{"kafka.schema_registry.url"}},
		"a redirect":                   {answering(http.StatusFound, ``), CodeNoRegistry, true, []string{"302", "not followed"}},
		"429":                          {answering(http.StatusTooManyRequests, ``), "http_429", false, []string{"429"}},
		"500":                          {answering(http.StatusInternalServerError, `{"error_code":50001,"message":"store"}`), "http_500", false, []string{"store"}},
		"503 without a body":           {answering(http.StatusServiceUnavailable, ``), "http_503", false, []string{"503"}},
		"a page instead of a schema":   {answering(http.StatusOK, "<html>login</html>"), CodeUnreadable, true, []string{"none of a schema registry"}},
		"an answer without end":        {answering(http.StatusOK, strings.Repeat(" ", maxBody+1)), CodeUnreadable, true, []string{"longer than"}},
		"an error without end":         {answering(http.StatusBadGateway, strings.Repeat("x", maxBody+1)), CodeUnreadable, true, []string{"longer than"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, _ := newClient(t, c.handler)
			err := client.Fetch(t.Context(), number(1))
			var u *Unavailable
			if !errors.As(err, &u) || u.Code != c.code || u.Person != c.person {
				t.Fatalf("%#v, want code %s and person %v", err, c.code, c.person)
			}
			for _, part := range append(c.says, "http://registry") {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
			if len(err.Error()) > 600 || strings.ContainsAny(err.Error(), "\x01\n") {
				t.Errorf("not fit for a log: %q", err)
			}
			if _, state := client.Schema(number(1)); state != model.SchemaAwaited {
				t.Errorf("the schema counts as %v", state)
			}
		})
	}
}

// A registry in which every schema refers to another one is not followed without end.
func TestReferencesWithoutEndAreBounded(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	c, requests := newClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"schema":"x","references":[{"name":"n","subject":"s%d","version":1}]}`, n.Add(1))
	}))
	s, state := mustFetch(t, c, number(1))
	if state != model.SchemaKnown || len(s.References) != maxReferences || requests.n.Load() != maxReferences+1 {
		t.Errorf("%v, %d references, %d requests", state, len(s.References), requests.n.Load())
	}
}

func TestARegistryThatIsNotThereIsUnreachable(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	c, err := New(Options{Config: config.SchemaRegistry{URL: server.URL, Timeout: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var u *Unavailable
	if err := c.Fetch(t.Context(), number(1)); !errors.As(err, &u) || u.Code != CodeUnreachable || u.Person || !strings.Contains(err.Error(), server.URL) {
		t.Errorf("%#v", err)
	}
}

func TestAnAnswerThatDoesNotComeIsGivenUp(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	c, err := New(Options{Config: config.SchemaRegistry{URL: server.URL, Timeout: 20 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var u *Unavailable
	if err := c.Fetch(t.Context(), number(1)); !errors.As(err, &u) || u.Code != CodeUnreachable || !strings.Contains(err.Error(), "kafka.schema_registry.timeout") {
		t.Errorf("%#v", err)
	}
}

// The login goes with each request, and is in no message.
func TestTheLoginIsSentAndNeverShown(t *testing.T) {
	t.Parallel()
	const password = "PASSWORD-99e1d0"
	login := func(c *config.SchemaRegistry) { c.User, c.Password = "user", config.NewSecret(password) }
	header := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:"+password))
	fake := srfake.NewRegistry(srfake.WithAuth(header))
	fake.SeedSchema("s", 1, 1, sr.Schema{Schema: rowAvro})
	c, _ := newClient(t, fake.Handler(), login)
	if _, state := mustFetch(t, c, number(1)); state != model.SchemaKnown {
		t.Errorf("%v", state)
	}
	if err := c.Check(t.Context()); err != nil {
		t.Error(err)
	}
	stranger, _ := newClient(t, fake.Handler())
	if err := stranger.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("without a login: %v", err)
	}
	refusing, _ := newClient(t, answering(http.StatusForbidden, "no"), login)
	err := refusing.Fetch(t.Context(), number(1))
	if err == nil || strings.Contains(err.Error(), password) || strings.Contains(err.Error(), header) {
		t.Errorf("%v", err)
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if strings.Contains(e.Error(), password) || strings.Contains(e.Error(), header[6:]) {
			t.Errorf("shown: %v", e)
		}
	}
}

func TestCheckNeedsNoSchema(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, srfake.NewRegistry().Handler())
	if err := c.Check(t.Context()); err != nil {
		t.Error(err)
	}
	broken, _ := newClient(t, answering(http.StatusNotFound, "nothing"))
	if err := broken.Check(t.Context()); err == nil {
		t.Error("a server that knows nothing passes for a registry")
	}
}

// A number that no registry gives is missing without a question.
func TestANumberThatNoRegistryGivesIsMissing(t *testing.T) {
	t.Parallel()
	c, requests := newClient(t, srfake.NewRegistry().Handler())
	if _, state := c.Schema(number(1 << 31)); state != model.SchemaMissing || requests.n.Load() != 0 {
		t.Errorf("%v, %d requests", state, requests.n.Load())
	}
}

// A registry that is older than GUIDs has none of them, and is one all the same.
func TestARegistryWithoutGUIDsHasNone(t *testing.T) {
	t.Parallel()
	fake := srfake.NewRegistry()
	old := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/schemas/guids/") {
			answering(http.StatusNotFound, `{"error_code":404,"message":"HTTP 404 Not Found"}`).ServeHTTP(w, r)
			return
		}
		fake.Handler().ServeHTTP(w, r)
	})
	c, _ := newClient(t, old)
	c.doubts = doubts{since: time.Now(), n: maxDoubts} // no second question
	if _, state := mustFetch(t, c, model.SchemaID{GUID: [16]byte{1}}); state != model.SchemaMissing {
		t.Errorf("%v", state)
	}
	none, _ := newClient(t, answering(http.StatusNotFound, `{"error_code":404}`))
	if err := none.Fetch(t.Context(), model.SchemaID{GUID: [16]byte{1}}); err == nil {
		t.Error("an address that is no registry has no schema")
	}
}

func TestFetchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, srfake.NewRegistry().Handler())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Fetch(ctx, number(1)); err == nil {
		t.Error("a question that was taken back has an answer")
	}
}

// What is kept is bounded: by bytes what is known, by number what is missing.
func TestWhatIsRememberedIsBounded(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, answering(http.StatusOK, `{"schema":"`+strings.Repeat("x", maxBody/2)+`"}`))
	for n := range uint32(6) {
		if _, state := mustFetch(t, c, number(n)); state != model.SchemaKnown {
			t.Errorf("%d: %v", n, state)
		}
		if c.size > maxKnown || len(c.known) > 4 {
			t.Errorf("%d schemas of %d bytes are kept", len(c.known), c.size)
		}
	}
	mustFetch(t, c, number(5))
	if c.size > int64(len(c.known))*maxBody/2 {
		t.Errorf("one that was asked for twice counts twice: %d bytes for %d", c.size, len(c.known))
	}
	for n := range uint32(maxMissing + 10) {
		c.lack(number(n))
	}
	if len(c.missing) > maxMissing {
		t.Errorf("%d ids are kept as missing", len(c.missing))
	}
}
