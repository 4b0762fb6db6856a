package sandbox_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"pgregory.net/rapid"

	"github.com/ampersink/ampersink/internal/sandbox"
)

// contract is the published contract's endpoint.
func contract(t testing.TB) *openapi3.Operation {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("contract/write-openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return doc.Paths.Find("/projects/{projectIdOrName}/integrations/{integrationId}/objects/{objectName}").Post
}

func bodySchema(content openapi3.Content) *openapi3.Schema {
	return content.Get("application/json").Schema.Value
}

type object = map[string]any

// anyRequest draws a request that is good, and then puts up to two members into it, or
// takes them away, that may break it.
func anyRequest(t *rapid.T) object {
	typ := rapid.SampledFrom([]string{"create", "update", "delete"}).Draw(t, "type")
	body := object{"groupRef": "g", "type": typ}
	record := func(id int) object {
		r := object{"lastname": "A"}
		if typ != "create" {
			r["id"] = fmt.Sprint(id)
		}
		return r
	}
	batch := typ != "delete" && rapid.Bool().Draw(t, "batch")
	if batch {
		items := []any{}
		for i := range rapid.SampledFrom([]int{1, 2, 3, 100}).Draw(t, "items") {
			items = append(items, object{"record": record(i)})
		}
		body["batch"] = items
	} else {
		body["record"] = record(1)
	}
	for range rapid.IntRange(0, 2).Draw(t, "changes") {
		change(t, body)
	}
	return body
}

// change puts a member into a body or into the first item of its batch, or takes one away.
func change(t *rapid.T, body object) {
	associations := []any{[]any{object{"to": object{"id": "1"}}}, []any{}, []any{"text"}, object{}}
	records := []any{object{"id": "5"}, object{"id": ""}, object{"id": 5}, object{"id": nil}, object{}, []any{}, "text"}
	members := map[string][]any{
		"groupRef":        {"h", 7},
		"type":            {"create", "update", "delete", "upsert", 1},
		"mode":            {"synchronous", "asynchronous", "later", false},
		"retryPolicy":     {object{}, object{"deadlineHours": 48}, object{"deadlineHours": 49}, object{"deadlineHours": 0}, object{"deadlineHours": 1.5}, "text"},
		"autoBatchPolicy": {object{"maxDelayMinutes": 1440}, object{"maxDelayMinutes": 1441}, object{}, object{"maxDelayMinutes": 1, "retryDeadlineHours": 49}},
		"batchPolicy":     {object{}, object{"allOrNone": true}, object{"allOrNone": "yes"}},
		"headers":         {[]any{object{"key": "a", "value": "b"}}, []any{object{"key": 1}}, []any{"text"}},
		"associations":    associations,
		"record":          records,
		"batch":           {[]any{}, []any{object{}}, []any{"text"}, object{}, slices.Repeat([]any{object{"record": object{"id": "1"}}}, 101)},
	}
	to := body
	if items, ok := body["batch"].([]any); ok && len(items) > 0 && rapid.Bool().Draw(t, "in the batch") {
		if item, ok := items[0].(object); ok {
			to, members = item, map[string][]any{"record": records, "associations": associations}
		}
	}
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(members))).Draw(t, "member")
	if rapid.IntRange(0, 4).Draw(t, "take away") == 0 {
		delete(to, name)
		return
	}
	to[name] = rapid.SampledFrom(members[name]).Draw(t, name)
}

