package ampersand

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

// answer is what came back for a request, read and not yet judged.
type answer struct {
	status int // 0: no answer
	search bool
	sent   bool
	large  bool // it came after the request, was larger than MaxAnswer, and is cut there
	// lost says why there is no answer to judge (a code); empty when there is one.
	lost    string
	message string // of lost
	reply   reply
	json    bool // the body was a problem or an answer of the contract
	after   time.Duration
}

// verdict is what a status says of the writes of its request, or of its search.
type verdict uint8

const (
	// again: the request failed, the writes wait for the lane's backoff.
	again verdict = iota
	// blame: the request is at fault: its write when it has one, else somebody in it.
	blame
	// doubt: it may have happened.
	doubt
	// read: the body says it, write by write.
	read
)

// statusRow is a row of the status table.
type statusRow struct {
	status int
	code   string
	// others is for updates and deletes, and for creates that did not leave.
	others verdict
	// creates is for creates that did.
	creates verdict
	// searches is for searches, which have nothing to doubt.
	searches verdict
	hold     model.ScopeKind
	message  string // when the answer has none
}

// The status table. What has no row is the last one.
var statusRows = [...]statusRow{
	{status: 200, others: read, creates: read, searches: read},
	{status: 422, code: CodeBadRequest, others: read, creates: read, searches: blame},
	{status: 400, code: CodeBadRequest, others: blame, creates: blame, searches: blame},
	{status: 401, code: CodeUnauthorized, hold: model.ScopeAPI, message: "the API key was refused; check ampersand.api_key"},
	{status: 403, code: CodeForbidden, hold: model.ScopeAPI, message: "the API key may not do this; check its rights and ampersand.project"},
	{status: 404, code: CodeMissing, hold: model.ScopeDestination},
	{status: 408, code: CodeUnavailable},
	{status: 413, code: CodeTooLarge, others: blame, creates: blame, searches: blame, message: "the API takes no request of this size"},
	{status: 425, code: CodeUnavailable},
	{status: 429, code: CodeThrottled},
	{status: 500, code: CodeUnavailable, creates: doubt},
	{status: 502, code: CodeUnavailable, creates: doubt},
	{status: 503, code: CodeUnavailable},
	{status: 504, code: CodeUnavailable, creates: doubt},
	{code: CodeUnknownAnswer, creates: doubt},
}

func rowOf(status int) statusRow {
	last := len(statusRows) - 1
	for _, row := range statusRows[:last] {
		if row.status == status {
			return row
		}
	}
	return statusRows[last]
}

// classify is the one place where an answer becomes outcomes.
func classify(r *Request, a *answer) model.Answer {
	j := judgement{r: r, a: a, out: model.Answer{
		Outcomes: make([]model.Outcome, len(r.Writes)),
		After:    a.after, Sent: a.sent, Status: a.status,
		OperationID: a.reply.operationID, RequestID: a.reply.requestID,
	}}
	a.reply.why.settle(j.onlyID())
	if a.lost != "" {
		j.lost(a.lost, a.message)
		j.heed()
		return j.out
	}
	row := refine(rowOf(a.status), a)
	v := row.others
	if r.Type == model.Create && a.sent {
		v = row.creates
	}
	if v == read {
		j.read()
		j.heed()
		return j.out
	}
	j.out.Hold, j.out.Code, j.out.Message = row.hold, row.code, a.says(row.message)
	switch v {
	case blame:
		j.blame(row.code, j.out.Message)
	case doubt:
		j.all(model.Outcome{Kind: model.Unknown, Code: row.code, Message: j.out.Message})
	default:
		j.all(model.Outcome{Kind: model.Retry, Again: model.WithLane, Code: row.code, Message: j.out.Message})
	}
	return j.out
}

// says is the answer in words for people: the status, the server's own words,
// and before them the advice that the row has.
func (a *answer) says(advice string) string {
	words := cmp.Or(a.reply.why.message, http.StatusText(a.status), "no reason given")
	said := "HTTP " + strconv.Itoa(a.status) + ": " + words
	if advice != "" {
		said = advice + "; " + said
	}
	return new(tidier).message(said)
}

// refine corrects a row by what the body says.
func refine(row statusRow, a *answer) statusRow {
	why := &a.reply.why
	switch {
	case row.others == read && !a.search, row.searches == read && a.search:
		return row
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		// A CRM's own code comes from behind the API: its key was accepted.
		if why.class != unclassed || !why.mentions("api key", "api-key", "apikey", "api token") &&
			why.mentions("installation", "token", "oauth", "groupref", "credential") {
			row.code, row.hold = CodeInstallation, model.ScopeDestination
			row.message = "the tenant's installation or its token was refused; the tenant must connect again"
		}
	case a.status == http.StatusNotFound:
		row = refineMissing(row, a)
	case a.status >= 500 && a.reply.final:
		row.code, row.others, row.creates, row.searches = CodeNotRetryable, blame, doubt, blame
	}
	if why.class == held || a.status == http.StatusTooManyRequests && why.mentions("daily") {
		// What a CRM's code names is the tenant's, not the project's.
		row.code, row.hold, row.others, row.searches = CodeQuota, model.ScopeDestination, again, again
		row.message = ""
		if tokenCode(why.code) {
			row.code = CodeInstallation
		}
		if row.creates == blame {
			row.creates = again
		}
	}
	return row
}

// refineMissing finds what a 404 misses. A search has no record to miss.
func refineMissing(row statusRow, a *answer) statusRow {
	why := &a.reply.why
	what := subjectNone
	for _, text := range why.texts {
		if what = missing(text, ""); what != subjectNone {
			break
		}
	}
	switch {
	case why.class == gone && !a.search:
		row.others, row.creates, row.hold = blame, blame, model.ScopeNone
	case what == subjectProject:
		row.hold, row.message = model.ScopeAPI, "check ampersand.project"
	case what == subjectIntegration:
		row.hold, row.message = model.ScopeIntegration, "check the routes' to.integration"
	case what == subjectNone && !a.json:
		// A page that the API did not write: the URL leads elsewhere, for everyone.
		row.hold, row.message = model.ScopeAPI, "nothing is there; check ampersand.url"
		if a.search {
			row.message = "nothing is there; check ampersand.search_url"
		}
	default:
		row.message = "the object is not in the integration, or the group has no installation"
	}
	return row
}

// mentions reports whether a reason has one of the words, which are lower case.
func (f *fault) mentions(words ...string) bool {
	for _, text := range f.texts {
		lower := strings.ToLower(text)
		for _, w := range words {
			if strings.Contains(lower, w) {
				return true
			}
		}
	}
	return false
}
