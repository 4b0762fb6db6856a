package sandbox_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"pgregory.net/rapid"

	"github.com/ampersink/ampersink/internal/sandbox"
)

// moment is what a CRM held at a time: city by id.
type moment struct {
	at     time.Time
	cities map[string]string
}

// TestTheIndexAgreesWithAModelThatKeepsEveryMoment: a search finds what the CRM held a lag ago.
func TestTheIndexAgreesWithAModelThatKeepsEveryMoment(t *testing.T) {
	t.Parallel()
	cities := []string{"Rome", "Oslo", "rome", ""}
	rapid.Check(t, func(rt *rapid.T) {
		lag := rapid.SampledFrom([]time.Duration{0, time.Second, 3 * time.Second}).Draw(rt, "lag")
		steps := rapid.SliceOfN(rapid.IntRange(0, 99), 1, 40).Draw(rt, "steps")
		wrong := ""
		synctest.Test(t, func(t *testing.T) {
			s := server(t, sandbox.Options{IndexLag: lag})
			history := []moment{{at: time.Now().Add(-time.Hour), cities: map[string]string{}}}
			for _, n := range steps {
				now := maps.Clone(history[len(history)-1].cities)
				ids := slices.Sorted(maps.Keys(now))
				city := cities[n/10%len(cities)]
				record := fmt.Sprintf(`"city":%q`, city)
				switch {
				case n%10 < 4 || len(ids) == 0:
					a := direct(t, s, "thing", `{"groupRef":"g","type":"create","record":{`+record+`}}`)
					now[a.json["result"].(object)["recordId"].(string)] = city
				case n%10 < 7:
					id := ids[n%len(ids)]
					direct(t, s, "thing", `{"groupRef":"g","type":"update","record":{"id":"`+id+`",`+record+`}}`)
					now[id] = city
				case n%10 < 9:
					id := ids[n%len(ids)]
					direct(t, s, "thing", `{"groupRef":"g","type":"delete","record":{"id":"`+id+`"}}`)
					delete(now, id)
				default:
					time.Sleep(time.Second)
				}
				history = append(history, moment{time.Now(), now})
				if n%3 > 0 {
					continue // not after each: an index that is asked is another one than one that is not
				}
				if wrong = disagreement(t, s, history, lag, city); wrong != "" {
					return
				}
			}
		})
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
}

func disagreement(t *testing.T, s *sandbox.Server, history []moment, lag time.Duration, city string) string {
	then := time.Now().Add(-lag)
	held := history[0].cities
	for _, m := range history {
		if !m.at.After(then) {
			held = m.cities
		}
	}
	want := []string{}
	for id, c := range held {
		if strings.EqualFold(c, city) {
			want = append(want, id)
		}
	}
	slices.Sort(want)
	if got := find(t, s, "thing", "city", fmt.Sprintf("%q", city)); !slices.Equal(got, want) {
		return fmt.Sprintf("%q a lag of %s ago: %v, not %v", city, lag, got, want)
	}
	return ""
}

func searchContract(t testing.TB) *openapi3.Operation {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("contract/search-openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return doc.Paths.Find("/projects/{projectIdOrName}/integrations/{integrationId}").Post
}

// drawnFilters draws one or two filters that the contract takes, or, where hostile, any number of what may be none.
func drawnFilters(t *rapid.T, hostile bool) []any {
	values, fewest := []any{"a@b.co", "", 5, 1.5, true}, 1
	if hostile {
		values, fewest = append(values, nil, []any{"a"}, object{"a": 1}), 0
	}
	members := map[string][]any{"fieldName": {"email", "", 7}, "operator": {"eq", "in", "EQ", nil}, "value": values, "or": {true}}
	list := []any{}
	for range rapid.IntRange(fewest, 2).Draw(t, "filters") {
		f := object{"fieldName": "email", "operator": "eq", "value": rapid.SampledFrom(values).Draw(t, "value")}
		if hostile && rapid.IntRange(0, 2).Draw(t, "change") == 0 {
			name := rapid.SampledFrom(slices.Sorted(maps.Keys(members))).Draw(t, "member")
			f[name] = rapid.SampledFrom(members[name]).Draw(t, name)
		}
		if hostile && rapid.IntRange(0, 9).Draw(t, "drop") == 0 {
			delete(f, rapid.SampledFrom([]string{"fieldName", "operator", "value"}).Draw(t, "dropped"))
		}
		list = append(list, f)
	}
	return list
}

// TestWhatASearchMayAskIsWhatItsContractSays holds the decoder, which is written by hand, to it.
func TestWhatASearchMayAskIsWhatItsContractSays(t *testing.T) {
	t.Parallel()
	schema := bodySchema(searchContract(t).RequestBody.Value.Content)
	good, bad := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		hostile := rapid.Bool().Draw(t, "hostile")
		body := object{"objectName": "thing", "fieldFilters": drawnFilters(t, hostile)}
		if hostile {
			switch rapid.IntRange(0, 5).Draw(t, "body") {
			case 0:
				delete(body, "objectName")
			case 1:
				body["page"] = 2
			case 2:
				body["fieldFilters"] = rapid.SampledFrom([]any{nil, "email", object{}}).Draw(t, "instead of filters")
			}
		}
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		var decoded any
		if err := json.Unmarshal(text, &decoded); err != nil {
			t.Fatal(err)
		}
		s, err := sandbox.New(sandbox.Options{CRM: sandbox.HubSpot})
		if err != nil {
			t.Fatal(err)
		}
		a := send(t.Context(), s.Transport(), "http://sandbox/projects/p/integrations/crm?groupRef=g", string(text))
		why := schema.VisitJSON(decoded)
		if taken := a.status != http.StatusBadRequest; a.err != nil || taken != (why == nil) {
			t.Fatalf("%d %s %v of %s, but the contract says %v", a.status, a.text, a.err, text, why)
		}
		if why == nil {
			good++
		} else {
			bad++
		}
	})
	if good < 10 || bad < 10 {
		t.Errorf("%d good and %d bad searches prove nothing", good, bad)
	} else {
		t.Logf("%d good and %d bad searches", good, bad)
	}
}

func TestAnswersToSearchesAreTheContracts(t *testing.T) {
	t.Parallel()
	responses := searchContract(t).Responses
	for name, c := range map[string]struct {
		o      sandbox.Options
		body   string
		status int
	}{
		"matches":                {body: filters("contact", "email", `"a@b.co"`), status: 200},
		"none":                   {body: filters("contact", "email", `"b@b.co"`), status: 200},
		"matches of Salesforce":  {o: sandbox.Options{CRM: sandbox.Salesforce}, body: filters("contact", "email", `"a@b.co"`), status: 200},
		"the published name":     {o: sandbox.Options{Faults: sandbox.Faults{{Do: sandbox.DoResult}}}, body: filters("contact", "email", `"a@b.co"`), status: 200},
		"a breach":               {body: `{}`, status: 400},
		"an unsearchable object": {o: sandbox.Options{Unsearchable: []string{"contact"}}, body: filters("contact", "email", `"a@b.co"`), status: 400},
		"a wrong key":            {o: sandbox.Options{APIKey: "other"}, body: `{}`, status: 401},
	} {
		s := server(t, c.o)
		seed(t, s, "contact", map[string]any{"email": "a@b.co", "LastName": "A"})
		a := look(t, s.Transport(), "http://sandbox", "?groupRef=g", c.body)
		response, media := responses.Value(fmt.Sprint(a.status)), "application/json"
		if response == nil {
			response, media = responses.Value("default"), "application/problem+json"
		}
		if got := a.header.Get("Content-Type"); got != media || a.status != c.status {
			t.Errorf("%s: %d %s", name, a.status, got)
		}
		if err := response.Value.Content.Get(media).Schema.Value.VisitJSON(a.json); err != nil {
			t.Errorf("%s: %v: %s", name, err, a.text)
		}
	}
}
