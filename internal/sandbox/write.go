package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

// plan is what becomes of a request: its answer, and how it goes out.
type plan struct {
	status int
	header http.Header
	body   []byte
	wait   time.Duration
	do     Do     // DoReset, DoHang, DoCut, or empty for an answer in full
	late   func() // applies the writes after the client has given up
	delay  time.Duration
	end    func() // called when the answer leaves
}

// write is the endpoint.
func (s *Server) write(w http.ResponseWriter, r *http.Request) {
	k := storeKey{integration: r.PathValue("integration"), object: r.PathValue("object")}
	status, why := s.admit(r)
	if status == 0 {
		if why = s.place(k.integration, k.object); why != "" {
			status = http.StatusNotFound
		}
	}
	if status != 0 {
		s.turnAway(w, r, Request{Integration: k.integration, Object: k.object}, status, why)
		return
	}
	sc := s.pool.Get().(*scratch)
	defer s.pool.Put(sc)
	if err := sc.read(r, s.o.MaxBody); err != nil {
		if errors.Is(err, errTooLarge) {
			s.turnAway(w, r, Request{Integration: k.integration, Object: k.object}, http.StatusRequestEntityTooLarge, tooLarge(s.o.MaxBody))
			return
		}
		panic(http.ErrAbortHandler) // the client went away in the middle of its body
	}
	s.deliver(w, r, s.take(r, k, sc))
}

// turnAway answers a request that was not looked into.
func (s *Server) turnAway(w http.ResponseWriter, r *http.Request, line Request, status int, why string) {
	s.mu.Lock()
	s.number++
	line.Number, line.At, line.Client, line.Status = s.number, time.Now(), client(r), status
	s.remember(line)
	s.mu.Unlock()
	s.problem(w, status, why)
}

var errTooLarge = errors.New("the body is too large")

func tooLarge(most int64) string { return fmt.Sprintf("the body has more than %d bytes", most) }

func (sc *scratch) read(r *http.Request, most int64) error {
	buffer := bytes.NewBuffer(sc.body[:0])
	n, err := buffer.ReadFrom(io.LimitReader(r.Body, most+1))
	sc.body = buffer.Bytes()
	if err == nil && n > most {
		err = errTooLarge
	}
	return err
}