// wellShaped is the table of shapes that the contract leaves unsaid, written down a
// second time for bodies that the contract takes. id is a text in every record.
func wellShaped(crm sandbox.CRM, body object) bool {
	has := func(name string) bool { _, ok := body[name]; return ok }
	typ, async := body["type"], body["mode"] == "asynchronous"
	records, _ := body["batch"].([]any)
	associated := has("associations")
	for i, item := range records {
		associated = associated || item.(object)["associations"] != nil
		records[i] = item.(object)["record"]
	}
	if has("record") {
		records = append(records, body["record"])
	}
	for _, r := range records {
		id, given := r.(object)["id"]
		if text, isText := id.(string); given && !isText || typ != "create" && text == "" {
			return false
		}
	}
	return has("record") != has("batch") &&
		!(has("batch") && (typ == "delete" || has("autoBatchPolicy") || has("associations"))) &&
		!(has("batchPolicy") && !has("batch")) &&
		!(async && typ == "delete") &&
		!(!async && (has("retryPolicy") || has("autoBatchPolicy"))) &&
		!(associated && (typ != "create" || crm != sandbox.HubSpot)) &&
		!(has("headers") && crm != sandbox.Salesforce)
}

// TestWhatIsRefusedIsWhatTheContractAndTheShapesRefuse holds the decoder, which is written by
// hand, to the contract's file.
func TestWhatIsRefusedIsWhatTheContractAndTheShapesRefuse(t *testing.T) {
	t.Parallel()
	schema := bodySchema(contract(t).RequestBody.Value.Content)
	good, bad := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		crm := rapid.SampledFrom([]sandbox.CRM{sandbox.HubSpot, sandbox.Salesforce}).Draw(t, "crm")
		text, err := json.Marshal(anyRequest(t))
		if err != nil {
			t.Fatal(err)
		}
		var body object
		if err := json.Unmarshal(text, &body); err != nil {
			t.Fatal(err)
		}
		why := schema.VisitJSON(body)
		want := why == nil && wellShaped(crm, body)
		s, err := sandbox.New(sandbox.Options{CRM: crm})
		if err != nil {
			t.Fatal(err)
		}
		a := exchange(s.Transport(), "http://sandbox", "thing", string(text))
		if taken := a.status != http.StatusBadRequest; a.err != nil || taken != want {
			t.Fatalf("%d %s %v, but it should be taken: %t (%v)", a.status, a.text, a.err, want, why)
		}
		if want {
			good++
		} else {
			bad++
		}
	})
	if good < 10 || bad < 10 {
		t.Errorf("%d good and %d bad requests prove nothing", good, bad)
	} else {
		t.Logf("%d good and %d bad requests", good, bad)
	}
}

// TestAnswersAreTheContracts: as it publishes them, but for the errors of an entry, which it
// does not list and which the real API sends.
func TestAnswersAreTheContracts(t *testing.T) {
	t.Parallel()
	responses := contract(t).Responses
	single := func(typ, record string) string {
		return fmt.Sprintf(`{"groupRef":"g","type":%q,"record":%s}`, typ, record)
	}
	for name, c := range map[string]struct {
		o      sandbox.Options
		body   string
		status int
	}{
		"one":                     {body: single("create", `{"email":"a@b.co"}`), status: 200},
		"one refused":             {body: single("create", `{"email":"x"}`), status: 422},
		"one that is gone":        {body: single("delete", `{"id":"7"}`), status: 422},
		"one later":               {body: `{"groupRef":"g","type":"create","mode":"asynchronous","record":{"email":"a@b.co"}}`, status: 200},
		"all":                     {body: create(`{"email":"a@b.co"}`, `{"email":"b@b.co"}`), status: 200},
		"some":                    {body: create(`{"email":"a@b.co"}`, `{"email":"x"}`), status: 200},
		"some, as a failure":      {o: sandbox.Options{PartialStatus: 422}, body: create(`{"email":"a@b.co"}`, `{"email":"x"}`), status: 422},
		"none":                    {body: create(`{"email":"x"}`), status: 422},
		"none, and nobody named":  {o: sandbox.Options{HubSpotBatchErrors: sandbox.WholeBatch}, body: create(`{"email":"x"}`, `{"email":"a@b.co"}`), status: 422},
		"rolled back":             {o: sandbox.Options{CRM: sandbox.Salesforce}, body: `{"groupRef":"g","type":"create","batchPolicy":{"allOrNone":true},"batch":[{"record":{"LastName":"A"}},{"record":{}}]}`, status: 422},
		"a key that is not known": {o: sandbox.Options{APIKey: "other"}, body: create(`{"email":"a@b.co"}`), status: 401},
		"a body that is too long": {o: sandbox.Options{MaxBody: 20}, body: create(`{"email":"a@b.co"}`), status: 413},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := server(t, c.o)
			a := direct(t, s, "contact", c.body)
			if a.status != c.status {
				t.Fatalf("%d: %s", a.status, a.text)
			}
			response, media := responses.Value(fmt.Sprint(a.status)), "application/json"
			if response == nil {
				response, media = responses.Value("default"), "application/problem+json"
			}
			if got := a.header.Get("Content-Type"); got != media {
				t.Errorf("Content-Type %s", got)
			}
			if results, ok := a.json["results"].([]any); ok {
				for _, entry := range results {
					delete(entry.(object), "errors")
				}
			}
			if err := response.Value.Content.Get(media).Schema.Value.VisitJSON(a.json); err != nil {
				t.Errorf("%v: %s", err, a.text)
			}
			if s.Requests()[0].Status != c.status {
				t.Errorf("listed as %+v", s.Requests())
			}
		})
	}
}

