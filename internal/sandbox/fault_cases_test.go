package sandbox_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/ampersink/ampersink/internal/sandbox"
)

// ways are the two ways to a server: over the network, and in virtual time without one.
func ways() map[string]func(t *testing.T, f func(t *testing.T, reach func(*sandbox.Server) (http.RoundTripper, string))) {
	return map[string]func(t *testing.T, f func(t *testing.T, reach func(*sandbox.Server) (http.RoundTripper, string))){
		"HTTP": func(t *testing.T, f func(*testing.T, func(*sandbox.Server) (http.RoundTripper, string))) {
			f(t, func(s *sandbox.Server) (http.RoundTripper, string) {
				web := httptest.NewServer(s)
				t.Cleanup(web.Close)
				transport := &http.Transport{}
				t.Cleanup(transport.CloseIdleConnections)
				return transport, web.URL
			})
		},
		"no network": func(t *testing.T, f func(*testing.T, func(*sandbox.Server) (http.RoundTripper, string))) {
			synctest.Test(t, func(t *testing.T) {
				f(t, func(s *sandbox.Server) (http.RoundTripper, string) { return s.Transport(), "http://sandbox" })
			})
		},
	}
}

// faultCase is a fault, what a client sees of it, how many of two records it lets through,
// and what the observer is told of what the client knows.
type faultCase struct {
	fault   string
	check   func(answer) bool
	applied int
	told    string
	body    string // two good contacts unless given
	crm     sandbox.CRM
}

func status(want int) func(answer) bool {
	return func(a answer) bool { return a.err == nil && a.status == want }
}

func isReset(a answer) bool { return a.status == 0 && errors.Is(a.err, syscall.ECONNRESET) }

const (
	one  = `{"groupRef":"g","type":"create","record":{"email":"a@b.co"}}`
	some = `{"groupRef":"g","type":"create","batch":[{"record":{"email":"a@b.co"}},{"record":{"email":"x"}}]}`
)

