package sandbox_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ampersink/ampersink/internal/sandbox"
)

// TestWhichFieldsAreUniqueCanBeChosen: by object, and none.
func TestWhichFieldsAreUniqueCanBeChosen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o       sandbox.Options
		object  string
		record  string
		refused string // what the second one is refused with
	}{
		"HubSpot's contacts":                   {sandbox.Options{}, "contacts", `{"email":"a@b.co"}`, "CONFLICT"},
		"HubSpot's companies: not by domain":   {sandbox.Options{}, "company", `{"domain":"b.co"}`, ""},
		"Salesforce":                           {sandbox.Options{CRM: sandbox.Salesforce}, "Account", `{"Name":"A","External_Id__c":"7"}`, "DUPLICATE_VALUE"},
		"none":                                 {sandbox.Options{Unique: map[string][]string{"Contact": nil}}, "contact", `{"email":"a@b.co"}`, ""},
		"another field":                        {sandbox.Options{Unique: map[string][]string{"company": {"domain"}}}, "company", `{"domain":"b.co"}`, "CONFLICT"},
		"an object without other rules":        {sandbox.Options{Unique: map[string][]string{"thing": {"sku"}}}, "thing", `{"sku":"s"}`, "CONFLICT"},
		"in place of rules of an object's own": {sandbox.Options{Unique: map[string][]string{"thing": {}}, Objects: map[string]sandbox.ObjectRules{"thing": {Unique: []string{"sku"}}}}, "thing", `{"sku":"s"}`, ""},
	} {
		s := server(t, c.o)
		first, second := direct(t, s, c.object, create(c.record)), direct(t, s, c.object, create(c.record))
		if first.status != http.StatusOK || (second.status == http.StatusOK) != (c.refused == "") || !strings.Contains(second.text, c.refused) {
			t.Errorf("%s: %s, then %s", name, first.text, second.text)
		}
	}
	s := server(t, sandbox.Options{Unique: map[string][]string{"contact": nil}})
	if a := direct(t, s, "contact", create(`{"email":"x"}`)); !strings.Contains(a.text, "INVALID_EMAIL") {
		t.Errorf("the other rules are gone too: %s", a.text)
	}
}

// TestAConflictNamesTheExistingRecord: HubSpot in full, but not where the batch fails as a
// whole; Salesforce by its short id.
func TestAConflictNamesTheExistingRecord(t *testing.T) {
	t.Parallel()
	hub := server(t, sandbox.Options{})
	id := seed(t, hub, "contact", map[string]any{"email": "a@b.co"})[0]
	if a := direct(t, hub, "contact", create(`{"email":"A@b.co"}`)); !strings.Contains(a.text, `"message":"Contact already exists. Existing ID: `+id+`"`) || !strings.Contains(a.text, `"existingId":["`+id+`"]`) {
		t.Errorf("%s", a.text)
	}
	if a := direct(t, hub, "contact", `{"groupRef":"g","type":"create","record":{"email":"a@b.co"}}`); !strings.Contains(a.text, "CONFLICT: Contact already exists. Existing ID: "+id) {
		t.Errorf("%s", a.text)
	}
	whole := strings.Replace(create(`{"email":"a@b.co"}`, `{"email":"b@b.co"}`), `"type"`, `"batchPolicy":{"allOrNone":true},"type"`, 1)
	if a := direct(t, hub, "contact", whole); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.text, `"errors":[{"message":"Contact already exists"}]`) || strings.Contains(a.text, id) {
		t.Errorf("%d %s", a.status, a.text)
	}
	force := server(t, sandbox.Options{CRM: sandbox.Salesforce})
	id = seed(t, force, "contact", map[string]any{"LastName": "A", "External_Id__c": "7"})[0]
	if a := direct(t, force, "contact", create(`{"LastName":"B","External_Id__c":"7"}`)); !strings.Contains(a.text, "duplicate value found: External_Id__c duplicates value on record with id: "+id[:15]+`"`) {
		t.Errorf("%s", a.text)
	}
}

