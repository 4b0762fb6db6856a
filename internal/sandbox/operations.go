package sandbox

import (
	"fmt"
	"net/http"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

// operation is what is told of a write under its operation id.
type operation struct {
	project string
	batch   bool
	written []string // ids
	refused int
	why     string // the last refusal
}

// master is an operation that the records of an autoBatchPolicy share.
type master struct {
	id      string
	records int
	until   time.Time
}

// masterKey names the requests that share a master operation.
type masterKey struct {
	project string
	store   storeKey
	typ     model.Type
}

// operate writes the results of a request down under an operation, and returns its id.
func (w *work) operate() string {
	id, op := w.operation()
	op.batch = op.batch || !w.single()
	for i := range w.results {
		switch r := &w.results[i]; {
		case r.applied:
			op.written = append(op.written, r.id)
		case r.refused != nil:
			op.refused, op.why = op.refused+1, r.refused.line()
		default:
			op.refused, op.why = op.refused+1, w.whole
		}
	}
	return id
}

// operation returns a new operation, or the open master operation of the request's records.
func (w *work) operation() (string, *operation) {
	s := w.s
	shared := w.q.has&hasAutoBatchPolicy != 0
	key := masterKey{project: w.project, store: w.k, typ: w.q.typ}
	if m := s.masters[key]; shared && m != nil && m.records < maxBatch && w.line.At.Before(m.until) {
		if op := s.operations[m.id]; op != nil {
			m.records++
			return m.id, op
		}
	}
	id, op := s.ids.uuid(), &operation{project: w.project, batch: shared}
	if len(s.operated) >= s.o.LogSize {
		delete(s.operations, s.operated[0])
		s.operated = s.operated[1:]
	}
	s.operations[id] = op
	s.operated = append(s.operated, id)
	if shared {
		s.masters[key] = &master{id: id, records: 1, until: w.line.At.Add(time.Duration(w.q.delayMinutes) * time.Minute)}
	}
	return id, op
}

// answer is what the API says of an operation. As there, success hides refused
// records behind one that was written.
func (op *operation) answer(id string) map[string]any {
	status, result := "success", "Write completed"
	if len(op.written) == 0 {
		status, result = "failure", op.why
	}
	if op.batch {
		result = fmt.Sprintf("Batch write completed (%d succeeded, %d failed)", len(op.written), op.refused)
	}
	return map[string]any{
		"id": id, "status": status, "result": result,
		"metadata": map[string]any{"successfulRecordIds": append([]string{}, op.written...)},
	}
}

// showOperation answers what became of a write.
func (s *Server) showOperation(w http.ResponseWriter, r *http.Request) {
	if status, why := s.admit(r); status != 0 {
		s.problem(w, status, why)
		return
	}
	id := r.PathValue("operation")
	s.mu.Lock()
	op := s.operations[id]
	var body map[string]any
	if op != nil && op.project == r.PathValue("project") {
		body = op.answer(id)
	}
	s.mu.Unlock()
	if body == nil {
		s.problem(w, http.StatusNotFound, "operation "+id+" does not exist")
		return
	}
	send(w, body)
}
