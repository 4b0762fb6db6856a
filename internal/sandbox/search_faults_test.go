package sandbox_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ampersink/ampersink/internal/sandbox"
)

// TestFaultsOfASearch: each over the network and without.
func TestFaultsOfASearch(t *testing.T) {
	t.Parallel()
	found := func(under string) func(answer) bool {
		return func(a answer) bool { return a.status == 200 && len(a.json) == 1 && len(a.json[under].([]any)) == 1 }
	}
	for name, c := range map[string]struct {
		fault string
		check func(answer) bool
	}{
		"none":                       {`{type: create, do: reset}`, found("results")},
		"throttled":                  {`{type: search, do: status, status: 429, retry_after: 7s}`, func(a answer) bool { return a.status == 429 && a.header.Get("Retry-After") == "7" }},
		"500":                        {`{type: search, do: status, status: 500}`, status(500)},
		"503, a gateway's page":      {`{type: search, do: status, status: 503, body: html}`, func(a answer) bool { return a.status == 503 && strings.HasPrefix(a.text, "<html>") }},
		"a revoked key":              {`{type: search, do: status, status: 401}`, status(401)},
		"reset":                      {`{type: search, do: reset}`, isReset},
		"a fault of all requests":    {`{do: reset}`, isReset},
		"cut":                        {`{type: search, do: cut}`, func(a answer) bool { return a.status == 200 && a.err != nil && a.json == nil && a.text != "" }},
		"no matches at all":          {`{type: search, do: absent}`, func(a answer) bool { return a.status == 200 && a.text == "{}" }},
		"another shape":              {`{type: search, do: shape}`, func(a answer) bool { return a.json["ok"] == "maybe" }},
		"the published name":         {`{type: search, do: result}`, found("result")},
		"later":                      {`{type: search, do: latency, delay: 1ms}`, found("results")},
		"of an object":               {`{type: search, object: contact, do: reset}`, isReset},
		"of another object":          {`{type: search, object: company, do: reset}`, found("results")},
		"of another group":           {`{type: search, group: h, do: reset}`, found("results")},
		"of a filter":                {`{field: email, value: a@b.co, do: reset}`, isReset},
		"of another filter":          {`{field: email, value: b@b.co, do: reset}`, found("results")},
		"one that writes alone have": {`{do: short}, {do: quota}, {do: whole_batch}, {do: miscount}, {do: reorder}, {do: lock}`, found("results")},
	} {
		for way, run := range ways() {
			t.Run(name+" over "+way, func(t *testing.T) {
				t.Parallel()
				run(t, func(t *testing.T, reach func(*sandbox.Server) (http.RoundTripper, string)) {
					s := server(t, sandbox.Options{Faults: faulty(t, c.fault)})
					seed(t, s, "contact", map[string]any{"email": "a@b.co"})
					rt, base := reach(s)
					if a := look(t, rt, base, "?groupRef=g", filters("contact", "email", `"a@b.co"`)); !c.check(a) {
						t.Errorf("%d %v %s", a.status, a.err, a.text)
					}
				})
			})
		}
	}
}

// TestFaultsOfSearchesLeaveWritesAlone, and are counted under their names.
func TestFaultsOfSearchesLeaveWritesAlone(t *testing.T) {
	t.Parallel()
	s := server(t, sandbox.Options{Faults: sandbox.Faults{{Name: "deaf", Type: "search", Do: sandbox.DoStatus, Status: 503}, {Do: sandbox.DoResult}}})
	if a := direct(t, s, "contact", one); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.text)
	}
	if a := look(t, s.Transport(), "http://sandbox", "?groupRef=g", filters("contact", "email", `"a@b.co"`)); a.status != 503 {
		t.Errorf("%d %s", a.status, a.text)
	}
	if got := s.Stats(); got.Faults["deaf"] != 1 || got.Searches != 1 || got.Requests[503] != 1 || got.Requests[200] != 1 {
		t.Errorf("%+v", got)
	}
	if r := s.Requests(); len(r) != 2 || r[1].Type != "search" || r[1].Object != "contact" || r[1].Group != "g" || r[1].Fault != "deaf" {
		t.Errorf("%+v", r)
	}
}

// TestAFaultThatCannotHappenToARequestLeavesItToTheNextOne in either direction.
func TestAFaultThatCannotHappenToARequestLeavesItToTheNextOne(t *testing.T) {
	t.Parallel()
	s := server(t, sandbox.Options{Faults: sandbox.Faults{{Do: sandbox.DoShort, Count: 1}, {Do: sandbox.DoResult, Count: 1}, {Do: sandbox.DoStatus, Status: 503}}})
	body := filters("contact", "email", `"a@b.co"`)
	for _, want := range []int{200, 503} {
		if a := look(t, s.Transport(), "http://sandbox", "?groupRef=g", body); a.status != want {
			t.Errorf("a search: %d, not %d", a.status, want)
		}
	}
	for _, want := range []int{200, 503} {
		if a := direct(t, s, "contact", one); a.status != want {
			t.Errorf("a write: %d, not %d", a.status, want)
		}
	}
	if got := s.Stats().Faults; got["short"] != 1 || got["result"] != 1 || got["503"] != 2 {
		t.Errorf("%v", got)
	}
}

// TestAHungSearchEndsWithTheServer and is listed without a status.
func TestAHungSearchEndsWithTheServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := server(t, sandbox.Options{KeepBodies: true, Faults: sandbox.Faults{{Type: "search", Do: sandbox.DoHang}}})
		hung := make(chan answer)
		body := filters("contact", "email", `"a@b.co"`)
		go func() { hung <- look(t, s.Transport(), "http://sandbox", "?groupRef=g", body) }()
		synctest.Wait()
		s.Close()
		if a := <-hung; !isReset(a) {
			t.Errorf("%d %v", a.status, a.err)
		}
		if r := s.Requests(); len(r) != 1 || r[0].Status != 0 || string(r[0].Body) != body || !json.Valid(r[0].Body) {
			t.Errorf("%+v", r)
		}
	})
}
