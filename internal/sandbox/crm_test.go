package sandbox_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/sandbox"
)

// TestAllOrNoneIsAsEachCRMHasIt: one good and one bad record in a batch.
func TestAllOrNoneIsAsEachCRMHasIt(t *testing.T) {
	t.Parallel()
	hub, force := sandbox.HubSpot, sandbox.Salesforce
	for _, c := range []struct {
		crm       sandbox.CRM
		typ       string
		allOrNone bool
		written   int
		entries   int
	}{
		{hub, "create", false, 1, 2},
		{hub, "create", true, 0, 0},
		{hub, "update", false, 1, 2},
		{hub, "update", true, 1, 2}, // the provider cannot do otherwise
		{force, "create", false, 1, 2},
		{force, "create", true, 0, 2},
		{force, "update", false, 1, 2},
		{force, "update", true, 0, 2},
	} {
		t.Run(fmt.Sprintf("%s %s %t", c.crm, c.typ, c.allOrNone), func(t *testing.T) {
			t.Parallel()
			s := server(t, sandbox.Options{CRM: c.crm})
			good, bad := `"lastname":"new"`, `"email":"no address"`
			if c.crm == sandbox.Salesforce {
				good, bad = `"LastName":"new"`, `"LastName":""`
			}
			if c.typ == "update" {
				ids, err := s.Seed("crm", "g", "contact", []map[string]any{{"LastName": "old", "lastname": "old"}, {"LastName": "old", "lastname": "old"}})
				if err != nil {
					t.Fatal(err)
				}
				good, bad = good+`,"id":"`+ids[0]+`"`, bad+`,"id":"`+ids[1]+`"`
			}
			a := direct(t, s, "contact", fmt.Sprintf(
				`{"groupRef":"g","type":%q,"batchPolicy":{"allOrNone":%t},"batch":[{"record":{%s}},{"record":{%s}}]}`, c.typ, c.allOrNone, good, bad))
			written := 0
			for _, r := range s.Records("crm", "g", "contact") {
				if string(r.Fields["lastname"]) == `"new"` || string(r.Fields["LastName"]) == `"new"` {
					written++
				}
			}
			entries, _ := a.json["results"].([]any)
			status := http.StatusOK
			if c.written == 0 {
				status = http.StatusUnprocessableEntity
			}
			if written != c.written || a.json["successCount"] != float64(written) || a.json["failureCount"] != float64(2-written) || len(entries) != c.entries || a.status != status {
				t.Errorf("%d written: %d %s", written, a.status, a.text)
			}
		})
	}
}

func TestSalesforceTellsDeletedFromNeverThere(t *testing.T) {
	t.Parallel()
	s := server(t, sandbox.Options{CRM: sandbox.Salesforce})
	ids, err := s.Seed("crm", "g", "contact", []map[string]any{{"LastName": "A"}})
	if err != nil {
		t.Fatal(err)
	}
	drop := func(id string) answer {
		return direct(t, s, "contact", fmt.Sprintf(`{"groupRef":"g","type":"delete","record":{"id":%q}}`, id))
	}
	if a := drop(ids[0]); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.text)
	}
	if a := drop(ids[0]); !strings.Contains(a.text, "ENTITY_IS_DELETED") {
		t.Errorf("deleted: %s", a.text)
	}
	if a := drop("0035g00000zzzzz"); !strings.Contains(a.text, "INVALID_CROSS_REFERENCE_KEY") {
		t.Errorf("never there: %s", a.text)
	}
}

// TestAUniqueValueBelongsToTheRecordThatHasItNow: an update or a delete sets it free.
func TestAUniqueValueBelongsToTheRecordThatHasItNow(t *testing.T) {
	t.Parallel()
	s := server(t, sandbox.Options{})
	ids, err := s.Seed("crm", "g", "contact", []map[string]any{{"email": "a@b.co"}, {"email": "b@b.co"}})
	if err != nil {
		t.Fatal(err)
	}
	update := func(id, email string) string {
		return direct(t, s, "contact", fmt.Sprintf(`{"groupRef":"g","type":"update","record":{"id":%q,"email":%q}}`, id, email)).text
	}
	if text := update(ids[1], "A@b.co"); !strings.Contains(text, "Existing ID: "+ids[0]) {
		t.Errorf("another's: %s", text)
	}
	if text := update(ids[0], "a@b.co"); !strings.Contains(text, "true") {
		t.Errorf("its own: %s", text)
	}
	if text := update(ids[0], "c@b.co"); !strings.Contains(text, "true") {
		t.Errorf("a free one: %s", text)
	}
	if text := update(ids[1], "a@b.co"); !strings.Contains(text, "true") {
		t.Errorf("one that was set free: %s", text)
	}
	direct(t, s, "contact", fmt.Sprintf(`{"groupRef":"g","type":"delete","record":{"id":%q}}`, ids[1]))
	if a := direct(t, s, "contact", create(`{"email":"a@b.co"}`)); a.status != http.StatusOK {
		t.Errorf("one whose record was deleted: %s", a.text)
	}
}

func TestASeedThatTheCRMWouldRefuseIsRefused(t *testing.T) {
	t.Parallel()
	s := server(t, sandbox.Options{})
	for _, row := range []map[string]any{{"email": "x"}, {"email": "a@b.co", "id": "7"}, {"phone": "1"}, {"email": func() {}}} {
		if ids, err := s.Seed("crm", "g", "contact", []map[string]any{row}); err == nil || len(ids) > 0 {
			t.Errorf("%v: %v %v", row, ids, err)
		}
	}
}

// TestObjectsCanHaveRulesOfTheirOwn: a field that is not declared does not exist.
func TestObjectsCanHaveRulesOfTheirOwn(t *testing.T) {
	t.Parallel()
	for crm, want := range map[sandbox.CRM]string{sandbox.HubSpot: "PROPERTY_DOESNT_EXIST", sandbox.Salesforce: "INVALID_FIELD"} {
		s := server(t, sandbox.Options{CRM: crm, Objects: map[string]sandbox.ObjectRules{"Order__c": {Declared: []string{"Total"}, MaxLength: map[string]int{"Note": 3}}}})
		if a := direct(t, s, "order__c", create(`{"Total":5,"Note":"üüü"}`)); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", crm, a.status, a.text)
		}
		if a := direct(t, s, "order__c", create(`{"Totl":5}`)); !strings.Contains(a.text, want) {
			t.Errorf("%s: %d %s", crm, a.status, a.text)
		}
	}
}

// TestTwoRecordsOfABatchThatClaimOneValueFailItAsAWhole: nothing may be written, although
// neither collides with what was there before.
func TestTwoRecordsOfABatchThatClaimOneValueFailItAsAWhole(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o    sandbox.Options
		body string
	}{
		"HubSpot, whole batch": {sandbox.Options{HubSpotBatchErrors: sandbox.WholeBatch}, create(`{"email":"a@b.co"}`, `{"email":"A@b.co"}`)},
		"Salesforce, all or none": {sandbox.Options{CRM: sandbox.Salesforce}, `{"groupRef":"g","type":"create","batchPolicy":{"allOrNone":true},"batch":[` +
			`{"record":{"LastName":"A","External_Id__c":"7"}},{"record":{"LastName":"B","external_id__c":"7"}}]}`},
	} {
		s := server(t, c.o)
		a := direct(t, s, "contact", c.body)
		if r := s.Records("crm", "g", "contact"); a.status != http.StatusUnprocessableEntity || len(r) > 0 {
			t.Errorf("%s: %d %s, %d written", name, a.status, a.text, len(r))
		}
	}
}
