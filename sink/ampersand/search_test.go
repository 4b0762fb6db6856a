package ampersand

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

func searchFor(pairs ...string) *SearchRequest {
	r := &SearchRequest{Destination: model.Destination{Integration: "hubspot", Group: "acme-inc", Object: "contact"}}
	for i := 0; i < len(pairs); i += 2 {
		r.Filters = append(r.Filters, Filter{Field: pairs[i], Value: pairs[i+1]})
	}
	return r
}

func ann() *SearchRequest { return searchFor("email", `"ann@example.com"`) }

// searchClient returns a client that searches at that URL.
func searchClient(t testing.TB, url string, change ...func(*Options)) *Client {
	t.Helper()
	return client(t, "http://write.example/v1", append([]func(*Options){func(o *Options) { o.SearchURL = url }}, change...)...)
}

// validSearch checks a request against the contract of searches.
func validSearch(r *http.Request, body []byte) error {
	var m struct {
		ObjectName   *string
		FieldFilters []map[string]any
	}
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return err
	}
	switch {
	case r.Method != http.MethodPost || r.Header.Get("X-Api-Key") == "" || r.Header.Get("Content-Type") != "application/json":
		return fmt.Errorf("%s with headers %v", r.Method, r.Header)
	case r.ContentLength != int64(len(body)):
		return fmt.Errorf("length %d of %d", r.ContentLength, len(body))
	case len(r.URL.Query()) != 1 || len(r.URL.Query()["groupRef"]) != 1:
		return fmt.Errorf("query %s", r.URL.RawQuery)
	case m.ObjectName == nil || *m.ObjectName == "" || len(m.FieldFilters) == 0:
		return fmt.Errorf("body %s", body)
	}
	for _, f := range m.FieldFilters {
		switch f["value"].(type) {
		case string, float64, bool:
		default:
			return fmt.Errorf("value %v", f["value"])
		}
		if name, _ := f["fieldName"].(string); name == "" || f["operator"] != "eq" || len(f) != 3 {
			return fmt.Errorf("filter %v", f)
		}
	}
	return nil
}

// searched makes a search of an API that answers as scripted.
func searched(t *testing.T, r *SearchRequest, s http.Handler) Matches {
	t.Helper()
	return searchClient(t, checked(t, s, validSearch)).Search(t.Context(), r)
}

// showMatches writes what became of a search as the tables of these tests do.
func showMatches(m Matches) string {
	s := m.Kind.String()
	for _, id := range m.IDs {
		s += " " + id
	}
	if m.More {
		s += " more"
	}
	if m.Hold != model.ScopeNone {
		s += " hold " + m.Hold.String()
	}
	if m.Code != "" {
		s += " " + m.Code
	}
	return s
}

func TestASearchAsksAsTheContractSays(t *testing.T) {
	t.Parallel()
	var got string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		got = fmt.Sprintf("%s %s %s %s %s", req.Method, req.URL.RequestURI(), req.Header.Get("X-Api-Key"), req.Header.Get("X-Amp-Request-Type"), body)
		said{status: 200, body: `{"results":[]}`}.ServeHTTP(w, req)
	}))
	defer api.Close()
	r := searchFor("email", `"o'hara \"x\"@b.co"`, "age", "42", "vip", "true")
	r.Destination = model.Destination{Integration: "hub/spot", Group: "acme & co?", Object: `con"tact`}
	m := searchClient(t, api.URL+"/v1/").Search(t.Context(), r)
	want := `POST /v1/projects/acme/integrations/hub%2Fspot?groupRef=acme+%26+co%3F ` + testKey + ` search ` +
		`{"objectName":"con\"tact","fieldFilters":[{"fieldName":"email","operator":"eq","value":"o'hara \"x\"@b.co"},` +
		`{"fieldName":"age","operator":"eq","value":42},{"fieldName":"vip","operator":"eq","value":true}]}`
	if got != want || m.Kind != SearchDone {
		t.Errorf("got  %s\nwant %s\n%+v", got, want, m)
	}
}

func match(id string) string {
	return `{"id":` + id + `,"fields":{"email":"ann@example.com"},"mappedFields":{},"raw":{"properties":{"id":"not it"}}}`
}

