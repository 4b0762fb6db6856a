package ampersand

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/internal/sandbox"
)

// TestSearchesOfTheSandbox: over HTTP, each spelling of the answer and each fault.
func TestSearchesOfTheSandbox(t *testing.T) {
	t.Parallel()
	for fault, want := range map[string]string{
		"":                        "done ID",
		"do: result":              "done ID",
		"do: latency, delay: 1ms": "done ID",
		"do: absent":              "again unknown_answer",
		"do: shape":               "again unknown_answer",
		"do: cut":                 "again unreadable",
		"do: reset":               "again no_answer",
		"do: status, status: 401": "again hold api unauthorized",
		"do: status, status: 429": "again throttled",
		"do: status, status: 500": "again unavailable",
		"do: status, status: 503": "again unavailable",
		"do: status, status: 404": "again hold destination missing",
		"do: status, status: 400": "refused bad_request",
		"do: status, status: 403, body: json, message: REQUEST_LIMIT_EXCEEDED": "again hold destination quota",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t, sandbox.Options{})
			if fault != "" {
				faults, err := sandbox.LoadFaults([]byte("[{type: search, " + fault + "}]"))
				if err == nil {
					err = s.SetFaults(faults)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			ids, err := s.Seed("hubspot", "acme-inc", "contact", []map[string]any{{"email": "ann@example.com"}, {"email": "bob@example.com"}})
			if err != nil {
				t.Fatal(err)
			}
			api := httptest.NewServer(s)
			defer api.Close()
			m := searchClient(t, api.URL+"/v1").Search(t.Context(), searchFor("email", `"Ann@example.com"`))
			if got := strings.Replace(showMatches(m), ids[0], "ID", 1); got != want {
				t.Errorf("%s: %+v", got, m)
			}
		})
	}
}

func newSandbox(t *testing.T, o sandbox.Options) *sandbox.Server {
	t.Helper()
	if o.CRM == "" {
		o.CRM = sandbox.HubSpot
	}
	s, err := sandbox.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		for _, v := range s.Violations() {
			t.Errorf("the contract is broken: %+v", v)
		}
	})
	return s
}

// TestARefusedSearchSaysWhatTheSandboxSays: what a person has to change.
func TestARefusedSearchSaysWhatTheSandboxSays(t *testing.T) {
	t.Parallel()
	closed := map[string]sandbox.ObjectRules{"contact": {Declared: []string{"phone"}}}
	for name, x := range map[string]struct {
		o          sandbox.Options
		want, says string
	}{
		"not readable":           {sandbox.Options{Unsearchable: []string{"contact"}}, "refused bad_request", "object contact is not readable"},
		"no property, HubSpot":   {sandbox.Options{Objects: closed}, "refused PROPERTY_DOESNT_EXIST", `Property "email" does not exist`},
		"no field, Salesforce":   {sandbox.Options{CRM: sandbox.Salesforce, Objects: closed}, "refused INVALID_FIELD", "No such column 'email'"},
		"no object":              {sandbox.Options{Integrations: map[string][]string{"hubspot": {"deal"}}}, "again hold destination missing", "object contact"},
		"no integration":         {sandbox.Options{Integrations: map[string][]string{"other": nil}}, "again hold integration missing", "integration hubspot does not exist"},
		"no project":             {sandbox.Options{Project: "other"}, "again hold api missing", "project acme does not exist"},
		"another project's key":  {sandbox.Options{APIKey: "other"}, "again hold api unauthorized", "ampersand.api_key"},
		"more than it will read": {sandbox.Options{MaxBody: 10}, "refused too_large", "10 bytes"},
	} {
		s := newSandbox(t, x.o)
		m := searchClient(t, "http://sandbox/v1", func(o *Options) { o.Transport = s.Transport() }).Search(t.Context(), ann())
		if showMatches(m) != x.want || !strings.Contains(m.Message, x.says) {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

// TestWhatWasWrittenIsFoundALagLater: create, search, and the id is that of the answer. In
// virtual time, as the sink's tests will have it.
func TestWhatWasWrittenIsFoundALagLater(t *testing.T) {
	t.Parallel()
	for _, crm := range []sandbox.CRM{sandbox.HubSpot, sandbox.Salesforce} {
		synctest.Test(t, func(t *testing.T) {
			s := newSandbox(t, sandbox.Options{CRM: crm, IndexLag: time.Minute, SearchPage: 20, Unique: map[string][]string{"contact": nil}})
			cl := client(t, "http://sandbox/v1", func(o *Options) { o.SearchURL, o.Transport = "http://sandbox/v1", s.Transport() })
			r := request(model.Create, 30)
			for i, w := range r.Writes {
				w.Fields = fmt.Sprintf(`"lastname":"A","email":"p%d@example.com","team":"red"`, i)
			}
			written := cl.Send(t.Context(), r, cl.Encode(r), nil)
			one := searchFor("email", `"p3@example.com"`, "team", `"RED"`)
			if m := cl.Search(t.Context(), one); m.Kind != SearchDone || len(m.IDs) != 0 {
				t.Errorf("%s, before its time: %+v", crm, m)
			}
			time.Sleep(time.Minute)
			if m := cl.Search(t.Context(), one); m.Kind != SearchDone || !slices.Equal(m.IDs, []string{written.Outcomes[3].RecordID}) || m.More {
				t.Errorf("%s: %+v, written %+v", crm, m, written.Outcomes[3])
			}
			if m := cl.Search(t.Context(), searchFor("team", `"red"`)); len(m.IDs) != MaxMatches || !m.More {
				t.Errorf("%s, thirty: %+v", crm, m)
			}
		})
	}
}
