//go:build synctests

package sim_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ampersink/ampersink/internal/audit"
)

var errReset = errors.New("read: connection reset by peer")

// verdict is what becomes of one row: applied or not, what its sender can know,
// and its entry in the results.
type verdict struct {
	applied bool
	answer  audit.Answer
	code    string // of its refusal
}

// answer applies what the fault lets through, writes it down, and answers.
func (a *api) answer(process string, f fault, in request) answered {
	a.mu.Lock()
	defer a.mu.Unlock()
	rows := in.rows
	verdicts := make([]verdict, len(rows))
	a.judge(f, rows, verdicts)
	if a.crm != nil {
		a.crm.take(process, in.typ, in.group, rows, verdicts)
	}
	a.trace.add("api: %s of %d in %s from %s: %s%s", in.typ, len(rows), in.group, process, orFine(f), said(rows, verdicts))
	for i, r := range rows {
		v := verdicts[i]
		if r.number == nothing {
			continue
		}
		a.calls = append(a.calls, audit.Call{Number: r.number, At: time.Now(), Process: process, Answer: v.answer, Applied: v.applied})
	}
	switch f {
	case resetBefore, resetAfter:
		return answered{err: errReset}
	case hang, hangApplied, hangLate:
		return answered{hang: true}
	case gateway:
		return answered{status: http.StatusBadGateway, header: header("text/html"), body: "<html><h1>502 Bad Gateway</h1></html>"}
	case server500:
		return answered{status: http.StatusInternalServerError, header: header("application/json"), body: `{"message":"internal"}`}
	case busy429:
		h := header("application/json")
		h.Set("Retry-After", "2")
		return answered{status: http.StatusTooManyRequests, header: h, body: `{"message":"too many requests"}`}
	case busy503:
		return answered{status: http.StatusServiceUnavailable, header: header("application/json"), body: `{"message":"unavailable"}`}
	case revoked:
		return answered{status: http.StatusUnauthorized, header: header("application/json"), body: `{"message":"invalid api key"}`}
	case nonsense:
		return answered{status: http.StatusOK, header: header("application/json"), body: `{"ok":"maybe"}`}
	case wholeBatch:
		if verdicts[0].answer == audit.TryAgain {
			return answered{status: http.StatusUnprocessableEntity, header: header("application/json"), body: fmt.Sprintf(
				`{"operationId":"op","successCount":0,"failureCount":%d,"errors":[{"message":"something is wrong with this batch"}]}`, len(rows))}
		}
	}
	return answered{status: http.StatusOK, header: header("application/json"), body: a.results(f, in.typ, rows, verdicts)}
}

// said shows what became of each row of a request.
func said(rows []row, verdicts []verdict) string {
	var b strings.Builder
	for i, r := range rows {
		fmt.Fprintf(&b, " [%v@%d", r.fields["external"], r.number)
		if r.id != "" {
			fmt.Fprintf(&b, " %s", r.id)
		}
		switch v := verdicts[i]; {
		case v.code != "":
			fmt.Fprintf(&b, " %s", v.code)
		case !v.applied:
			b.WriteString(" not applied")
		}
		b.WriteString("]")
	}
	return b.String()
}

func header(contentType string) http.Header { return http.Header{"Content-Type": {contentType}} }

func orFine(f fault) string {
	if f == none {
		return "fine"
	}
	return string(f)
}

// judge decides what becomes of each row under a fault.
func (a *api) judge(f fault, rows []row, verdicts []verdict) {
	half := a.random.IntN(2) == 0
	guilty := false
	for i, r := range rows {
		v := &verdicts[i]
		guilty = guilty || r.guilty
		switch f {
		case resetBefore, hang, hangLate:
			v.answer = audit.Lost
		case resetAfter, hangApplied, truncated, nonsense:
			v.applied, v.answer = !r.guilty, audit.Lost
		case gateway, server500:
			v.applied, v.answer = !r.guilty && half, audit.Lost
		case busy429, busy503, revoked:
			v.answer = audit.TryAgain
		case quota:
			v.answer, v.code = audit.TryAgain, "REQUEST_LIMIT_EXCEEDED"
		case short, absent:
			v.applied, v.answer = !r.guilty, audit.Lost
		case lock:
			v.applied = !r.guilty
			if a.random.IntN(3) == 0 {
				v.applied, v.answer, v.code = false, audit.TryAgain, "UNABLE_TO_LOCK_ROW"
			}
		default:
			v.applied = !r.guilty
		}
		if r.guilty && v.answer == audit.Accepted {
			v.answer, v.code = audit.Denied, "INVALID_EMAIL_ADDRESS"
		}
	}
	if (f == short || f == absent) && !slices.ContainsFunc(rows, func(r row) bool { return !r.guilty }) {
		for i := range verdicts {
			verdicts[i].answer = audit.TryAgain // the counts say that nothing was written
		}
	}
	if f == wholeBatch && guilty && len(rows) > 1 {
		for i := range verdicts {
			verdicts[i] = verdict{answer: audit.TryAgain}
		}
	}
}

// results is the body of an answer, entry by entry.
func (a *api) results(f fault, typ string, rows []row, verdicts []verdict) string {
	type entry struct {
		Success  bool   `json:"success"`
		RecordID string `json:"recordId,omitempty"`
		Errors   []any  `json:"errors,omitempty"`
	}
	failed := 0
	entries := make([]entry, len(rows))
	for i, r := range rows {
		v := verdicts[i]
		if v.code != "" || !v.applied {
			failed++
			entries[i].Errors = []any{map[string]any{"statusCode": v.code, "message": v.code}}
			continue
		}
		id := r.id
		if id == "" {
			a.ids++
			id = fmt.Sprint("crm-", a.ids)
		}
		entries[i] = entry{Success: true, RecordID: id}
	}
	out := map[string]any{"operationId": "op"}
	if typ == "delete" {
		out["result"] = entries[0]
	} else {
		out["successCount"], out["failureCount"] = len(rows)-failed, failed
		if f == short {
			entries = entries[:len(entries)/2]
		}
		if f != absent {
			out["results"] = entries
		}
		if (f == absent || f == short) && len(rows) == 1 && verdicts[0].code != "" {
			out["errors"] = []any{map[string]any{"statusCode": verdicts[0].code, "message": verdicts[0].code}}
		}
	}
	body, _ := json.Marshal(out)
	return string(body)
}

// late returns what applies the rows after all.
func (a *api) late(process string, in request) func() {
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		rows := in.rows
		a.trace.add("api: %s of %d in %s from %s is applied after it was given up", in.typ, len(rows), in.group, process)
		if a.crm != nil {
			verdicts := make([]verdict, len(rows))
			for i := range rows {
				verdicts[i].applied = !rows[i].guilty
			}
			a.crm.take(process, in.typ, in.group, rows, verdicts)
		}
		for _, r := range rows {
			if !r.guilty && r.number != nothing {
				a.calls = append(a.calls, audit.Call{Number: r.number, At: time.Now(), Process: process, Answer: audit.Lost, Applied: true, Late: true})
			}
		}
	}
}