func many(n int) string {
	var all []string
	for i := range n {
		all = append(all, match(fmt.Sprintf(`"%d"`, 100+i)))
	}
	return strings.Join(all, ",")
}

// TestWhatAnAnswerToASearchMeans is the table of outcomes of searches, over HTTP.
func TestWhatAnAnswerToASearchMeans(t *testing.T) {
	t.Parallel()
	ok := func(members string) said { return said{status: 200, body: "{" + members + "}"} }
	for name, x := range map[string]struct {
		said said
		want string
	}{
		// Lists.
		"nothing":                        {ok(`"results":[]`), "done"},
		"nothing, as published":          {ok(`"result":[]`), "done"},
		"one":                            {ok(`"results":[` + match(`"7"`) + `]`), "done 7"},
		"one, as published":              {ok(`"result":[` + match(`"7"`) + `]`), "done 7"},
		"an id that is a number":         {ok(`"results":[` + match(`171591000198`) + `]`), "done 171591000198"},
		"several":                        {ok(`"results":[` + match(`"7"`) + `,` + match(`"8"`) + `]`), "done 7 8"},
		"as many as are kept":            {ok(`"results":[` + many(MaxMatches) + `]`), "done 100 101 102 103 104 105 106 107 108 109"},
		"more":                           {ok(`"results":[` + many(200) + `]`), "done 100 101 102 103 104 105 106 107 108 109 more"},
		"one twice":                      {ok(`"results":[` + match(`"7"`) + `,` + match(`"7"`) + `]`), "done 7"},
		"one in both lengths of its id":  {ok(`"results":[` + match(`"0035g00000abcde"`) + `,` + match(`"0035g00000abcdeAAA"`) + `]`), "done 0035g00000abcde"},
		"both lists":                     {ok(`"result":[` + match(`"7"`) + `],"results":[` + match(`"8"`) + `,` + match(`"7"`) + `]`), "done 7 8"},
		"a list that is null":            {ok(`"results":null`), "done"},
		"both, null":                     {ok(`"result":null,"results":null`), "done"},
		"null and a reason":              {ok(`"results":null,"errors":["x"]`), "again unknown_answer"},
		"one list and null":              {ok(`"result":null,"results":[` + match(`"7"`) + `]`), "done 7"},
		"unknown members":                {ok(`"page":{"results":[1]},"results":[{"id":"7","score":1}],"done":true`), "done 7"},
		"only raw has the id, HubSpot":   {ok(`"results":[{"fields":{},"raw":{"id":"7","properties":{"id":"x"}}}]`), "done 7"},
		"only raw has it, Salesforce":    {ok(`"results":[{"fields":{"id":"x"},"raw":{"attributes":{"Id":"x"},"Id":"0035g00000abcdeAAA"}}]`), "done 0035g00000abcdeAAA"},
		"an id that is null, and raw":    {ok(`"results":[{"id":null,"raw":{"Id":"7"}}]`), "done 7"},
		"an empty list of errors beside": {ok(`"results":[],"errors":[]`), "done"},

		// What is no list of matches is never "nothing".
		"no list":                      {ok(``), "again unknown_answer"},
		"a list of another name":       {ok(`"records":[]`), "again unknown_answer"},
		"an object":                    {ok(`"results":{}`), "again unknown_answer"},
		"a text":                       {ok(`"results":"none"`), "again unknown_answer"},
		"a list at the top":            {said{status: 200, body: `[]`}, "again unreadable"},
		"a match that is no object":    {ok(`"results":["7"]`), "again unknown_answer"},
		"a match without id":           {ok(`"results":[{"fields":{"email":"a"}}]`), "again unknown_answer"},
		"an id in the fields alone":    {ok(`"results":[{"fields":{"id":"7"}}]`), "again unknown_answer"},
		"an empty id":                  {ok(`"results":[{"id":""}]`), "again unknown_answer"},
		"an id that is a fraction":     {ok(`"results":[{"id":7.5}]`), "again unknown_answer"},
		"an id that is a power":        {ok(`"results":[{"id":1e3}]`), "again unknown_answer"},
		"an id that is true":           {ok(`"results":[{"id":true}]`), "again unknown_answer"},
		"an id with a line break":      {ok(`"results":[{"id":"7\n8"}]`), "again unknown_answer"},
		"an id of 256 characters":      {ok(`"results":[{"id":"` + strings.Repeat("7", maxID+1) + `"}]`), "again unknown_answer"},
		"the same, escaped":            {ok(`"results":[{"id":"` + strings.Repeat(`\u0037`, maxID+1) + `"}]`), "again unknown_answer"},
		"an escaped id that is short":  {ok(`"results":[{"id":"\u0037"}]`), "done 7"},
		"two ids of one match":         {ok(`"results":[{"id":"7","id":"8"}]`), "again unknown_answer"},
		"two raw ids of one match":     {ok(`"results":[{"raw":{"id":"7","Id":"8"}}]`), "again unknown_answer"},
		"good and bad matches":         {ok(`"results":[` + match(`"7"`) + `,{}]`), "again unknown_answer"},
		"a bad one behind those kept":  {ok(`"results":[` + many(MaxMatches+5) + `,{}]`), "again unknown_answer"},
		"two answers":                  {said{status: 200, body: `{"results":[]}{}`}, "again unknown_answer"},
		"cut in the middle":            {said{status: 200, body: `{"results":[`}, "again unreadable"},
		"cut behind the list":          {said{status: 200, body: `{"results":[]`}, "again unreadable"},
		"a gateway's page":             {html("welcome").as(200), "again unreadable"},
		"no body":                      {said{status: 200}, "again unreadable"},
		"an empty list and a reason":   {ok(`"results":[],"errors":[{"message":"the provider timed out"}]`), "again unknown_answer"},
		"a match and a reason":         {ok(`"results":[` + match(`"7"`) + `],"errors":["x"]`), "again unknown_answer"},
		"a reason alone":               {ok(`"errors":[{"message":"no"}]`), "again unknown_answer"},
		"a quota beside an empty list": {ok(`"results":[],"errors":[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"m"}]`), "again hold destination REQUEST_LIMIT_EXCEEDED"},
		"a quota without a list":       {ok(`"errors":["REQUEST_LIMIT_EXCEEDED: m"]`), "again hold destination REQUEST_LIMIT_EXCEEDED"},
		"a quota in another shape":     {ok(`"errors":["REQUEST_LIMIT_EXCEEDED: m"],"results":{}`), "again hold destination REQUEST_LIMIT_EXCEEDED"},
		"201":                          {said{status: 201, body: `{"results":[]}`}, "again unknown_answer"},
		"204":                          {said{status: 204}, "again unknown_answer"},
		"206":                          {said{status: 206, body: `{"results":[]}`}, "again unknown_answer"},
		"302":                          {said{status: 302, header: header("Location", "/"), body: `{"results":[]}`}, "again unknown_answer"},
		"409":                          {text("x").as(409), "again unknown_answer"},

		// Refusals.
		"400":                            {problem(`"detail":"object contact is not readable in integration hubspot"`).as(400), "refused bad_request"},
		"400 as text":                    {text("no").as(400), "refused bad_request"},
		"400 with nothing":               {said{status: 400}, "refused bad_request"},
		"400 with a cut body":            {said{status: 400, body: `{"detail":"x`}, "refused bad_request"},
		"400, an unknown field":          {problem(`"causes":["INVALID_FIELD: No such column"]`).as(400), "refused INVALID_FIELD"},
		"400, an unknown property":       {problem(`"detail":"Property values: PROPERTY_DOESNT_EXIST"`).as(400), "refused PROPERTY_DOESNT_EXIST"},
		"400, a query that is malformed": {problem(`"causes":["MALFORMED_QUERY: unexpected token"]`).as(400), "refused MALFORMED_QUERY"},
		"400, a quota":                   {problem(`"causes":["REQUEST_LIMIT_EXCEEDED: m"]`).as(400), "again hold destination quota"},
		"400, a slow query":              {problem(`"causes":["QUERY_TIMEOUT: m"]`).as(400), "again QUERY_TIMEOUT"},
		"400, too many":                  {problem(`"detail":"RATE_LIMITS"`).as(400), "again RATE_LIMITS"},
		"422":                            {problem(`"detail":"no"`).as(422), "refused bad_request"},
		"422, a quota":                   {problem(`"causes":["REQUEST_LIMIT_EXCEEDED: m"]`).as(422), "again hold destination quota"},
		"413":                            {html("too large").as(413), "refused too_large"},
		"500 that is final":              {problem(`"retryable":false`).as(500), "refused not_retryable"},
		"502 that is final":              {text("x").as(502).with("X-Amp-Retryable", "false"), "refused not_retryable"},

		// What passes.
		"408": {text("").as(408), "again unavailable"},
		"425": {text("").as(425), "again unavailable"},
		"429": {problem(`"retryable":true`).as(429), "again throttled"},
		"429 of a day": {said{body: `{"message":"You have reached your daily limit.","policyName":"DAILY"}`}.as(429),
			"again hold destination quota"},
		"500": {problem(`"retryable":true`).as(500), "again unavailable"},
		"502": {html("bad gateway").as(502), "again unavailable"},
		"503": {text("").as(503), "again unavailable"},
		"504": {said{status: 504, body: `{"results":[]}`}, "again unavailable"},
		"520": {html("x").as(520), "again unknown_answer"},

		// Holds.
		"401":                     {text("unauthorized").as(401), "again hold api unauthorized"},
		"403":                     {problem(`"detail":"forbidden"`).as(403), "again hold api forbidden"},
		"403 of the installation": {problem(`"detail":"installation is paused"`).as(403), "again hold destination installation"},
		"403 of a quota":          {problem(`"causes":["REQUEST_LIMIT_EXCEEDED: m"]`).as(403), "again hold destination quota"},
		"401 of a token":          {problem(`"detail":"INVALID_GRANT: expired"`).as(401), "again hold destination installation"},
		"404 of the project":      {problem(`"detail":"project acme not found"`).as(404), "again hold api missing"},
		"404 of the integration":  {problem(`"detail":"integration hubspot not found"`).as(404), "again hold integration missing"},
		"404 of the object":       {problem(`"detail":"object contact not found"`).as(404), "again hold destination missing"},
		"404 of a record":         {problem(`"code":"NOT_FOUND","detail":"record not found"`).as(404), "again hold destination missing"},
		"404 with an empty list":  {said{status: 404, body: `{"results":[]}`}, "again hold destination missing"},
		"404 of something else":   {html("404 page not found").as(404), "again hold api missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := searched(t, ann(), x.said)
			if got := showMatches(m); got != x.want {
				t.Errorf("got %s, want %s: %s", got, x.want, m.Message)
			}
			if m.Status != x.said.status || (m.Code == "") != (m.Kind == SearchDone) || (m.Message == "") != (m.Kind == SearchDone) {
				t.Errorf("%+v", m)
			}
		})
	}
}

