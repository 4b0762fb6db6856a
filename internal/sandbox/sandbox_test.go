package sandbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/ampersink/ampersink/internal/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func server(t testing.TB, o sandbox.Options) *sandbox.Server {
	t.Helper()
	if o.CRM == "" {
		o.CRM = sandbox.HubSpot
	}
	s, err := sandbox.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	text   string
	json   map[string]any
	err    error
}

// post sends a body to an object through a transport.
func post(t testing.TB, rt http.RoundTripper, base, object, body string) answer {
	t.Helper()
	return exchangeWithin(t.Context(), rt, base, object, body)
}

func exchange(rt http.RoundTripper, base, object, body string) answer {
	return exchangeWithin(context.Background(), rt, base, object, body)
}

func exchangeWithin(ctx context.Context, rt http.RoundTripper, base, object, body string) answer {
	return send(ctx, rt, base+"/projects/p/integrations/crm/objects/"+object, body)
}

func send(ctx context.Context, rt http.RoundTripper, address, body string) answer {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	req.Header.Set("X-Api-Key", "k")
	req.Header.Set("Content-Type", "application/json")
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return answer{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	a := answer{status: resp.StatusCode, header: resp.Header, text: string(data), err: err}
	_ = json.Unmarshal(data, &a.json)
	return a
}

func direct(t testing.TB, s *sandbox.Server, object, body string) answer {
	t.Helper()
	return post(t, s.Transport(), "http://sandbox/v1", object, body)
}

func create(records ...string) string {
	var items []string
	for _, r := range records {
		items = append(items, `{"record":`+r+`}`)
	}
	return `{"groupRef":"g","type":"create","batch":[` + strings.Join(items, ",") + `]}`
}

func TestRequestsThatBreakTheContractAreRefusedAndKept(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		crm  sandbox.CRM
		body string
		says string
	}{
		"no JSON":                     {body: `{`, says: "ends before"},
		"something behind it":         {body: create(`{"email":"a@b.co"}`) + `{}`, says: "goes on"},
		"an unknown member":           {body: `{"groupRef":"g","type":"create","record":{},"x":1}`, says: `"x"`},
		"a member twice":              {body: `{"groupRef":"g","groupRef":"g","type":"create","record":{}}`, says: "twice"},
		"no group":                    {body: `{"type":"create","record":{}}`, says: "groupRef"},
		"no type":                     {body: `{"groupRef":"g","record":{}}`, says: "type"},
		"a type that is none":         {body: `{"groupRef":"g","type":"upsert","record":{}}`, says: "upsert"},
		"neither record nor batch":    {body: `{"groupRef":"g","type":"create"}`, says: "record or batch"},
		"record beside batch":         {body: `{"groupRef":"g","type":"create","record":{},"batch":[{"record":{}}]}`, says: "exclude"},
		"an empty batch":              {body: `{"groupRef":"g","type":"create","batch":[]}`, says: "empty"},
		"a batch of 101":              {body: create(slices.Repeat([]string{`{"email":"a@b.co"}`}, 101)...), says: "more than 100"},
		"a batch of deletes":          {body: `{"groupRef":"g","type":"delete","batch":[{"record":{"id":"1"}}]}`, says: "delete takes record"},
		"an update without id":        {body: `{"groupRef":"g","type":"update","record":{"email":"a@b.co"}}`, says: "record.id"},
		"one of a batch without id":   {body: `{"groupRef":"g","type":"update","batch":[{"record":{"id":"1"}},{"record":{}}]}`, says: "batch[1].record.id"},
		"a delete without id":         {body: `{"groupRef":"g","type":"delete","record":{}}`, says: "record.id"},
		"an id that is a number":      {body: `{"groupRef":"g","type":"update","record":{"id":1}}`, says: "must be a string"},
		"a policy without a batch":    {body: `{"groupRef":"g","type":"create","record":{},"batchPolicy":{"allOrNone":true}}`, says: "needs batch"},
		"associations of an update":   {body: `{"groupRef":"g","type":"update","record":{"id":"1"},"associations":[{}]}`, says: "go with create"},
		"associations for Salesforce": {crm: sandbox.Salesforce, body: `{"groupRef":"g","type":"create","record":{"LastName":"A"},"associations":[{}]}`, says: "HubSpot only"},
		"headers for HubSpot":         {body: `{"groupRef":"g","type":"create","record":{},"headers":[{"key":"a","value":"b"}]}`, says: "Salesforce only"},
		"a retryPolicy at once":       {body: `{"groupRef":"g","type":"create","record":{},"retryPolicy":{"deadlineHours":2}}`, says: "needs mode asynchronous"},
		"an autoBatchPolicy at once":  {body: `{"groupRef":"g","type":"create","record":{},"autoBatchPolicy":{"maxDelayMinutes":2}}`, says: "needs mode asynchronous"},
		"an autoBatchPolicy of batch": {body: `{"groupRef":"g","type":"create","mode":"asynchronous","batch":[{"record":{}}],"autoBatchPolicy":{"maxDelayMinutes":2}}`, says: "takes record"},
		"a delay of 0":                {body: `{"groupRef":"g","type":"create","mode":"asynchronous","record":{},"autoBatchPolicy":{"maxDelayMinutes":0}}`, says: "1 to 1440"},
		"no delay":                    {body: `{"groupRef":"g","type":"create","mode":"asynchronous","record":{},"autoBatchPolicy":{}}`, says: "maxDelayMinutes is missing"},
		"a deadline of 49 hours":      {body: `{"groupRef":"g","type":"create","mode":"asynchronous","record":{},"retryPolicy":{"deadlineHours":49}}`, says: "1 to 48"},
		"associations beside batch":   {body: `{"groupRef":"g","type":"create","batch":[{"record":{}}],"associations":[{}]}`, says: "into its items"},
		"a mode that is none":         {body: `{"groupRef":"g","type":"create","mode":"eventually","record":{}}`, says: "eventually"},
		"a member of an item":         {body: `{"groupRef":"g","type":"create","batch":[{"record":{},"id":"5"}]}`, says: "batch[0]"},
		"a field twice":               {body: create(`{"email":"a@b.co","email":"b@b.co"}`), says: "twice"},
		"invalid UTF-8":               {body: create("{\"email\":\"a\xff@b.co\"}"), says: "not JSON"},
		"a number that is none":       {body: create(`{"score":NaN}`), says: "not JSON"},
		"10,001 arrays":               {body: create(`{"deep":` + strings.Repeat("[", 10001) + strings.Repeat("]", 10001) + `}`), says: "not JSON"},
		"an asynchronous delete":      {body: `{"groupRef":"g","type":"delete","mode":"asynchronous","record":{"id":"1"}}`, says: "synchronous only"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := server(t, sandbox.Options{CRM: c.crm})
			a := direct(t, s, "contact", c.body)
			if a.status != http.StatusBadRequest || !strings.Contains(a.text, c.says) || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
				t.Errorf("%d %s: %s", a.status, a.header.Get("Content-Type"), a.text)
			}
			if v := s.Violations(); len(v) != 1 || v[0].Why != a.text || len(s.Records("crm", "g", "contact")) != 0 {
				t.Errorf("violations %+v", v)
			}
		})
	}
}

