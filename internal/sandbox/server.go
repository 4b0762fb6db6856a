package sandbox

import (
	"net/http"
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
	requests   []Request // the last LogSize, and up to as many before them
	operations map[string]*operation
	operated   []string // their ids, the oldest first; as many as LogSize
	masters    map[masterKey]*master
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
		mux.HandleFunc("POST "+base+"/projects/{project}/integrations/{integration}", s.search)
		mux.HandleFunc("GET "+base+"/projects/{project}/operations/{operation}", s.showOperation)
	}
	mux.HandleFunc("/", s.nowhere)
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

// admit checks the key and the project, as every endpoint of the API does. It
// returns the status and the reason of a refusal, or 0.
func (s *Server) admit(r *http.Request) (status int, why string) {
	key := r.Header.Get("X-Api-Key")
	if key == "" || s.o.APIKey != "" && key != s.o.APIKey {
		return http.StatusUnauthorized, "the X-Api-Key header is missing or not a key of this project"
	}
	if project := r.PathValue("project"); s.o.Project != "" && project != s.o.Project {
		return http.StatusNotFound, "project " + project + " does not exist"
	}
	return 0, ""
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

// problem answers as application/problem+json.
func (s *Server) problem(w http.ResponseWriter, status int, detail string) {
	s.mu.Lock()
	id := s.ids.uuid()
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = w.Write(encode(problemBody(id, status, detail, false)))
}

// nowhere answers requests for what the API does not have.
func (s *Server) nowhere(w http.ResponseWriter, r *http.Request) {
	why := r.Method + " " + r.URL.Path + " is no endpoint of the API"
	if path := strings.TrimPrefix(r.URL.Path, "/v1"); strings.HasPrefix(path, "/projects/") {
		s.mu.Lock()
		s.number++
		s.violate(s.number, r.URL.Path, why, nil)
		s.mu.Unlock()
	}
	s.problem(w, http.StatusNotFound, why)
}
