package model

import "time"

// OutcomeKind is what an answer said of one write.
type OutcomeKind uint8

// The outcomes. The zero value is Unknown: what nobody classified was not
// written.
const (
	Unknown  OutcomeKind = iota // it may or may not have happened
	Accepted                    // written
	Rejected                    // the record's own fault
	Retry                       // nobody's fault: try this write again
)

var outcomeNames = [...]string{"unknown", "written", "rejected", "retry"}

func (k OutcomeKind) String() string { return outcomeNames[k] }

// Again says how a write with the outcome Retry is sent again.
type Again uint8

// The ways to send again.
const (
	// WithLane waits for the lane's backoff and then joins whatever batch is next:
	// the request failed, not the write.
	WithLane Again = iota
	// Alone waits for a backoff of its own and goes in a batch of one, because
	// what it ran into (a row lock) comes from its neighbours.
	Alone
	// Innocent goes again at once, without the guilty of its batch.
	Innocent
	// Halved goes again at once with one half of its batch: the batch failed and
	// nobody was named.
	Halved
)

// Outcome is what an answer said of one write.
type Outcome struct {
	Kind  OutcomeKind
	Again Again
	// Code and Message are the CRM's or the API's, for Rejected and Retry.
	Code    string
	Message string
	// RecordID is the id that the CRM gave or confirmed, when it said one.
	RecordID string
	// Gone: the record that the write is about is not there any more; with Rejected.
	Gone bool
	// ExistingID is the record that a refused create collided with.
	ExistingID string
}

// ScopeKind says how much of the world a hold concerns.
type ScopeKind uint8

// The scopes of a hold, from wide to narrow.
const (
	ScopeNone ScopeKind = iota
	ScopeAPI
	ScopeIntegration
	ScopeDestination
)

var scopeNames = [...]string{"none", "api", "integration", "destination"}

func (k ScopeKind) String() string { return scopeNames[k] }

// Scope is what a hold concerns. It is comparable; the fields that its kind
// does not need are empty.
type Scope struct {
	Kind        ScopeKind
	Integration string
	Group       string
	Object      string
}

// ScopeOf returns the scope of that kind that covers a destination.
func ScopeOf(kind ScopeKind, d Destination) Scope {
	switch kind {
	case ScopeIntegration:
		return Scope{Kind: kind, Integration: d.Integration}
	case ScopeDestination:
		return Scope{Kind: kind, Integration: d.Integration, Group: d.Group, Object: d.Object}
	default:
		return Scope{Kind: kind}
	}
}

func (s Scope) String() string {
	switch s.Kind {
	case ScopeIntegration:
		return "integration " + s.Integration
	case ScopeDestination:
		return "destination " + Destination{s.Integration, s.Group, s.Object}.String()
	default:
		return s.Kind.String()
	}
}

// Answer is what became of one request: one outcome per write of its batch, in
// the batch's order, and what the answer says beyond them.
type Answer struct {
	Outcomes []Outcome
	// Hold is the scope that must pause, or ScopeNone.
	Hold ScopeKind
	// Code and Message say why, for people: "401", "the API key was refused".
	Code    string
	Message string
	// After is the server's wish for the delay before the next request; zero when
	// it has none.
	After time.Duration
	// Sent reports whether any byte of the body may have reached the API.
	Sent        bool
	Status      int // HTTP status, 0 when there was no answer
	OperationID string
	RequestID   string
}
