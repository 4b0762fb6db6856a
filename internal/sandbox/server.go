package sandbox

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Server is the simulated API. Make it with New.
type Server struct {
	o       Options
	started time.Time
	closing chan struct{}
	mux     *http.ServeMux
	pool    sync.Pool // of *scratch

	mu         sync.Mutex
	closed     bool
	faults     []*rule
	set        Faults
	stores     map[storeKey]*store
	ids        *ids
	busy       map[string]int // parents that a request under way writes children of
	number     int64
	requests   []Request // the last LogSize
	stats      Stats
	violations []Violation
}

// scratch is what a request needs and the next one uses again.
type scratch struct {
	body    []byte
	decoder decoder
	request request
}

// Header is a header that is forwarded to the provider.
type Header struct{ Key, Value string }

func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	for _, base := range []string{"", "/v1"} {
		mux.HandleFunc("POST "+base+"/projects/{project}/integrations/{integration}/objects/{object}", s.write)
		mux.HandleFunc("GET "+base+"/projects/{project}/operations/{operation}", s.operation)
	}
	mux.HandleFunc("GET /{$}", s.index)
	mux.HandleFunc("GET /sandbox/records", s.showRecords)
	mux.HandleFunc("GET /sandbox/requests", s.showRequests)
	mux.HandleFunc("GET /sandbox/violations", s.showViolations)
	mux.HandleFunc("GET /sandbox/stats", s.showStats)
	mux.HandleFunc("GET /sandbox/faults", s.showFaults)
	mux.HandleFunc("PUT /sandbox/faults", s.putFaults)
	mux.HandleFunc("POST /sandbox/faults", s.putFaults)
	return mux
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Close lets go of the requests that hang.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.closing)
	}
}

var errUnauthorized = errors.New("the X-Api-Key header is missing or not a key of this project")

// admit checks the key and the project, as every endpoint of the API does.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) bool {
	key := r.Header.Get("X-Api-Key")
	if key == "" || s.o.APIKey != "" && key != s.o.APIKey {
		problem(w, http.StatusUnauthorized, errUnauthorized.Error(), false)
		return false
	}
	if project := r.PathValue("project"); s.o.Project != "" && project != s.o.Project {
		problem(w, http.StatusNotFound, "project "+project+" does not exist", false)
		return false
	}
	return true
}

// place refuses integrations and objects that are not configured.
func (s *Server) place(integration, object string) string {
	if s.o.Integrations == nil {
		return ""
	}
	objects, ok := s.o.Integrations[integration]
	if !ok {
		return "integration " + integration + " does not exist"
	}
	if len(objects) == 0 {
		return ""
	}
	for _, o := range objects {
		if strings.EqualFold(o, object) {
			return ""
		}
	}
	return "object " + object + " is not configured in integration " + integration
}

// operation answers what became of a write.
func (s *Server) operation(w http.ResponseWriter, r *http.Request) {
	if !s.admit(w, r) {
		return
	}
	id := r.PathValue("operation")
	if !slices.ContainsFunc(s.Requests(), func(r Request) bool { return r.Operation == id }) {
		problem(w, http.StatusNotFound, "operation "+id+" does not exist", false)
		return
	}
	send(w, http.StatusOK, map[string]any{"id": id, "status": "success", "result": "Write completed"})
}