// TestAFailedSearchSaysWhy: what was refused, by whom, and what to look at.
func TestAFailedSearchSaysWhy(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		said said
		want []string
	}{
		"an object that is not readable": {problem(`"detail":"object contact is not readable"`).as(400), []string{"HTTP 400", "object contact is not readable"}},
		"a key":                          {text("no").as(401), []string{"ampersand.api_key", "HTTP 401"}},
		"an address":                     {html("404 page not found").as(404), []string{"ampersand.search_url"}},
		"a shape":                        {said{status: 200, body: `{"records":[]}`}, []string{"no list of matches"}},
	} {
		m := searched(t, ann(), x.said)
		for _, want := range x.want {
			if !strings.Contains(m.Message, want) {
				t.Errorf("%s: %q without %q", name, m.Message, want)
			}
		}
	}
}

func TestTheServersWishIsKeptForSearches(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC().Truncate(time.Second)
	date := now.Format(http.TimeFormat)
	for name, s := range map[string]said{
		"seconds":            text("").with("Retry-After", "90"),
		"a date":             text("").with("Date", date, "Retry-After", now.Add(90*time.Second).Format(http.TimeFormat)),
		"the problem":        problem(`"retryAfter":"`+now.Add(90*time.Second).Format(time.RFC3339)+`"`).with("Date", date),
		"the provider's way": text("").with("X-Amp-Retry-After", "90"),
	} {
		for _, status := range [...]int{429, 503} {
			if m := searched(t, ann(), s.as(status)); m.Kind != SearchAgain || m.After != 90*time.Second {
				t.Errorf("%s, %d: %+v", name, status, m)
			}
		}
	}
}

