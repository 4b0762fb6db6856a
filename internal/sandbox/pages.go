package sandbox

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// index says what there is to look at.
func (s *Server) index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintf(w, `The simulated Ampersand API, with a %s behind it.

POST /v1/projects/{project}/integrations/{integration}/objects/{object}   the write API
POST /v1/projects/{project}/integrations/{integration}?groupRef=          the search API
GET  /v1/projects/{project}/operations/{id}                              an operation
GET  /sandbox/records?integration=&group=&object=&limit=                 what the CRM holds, and which version searches see (indexed)
GET  /sandbox/requests?limit=                                            the last requests, searches among them
GET  /sandbox/violations                                                 requests that broke the contract
GET  /sandbox/stats                                                      counts
GET  /sandbox/faults                                                     what goes wrong; PUT replaces it (YAML or JSON)

%s
`, s.o.CRM, FaultsHelp)
}

// shown is how many records and requests a page has unless it is asked for more.
const shown = 100

func limit(r *http.Request) int {
	if n, err := strconv.Atoi(r.URL.Query().Get("limit")); err == nil && n >= 0 {
		return n
	}
	return shown
}

func (s *Server) showRecords(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	match := func(name, value string) bool { v := query.Get(name); return v == "" || strings.EqualFold(v, value) }
	s.mu.Lock()
	all := s.list(func(k storeKey) bool {
		return match("integration", k.integration) && match("group", k.group) && match("object", k.object)
	})
	s.mu.Unlock()
	send(w, map[string]any{"count": len(all), "records": all[:min(len(all), limit(r))]})
}

func (s *Server) showRequests(w http.ResponseWriter, r *http.Request) {
	all := s.Requests()
	send(w, map[string]any{"count": len(all), "requests": all[max(0, len(all)-limit(r)):]})
}

func (s *Server) showViolations(w http.ResponseWriter, _ *http.Request) {
	send(w, map[string]any{"violations": s.Violations()})
}

func (s *Server) showStats(w http.ResponseWriter, _ *http.Request) { send(w, s.Stats()) }

func (s *Server) showFaults(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	set := append(Faults{}, s.set...)
	s.mu.Unlock()
	send(w, set)
}

// putFaults replaces the faults.
func (s *Server) putFaults(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.o.MaxBody))
	var f Faults
	if err == nil {
		f, err = LoadFaults(data)
	}
	if err == nil {
		err = s.SetFaults(f)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	send(w, f)
}