func faultCases() map[string]faultCase {
	return map[string]faultCase{
		"status in seconds":  {fault: `{do: status, status: 429, retry_after: 2500ms}`, check: func(a answer) bool { return a.status == 429 && a.header.Get("Retry-After") == "3" }, told: sandbox.TryAgain},
		"status with a date": {fault: `{do: status, status: 503, retry_after: 3s, retry_after_form: date}`, check: func(a answer) bool { _, err := http.ParseTime(a.header.Get("Retry-After")); return err == nil }, told: sandbox.TryAgain},
		"status in a problem": {fault: `{do: status, status: 503, retry_after: 3s, retry_after_form: problem}`, check: func(a answer) bool {
			return a.header.Get("Content-Type") == "application/problem+json" && a.json["retryAfter"] != nil && a.json["retryable"] == true && a.json["requestId"] != ""
		}, told: sandbox.TryAgain},
		"status by the provider": {fault: `{do: status, status: 429, retry_after: 3s, retry_after_form: provider}`, check: func(a answer) bool {
			return a.header.Get("X-Amp-Retry-After") == "3" && a.header.Get("X-Amp-Retryable") == "true"
		}, told: sandbox.TryAgain},
		"not to be tried again": {fault: `{do: status, status: 500, retryable: false, message: broken}`, check: func(a answer) bool {
			return a.status == 500 && a.json["retryable"] == false && a.json["detail"] == "broken"
		}, told: sandbox.Lost},
		"a gateway's page":       {fault: `{do: status, status: 502, body: html, apply: yes}`, check: func(a answer) bool { return a.status == 502 && strings.HasPrefix(a.text, "<html>") }, applied: 2, told: sandbox.Lost},
		"504 with nothing in it": {fault: `{do: status, status: 504, body: empty}`, check: func(a answer) bool { return a.status == 504 && a.text == "" }, told: sandbox.Lost},
		"a daily quota":          {fault: `{do: status, status: 403, body: json, message: REQUEST_LIMIT_EXCEEDED}`, check: func(a answer) bool { return a.status == 403 && a.json["message"] == "REQUEST_LIMIT_EXCEEDED" }, told: sandbox.TryAgain},
		"a revoked key":          {fault: `{do: status, status: 401}`, check: status(401), told: sandbox.TryAgain},
		"an object that is gone": {fault: `{do: status, status: 404, body: text, message: no such object}`, check: func(a answer) bool { return a.status == 404 && a.text == "no such object" }, told: sandbox.TryAgain},
		"reset before":           {fault: `{do: reset}`, check: isReset, told: sandbox.Lost},
		"reset after":            {fault: `{do: reset, apply: yes}`, check: isReset, applied: 2, told: sandbox.Lost},
		"cut": {fault: `{do: cut}`, check: func(a answer) bool {
			return a.status == 200 && errors.Is(a.err, io.ErrUnexpectedEOF) && a.json == nil && a.text != ""
		}, applied: 2, told: sandbox.Lost},
		"short":          {fault: `{do: short}`, check: func(a answer) bool { return len(a.json["results"].([]any)) == 1 && a.json["successCount"] == 2.0 }, applied: 2, told: sandbox.Lost},
		"absent":         {fault: `{do: absent}`, check: func(a answer) bool { return a.json["results"] == nil && a.json["successCount"] == 2.0 }, applied: 2, told: sandbox.Lost},
		"absent, of one": {fault: `{do: absent}`, body: one, check: func(a answer) bool { return a.status == 200 && a.json["result"] == nil && a.json["operationId"] != nil }, applied: 1, told: sandbox.Lost},
		"short, of one":  {fault: `{do: short}`, body: one, check: func(a answer) bool { return a.json["result"] != nil }, applied: 1, told: sandbox.Told},
		"reordered": {fault: `{do: reorder}`, body: some, check: func(a answer) bool {
			r := a.json["results"].([]any)
			return r[0].(object)["success"] == false && r[1].(object)["success"] == true
		}, applied: 1, told: sandbox.Lost},
		"miscount":              {fault: `{do: miscount}`, check: func(a answer) bool { return a.json["successCount"] == 3.0 }, applied: 2, told: sandbox.Lost},
		"shape":                 {fault: `{do: shape}`, check: func(a answer) bool { return a.status == 200 && a.json["operationId"] == nil }, applied: 2, told: sandbox.Lost},
		"quota of the entries":  {fault: `{do: quota}`, check: func(a answer) bool { return a.status == 422 && strings.Count(a.text, "REQUEST_LIMIT_EXCEEDED") == 2 }, told: sandbox.TryAgain},
		"whole batch, no cause": {fault: `{do: whole_batch}`, check: status(200), applied: 2, told: sandbox.Told},
		"whole batch": {fault: `{do: whole_batch}`, body: some, check: func(a answer) bool {
			return a.status == 422 && a.json["results"] == nil && a.json["failureCount"] == 2.0 && a.json["errors"] != nil
		}, told: sandbox.TryAgain},
		"of another object":  {fault: `{do: reset, object: company}`, check: status(200), applied: 2, told: sandbox.Told},
		"of another place":   {fault: `{do: reset, integration: other}`, check: status(200), applied: 2, told: sandbox.Told},
		"of another group":   {fault: `{do: reset, group: h}`, check: status(200), applied: 2, told: sandbox.Told},
		"of another type":    {fault: `{do: reset, type: update}`, check: status(200), applied: 2, told: sandbox.Told},
		"of all that is so":  {fault: `{do: reset, integration: crm, group: g, object: contact, type: create}`, check: isReset, told: sandbox.Lost},
		"of a record":        {fault: `{do: reset, field: email, value: b@b.co}`, check: isReset, told: sandbox.Lost},
		"of another record":  {fault: `{do: reset, field: email, value: c@b.co}`, check: status(200), applied: 2, told: sandbox.Told},
		"of every second":    {fault: `{do: reset, every: 2}`, check: status(200), applied: 2, told: sandbox.Told},
		"not yet":            {fault: `{do: reset, from: 1h}`, check: status(200), applied: 2, told: sandbox.Told},
		"the first matches":  {fault: `{do: reset, from: 1h}, {do: status, status: 401}, {do: cut}`, check: status(401), told: sandbox.TryAgain},
		"latency":            {fault: `{do: latency, delay: 10ms}`, check: status(200), applied: 2, told: sandbox.Told},
		"Salesforce's quota": {fault: `{do: quota}`, crm: sandbox.Salesforce, check: func(a answer) bool { return strings.Contains(a.text, `"statusCode":"REQUEST_LIMIT_EXCEEDED"`) }, told: sandbox.TryAgain},
	}
}