// TestAValueThatNoSearchCanFindIsRefusedWithoutARequest: null and blank texts would find
// records that have nothing in the field.
func TestAValueThatNoSearchCanFindIsRefusedWithoutARequest(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	cl := searchClient(t, "http://search.example", func(o *Options) {
		o.Transport = transport(func(*http.Request) (*http.Response, error) {
			requests.Add(1)
			return nil, io.ErrUnexpectedEOF
		})
	})
	for value, found := range map[string]string{
		"null": "null", `""`: "a blank text", `" \t\u00a0"`: "a blank text", ` "" `: "a blank text", `[]`: "a list", `{"a":1}`: "an object", "": "no JSON", `"a`: "no JSON", "nil": "no JSON", `1,"x":2`: "no JSON",
	} {
		m := cl.Search(t.Context(), searchFor("age", "5", "email", value))
		if m.Kind != SearchRefused || m.Code != CodeUnsearchable || !strings.Contains(m.Message, "field email") || !strings.Contains(m.Message, found) {
			t.Errorf("%s: %+v", value, m)
		}
	}
	for _, value := range []string{`"a"`, "0", "-1.5e3", "true", "false", ` "a" `} {
		if m := cl.Search(t.Context(), searchFor("email", value)); m.Kind != SearchAgain {
			t.Errorf("%s: %+v", value, m)
		}
	}
	if n := requests.Load(); n != 6 {
		t.Errorf("%d requests", n)
	}
}