func TestTheCRMRefusesInItsOwnWords(t *testing.T) {
	t.Parallel()
	const contact = "contact"
	for name, c := range map[string]struct {
		crm  sandbox.CRM
		body string
		says []string
	}{
		"HubSpot, an address that is none": {sandbox.HubSpot, create(`{"email":"x"}`), []string{`"category":"VALIDATION_ERROR"`, "INVALID_EMAIL"}},
		"HubSpot, nothing to go by":        {sandbox.HubSpot, create(`{"phone":"1"}`), []string{"VALIDATION_ERROR", "is required"}},
		"HubSpot, an option that is none":  {sandbox.HubSpot, create(`{"email":"a@b.co","lifecyclestage":"x"}`), []string{"INVALID_OPTION"}},
		"HubSpot, a contact that exists":   {sandbox.HubSpot, create(`{"email":"known@b.co"}`), []string{"CONFLICT", "Existing ID: 1715", "existingId"}},
		"HubSpot, a record that is gone":   {sandbox.HubSpot, `{"groupRef":"g","type":"update","batch":[{"record":{"id":"5","email":"a@b.co"}}]}`, []string{"OBJECT_NOT_FOUND"}},
		"HubSpot, an id twice":             {sandbox.HubSpot, `{"groupRef":"g","type":"update","batch":[{"record":{"id":"5"}},{"record":{"id":"5"}}]}`, []string{"Duplicate IDs found in batch input", `"failureCount":2`}},
		"Salesforce, a required field":     {sandbox.Salesforce, create(`{"Email":"a@b.co"}`), []string{`"statusCode":"REQUIRED_FIELD_MISSING"`, "[LastName]"}},
		"Salesforce, an address":           {sandbox.Salesforce, create(`{"LastName":"A","Email":"x"}`), []string{"INVALID_EMAIL_ADDRESS"}},
		"Salesforce, too long":             {sandbox.Salesforce, create(`{"LastName":"` + strings.Repeat("x", 81) + `"}`), []string{"STRING_TOO_LONG", "max length=80"}},
		"Salesforce, an external id twice": {sandbox.Salesforce, create(`{"LastName":"A","External_Id__c":"7"}`, `{"LastName":"B","External_Id__c":"7"}`), []string{"DUPLICATE_VALUE", "record with id: 003", `"successCount":1`}},
		"Salesforce, a record never there": {sandbox.Salesforce, `{"groupRef":"g","type":"delete","record":{"id":"0035g00000abcde"}}`, []string{"INVALID_CROSS_REFERENCE_KEY"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := server(t, sandbox.Options{CRM: c.crm})
			if c.crm == sandbox.HubSpot {
				if _, err := s.Seed("crm", "g", contact, []map[string]any{{"email": "known@b.co"}}); err != nil {
					t.Fatal(err)
				}
			}
			a := direct(t, s, contact, c.body)
			for _, want := range c.says {
				if !strings.Contains(a.text, want) {
					t.Errorf("%d without %s: %s", a.status, want, a.text)
				}
			}
			if len(s.Violations()) != 0 {
				t.Errorf("taken for a breach of the contract: %+v", s.Violations())
			}
		})
	}
}

