package ampersand

import "testing"

// perEntry has the answers with an entry for each write.
func perEntry() []outcomeRow {
	allOK := body(`"successCount":3,"failureCount":0,"results":[
		{"success":true,"recordId":"10","data":{"success":false}},{"success":true,"recordId":"20"},{"success":true,"recordId":"30"}]`)
	oneBad := body(`"successCount":2,"failureCount":1,"results":[{"success":true,"recordId":"10"},
		{"success":false,"errors":[{"statusCode":"REQUIRED_FIELD_MISSING","message":"Required fields are missing: [LastName]","fields":["LastName"]}]},
		{"success":true,"recordId":"30"}]`)
	return []outcomeRow{
		{row: "200, success: true", typ: c, n: 3, said: allOK.as(200), want: "written 10, written 20, written 30"},
		{row: "200, success: true", typ: u, n: 3, said: allOK.as(200), want: "written 10, written 20, written 30"},
		{row: "200, success: true", typ: d, n: 1, said: body(`"result":{"success":true}`).as(200), want: "written"},
		{row: "200, success: true/the single shape for a batch of one", typ: c, n: 1,
			said: body(`"result":{"success":true,"recordId":"77"}`).as(200), want: "written 77"},
		{row: "200, success: true/200, success with warnings and errors beside it", typ: d, n: 1,
			said: body(`"result":{"success":true},"errors":[{"message":"index is late"}],"warnings":[{"message":"x"}]`).as(200), want: "written"},
		{row: "200 or 422, success: false", typ: c, n: 3, said: oneBad.as(200),
			want: "written 10, rejected REQUIRED_FIELD_MISSING, written 30"},
		{row: "200 or 422, success: false/422", typ: u, n: 3, said: oneBad.as(422),
			want: "written 10, rejected REQUIRED_FIELD_MISSING, written 30"},
		{row: "200 or 422, success: false", typ: d, n: 1,
			said: body(`"result":{"success":false},"errors":[{"message":"INSUFFICIENT_ACCESS_OR_READONLY: insufficient access rights"}]`).as(422),
			want: "rejected INSUFFICIENT_ACCESS_OR_READONLY"},
		{row: "200 or 422, success: false/errors that are strings", typ: c, n: 3,
			said: body(`"successCount":2,"failureCount":1,"results":[{"success":true,"recordId":"10"},{"success":true,"recordId":"20"},
				{"success":false,"errors":["STRING_TOO_LONG: First Name: data value too large"]}]`).as(200),
			want: "written 10, written 20, rejected STRING_TOO_LONG"},
		{row: "200 or 422, results as long as the batch/by position", typ: c, n: 3,
			said: body(`"successCount":1,"failureCount":2,"results":[{"success":false,"errors":[{"code":"INVALID_EMAIL_ADDRESS"}]},
				{"success":true,"recordId":"x"},{"success":false,"errors":[{"errorCode":"INVALID_DATE"}]}]`).as(422),
			want: "rejected INVALID_EMAIL_ADDRESS, written x, rejected INVALID_DATE"},
		{row: "200 or 422, results as long as the batch/without counts", typ: c, n: 3,
			said: body(`"results":[{"success":true},{"success":true},{"success":true}]`).as(200), want: "written x3"},
		{row: "200 or 422, results as long as the batch/their ids prove another order", typ: u, n: 3,
			said: body(`"successCount":2,"failureCount":1,"results":[{"success":true,"recordId":"30"},
				{"success":false,"recordId":"10","errors":[{"code":"INVALID_OPTION"}]},{"success":true,"recordId":"20"}]`).as(200),
			want: "rejected INVALID_OPTION, written 20, written 30"},
		{row: "200 or 422, results as long as the batch/an id that is none of the batch's", typ: u, n: 3,
			said: body(`"successCount":3,"failureCount":0,"results":[{"success":true,"recordId":"10"},
				{"success":true,"recordId":"999"},{"success":true,"recordId":"30"}]`).as(200), want: "written 10, written 999, written 30"},
	}
}

