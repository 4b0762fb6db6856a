package ampersand

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/model"
)

// codesInEntries: every code of the table, as Salesforce and HubSpot spell it, in
// an entry of a batch and in the one sentence that a single write gets.
func codesInEntries() (rows []outcomeRow) {
	groups := []struct {
		row      string
		codes    string
		want     string // of a create or update; %s is the code
		ofDelete string
		hold     model.ScopeKind
	}{
		{row: "code, transient", codes: "UNABLE_TO_LOCK_ROW SERVER_UNAVAILABLE QUERY_TIMEOUT REQUEST_RUNNING_TOO_LONG", want: "retry alone"},
		{row: "code, transient", codes: "RATE_LIMIT RATE_LIMITS TOO_MANY_REQUESTS", want: "retry lane"},
		{row: "code, duplicate", codes: "DUPLICATE_VALUE DUPLICATES_DETECTED CONFLICT", want: "rejected %s"},
		{row: "code, gone", codes: "ENTITY_IS_DELETED NOT_FOUND OBJECT_NOT_FOUND INVALID_CROSS_REFERENCE_KEY", want: "rejected %s", ofDelete: "written"},
		{row: "code, refused", codes: "REQUIRED_FIELD_MISSING STRING_TOO_LONG INVALID_EMAIL_ADDRESS INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST FIELD_CUSTOM_VALIDATION_EXCEPTION VALIDATION_ERROR INVALID_DATE INVALID_OPTION", want: "rejected %s"},
		{row: "code, of the lane", codes: "INVALID_FIELD INVALID_TYPE PROPERTY_DOESNT_EXIST INSUFFICIENT_ACCESS_OR_READONLY", want: "rejected %s"},
		{row: "code, hold", codes: "REQUEST_LIMIT_EXCEEDED API_DISABLED_FOR_ORG INVALID_GRANT INVALID_SESSION_ID", want: "retry lane", hold: model.ScopeDestination},
		{row: "code, anything else", codes: "SOME_CODE_OF_TOMORROW", want: "rejected %s"},
	}
	for _, g := range groups {
		for code := range strings.FieldsSeq(g.codes) {
			want := strings.Replace(g.want, "%s", code, 1)
			top := ""
			if g.hold != model.ScopeNone {
				top = code
			}
			entries := map[string]string{
				"salesforce": fmt.Sprintf(`[{"statusCode":%q,"message":"m","fields":["Email"]}]`, code),
				"hubspot":    fmt.Sprintf(`[{"status":"error","category":%q,"message":"m","context":{"id":["1"]}}]`, code),
				"nested":     fmt.Sprintf(`[{"message":"m","errors":[{"message":"n","code":%q}]}]`, code),
				"string":     fmt.Sprintf(`[%q]`, code+": words"),
			}
			for spelling, errors := range entries {
				answer := body(`"successCount":2,"failureCount":1,"results":[{"success":true},{"success":false,"errors":` + errors + `},{"success":true}]`)
				for _, typ := range [...]model.Type{c, u} {
					rows = append(rows, outcomeRow{row: g.row + "/" + code + "/" + spelling, typ: typ, n: 3, said: answer.as(200),
						want: "written, " + want + ", written", hold: g.hold, code: top})
				}
			}
			of := want
			if g.ofDelete != "" {
				of = g.ofDelete
			}
			rows = append(rows, outcomeRow{row: g.row + "/" + code + "/sentence", typ: d, n: 1, hold: g.hold, code: top, want: of,
				said: body(`"result":{"success":false},"errors":[{"message":"` + code + `: words"}]`).as(422)})
		}
	}
	return append(rows, collateral()...)
}