func TestARecordLivesThroughCreateUpdateDelete(t *testing.T) {
	t.Parallel()
	for _, crm := range []sandbox.CRM{sandbox.HubSpot, sandbox.Salesforce} {
		s := server(t, sandbox.Options{CRM: crm})
		a := direct(t, s, "Contact", `{"groupRef":"g","type":"create","record":{"LastName":"A","lastname":"A"}}`)
		id, _ := a.json["result"].(map[string]any)["recordId"].(string)
		if a.status != 200 || id == "" {
			t.Fatalf("%s: %d %s", crm, a.status, a.text)
		}
		a = direct(t, s, "contact", fmt.Sprintf(`{"groupRef":"g","type":"update","batch":[{"record":{"id":%q,"Phone":"1"}}]}`, id))
		if r := s.Records("crm", "g", "contact"); a.status != 200 || len(r) != 1 || r[0].Version != 2 || string(r[0].Fields["Phone"]) != `"1"` {
			t.Errorf("%s: %d %s, records %+v", crm, a.status, a.text, r)
		}
		if crm == sandbox.Salesforce {
			id = id[:15] // the short form is the same record
		}
		a = direct(t, s, "contact", fmt.Sprintf(`{"groupRef":"g","type":"delete","record":{"id":%q}}`, id))
		if a.status != 200 || len(s.Records("crm", "g", "contact")) != 0 {
			t.Errorf("%s: %d %s", crm, a.status, a.text)
		}
		if a = direct(t, s, "contact", fmt.Sprintf(`{"groupRef":"g","type":"delete","record":{"id":%q}}`, id)); a.status != http.StatusUnprocessableEntity {
			t.Errorf("%s, deleted twice: %d %s", crm, a.status, a.text)
		}
		if other := s.Records("crm", "other", "contact"); len(other) != 0 {
			t.Errorf("%s: another customer's CRM has %v", crm, other)
		}
	}
}