// byCounts has the answers whose counts say more than their entries.
func byCounts() []outcomeRow {
	all := body(`"successCount":3,"failureCount":0`)
	none := body(`"successCount":0,"failureCount":3,"errors":[{"message":"Property values were not valid","code":"INVALID_OPTION"}]`)
	some := body(`"successCount":2,"failureCount":1,"results":[{"success":true,"recordId":"30"}]`)
	return []outcomeRow{
		{row: "200 or 422, results shorter or absent, successCount = n/absent", typ: c, n: 3, said: all.as(200), want: "written x3"},
		{row: "200 or 422, results shorter or absent, successCount = n/absent", typ: u, n: 3, said: all.as(422), want: "written x3"},
		{row: "200 or 422, results shorter or absent, successCount = n/absent", typ: d, n: 1, said: body(`"successCount":1,"failureCount":0`).as(200), want: "written"},
		{row: "200 or 422, results shorter or absent, successCount = n/null", typ: c, n: 3, said: body(`"results":null,"successCount":3,"failureCount":0`).as(200), want: "written x3"},
		{row: "200 or 422, results shorter or absent, successCount = n/shorter", typ: c, n: 3,
			said: body(`"successCount":3,"failureCount":0,"results":[{"success":true,"recordId":"9"}]`).as(200), want: "written x3"},
		{row: "200 or 422, results shorter or absent, successCount = n/shorter", typ: u, n: 3,
			said: body(`"successCount":3,"failureCount":0,"results":[{"success":true,"recordId":"20"}]`).as(200), want: "written, written 20, written"},
		{row: "200 or 422, results shorter or absent, failureCount = n", typ: c, n: 3, said: none.as(422), want: "retry halved x3", code: "INVALID_OPTION"},
		{row: "200 or 422, results shorter or absent, failureCount = n", typ: u, n: 3, said: none.as(200), want: "retry halved x3", code: "INVALID_OPTION"},
		{row: "200 or 422, results shorter or absent, failureCount = n/no reason", typ: u, n: 3,
			said: body(`"successCount":0,"failureCount":3`).as(422), want: "retry halved x3", code: CodeNobodyNamed},
		{row: "200 or 422, results shorter or absent, failureCount = n/alone", typ: c, n: 1,
			said: body(`"successCount":0,"failureCount":1,"errors":[{"message":"no","code":"INVALID_OPTION"}]`).as(422), want: "rejected INVALID_OPTION"},
		{row: "200 or 422, results shorter or absent, failureCount = n/alone", typ: d, n: 1, said: body(`"successCount":0,"failureCount":1,"errors":[{"message":"no"}]`).as(422), want: "rejected rejected"},
		{row: "200 or 422, results shorter or absent, some of each", typ: c, n: 3, said: some.as(200), want: "unknown x3", code: CodeUnmatched},
		{row: "200 or 422, results shorter or absent, some of each", typ: u, n: 3, said: some.as(200), want: "retry halved, retry halved, written 30", code: CodeNobodyNamed},
		{row: "200 or 422, results shorter or absent, some of each/the guilty named by id", typ: u, n: 3,
			said: body(`"successCount":2,"failureCount":1,"results":[{"success":false,"recordId":"20","errors":[{"category":"OBJECT_NOT_FOUND"}]}]`).as(200),
			want: "retry innocent, rejected OBJECT_NOT_FOUND, retry innocent"},
		{row: "200 or 422, results shorter or absent, some of each/one id twice", typ: u, n: 3,
			said: body(`"successCount":2,"failureCount":1,"results":[{"success":true,"recordId":"20"},{"success":false,"recordId":"20"}]`).as(200),
			want: "retry halved x3", code: CodeNobodyNamed},
		{row: "a shape not listed/counts that disagree with the batch", typ: c, n: 3, said: body(`"successCount":2,"failureCount":0`).as(200), want: "unknown x3", code: CodeCountsDisagree},
		{row: "a shape not listed/counts that disagree with the batch", typ: u, n: 3, said: body(`"successCount":4,"failureCount":0`).as(200), want: "retry lane x3", code: CodeCountsDisagree},
		{row: "a shape not listed/counts that disagree with the batch", typ: d, n: 1, said: body(`"successCount":0,"failureCount":0`).as(200), want: "retry lane", code: CodeCountsDisagree},
		{row: "a shape not listed/counts that disagree with the entries", typ: c, n: 3,
			said: body(`"successCount":2,"failureCount":1,"results":[{"success":true},{"success":true},{"success":true}]`).as(200), want: "unknown x3", code: CodeCountsDisagree},
		{row: "a shape not listed/counts that disagree with the entries", typ: u, n: 3,
			said: body(`"successCount":3,"failureCount":0,"results":[{"success":false,"recordId":"10"}]`).as(200), want: "retry lane x3", code: CodeCountsDisagree},
		{row: "a shape not listed/more results than writes", typ: c, n: 1,
			said: body(`"results":[{"success":true},{"success":true}]`).as(200), want: "unknown", code: CodeCountsDisagree},
		{row: "a shape not listed/422 with a reason and nothing else", typ: c, n: 3, said: body(`"errors":[{"message":"no"}]`).as(422), want: "unknown x3", code: CodeUnmatched},
		{row: "a shape not listed/422 with a reason and nothing else", typ: u, n: 3, said: body(`"errors":[{"message":"no"}]`).as(422), want: "retry halved x3", code: CodeUnmatched},
		{row: "a shape not listed/422 with a reason and nothing else, alone", typ: c, n: 1, said: body(`"errors":[{"message":"no"}]`).as(422), want: "rejected rejected"},
	}
}

// TestSalesforceIDsOfBothLengthsAreOne: answers use 18 characters where 15 were sent.
func TestSalesforceIDsOfBothLengthsAreOne(t *testing.T) {
	t.Parallel()
	r := request(u, 2)
	r.Writes[0].ID, r.Writes[1].ID = "0035g00000AbCdE", "0035g00000aBcDe"
	a := ask(t, r, body(`"successCount":1,"failureCount":1,"results":[{"success":true,"recordId":"0035g00000aBcDeAAK"}]`).as(200))
	if got, want := shown(a), "retry halved, written 0035g00000aBcDeAAK"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
