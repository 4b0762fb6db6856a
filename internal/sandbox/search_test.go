package sandbox_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ampersink/ampersink/internal/sandbox"
)

// look sends a search of group g through a transport.
func look(t testing.TB, rt http.RoundTripper, base, query, body string) answer {
	t.Helper()
	return send(t.Context(), rt, base+"/projects/p/integrations/crm"+query, body)
}

// filters is the body of a search: names and JSON values in turn.
func filters(object string, pairs ...string) string {
	var all []string
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, fmt.Sprintf(`{"fieldName":%q,"operator":"eq","value":%s}`, pairs[i], pairs[i+1]))
	}
	return fmt.Sprintf(`{"objectName":%q,"fieldFilters":[%s]}`, object, strings.Join(all, ","))
}

// find returns the ids that a search finds.
func find(t testing.TB, s *sandbox.Server, object string, pairs ...string) []string {
	t.Helper()
	a := look(t, s.Transport(), "http://sandbox/v1", "?groupRef=g", filters(object, pairs...))
	if a.status != http.StatusOK {
		t.Fatalf("%d %v %s", a.status, a.err, a.text)
	}
	return idsOf(t, a, "results")
}

func idsOf(t testing.TB, a answer, under string) []string {
	t.Helper()
	list, ok := a.json[under].([]any)
	if !ok {
		t.Fatalf("no %s: %s", under, a.text)
	}
	ids := []string{}
	for _, one := range list {
		ids = append(ids, one.(object)["id"].(string))
	}
	return ids
}

func seed(t testing.TB, s *sandbox.Server, object string, rows ...map[string]any) []string {
	t.Helper()
	ids, err := s.Seed("crm", "g", object, rows)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestASearchFindsWhatAllOfItsFiltersSay(t *testing.T) {
	t.Parallel()
	s := server(t, sandbox.Options{})
	ids := seed(t, s, "thing",
		map[string]any{"email": "a@b.co", "n": 5, "vip": true, "city": nil},
		map[string]any{"email": "A@B.co", "n": "5", "vip": false},
		map[string]any{"email": "c@b.co", "n": 7, "name": "O'Hara \"x\"", "city": "Rome"},
	)
	if _, err := s.Seed("crm", "another", "thing", []map[string]any{{"email": "a@b.co"}}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		pairs []string
		want  []string
	}{
		"a text, whatever its case":          {[]string{"email", `"a@B.CO"`}, ids[:2]},
		"a number":                           {[]string{"n", `5`}, ids[:2]},
		"a boolean":                          {[]string{"vip", `true`}, ids[:1]},
		"two filters":                        {[]string{"email", `"a@b.co"`, "vip", `false`}, ids[1:2]},
		"filters that exclude each other":    {[]string{"email", `"a@b.co"`, "n", `7`}, nil},
		"escapes":                            {[]string{"name", `"O'Hara \u0022x\u0022"`}, ids[2:]},
		"a text that nobody has":             {[]string{"email", `"d@b.co"`}, nil},
		"a field that nobody has":            {[]string{"phone", `"1"`}, nil},
		"an empty text finds what has none":  {[]string{"city", `""`}, ids[:2]},
		"a name of another case, in HubSpot": {[]string{"Email", `"a@b.co"`}, nil},
	} {
		if got := find(t, s, "thing", c.pairs...); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, not %v", name, got, c.want)
		}
	}
}

// TestAMatchIsShownAsTheAPIDoes: its id, its fields, and what the CRM itself says.
func TestAMatchIsShownAsTheAPIDoes(t *testing.T) {
	t.Parallel()
	for crm, raw := range map[sandbox.CRM]string{
		sandbox.HubSpot:    `"raw":{"archived":false,"createdAt":`,
		sandbox.Salesforce: `"raw":{"Email":"a@b.co","Id":"003`,
	} {
		s := server(t, sandbox.Options{CRM: crm})
		row := map[string]any{"email": "a@b.co"}
		if crm == sandbox.Salesforce {
			row = map[string]any{"LastName": "A", "Email": "a@b.co"}
		}
		id := seed(t, s, "contact", row)[0]
		a := look(t, s.Transport(), "http://sandbox", "?groupRef=g", filters("Contact", "email", `"a@b.co"`))
		for _, want := range []string{`"id":"` + id + `"`, `"mappedFields":{}`, `"fields":{"email":"a@b.co","id":"` + id + `"`, raw} {
			if !strings.Contains(a.text, want) {
				t.Errorf("%s without %s: %s", crm, want, a.text)
			}
		}
	}
}

