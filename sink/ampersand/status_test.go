package ampersand

import (
	"testing"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

func TestAnswersByStatus(t *testing.T) {
	t.Parallel()
	const api, integration, destination = model.ScopeAPI, model.ScopeIntegration, model.ScopeDestination
	run(t, []outcomeRow{
		{row: "400 text, one write", typ: c, n: 1, said: text("required field not found").as(400), want: "rejected bad_request", code: CodeBadRequest},
		{row: "400 text, one write", typ: u, n: 1, said: text("required field not found").as(400), want: "rejected bad_request", code: CodeBadRequest},
		{row: "400 text, one write", typ: d, n: 1, said: text("deletion is not enabled").as(400), want: "rejected bad_request", code: CodeBadRequest},
		{row: "400 text, a code in it", typ: d, n: 1, said: text("UNABLE_TO_LOCK_ROW: unable to obtain exclusive access").as(400), want: "retry alone", code: CodeBadRequest},
		{row: "400 text, the record is gone", typ: d, n: 1, said: text("NOT_FOUND: no such thing").as(400), want: "written", code: CodeBadRequest},
		{row: "400 text, several", typ: c, n: 3, said: text("required field not found").as(400), want: "retry halved x3", code: CodeBadRequest},
		{row: "400 text, several", typ: u, n: 3, said: text("required field not found").as(400), want: "retry halved x3", code: CodeBadRequest},

		{row: "401", typ: c, n: 3, said: text("unauthorized").as(401), want: "retry lane x3", hold: api, code: CodeUnauthorized},
		{row: "401 of the API key", typ: u, n: 3, said: problem(`"detail":"the API key or token was revoked"`).as(401), want: "retry lane x3", hold: api, code: CodeUnauthorized},
		{row: "401 that names the installation's token", typ: u, n: 3, said: problem(`"detail":"installation has an expired refresh token"`).as(401), want: "retry lane x3", hold: destination, code: CodeInstallation},
		{row: "401 with a code of the token", typ: d, n: 1, said: problem(`"detail":"INVALID_GRANT: expired"`).as(401), want: "retry lane", hold: destination, code: CodeInstallation},
		{row: "403 without a quota code", typ: c, n: 3, said: problem(`"detail":"forbidden"`).as(403), want: "retry lane x3", hold: api, code: CodeForbidden},
		{row: "403 that names the installation", typ: d, n: 1, said: problem(`"detail":"installation is paused"`).as(403), want: "retry lane", hold: destination, code: CodeInstallation},
		{row: "403 with a code of the CRM", typ: c, n: 3, said: problem(`"causes":["INSUFFICIENT_ACCESS_OR_READONLY"]`).as(403), want: "retry lane x3", hold: destination, code: CodeInstallation},
		{row: "403 with REQUEST_LIMIT_EXCEEDED", typ: c, n: 3, said: problem(`"causes":["REQUEST_LIMIT_EXCEEDED: TotalRequests Limit exceeded."]`).as(403), want: "retry lane x3", hold: destination, code: CodeQuota},
		{row: "any body with REQUEST_LIMIT_EXCEEDED", typ: u, n: 3, said: text("REQUEST_LIMIT_EXCEEDED").as(400), want: "retry lane x3", hold: destination, code: CodeQuota},
		{row: "any body with REQUEST_LIMIT_EXCEEDED, a create that was sent with 500", typ: c, n: 3, said: text("REQUEST_LIMIT_EXCEEDED").as(500), want: "unknown x3", hold: destination, code: CodeQuota},
		{row: "429 with a daily quota", typ: c, n: 3, said: said{body: `{"status":"error","message":"You have reached your daily limit.","errorType":"RATE_LIMIT","policyName":"DAILY"}`}.as(429), want: "retry lane x3", hold: destination, code: CodeQuota},

		{row: "404 for the project", typ: u, n: 3, said: problem(`"title":"Not Found","detail":"project acme not found"`).as(404), want: "retry lane x3", hold: api, code: CodeMissing},
		{row: "404 for the integration", typ: c, n: 3, said: problem(`"detail":"integration hubspot not found in project acme"`).as(404), want: "retry lane x3", hold: integration, code: CodeMissing},
		{row: "404 for the object", typ: d, n: 1, said: problem(`"detail":"object contact not found in integration hubspot"`).as(404), want: "retry lane", hold: destination, code: CodeMissing},
		{row: "404 for the group's installation", typ: u, n: 3, said: problem(`"detail":"could not find the installation of group acme-inc"`).as(404), want: "retry lane x3", hold: destination, code: CodeMissing},
		{row: "404 for the record itself", typ: d, n: 1, said: problem(`"detail":"The record with ID 10 was not found"`).as(404), want: "written", code: CodeMissing},
		{row: "404 for the record itself", typ: u, n: 1, said: problem(`"detail":"The record with ID 10 was not found"`).as(404), want: "rejected NOT_FOUND", code: CodeMissing},
		{row: "404 for a record of several", typ: u, n: 3, said: problem(`"detail":"The record with ID 10 was not found"`).as(404), want: "retry halved x3", code: CodeMissing},
		{row: "404 by a problem that says nothing", typ: d, n: 1, said: problem(`"title":"Not Found"`).as(404), want: "retry lane", hold: destination, code: CodeMissing},
		{row: "404 by something else", typ: c, n: 3, said: html("404 page not found").as(404), want: "retry lane x3", hold: api, code: CodeMissing},

		{row: "408", typ: c, n: 3, said: text("").as(408), want: "retry lane x3", code: CodeUnavailable},
		{row: "425", typ: c, n: 3, said: text("").as(425), want: "retry lane x3", code: CodeUnavailable},
		{row: "429", typ: c, n: 3, said: html("slow down").as(429).with("Retry-After", "7"), want: "retry lane x3", code: CodeThrottled, after: 7 * time.Second},
		{row: "429", typ: d, n: 1, said: problem(`"retryable":true`).as(429).with("X-Amp-Retry-After", "9", "Retry-After", "2"), want: "retry lane", code: CodeThrottled, after: 9 * time.Second},
		{row: "502", typ: u, n: 3, said: html("bad gateway").as(502), want: "retry lane x3", code: CodeUnavailable},
		{row: "503", typ: u, n: 3, said: html("down").as(503), want: "retry lane x3", code: CodeUnavailable},
		{row: "503 after a create was sent", typ: c, n: 3, said: html("down").as(503).with("Retry-After", "3600"), want: "retry lane x3", code: CodeUnavailable, after: time.Hour},
		{row: "504", typ: d, n: 1, said: html("timeout").as(504), want: "retry lane", code: CodeUnavailable},
		{row: "500", typ: u, n: 3, said: problem(`"title":"Internal"`).as(500), want: "retry lane x3", code: CodeUnavailable},
		{row: "500 after a create was sent", typ: c, n: 3, said: problem(`"title":"Internal","retryable":true`).as(500), want: "unknown x3", code: CodeUnavailable},
		{row: "502 after a create was sent", typ: c, n: 1, said: html("bad gateway").as(502), want: "unknown", code: CodeUnavailable},
		{row: "504 after a create was sent", typ: c, n: 3, said: html("timeout").as(504), want: "unknown x3", code: CodeUnavailable},

		{row: "problem, retryable: false, 5xx", typ: u, n: 3, said: problem(`"detail":"no","retryable":false`).as(500), want: "retry halved x3", code: CodeNotRetryable},
		{row: "problem, retryable: false, 5xx", typ: u, n: 1, said: problem(`"detail":"no","retryable":false`).as(503), want: "rejected not_retryable", code: CodeNotRetryable},
		{row: "problem, retryable: false, 5xx", typ: d, n: 1, said: problem(`"detail":"no","retryable":false`).as(502), want: "rejected not_retryable", code: CodeNotRetryable},
		{row: "problem, retryable: false, 5xx", typ: c, n: 3, said: problem(`"detail":"no","retryable":false`).as(503), want: "unknown x3", code: CodeNotRetryable},
		{row: "X-Amp-Retryable: false, 5xx", typ: u, n: 3, said: text("no").as(500).with("X-Amp-Retryable", "false"), want: "retry halved x3", code: CodeNotRetryable},

		{row: "413", typ: c, n: 3, said: html("too large").as(413), want: "retry halved x3", code: CodeTooLarge},
		{row: "413", typ: u, n: 1, said: html("too large").as(413), want: "rejected too_large", code: CodeTooLarge},
		{row: "413", typ: d, n: 1, said: html("too large").as(413), want: "rejected too_large", code: CodeTooLarge},
	})
}

// TestAnswersNotListed: what the table does not list is unknown for creates and
// tried again for the rest, and never written.
func TestAnswersNotListed(t *testing.T) {
	t.Parallel()
	unknown := []struct {
		row  string
		said said
		code string
	}{
		{"a status not listed, 201", body(`"successCount":3,"failureCount":0`).as(201), CodeUnknownAnswer},
		{"a status not listed, 202", body(`"x":1`).as(202), CodeUnknownAnswer},
		{"a status not listed, 204", said{}.as(204), CodeUnknownAnswer},
		{"a status not listed, 307", said{header: header("Location", "https://elsewhere.example/")}.as(307), CodeUnknownAnswer},
		{"a status not listed, 409", text("conflict").as(409), CodeUnknownAnswer},
		{"a status not listed, 477", text("migrating").as(477), CodeUnknownAnswer},
		{"a status not listed, 520", html("unknown error").as(520), CodeUnknownAnswer},
		{"200 of an asynchronous answer", body(`"x":1`).as(200), CodeUnknownAnswer},
		{"200 with errors and no result", body(`"errors":[{"message":"x"}]`).as(200), CodeUnknownAnswer},
		{"200 with a shape that nobody knows", said{body: `{"ok":true,"results":{"success":true}}`}.as(200), CodeUnknownAnswer},
		{"200 with an entry that is no object", said{body: `{"results":[true,true,true]}`}.as(200), CodeUnknownAnswer},
		{"200 with an entry without success", said{body: `{"results":[{"recordId":"1"},{"success":true},{"success":true}]}`}.as(200), CodeUnknownAnswer},
		{"200 with a success that is a word", said{body: `{"results":[{"success":"true"},{"success":true},{"success":true}]}`}.as(200), CodeUnknownAnswer},
		{"200 with a success twice", said{body: `{"results":[{"success":false,"success":true},{"success":true},{"success":true}]}`}.as(200), CodeUnknownAnswer},
		{"200 with a count twice", said{body: `{"successCount":0,"successCount":3,"failureCount":0}`}.as(200), CodeUnknownAnswer},
		{"200 with a count that is a word", said{body: `{"successCount":"3","failureCount":0}`}.as(200), CodeUnknownAnswer},
		{"200 with a negative count", said{body: `{"successCount":4,"failureCount":-1}`}.as(200), CodeUnknownAnswer},
		{"200 with two answers", said{body: `{"successCount":3,"failureCount":0}{}`}.as(200), CodeUnknownAnswer},
		{"200 that is a list", said{body: `[]`}.as(200), CodeUnreadable},
		{"200 that is empty", said{}.as(200), CodeUnreadable},
		{"200, HTML from a gateway", html("welcome").as(200), CodeUnreadable},
		{"200, JSON cut in the middle", said{body: `{"successCount":3,"failureCount":0,"results":[{"success":true},`}.as(200), CodeUnreadable},
		{"422, plain text", text("no").as(422), CodeUnreadable},
	}
	var rows []outcomeRow
	for _, x := range unknown {
		rows = append(rows,
			outcomeRow{row: x.row, typ: c, n: 3, said: x.said, want: "unknown x3", code: x.code},
			outcomeRow{row: x.row, typ: u, n: 3, said: x.said, want: "retry lane x3", code: x.code})
	}
	rows = append(rows, outcomeRow{row: "200 with only an operation id", typ: d, n: 1, said: body(`"x":1`).as(200), want: "retry lane", code: CodeUnknownAnswer})
	run(t, rows)
}
