package sandbox

import (
	"encoding/json"
	"net/http"
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

func send(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(encode(body))
}

func problemBody(requestID string, status int, detail string, retryable bool) map[string]any {
	return map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail,
		"subsystem": "sandbox", "requestId": requestID, "time": time.Now().UTC().Format(time.RFC3339Nano), "retryable": retryable,
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
	w.line.Operation = w.operate()
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