func TestSearchesThatBreakTheContractAreRefusedAndKept(t *testing.T) {
	t.Parallel()
	good := filters("contact", "email", `"a@b.co"`)
	one := func(filter string) string { return `{"objectName":"contact","fieldFilters":[` + filter + `]}` }
	for name, c := range map[string]struct{ query, body, says string }{
		"no JSON":                 {body: `{`, says: "ends before"},
		"something behind it":     {body: good + `{}`, says: "goes on"},
		"an unknown member":       {body: `{"objectName":"contact","fieldFilters":[],"limit":1}`, says: `"limit"`},
		"a member twice":          {body: `{"objectName":"a","objectName":"a","fieldFilters":[]}`, says: "twice"},
		"no object":               {body: `{"fieldFilters":[{"fieldName":"a","operator":"eq","value":1}]}`, says: "objectName"},
		"an object of no name":    {body: filters("", "email", `"a"`), says: "objectName"},
		"no filters":              {body: `{"objectName":"contact"}`, says: "every record"},
		"an empty list of them":   {body: one(""), says: "every record"},
		"a filter that is a text": {body: one(`"email"`), says: "fieldFilters[0]"},
		"a filter with more":      {body: one(`{"fieldName":"a","operator":"eq","value":1,"or":2}`), says: "or is unknown"},
		"no field":                {body: one(`{"operator":"eq","value":1}`), says: "fieldName is missing"},
		"no operator":             {body: one(`{"fieldName":"a","value":1}`), says: "want eq"},
		"another operator":        {body: one(`{"fieldName":"a","operator":"in","value":1}`), says: `"in", want eq`},
		"no value":                {body: one(`{"fieldName":"a","operator":"eq"}`), says: "value is missing"},
		"null":                    {body: filters("contact", "email", "null"), says: "not null"},
		"a list":                  {body: filters("contact", "email", `["a@b.co"]`), says: "not an array"},
		"no group":                {query: "?", body: good, says: "groupRef"},
		"an empty group":          {query: "?groupRef=", body: good, says: "groupRef"},
		"two groups":              {query: "?groupRef=g&groupRef=h", body: good, says: "groupRef"},
		"a page":                  {query: "?groupRef=g&page=2", body: good, says: "beside groupRef"},
		"a broken address":        {query: "?groupRef=%zz", body: good, says: "address"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := server(t, sandbox.Options{})
			if c.query == "" {
				c.query = "?groupRef=g"
			}
			a := look(t, s.Transport(), "http://sandbox", c.query, c.body)
			detail, _ := a.json["detail"].(string)
			if a.status != http.StatusBadRequest || !strings.Contains(detail, c.says) || a.header.Get("Content-Type") != "application/json" {
				t.Errorf("%d %s: %s", a.status, a.header.Get("Content-Type"), a.text)
			}
			if v := s.Violations(); len(v) != 1 || v[0].Why != detail {
				t.Errorf("violations %+v", v)
			}
		})
	}
}

// TestASearchThatTheCRMOrTheIntegrationDoesNotTake is no breach of the contract.
func TestASearchThatTheCRMOrTheIntegrationDoesNotTake(t *testing.T) {
	t.Parallel()
	rules := map[string]sandbox.ObjectRules{"thing": {Declared: []string{"Total"}}}
	for name, c := range map[string]struct {
		o      sandbox.Options
		status int
		says   string
	}{
		"a property that is not, HubSpot":    {sandbox.Options{Objects: rules}, 400, "PROPERTY_DOESNT_EXIST: Property"},
		"a field that is not, Salesforce":    {sandbox.Options{CRM: sandbox.Salesforce, Objects: rules}, 400, "INVALID_FIELD: No such column"},
		"an object that is not read":         {sandbox.Options{Unsearchable: []string{"Thing"}}, 400, "not readable"},
		"an object that is not configured":   {sandbox.Options{Integrations: map[string][]string{"crm": {"contact"}}}, 404, "object thing"},
		"an integration that is not there":   {sandbox.Options{Integrations: map[string][]string{"other": nil}}, 404, "integration crm does not exist"},
		"a project that is not there":        {sandbox.Options{Project: "q"}, 404, "project p"},
		"a wrong key":                        {sandbox.Options{APIKey: "other"}, 401, "X-Api-Key"},
		"a body that is larger than allowed": {sandbox.Options{MaxBody: 20}, 413, "20 bytes"},
	} {
		s := server(t, c.o)
		a := look(t, s.Transport(), "http://sandbox", "?groupRef=g", filters("thing", "email", `"a@b.co"`))
		if a.status != c.status || !strings.Contains(a.text, c.says) || len(s.Violations()) > 0 {
			t.Errorf("%s: %d %s, violations %v", name, a.status, a.text, s.Violations())
		}
		if r := s.Requests(); len(r) != 1 || r[0].Status != c.status || r[0].Type != "search" {
			t.Errorf("%s: listed as %+v", name, r)
		}
	}
}

func TestSearchesSeeAWriteALagAfterIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := server(t, sandbox.Options{IndexLag: time.Minute})
		search := func(email string) []string { return find(t, s, "contact", "email", `"`+email+`"`) }
		expect := func(what string, got []string, want ...string) {
			t.Helper()
			if !slices.Equal(got, append([]string{}, want...)) {
				t.Errorf("%s: %v, not %v", what, got, want)
			}
		}
		expect("nobody", search("a@b.co"))
		a := direct(t, s, "contact", `{"groupRef":"g","type":"create","record":{"email":"a@b.co"}}`)
		id := a.json["result"].(object)["recordId"].(string)
		time.Sleep(time.Minute - time.Nanosecond)
		expect("a create before its time", search("a@b.co"))
		if again := direct(t, s, "contact", create(`{"email":"a@b.co"}`)); !strings.Contains(again.text, "Existing ID: "+id) {
			t.Errorf("uniqueness waits for the index: %s", again.text)
		}
		time.Sleep(time.Nanosecond)
		expect("a create at its time", search("a@b.co"), id)

		direct(t, s, "contact", `{"groupRef":"g","type":"update","record":{"id":"`+id+`","email":"b@b.co"}}`)
		expect("the old address after an update", search("a@b.co"), id)
		expect("the new one", search("b@b.co"))
		if r := s.Records("crm", "g", "contact")[0]; r.Version != 2 || r.Indexed != 1 {
			t.Errorf("%+v", r)
		}
		time.Sleep(time.Minute)
		expect("the old address, later", search("a@b.co"))
		expect("the new one, later", search("b@b.co"), id)

		direct(t, s, "contact", `{"groupRef":"g","type":"delete","record":{"id":"`+id+`"}}`)
		expect("a deleted record", search("b@b.co"), id)
		time.Sleep(time.Minute)
		expect("a deleted record, later", search("b@b.co"))
		ids := seed(t, s, "contact", map[string]any{"email": "c@b.co"})
		expect("what was there before", search("c@b.co"), ids...)
	})
}

// TestWhatIsAppliedLateIsSeenALagAfterThat and not after the request.
func TestWhatIsAppliedLateIsSeenALagAfterThat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := server(t, sandbox.Options{IndexLag: time.Minute, Faults: sandbox.Faults{{Do: sandbox.DoReset, Apply: "late", Delay: 10 * time.Second, Count: 1}}})
		direct(t, s, "contact", one)
		for _, want := range []int{0, 0, 1} {
			if got := find(t, s, "contact", "email", `"a@b.co"`); len(got) != want {
				t.Errorf("%v, not %d", got, want)
			}
			time.Sleep(35 * time.Second)
		}
	})
}

func TestAnAnswerIsOnePage(t *testing.T) {
	t.Parallel()
	s := server(t, sandbox.Options{SearchPage: 3})
	var rows []map[string]any
	for range 5 {
		rows = append(rows, map[string]any{"city": "Rome"})
	}
	ids := seed(t, s, "thing", rows...)
	if got := find(t, s, "thing", "city", `"rome"`); !slices.Equal(got, ids[:3]) {
		t.Errorf("%v of %v", got, ids)
	}
	if r := s.Requests(); r[0].Found != 3 {
		t.Errorf("%+v", r)
	}
}