// deliver sends the answer as the plan says.
func (s *Server) deliver(w http.ResponseWriter, r *http.Request, p plan) {
	ctx := r.Context()
	if p.wait > 0 && p.do != DoHang {
		timer := time.NewTimer(p.wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
		case <-s.closing:
		}
		timer.Stop()
	}
	if p.end != nil {
		p.end()
	}
	if p.do == DoHang {
		select {
		case <-ctx.Done():
		case <-s.closing:
		}
	}
	if p.late != nil {
		time.AfterFunc(p.delay, p.late)
	}
	if p.do == DoHang || p.do == DoReset {
		reset(w)
		return
	}
	maps.Copy(w.Header(), p.header)
	if p.do == DoCut {
		w.Header().Set("Content-Length", itoa(len(p.body)))
		w.WriteHeader(p.status)
		_, _ = w.Write(p.body[:len(p.body)/2])
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(p.status)
	_, _ = w.Write(p.body)
}

// reset ends the connection without an answer: over TCP with a reset, where an
// aborted handler would only close it.
func reset(w http.ResponseWriter) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// take decides what becomes of a request, applies it, and writes it down.
func (s *Server) take(r *http.Request, k storeKey, sc *scratch) plan {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.number++
	q := &sc.request
	err := sc.decoder.decode(sc.body, q)
	if err == nil {
		err = q.shape(s.o.CRM)
	}
	if typ := r.Header.Get("Content-Type"); !isJSON(typ) {
		err = fmt.Errorf("the Content-Type is %q, want application/json", typ)
	}
	line := Request{
		Number: s.number, At: time.Now(), Client: client(r), Integration: k.integration, Object: k.object,
		Group: q.group, Type: q.typ.String(), Records: len(q.items), AllOrNone: q.allOrNone,
	}
	if s.o.KeepBodies {
		line.Body = json.RawMessage(append([]byte(nil), sc.body...))
	}
	if err != nil {
		s.violate(s.number, r.URL.Path, err.Error(), sc.body)
		line.Status = http.StatusBadRequest
		s.remember(line)
		return plan{status: line.Status, header: contentType("text/plain; charset=utf-8"), body: []byte(err.Error())}
	}
	k.group = q.group
	if q.has&hasBatch != 0 {
		s.stats.Batches++
		s.stats.Batched += len(q.items)
	}
	w := &work{s: s, project: r.PathValue("project"), k: k, q: q, st: s.store(k), line: &line, fault: s.draw(k, line.Type, q.items, q.fields, line.At), results: make([]result, len(q.items))}
	p := w.run()
	p.wait += s.o.Latency
	s.remember(line)
	return p
}

func isJSON(contentType string) bool {
	if contentType == "application/json" {
		return true
	}
	typ, _, err := mime.ParseMediaType(contentType)
	return err == nil && typ == "application/json"
}

func client(r *http.Request) string {
	if c := r.Header.Get("X-Sandbox-Client"); c != "" {
		return c
	}
	return r.UserAgent()
}

// work is one request under the lock.
type work struct {
	s       *Server
	project string
	k       storeKey
	q       *request
	st      *store
	line    *Request
	fault   *Fault
	results []result
	// whole says that the batch failed as a whole, and why; nobody is named.
	whole string
}

// result is what became of one record.
type result struct {
	applied bool
	id      string
	refused *refusal
}

// run applies the request as its fault lets it, and plans the answer.
func (w *work) run() plan {
	f := w.fault
	if f == nil {
		w.apply()
		return w.answered(w.answer())
	}
	w.line.Fault = f.Name
	switch f.Do {
	case DoStatus:
		if f.Apply == "yes" {
			w.apply()
		}
		p := w.s.failed(f)
		p.end = w.unlock()
		return w.said(p)
	case DoReset, DoHang:
		if f.Apply == "yes" {
			w.apply()
		}
		w.tell(Lost, false)
		p := plan{do: f.Do, delay: f.Delay, end: w.unlock()}
		if f.Apply == "late" {
			p.late = w.later()
		}
		return p
	case DoLock:
		w.lock()
	case DoQuota:
		w.refuseAll(&refusal{code: "REQUEST_LIMIT_EXCEEDED", category: "RATE_LIMITS", message: "TotalRequests Limit exceeded."})
	default:
		w.apply()
	}
	return w.distorted(f)
}

// answered is an answer that tells all.
func (w *work) answered(status int, body map[string]any) plan {
	w.line.Status = status
	w.tell(Told, false)
	return plan{status: status, header: contentType("application/json"), body: encode(body), end: w.unlock()}
}

// later returns what applies the writes after all.
func (w *work) later() func() {
	q := w.q.copy()
	return func() {
		w.s.mu.Lock()
		defer w.s.mu.Unlock()
		if w.s.closed {
			return
		}
		line := &Request{Number: w.line.Number, Client: w.line.Client, Fault: w.line.Fault}
		l := &work{s: w.s, k: w.k, q: q, st: w.st, line: line, results: make([]result, len(q.items))}
		l.apply()
		l.tell(Lost, true)
	}
}

// copy returns a request that does not alias its body.
func (q *request) copy() *request {
	c := *q
	c.items = append([]item(nil), q.items...)
	for i := range c.items {
		it := &c.items[i]
		it.id, it.record, it.associations = bytes.Clone(it.id), bytes.Clone(it.record), bytes.Clone(it.associations)
	}
	c.fields = append([]field(nil), q.fields...)
	for i := range c.fields {
		f := &c.fields[i]
		f.name, f.quoted, f.value = bytes.Clone(f.name), bytes.Clone(f.quoted), bytes.Clone(f.value)
	}
	return &c
}

// typeOf is the request's type as the contract writes it.
func (w *work) typeOf() string { return w.q.typ.String() }

// single reports whether the request carries one record and no batch.
func (w *work) single() bool { return w.q.has&hasBatch == 0 }

// allOrNone reports whether one refused record fails the batch: HubSpot's updates are
// partial whatever is asked.
func (w *work) allOrNone() bool {
	return w.q.allOrNone && !w.single() && !(w.s.o.CRM == HubSpot && w.q.typ == model.Update)
}
