package ampersand

import (
	"fmt"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

// byStatus has the answers whose status decides, or the words beside it.
func byStatus() []outcomeRow {
	const api, integration, destination = model.ScopeAPI, model.ScopeIntegration, model.ScopeDestination
	return []outcomeRow{
		{row: "400/one write", typ: c, n: 1, said: text("required field not found").as(400), want: "rejected bad_request", code: CodeBadRequest},
		{row: "400/one write", typ: u, n: 1, said: text("required field not found").as(400), want: "rejected bad_request", code: CodeBadRequest},
		{row: "400/one write", typ: d, n: 1, said: text("deletion is not enabled").as(400), want: "rejected bad_request", code: CodeBadRequest},
		{row: "400/a code in it", typ: d, n: 1, said: text("UNABLE_TO_LOCK_ROW: unable to obtain exclusive access").as(400), want: "retry alone", code: CodeBadRequest},
		{row: "400/the record is gone", typ: d, n: 1, said: text("NOT_FOUND: no such thing").as(400), want: "written", code: CodeBadRequest},
		{row: "400/several", typ: c, n: 3, said: text("required field not found").as(400), want: "retry halved x3", code: CodeBadRequest},
		{row: "400/several", typ: u, n: 3, said: text("required field not found").as(400), want: "retry halved x3", code: CodeBadRequest},

		{row: "401, 403/401", typ: c, n: 3, said: text("unauthorized").as(401), want: "retry lane x3", hold: api, code: CodeUnauthorized},
		{row: "401, 403/401 of the API key", typ: u, n: 3, said: problem(`"detail":"the API key or token was revoked"`).as(401), want: "retry lane x3", hold: api, code: CodeUnauthorized},
		{row: "401, 403/401 that names the installation's token", typ: u, n: 3, said: problem(`"detail":"installation has an expired refresh token"`).as(401), want: "retry lane x3", hold: destination, code: CodeInstallation},
		{row: "401, 403/401 with a code of the token", typ: d, n: 1, said: problem(`"detail":"INVALID_GRANT: expired"`).as(401), want: "retry lane", hold: destination, code: CodeInstallation},
		{row: "401, 403/403 without a quota code", typ: c, n: 3, said: problem(`"detail":"forbidden"`).as(403), want: "retry lane x3", hold: api, code: CodeForbidden},
		{row: "401, 403/403 that names the installation", typ: d, n: 1, said: problem(`"detail":"installation is paused"`).as(403), want: "retry lane", hold: destination, code: CodeInstallation},
		{row: "401, 403/403 with a code of the CRM", typ: c, n: 3, said: problem(`"causes":["INSUFFICIENT_ACCESS_OR_READONLY"]`).as(403), want: "retry lane x3", hold: destination, code: CodeInstallation},
		{row: "a quota is spent/403 with REQUEST_LIMIT_EXCEEDED", typ: c, n: 3, said: problem(`"causes":["REQUEST_LIMIT_EXCEEDED: TotalRequests Limit exceeded."]`).as(403), want: "retry lane x3", hold: destination, code: CodeQuota},
		{row: "a quota is spent", typ: u, n: 3, said: text("REQUEST_LIMIT_EXCEEDED").as(400), want: "retry lane x3", hold: destination, code: CodeQuota},
		{row: "a quota is spent/a create that was sent with 500", typ: c, n: 3, said: text("REQUEST_LIMIT_EXCEEDED").as(500), want: "unknown x3", hold: destination, code: CodeQuota},
		{row: "a quota is spent/422 of several without counts", typ: c, n: 3, said: body(`"errors":[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"m"}]`).as(422), want: "unknown x3", hold: destination, code: "REQUEST_LIMIT_EXCEEDED"},
		{row: "a quota is spent/counts that disagree", typ: u, n: 3, said: body(`"successCount":1,"failureCount":1,"errors":["REQUEST_LIMIT_EXCEEDED: m"]`).as(200), want: "retry lane x3", hold: destination, code: "REQUEST_LIMIT_EXCEEDED"},
		{row: "a quota is spent/a warning beside what was written", typ: u, n: 3, said: body(`"successCount":3,"failureCount":0,"errors":["REQUEST_LIMIT_EXCEEDED: m"]`).as(200), want: "written x3"},
		{row: "a quota is spent/429 with a daily quota", typ: c, n: 3, said: said{body: `{"status":"error","message":"You have reached your daily limit.","errorType":"RATE_LIMIT","policyName":"DAILY"}`}.as(429), want: "retry lane x3", hold: destination, code: CodeQuota},

		{row: "404/for the project", typ: u, n: 3, said: problem(`"title":"Not Found","detail":"project acme not found"`).as(404), want: "retry lane x3", hold: api, code: CodeMissing},
		{row: "404/for the integration", typ: c, n: 3, said: problem(`"detail":"integration hubspot not found in project acme"`).as(404), want: "retry lane x3", hold: integration, code: CodeMissing},
		{row: "404/for the object", typ: d, n: 1, said: problem(`"detail":"object contact not found in integration hubspot"`).as(404), want: "retry lane", hold: destination, code: CodeMissing},
		{row: "404/for the group's installation", typ: u, n: 3, said: problem(`"detail":"could not find the installation of group acme-inc"`).as(404), want: "retry lane x3", hold: destination, code: CodeMissing},
		{row: "404/for the record itself", typ: d, n: 1, said: problem(`"detail":"The record with ID 10 was not found"`).as(404), want: "written", code: CodeMissing},
		{row: "404/for the record itself", typ: u, n: 1, said: problem(`"detail":"The record with ID 10 was not found"`).as(404), want: "rejected NOT_FOUND", code: CodeMissing},
		{row: "404/for a record of several", typ: u, n: 3, said: problem(`"detail":"The record with ID 10 was not found"`).as(404), want: "retry halved x3", code: CodeMissing},
		{row: "404/by a problem that says nothing", typ: d, n: 1, said: problem(`"title":"Not Found"`).as(404), want: "retry lane", hold: destination, code: CodeMissing},
		{row: "404/for the integration, with the code that everything missing has", typ: d, n: 1, said: problem(`"code":"NOT_FOUND","detail":"integration hubspot not found"`).as(404), want: "retry lane", hold: integration, code: CodeMissing},
		{row: "404/for the record, with the code that everything missing has", typ: d, n: 1, said: problem(`"code":"NOT_FOUND","detail":"record 10 not found"`).as(404), want: "written", code: CodeMissing},
		{row: "404/HubSpot calls its records objects", typ: d, n: 1, said: problem(`"code":"OBJECT_NOT_FOUND","detail":"Object not found"`).as(404), want: "written", code: CodeMissing},
		{row: "404/by something else", typ: c, n: 3, said: html("404 page not found").as(404), want: "retry lane x3", hold: api, code: CodeMissing},

		{row: "413", typ: c, n: 3, said: html("too large").as(413), want: "retry halved x3", code: CodeTooLarge},
		{row: "413", typ: u, n: 1, said: html("too large").as(413), want: "rejected too_large", code: CodeTooLarge},
		{row: "413", typ: d, n: 1, said: html("too large").as(413), want: "rejected too_large", code: CodeTooLarge},
	}
}

// passing has what passes by itself, each status for each type: in a problem of
// the API, in a gateway's page, and with nothing at all.
func passing() (rows []outcomeRow) {
	bodies := map[string]said{"problem": problem(`"title":"t","retryable":true`), "page": html("gateway"), "empty": text("")}
	for _, status := range [...]int{408, 425, 429, 500, 502, 503, 504} {
		code := CodeUnavailable
		if status == 429 {
			code = CodeThrottled
		}
		for _, typ := range [...]model.Type{c, u, d} {
			for shape, said := range bodies {
				want := lostOutcomes(typ, status == 500 || status == 502 || status == 504)
				rows = append(rows, outcomeRow{row: fmt.Sprintf("408, 425, 429, 500, 502, 503, 504/%d %s", status, shape),
					typ: typ, n: count(typ), said: said.as(status), want: want, code: code})
			}
		}
	}
	return rows
}

// notRetryable has the failures that the API calls final.
func notRetryable() (rows []outcomeRow) {
	for _, status := range [...]int{500, 501, 502, 503, 504, 520} {
		for _, final := range [...]said{
			problem(`"detail":"no","retryable":false`).as(status), text("no").as(status).with("X-Amp-Retryable", "false"),
		} {
			for _, x := range []outcomeRow{
				{typ: c, n: 3, want: "unknown x3"}, {typ: c, n: 1, want: "unknown"},
				{typ: u, n: 3, want: "retry halved x3"}, {typ: u, n: 1, want: "rejected not_retryable"}, {typ: d, n: 1, want: "rejected not_retryable"},
			} {
				x.row, x.said, x.code = fmt.Sprintf("problem, retryable: false, 5xx/%d for %d", status, x.n), final, CodeNotRetryable
				rows = append(rows, x)
			}
		}
	}
	for _, status := range [...]int{408, 425, 429} { // final or not, they are no 5xx
		rows = append(rows, outcomeRow{row: fmt.Sprintf("problem, retryable: false, 5xx/not for %d", status), typ: u, n: 1,
			said: problem(`"retryable":false`).as(status), want: "retry lane", code: rowOf(status).code})
	}
	return rows
}

// wishes has the spellings of the delay that an answer asks for.
func wishes() (rows []outcomeRow) {
	const date, later, third = "Mon, 02 Mar 2026 10:00:00 GMT", "Mon, 02 Mar 2026 10:01:30 GMT", "2026-03-02T10:01:30Z"
	for name, said := range map[string]said{
		"seconds":                      html("busy").with("Retry-After", "90"),
		"a date":                       html("busy").with("Retry-After", later, "Date", date),
		"X-Amp-Retry-After":            html("busy").with("X-Amp-Retry-After", "90"),
		"X-Amp-Retry-After, a date":    html("busy").with("X-Amp-Retry-After", later, "Date", date),
		"retryAfter of the problem":    problem(`"retryAfter":"`+third+`"`).with("Date", date),
		"the larger of all, the first": problem(`"retryAfter":"`+date+`"`).with("Date", date, "Retry-After", "90", "X-Amp-Retry-After", "3"),
		"the larger of all, the last":  problem(`"retryAfter":"`+third+`"`).with("Date", date, "Retry-After", "8", "X-Amp-Retry-After", "3"),
	} {
		for _, status := range [...]int{429, 503} {
			rows = append(rows, outcomeRow{row: fmt.Sprintf("the delay that the server asks for/%d, %s", status, name), typ: c, n: 3,
				said: said.as(status), want: "retry lane x3", code: rowOf(status).code, after: 90 * time.Second})
		}
	}
	entry := body(`"successCount":2,"failureCount":1,"results":[{"success":true},{"success":false,"errors":[{"errorCode":"UNABLE_TO_LOCK_ROW","message":"m"}]},{"success":true}]`)
	return append(rows, outcomeRow{row: "the delay that the server asks for/beside entries", typ: u, n: 3,
		said: entry.as(200).with("Retry-After", "90"), want: "written, retry alone, written", after: 90 * time.Second})
}

// notListed: what the table does not list is unknown for creates and tried again
// for the rest, and never written.
func notListed() []outcomeRow {
	unknown := []struct {
		row  string
		said said
		code string
	}{
		{"a status not listed/201", body(`"successCount":3,"failureCount":0`).as(201), CodeUnknownAnswer},
		{"a status not listed/202", body(`"x":1`).as(202), CodeUnknownAnswer},
		{"a status not listed/204", said{}.as(204), CodeUnknownAnswer},
		{"a status not listed/307", said{header: header("Location", "https://elsewhere.example/")}.as(307), CodeUnknownAnswer},
		{"a status not listed/409", text("conflict").as(409), CodeUnknownAnswer},
		{"a status not listed/477", text("migrating").as(477), CodeUnknownAnswer},
		{"a status not listed/520", html("unknown error").as(520), CodeUnknownAnswer},
		{"a shape not listed/200 of an asynchronous answer", body(`"x":1`).as(200), CodeUnknownAnswer},
		{"a shape not listed/200 with errors and no result", body(`"errors":[{"message":"x"}]`).as(200), CodeUnknownAnswer},
		{"a shape not listed/200 with a shape that nobody knows", said{body: `{"ok":true,"results":{"success":true}}`}.as(200), CodeUnknownAnswer},
		{"a shape not listed/200 with an entry that is no object", said{body: `{"results":[true,true,true]}`}.as(200), CodeUnknownAnswer},
		{"a shape not listed/200 with an entry without success", said{body: `{"results":[{"recordId":"1"},{"success":true},{"success":true}]}`}.as(200), CodeUnknownAnswer},
		{"a shape not listed/200 with a success that is a word", said{body: `{"results":[{"success":"true"},{"success":true},{"success":true}]}`}.as(200), CodeUnknownAnswer},
		{"a shape not listed/200 with a success twice", said{body: `{"results":[{"success":false,"success":true},{"success":true},{"success":true}]}`}.as(200), CodeUnknownAnswer},
		{"a shape not listed/200 with a count twice", said{body: `{"successCount":0,"successCount":3,"failureCount":0}`}.as(200), CodeUnknownAnswer},
		{"a shape not listed/200 with a count that is a word", said{body: `{"successCount":"3","failureCount":0}`}.as(200), CodeUnknownAnswer},
		{"a shape not listed/200 with a negative count", said{body: `{"successCount":4,"failureCount":-1}`}.as(200), CodeUnknownAnswer},
		{"a shape not listed/200 with two answers", said{body: `{"successCount":3,"failureCount":0}{}`}.as(200), CodeUnknownAnswer},
		{"a shape not listed/200 that is a list", said{body: `[]`}.as(200), CodeUnreadable},
		{"a shape not listed/200 that is empty", said{}.as(200), CodeUnreadable},
		{"a shape not listed/200, HTML from a gateway", html("welcome").as(200), CodeUnreadable},
		{"a shape not listed/200, JSON cut in the middle", said{body: `{"successCount":3,"failureCount":0,"results":[{"success":true},`}.as(200), CodeUnreadable},
		{"a shape not listed/422, plain text", text("no").as(422), CodeUnreadable},
	}
	var rows []outcomeRow
	for _, x := range unknown {
		rows = append(rows,
			outcomeRow{row: x.row, typ: c, n: 3, said: x.said, want: "unknown x3", code: x.code},
			outcomeRow{row: x.row, typ: u, n: 3, said: x.said, want: "retry lane x3", code: x.code})
	}
	return append(rows, outcomeRow{row: "a shape not listed/200 with only an operation id", typ: d, n: 1, said: body(`"x":1`).as(200), want: "retry lane", code: CodeUnknownAnswer})
}