func TestSearchesThatNobodyMayAskForPanic(t *testing.T) {
	t.Parallel()
	cl := searchClient(t, "http://search.example")
	for name, f := range map[string]func(){
		"no filters":         func() { cl.Search(t.Context(), searchFor()) },
		"a field of no name": func() { cl.Search(t.Context(), searchFor("", "1")) },
		"no address":         func() { client(t, "http://write.example").Search(t.Context(), ann()) },
	} {
		func() {
			defer func() {
				if p, _ := recover().(string); !strings.HasPrefix(p, "BUG: ") {
					t.Errorf("%s: %q", name, p)
				}
			}()
			f()
		}()
	}
}

func TestAPIKeyIsInNoAnswerToASearch(t *testing.T) {
	t.Parallel()
	escaped := strings.ReplaceAll(testKey, "-", `\u002d`)
	for name, s := range map[string]said{
		"problem":     problem(`"detail":"key ` + testKey + ` is revoked","requestId":"` + testKey + `"`).as(401),
		"escaped":     problem(`"detail":"key ` + escaped + ` is revoked","requestId":"` + escaped + `"`).as(400),
		"an id":       {status: 200, body: `{"results":[{"id":"` + escaped + `"}]}`},
		"a short one": {status: 200, body: `{"results":[{"id":"7"}],"requestId":"` + escaped + `"}`},
	} {
		m := searched(t, ann(), s)
		if text := fmt.Sprintf("%+v", m); strings.Contains(text, testKey) {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// TestASearchAndAWriteGoToTheirOwnAddresses, with one key that is asked for each time.
func TestASearchAndAWriteGoToTheirOwnAddresses(t *testing.T) {
	t.Parallel()
	var hosts []string
	keys := 0
	cl := client(t, "http://write.example/v1", func(o *Options) {
		o.SearchURL = "http://search.example/v1"
		o.APIKey = func() string { keys++; return fmt.Sprint("key-", keys) }
		o.Transport = transport(func(r *http.Request) (*http.Response, error) {
			hosts = append(hosts, r.URL.Host+" "+r.Header.Get("X-Api-Key")+" "+r.Header.Get("X-Amp-Request-Type"))
			_, _ = io.Copy(io.Discard, r.Body)
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(written3))}, nil
		})
	})
	cl.Search(t.Context(), ann())
	r := request(u, 3)
	cl.Send(context.Background(), r, cl.Encode(r), nil)
	if got := strings.Join(hosts, ", "); got != "search.example key-1 search, write.example key-2 " {
		t.Errorf("%s", got)
	}
}
