package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"
)

func itoa(n int) string { return strconv.Itoa(n) }

func contentType(t string) http.Header { return http.Header{"Content-Type": {t}} }

func encode(body any) []byte {
	data, err := json.Marshal(body)
	if err != nil {
		panic("BUG: an answer that is no JSON: " + err.Error())
	}
	return data
}

func send(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(encode(body))
}

// problem answers as application/problem+json.
func problem(w http.ResponseWriter, status int, detail string, retryable bool) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = w.Write(encode(problemBody(status, detail, retryable)))
}

func problemBody(status int, detail string, retryable bool) map[string]any {
	return map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail, "retryable": retryable,
	}
}

// object is what the answer says of a refusal.
func (r *refusal) object(crm CRM) map[string]any {
	o := map[string]any{"message": r.message}
	switch {
	case crm == Salesforce && r.code != "":
		o["statusCode"] = r.code
		if r.field != "" {
			o["fields"] = []string{r.field}
		}
	case crm == HubSpot:
		o["category"] = r.category
		if r.code != r.category {
			o["errorType"] = r.code
		}
		if r.existing != "" {
			o["context"] = map[string]any{"existingId": []string{r.existing}}
		}
	}
	return o
}

// entry is one entry of results, or the result of a single record.
func (w *work) entry(r *result) map[string]any {
	if r.applied {
		e := map[string]any{"success": true}
		if r.id != "" {
			e["recordId"] = r.id
		}
		return e
	}
	e := map[string]any{"success": false}
	if r.refused != nil {
		e["errors"] = []any{r.refused.object(w.s.o.CRM)}
	}
	return e
}

// answer says what became of each record.
func (w *work) answer() (int, map[string]any) {
	w.line.Operation = w.s.ids.uuid()
	body := map[string]any{"operationId": w.line.Operation}
	if w.q.async {
		return http.StatusOK, body
	}
	if w.single() {
		r := &w.results[0]
		if r.applied {
			body["result"] = w.entry(r)
			return http.StatusOK, body
		}
		body["result"] = map[string]any{"success": false}
		body["errors"] = []any{map[string]any{"message": r.refused.line()}}
		return http.StatusUnprocessableEntity, body
	}
	succeeded := 0
	var results []any
	for i := range w.results {
		if w.results[i].applied {
			succeeded++
		}
		results = append(results, w.entry(&w.results[i]))
	}
	body["successCount"], body["failureCount"] = succeeded, len(w.results)-succeeded
	if w.whole != "" {
		body["errors"] = []any{map[string]any{"message": w.whole}}
		return http.StatusUnprocessableEntity, body
	}
	body["results"] = results
	switch succeeded {
	case 0:
		return http.StatusUnprocessableEntity, body
	case len(w.results):
		return http.StatusOK, body
	}
	return w.s.o.PartialStatus, body
}

// line is a refusal in one text, as the answer to a single record has it.
func (r *refusal) line() string {
	if r.code == "" {
		return r.message
	}
	return r.code + ": " + r.message
}

// distorted is an answer that the fault makes of the true one.
func (w *work) distorted(f *Fault) plan {
	status, body := w.answer()
	results, _ := body["results"].([]any)
	told := Lost
	switch f.Do {
	case DoShort:
		body["results"] = results[:len(results)/2]
	case DoAbsent:
		delete(body, "results")
	case DoReorder:
		slices.Reverse(results)
	case DoMiscount:
		if n, ok := body["successCount"].(int); ok {
			body["successCount"] = n + 1
		}
	case DoShape:
		status, body = http.StatusOK, map[string]any{"ok": "maybe"}
	case DoCut:
	default: // the fault was in what was done, and the answer tells the truth
		told = Told
	}
	w.line.Status = status
	w.tell(told, false)
	p := plan{status: status, header: contentType("application/json"), body: encode(body), end: w.unlock()}
	if f.Do == DoCut {
		p.do, w.line.Status = DoCut, 0
	}
	if f.Do == DoLatency {
		p.wait = f.Delay
	}
	return p
}

// failed is the answer of DoStatus.
func (w *work) failed(f *Fault) plan {
	p := plan{status: f.Status, header: http.Header{}, wait: f.Delay, end: w.unlock()}
	body := problemBody(f.Status, "this failure was asked for", f.Status >= 500 || f.Status == http.StatusTooManyRequests)
	if f.RetryAfter > 0 {
		at := time.Now().Add(f.RetryAfter)
		switch f.RetryAfterForm {
		case "date":
			p.header.Set("Retry-After", at.UTC().Format(http.TimeFormat))
		case "problem":
			body["retryAfter"] = at.UTC().Format(time.RFC3339)
		case "provider":
			p.header.Set("X-Amp-Retry-After", itoa(int(f.RetryAfter.Seconds())))
		default:
			p.header.Set("Retry-After", itoa(int(f.RetryAfter.Seconds())))
		}
	}
	switch f.Body {
	case "text":
		p.header.Set("Content-Type", "text/plain")
		p.body = []byte(http.StatusText(f.Status))
	case "html":
		p.header.Set("Content-Type", "text/html")
		p.body = []byte("<html><head><title>" + itoa(f.Status) + " " + http.StatusText(f.Status) + "</title></head></html>")
	case "json":
		p.header.Set("Content-Type", "application/json")
		p.body = []byte(`{"message":"this failure was asked for"}`)
	case "empty":
	default:
		p.header.Set("Content-Type", "application/problem+json")
		p.body = encode(body)
	}
	return p
}

// said writes a status fault down: after it a client of a create knows nothing
// unless the status says that nothing was done.
func (w *work) said(p plan) plan {
	w.line.Status = p.status
	told := Lost
	switch p.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusRequestTimeout, http.StatusTooEarly,
		http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusRequestEntityTooLarge, http.StatusBadRequest:
		told = TryAgain
	}
	w.tell(told, false)
	return p
}

// tell tells the observer of every record, and counts.
func (w *work) tell(answer string, late bool) {
	for i := range w.results {
		r := &w.results[i]
		e := Event{
			Number: w.line.Number, At: time.Now(), Client: w.line.Client, Integration: w.k.integration, Group: w.k.group,
			Object: w.k.object, Type: w.typeOf(), Position: i, Kind: NotApplied, Answer: answer,
			ID: r.id, Record: w.q.items[i].record, Fault: w.line.Fault, Late: late,
		}
		if e.ID == "" {
			e.ID = string(w.q.items[i].id)
		}
		switch {
		case r.applied:
			e.Kind = Applied
			w.line.Applied++
			w.s.stats.Applied[w.typeOf()]++
		case r.refused != nil && !r.refused.collateral() && !again(r.refused.code):
			e.Kind, e.Code = Refused, r.refused.code
			w.line.Refused++
			w.s.stats.Refused[r.refused.code]++
		case answer == Told:
			e.Answer = TryAgain
		}
		w.s.tell(e)
	}
}

// again reports whether a code asks for another try.
func again(code string) bool { return code == "UNABLE_TO_LOCK_ROW" || code == "REQUEST_LIMIT_EXCEEDED" }
