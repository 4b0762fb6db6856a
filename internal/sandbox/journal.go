package sandbox

import (
	"encoding/json"
	"maps"
	"time"
)

// What an event says of a record of a request.
const (
	Applied    = "applied"     // the CRM has it
	Refused    = "refused"     // the CRM does not take it
	NotApplied = "not_applied" // nothing happened to it
)

// What the client of a request could know of a record.
const (
	Told     = "told"      // applied or refused, and said so
	TryAgain = "try_again" // not applied, and said so
	Lost     = "lost"      // nothing that could be trusted
)

// Event is what happened to one record of one request, told in the order in
// which it happened.
type Event struct {
	Number      int64 // of the request
	At          time.Time
	Client      string // the X-Sandbox-Client header, or else User-Agent
	Integration string
	Group       string
	Object      string
	Type        string
	Position    int
	Kind        string // Applied, Refused, NotApplied
	Answer      string // Told, TryAgain, Lost
	Code        string // of a refusal
	ID          string
	Record      json.RawMessage // as it came; valid during the call only
	Fault       string
	Late        bool // applied after the client had given the request up
}

// Request is a request as it is listed.
type Request struct {
	Number      int64           `json:"number"`
	At          time.Time       `json:"at"`
	Client      string          `json:"client"`
	Integration string          `json:"integration"`
	Group       string          `json:"group"`
	Object      string          `json:"object"`
	Type        string          `json:"type"` // create, update, delete, search
	Records     int             `json:"records"`
	AllOrNone   bool            `json:"all_or_none"`
	Operation   string          `json:"operation_id,omitempty"`
	Applied     int             `json:"applied"`
	Refused     int             `json:"refused"`
	Found       int             `json:"found,omitempty"` // matches of a search
	Status      int             `json:"status"`          // 0: no answer
	Fault       string          `json:"fault,omitempty"`
	Body        json.RawMessage `json:"body,omitempty"` // with Options.KeepBodies
}

// Violation is a request that breaks the contract.
type Violation struct {
	Number int64  `json:"number"`
	Path   string `json:"path"`
	Why    string `json:"why"`
	Body   string `json:"body"`
}

// Stats are counts since the start.
type Stats struct {
	Since      time.Time      `json:"since"`
	Requests   map[int]int    `json:"requests"` // by status; 0: no answer
	Searches   int            `json:"searches"` // of these requests
	Batches    int            `json:"batches"`
	Batched    int            `json:"batched_records"`
	Applied    map[string]int `json:"applied"` // records by type
	Refused    map[string]int `json:"refused"` // records by code
	Faults     map[string]int `json:"faults"`
	Violations int            `json:"violations"`
}

// Requests returns the last requests, the oldest first.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request{}, s.requests[max(0, len(s.requests)-s.o.LogSize):]...)
}

// Violations returns the requests that broke the contract.
func (s *Server) Violations() []Violation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Violation{}, s.violations...)
}

// Stats returns the counts.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.stats
	c.Since = s.started
	c.Requests, c.Applied, c.Refused, c.Faults = clone(c.Requests), clone(c.Applied), clone(c.Refused), clone(c.Faults)
	return c
}

func clone[K comparable](m map[K]int) map[K]int {
	c := make(map[K]int, len(m))
	maps.Copy(c, m)
	return c
}

// remember lists a request. The lock is held.
func (s *Server) remember(r Request) {
	s.stats.Requests[r.Status]++
	if len(s.requests) >= 2*s.o.LogSize {
		n := copy(s.requests, s.requests[len(s.requests)-s.o.LogSize:])
		clear(s.requests[n:])
		s.requests = s.requests[:n]
	}
	s.requests = append(s.requests, r)
}

// violate keeps a request that breaks the contract. The lock is held.
func (s *Server) violate(number int64, path, why string, body []byte) {
	s.stats.Violations++
	if len(s.violations) < maxViolations {
		s.o.Log.Warn().Int64("request", number).Str("path", path).Str("why", why).Msg("a request breaks the contract")
		const most = 4096
		s.violations = append(s.violations, Violation{Number: number, Path: path, Why: why, Body: string(body[:min(len(body), most)])})
	}
}

func (s *Server) tell(e Event) {
	if s.o.Observe != nil {
		s.o.Observe(e)
	}
}