// TestAnIDIsTakenInBothLengthsAndAnsweredInTheLongOne, and what is none is refused as that.
func TestAnIDIsTakenInBothLengthsAndAnsweredInTheLongOne(t *testing.T) {
	t.Parallel()
	s := server(t, sandbox.Options{CRM: sandbox.Salesforce})
	id := seed(t, s, "contact", map[string]any{"LastName": "A"})[0]
	update := func(id string) string {
		return direct(t, s, "contact", fmt.Sprintf(`{"groupRef":"g","type":"update","batch":[{"record":{"id":%q,"Phone":"1"}}]}`, id)).text
	}
	for given, want := range map[string]string{
		id: `"recordId":"` + id + `"`, id[:15]: `"recordId":"` + id + `"`,
		strings.ToLower(id[:15]): "INVALID_CROSS_REFERENCE_KEY", // the short form tells case apart
		id[:15] + "AAA":          "MALFORMED_ID", "7": "MALFORMED_ID",
	} {
		if text := update(given); !strings.Contains(text, want) {
			t.Errorf("%s: %s", given, text)
		}
	}
	if text := direct(t, s, "contact", `{"groupRef":"g","type":"delete","record":{"id":"7"}}`).text; !strings.Contains(text, "MALFORMED_ID: bad id 7") {
		t.Errorf("%s", text)
	}
}

// TestAParentIsOneRecordInBothLengthsOfItsID: children of it collide.
func TestAParentIsOneRecordInBothLengthsOfItsID(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := server(t, sandbox.Options{CRM: sandbox.Salesforce, Latency: time.Second})
		parent := seed(t, s, "account", map[string]any{"Name": "A"})[0]
		child := func(id string) string { return create(`{"LastName":"A","AccountId":"` + id + `"}`) }
		first := make(chan answer)
		go func() { first <- direct(t, s, "contact", child(parent)) }()
		synctest.Wait()
		if a := direct(t, s, "contact", child(parent[:15])); !strings.Contains(a.text, "UNABLE_TO_LOCK_ROW") {
			t.Errorf("%s", a.text)
		}
		<-first
	})
}

func TestReferencesAreLookedAtWhereThatWasAskedFor(t *testing.T) {
	t.Parallel()
	association := func(id string) string { return `,"associations":[{"to":{"id":"` + id + `"},"types":[]}]` }
	for _, asked := range []bool{false, true} {
		hub := server(t, sandbox.Options{References: asked})
		company := seed(t, hub, "company", map[string]any{"name": "A"})[0]
		for _, id := range []string{company, "7"} {
			there := id == company
			a := direct(t, hub, "contact", `{"groupRef":"g","type":"create","record":{"email":"a`+id+`@b.co"}`+association(id)+`}`)
			if (a.status == http.StatusOK) != (there || !asked) || !asked && strings.Contains(a.text, "INVALID_ASSOCIATION") {
				t.Errorf("looked at %t, %s: %s", asked, id, a.text)
			}
		}
		if r := hub.Records("crm", "g", "contact"); string(r[0].Associations) != strings.TrimPrefix(association(company), `,"associations":`) {
			t.Errorf("kept as %s", r[0].Associations)
		}

		force := server(t, sandbox.Options{CRM: sandbox.Salesforce, References: asked})
		ids := seed(t, force, "account", map[string]any{"Name": "A"}, map[string]any{"Name": "B"})
		if _, err := force.Seed("crm", "other", "account", []map[string]any{{"Name": "C"}}); err != nil {
			t.Fatal(err)
		}
		elsewhere := force.Records("crm", "other", "account")[0].ID
		direct(t, force, "account", fmt.Sprintf(`{"groupRef":"g","type":"delete","record":{"id":%q}}`, ids[1]))
		for id, want := range map[string]string{ids[0][:15]: "", "": "", ids[1]: "ENTITY_IS_DELETED", elsewhere: "INVALID_CROSS_REFERENCE_KEY", "nothing": "MALFORMED_ID"} {
			a := direct(t, force, "contact", create(`{"LastName":"A","accountid":"`+id+`"}`))
			refused := asked && want != ""
			if (a.status == http.StatusOK) == refused || refused && (!strings.Contains(a.text, want) || !strings.Contains(a.text, `"fields":["AccountId"]`)) {
				t.Errorf("looked at %t, parent %q: %s", asked, id, a.text)
			}
		}
	}
}