func TestOneRefusedRecordFailsABatchThatIsAllOrNone(t *testing.T) {
	t.Parallel()
	batch := func(good, bad string) string {
		return `{"groupRef":"g","type":"create","batchPolicy":{"allOrNone":true},"batch":[{"record":` + good + `},{"record":` + bad + `}]}`
	}
	for name, c := range map[string]struct {
		o    sandbox.Options
		body string
		says []string
	}{
		"HubSpot names nobody": {sandbox.Options{CRM: sandbox.HubSpot}, batch(`{"email":"a@b.co"}`, `{"email":"x"}`),
			[]string{`"failureCount":2`, `"successCount":0`, `"errors"`}},
		"Salesforce names the culprit": {sandbox.Options{CRM: sandbox.Salesforce}, batch(`{"LastName":"A"}`, `{"Phone":"1"}`),
			[]string{"ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING", `"failureCount":2`}},
		"Salesforce, without a code": {sandbox.Options{CRM: sandbox.Salesforce, SalesforceInnocents: sandbox.Unprocessed}, batch(`{"LastName":"A"}`, `{"Phone":"1"}`),
			[]string{"not processed due to other records failures", "REQUIRED_FIELD_MISSING"}},
		"HubSpot whole batch, not all or none": {sandbox.Options{CRM: sandbox.HubSpot, HubSpotBatchErrors: sandbox.WholeBatch}, create(`{"email":"a@b.co"}`, `{"email":"x"}`),
			[]string{`"failureCount":2`, `"errors"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := server(t, c.o)
			a := direct(t, s, "contact", c.body)
			for _, want := range c.says {
				if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.text, want) {
					t.Errorf("%d without %s: %s", a.status, want, a.text)
				}
			}
			if strings.Contains(name, "HubSpot") && strings.Contains(a.text, "results") {
				t.Errorf("somebody is named: %s", a.text)
			}
			if r := s.Records("crm", "g", "contact"); len(r) != 0 {
				t.Errorf("written: %+v", r)
			}
		})
	}
}

func TestTheKeyTheProjectAndThePlacesAreChecked(t *testing.T) {
	t.Parallel()
	s := server(t, sandbox.Options{APIKey: "right", Project: "p", Integrations: map[string][]string{"crm": {"contact"}}})
	get := func(path, key string) int {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://sandbox"+path, nil)
		req.Header.Set("X-Api-Key", key)
		resp, err := s.Transport().RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	for path, want := range map[string]int{
		"/v1/projects/p/operations/x": 404, "/projects/p/operations/x": 404, "/v1/projects/other/operations/x": 404,
		"/sandbox/stats": 200, "/sandbox/records": 200, "/sandbox/requests": 200, "/sandbox/violations": 200, "/sandbox/faults": 200, "/": 200, "/nowhere": 404,
	} {
		if got := get(path, "right"); got != want {
			t.Errorf("%s: %d, not %d", path, got, want)
		}
	}
	if got := get("/v1/projects/p/operations/x", "wrong"); got != 401 {
		t.Errorf("a wrong key: %d", got)
	}
	if a := direct(t, s, "contact", create(`{"email":"a@b.co"}`)); a.status != 401 {
		t.Errorf("a wrong key: %d", a.status)
	}
}

func TestOneSeedGivesTheSameIDs(t *testing.T) {
	t.Parallel()
	run := func() string {
		s := server(t, sandbox.Options{CRM: sandbox.Salesforce})
		return direct(t, s, "contact", create(`{"LastName":"A"}`, `{"LastName":"B"}`)).text
	}
	if a, b := run(), run(); a != b {
		t.Errorf("%s and %s", a, b)
	}
}