func TestExistingIDIsKeptAsEvidence(t *testing.T) {
	t.Parallel()
	for name, errors := range map[string]string{
		"hubspot, in words":    `[{"category":"CONFLICT","message":"Contact already exists. Existing ID: 171591000198"}]`,
		"hubspot, in context":  `[{"category":"CONFLICT","message":"exists","context":{"existingId":["171591000198"]}}]`,
		"hubspot, as a string": `["CONFLICT: Contact already exists. Existing ID: 171591000198"]`,
		"salesforce":           `[{"statusCode":"DUPLICATE_VALUE","message":"duplicate value found: Ext__c duplicates value on record with id: 171591000198"}]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := ask(t, request(c, 2), body(`"successCount":1,"failureCount":1,"results":[{"success":false,"errors":`+errors+`},{"success":true}]`).as(200))
			if o := a.Outcomes[0]; o.Kind != model.Rejected || o.ExistingID != "171591000198" {
				t.Errorf("%+v", o)
			}
		})
	}
}

// TestAConflictThatOnlyASentenceTellsIsOne: of a batch that HubSpot failed as a whole.
func TestAConflictThatOnlyASentenceTellsIsOne(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		"Contact already exists":                            "rejected CONFLICT",
		"Contact already exists.":                           "rejected CONFLICT",
		"Contact already exists. Existing ID: 17":           "rejected CONFLICT existing 17",
		"a property of that name already exists in group x": "rejected rejected",
	} {
		a := ask(t, request(c, 1), body(`"successCount":0,"failureCount":1,"errors":[{"message":"`+message+`"}]`).as(422))
		if got := show(a.Outcomes[0]); got != want {
			t.Errorf("%s: %s, want %s", message, got, want)
		}
	}
}

func TestPreciseCodeWinsOverVagueOne(t *testing.T) {
	t.Parallel()
	for errors, want := range map[string]string{
		`[{"category":"VALIDATION_ERROR","message":"Property values were not valid: [{\"isValid\":false,\"error\":\"PROPERTY_DOESNT_EXIST\",\"name\":\"foo\"}]"}]`: "rejected PROPERTY_DOESNT_EXIST",
		`[{"category":"VALIDATION_ERROR","errors":[{"code":"INVALID_OPTION","message":"NOT_FOUND is no option"}]}]`:                                                "rejected INVALID_OPTION",
		`[{"statusCode":"CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY","message":"CustTrigger: execution of AfterUpdate caused by: UNABLE_TO_LOCK_ROW"}]`:                  "retry alone",
		`[{"statusCode":"FIELD_CUSTOM_VALIDATION_EXCEPTION","message":"the rule UNABLE_TO_LOCK_ROW said no"}]`:                                                     "rejected FIELD_CUSTOM_VALIDATION_EXCEPTION",
		`[{"statusCode":"REQUIRED_FIELD_MISSING","message":"a"},{"statusCode":"REQUEST_LIMIT_EXCEEDED","message":"b"}]`:                                            "retry lane",
		`[{"status":429,"message":"ten_secondly_rolling"}]`:                                                                                                        "retry lane",
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			a := ask(t, request(u, 2), body(`"successCount":1,"failureCount":1,"results":[{"success":true},{"success":false,"errors":`+errors+`}]`).as(200))
			if got := show(a.Outcomes[1]); got != want {
				t.Errorf("%s: got %s, want %s", errors, got, want)
			}
		})
	}
}

// TestARecordIsGoneOnlyWhenNoFieldIsNamed: Salesforce's codes are the same for what a field refers
// to, and a child that was taken for gone would be created a second time.
func TestARecordIsGoneOnlyWhenNoFieldIsNamed(t *testing.T) {
	t.Parallel()
	for errors, want := range map[string]bool{
		`[{"statusCode":"ENTITY_IS_DELETED","message":"entity is deleted","fields":[]}]`:                                                            true,
		`[{"statusCode":"INVALID_CROSS_REFERENCE_KEY","message":"invalid cross reference id","fields":["Id"]}]`:                                     true,
		`[{"statusCode":"INVALID_CROSS_REFERENCE_KEY","message":"invalid cross reference id","fields":["AccountId"]}]`:                              false,
		`[{"fields":["AccountId"],"message":"entity is deleted","statusCode":"ENTITY_IS_DELETED"}]`:                                                 false,
		`[{"statusCode":"STRING_TOO_LONG","message":"x","fields":["Name"]},{"statusCode":"ENTITY_IS_DELETED","message":"gone","fields":[]}]`:        true,
		`[{"statusCode":"ENTITY_IS_DELETED","message":"gone","fields":[]},{"statusCode":"ENTITY_IS_DELETED","message":"x","fields":["AccountId"]}]`: true,
		`["ENTITY_IS_DELETED: entity is deleted: []"]`:                                                                                              true,
		`["INVALID_CROSS_REFERENCE_KEY, invalid cross reference id: [AccountId]"]`:                                                                  false,
		`["ENTITY_IS_DELETED, entity is deleted: [AccountId, Parent__c]"]`:                                                                          false,
		`[{"category":"OBJECT_NOT_FOUND","message":"Could not get some objects [x: 1]","context":{"ids":["10"]}}]`:                                  true,
	} {
		t.Run(errors, func(t *testing.T) {
			t.Parallel()
			answer := body(`"successCount":1,"failureCount":1,"results":[{"success":true},{"success":false,"errors":` + errors + `}]`).as(200)
			o := ask(t, request(u, 2), answer).Outcomes[1]
			if o.Kind != model.Rejected || o.Gone != want || o.Code == "" {
				t.Errorf("%+v; expected gone: %v", o, want)
			}
			if of := ask(t, request(d, 1), body(`"result":{"success":false},"errors":`+errors).as(422)).Outcomes[0]; (of.Kind == model.Accepted) != want {
				t.Errorf("a delete: %+v", of)
			}
		})
	}
}

// TestDeleteIsGoneOnlyWhenItsOwnRecordIs: a delete that is taken for "gone
// already" is not done, so nothing but a sentence about its record may say so.
func TestDeleteIsGoneOnlyWhenItsOwnRecordIs(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		"The record with ID 10 was not found":                                  "written",
		"record not found":                                                     "written",
		"contact with id 10 does not exist":                                    "written",
		"10 has been deleted":                                                  "written",
		"object 10 not found":                                                  "written",
		"could not find record 10":                                             "written",
		"OBJECT_NOT_FOUND":                                                     "written",
		"hubspot: entity is deleted: ENTITY_IS_DELETED":                        "written",
		"object contact not found":                                             "rejected rejected",
		"record type Contact not found":                                        "rejected rejected",
		"required field not found on record 10":                                "rejected rejected",
		"the owner of record 10 was not found":                                 "rejected rejected",
		"the owner of 10 was not found":                                        "rejected rejected",
		"cannot delete record 10: integration hubspot not found":               "rejected rejected",
		"unknown error while deleting record 10":                               "rejected rejected",
		"no access to record 10":                                               "rejected rejected",
		"110 not found":                                                        "rejected rejected",
		"MY_TRIGGER_FAILED: first error: ENTITY_IS_DELETED, entity is deleted": "rejected MY_TRIGGER_FAILED",
		"PROJECT_NOT_FOUND":                                                    "rejected rejected",
	} {
		t.Run(message, func(t *testing.T) {
			t.Parallel()
			a := ask(t, request(d, 1), body(`"result":{"success":false},"errors":[{"message":"`+message+`"}]`).as(422))
			if got := show(a.Outcomes[0]); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}