// TestWhatTheContractTakesIsTaken: the contract's own examples.
func TestTheContractsExamplesAreTaken(t *testing.T) {
	t.Parallel()
	examples := contract(t).RequestBody.Value.Content.Get("application/json").Examples
	if len(examples) == 0 {
		t.Fatal("the contract has no examples")
	}
	for name, e := range examples {
		text, err := json.Marshal(e.Value.Value)
		if err != nil {
			t.Fatal(err)
		}
		s := server(t, sandbox.Options{})
		if a := direct(t, s, "thing", string(text)); a.status == http.StatusBadRequest || len(s.Violations()) > 0 {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
	}
}

func TestABodyOverTheBoundIsNotReadOn(t *testing.T) {
	t.Parallel()
	s := server(t, sandbox.Options{MaxBody: 1000})
	fits := create(`{"email":"a@b.co","note":"` + strings.Repeat("x", 800) + `"}`)
	if a := direct(t, s, "contact", fits); a.status != http.StatusOK {
		t.Errorf("%d bytes: %d %s", len(fits), a.status, a.text)
	}
	if a := direct(t, s, "contact", create(`{"email":"b@b.co","note":"`+strings.Repeat("x", 1000)+`"}`)); a.status != http.StatusRequestEntityTooLarge || !strings.Contains(a.text, "1000 bytes") {
		t.Errorf("more: %d %s", a.status, a.text)
	}
	if n := len(s.Records("crm", "g", "contact")); n != 1 {
		t.Errorf("%d records", n)
	}
}

func TestARequestThatMissesTheAPIIsAViolation(t *testing.T) {
	t.Parallel()
	s := server(t, sandbox.Options{})
	for _, c := range []struct{ method, path, typ string }{
		{http.MethodPost, "/v1/projects/p/integrations/crm/contact", "application/json"},
		{http.MethodGet, "/v1/projects/p/integrations/crm/objects/contact", ""},
		{http.MethodPut, "/projects/p/integrations/crm/objects/contact", "application/json"},
		{http.MethodPost, "/projects/p/integrations/crm/objects/contact", "text/plain"},
		{http.MethodPost, "/projects/p/integrations/crm/objects/contact", ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, "http://sandbox"+c.path, strings.NewReader(create(`{"email":"a@b.co"}`)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Api-Key", "k")
		req.Header.Set("Content-Type", c.typ)
		before := len(s.Violations())
		resp, err := s.Transport().RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got := len(s.Violations()) - before; resp.StatusCode < 400 || got != 1 {
			t.Errorf("%+v: %d, %d violations", c, resp.StatusCode, got)
		}
	}
	if r := s.Records("crm", "g", "contact"); len(r) > 0 {
		t.Errorf("written: %v", r)
	}
}
