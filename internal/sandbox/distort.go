package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// distorted is an answer that the fault makes of the true one.
func (w *work) distorted(f *Fault) plan {
	status, body := w.answer()
	told := Told
	if distort(f.Do, status, body) {
		told = Lost
	}
	p := plan{header: contentType("application/json"), end: w.unlock()}
	switch f.Do {
	case DoShape:
		told, status, body = Lost, http.StatusOK, map[string]any{"ok": "maybe"}
	case DoCut:
		told, p.do = Lost, DoCut
	case DoLatency:
		p.wait = f.Delay
	}
	p.status, p.body = status, encode(body)
	if w.line.Status = status; p.do == DoCut {
		w.line.Status = 0
	}
	w.tell(told, false)
	return p
}

// distort changes an answer's body as a fault wants it, and reports whether there
// was something to change: the answer to a single record has no entries.
func distort(do Do, status int, body map[string]any) bool {
	results, entries := body["results"].([]any)
	succeeded, counts := body["successCount"].(int)
	_, single := body["result"]
	switch {
	case do == DoShort && entries:
		body["results"] = results[:len(results)/2]
	case do == DoAbsent && entries:
		delete(body, "results")
	case do == DoAbsent && single && status == http.StatusOK:
		delete(body, "result")
	case do == DoReorder && len(results) > 1:
		slices.Reverse(results)
	case do == DoMiscount && counts:
		body["successCount"] = succeeded + 1
	default:
		return false
	}
	return true
}

// failed is the answer of DoStatus. The lock is held.
func (s *Server) failed(f *Fault) plan {
	p := plan{status: f.Status, header: http.Header{}, wait: f.Delay}
	retryable := f.Status >= http.StatusInternalServerError || f.Status == http.StatusTooManyRequests
	if f.Retryable != nil {
		retryable = *f.Retryable
	}
	message := f.Message
	if message == "" {
		message = "this failure was asked for"
	}
	body := problemBody(s.ids.uuid(), f.Status, message, retryable)
	if f.RetryAfter > 0 {
		f.retryAfter(p.header, body, retryable)
	}
	title := itoa(f.Status) + " " + http.StatusText(f.Status)
	switch f.Body {
	case "text":
		p.header.Set("Content-Type", "text/plain; charset=utf-8")
		p.body = []byte(message)
	case "html":
		p.header.Set("Content-Type", "text/html")
		p.body = fmt.Appendf(nil, "<html>\r\n<head><title>%s</title></head>\r\n<body>\r\n<center><h1>%s</h1></center>\r\n</body>\r\n</html>\r\n", title, title)
	case "json":
		p.header.Set("Content-Type", "application/json")
		p.body = encode(map[string]any{"message": message})
	case "empty":
	default:
		p.header.Set("Content-Type", "application/problem+json")
		p.body = encode(body)
	}
	return p
}

// retryAfter says when to come again, in one of the spellings.
func (f *Fault) retryAfter(h http.Header, problem map[string]any, retryable bool) {
	at := time.Now().Add(f.RetryAfter).UTC()
	seconds := itoa(int((f.RetryAfter + time.Second - 1) / time.Second))
	switch f.RetryAfterForm {
	case "date":
		h.Set("Retry-After", at.Format(http.TimeFormat))
	case "problem":
		problem["retryAfter"] = at.Format(time.RFC3339Nano)
	case "provider":
		h.Set("X-Amp-Retry-After", seconds)
		h.Set("X-Amp-Retryable", fmt.Sprint(retryable))
	default:
		h.Set("Retry-After", seconds)
	}
}

// said writes a status fault down: after it a client of a create knows nothing
// unless the status says that nothing was done.
func (w *work) said(p plan) plan {
	w.line.Status = p.status
	told := Lost
	if saysNotApplied(p.status) {
		told = TryAgain
	}
	w.tell(told, false)
	return p
}

// saysNotApplied reports whether a status says that nothing was written.
func saysNotApplied(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound,
		http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusTooEarly,
		http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return true
	}
	return false
}
