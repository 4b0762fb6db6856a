package sandbox

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/rs/zerolog"
)

// CRM is the system behind the simulated API.
type CRM string

// The CRMs: those for which the API takes batches.
const (
	HubSpot    CRM = "hubspot"
	Salesforce CRM = "salesforce"
)

// BatchErrors says how HubSpot tells that records of a batch were refused.
type BatchErrors string

const (
	// PerRecord names each refused record in its entry and writes the others.
	PerRecord BatchErrors = "per_record"
	// WholeBatch writes nothing and names nobody: the answer has no entries.
	WholeBatch BatchErrors = "whole_batch"
)

// Innocents says how Salesforce marks the records of an allOrNone batch that
// failed only because others did.
type Innocents string

const (
	// RolledBack gives them the status code ALL_OR_NONE_OPERATION_ROLLED_BACK.
	RolledBack Innocents = "rolled_back"
	// Unprocessed gives them the API's own sentence and no code.
	Unprocessed Innocents = "unprocessed"
)

const (
	// DefaultLogSize is how many requests are remembered: those of a try-out or a
	// test, at about 5 kB for a batch of 100.
	DefaultLogSize = 1000
	// DefaultMaxBody bounds a request's body in bytes. The contract has no bound;
	// 100 records of 80 KiB, more than a CRM takes, still fit.
	DefaultMaxBody = 8 << 20
	// DefaultSearchPage is HubSpot's page, and what Salesforce gives where all fields are
	// asked for.
	DefaultSearchPage = 200
	// maxViolations bounds the violations that are kept; the first ones tell.
	maxViolations = 1000
	// defaultPartialStatus answers a batch of which only some were written. The
	// contract allows 422 too; 200 is what the CRMs themselves do.
	defaultPartialStatus = 200
)

// Options are what a server needs. Only CRM is required.
type Options struct {
	CRM CRM
	// APIKey is the key that is accepted; empty: every key, but there must be one.
	APIKey string
	// Project is the project's name or id; empty: every project.
	Project string
	// Integrations are the integrations that exist, and their objects; an
	// integration without objects has all. Nil: every integration and object.
	Integrations map[string][]string
	// Objects replaces the rules of objects by name; see ObjectRules.
	Objects map[string]ObjectRules
	// Unique replaces the unique fields of objects, by name: none where the list is empty.
	// Uniqueness is asked of the records themselves, never of the index: a test of what a
	// client does against duplicates switches it off, so as not to be saved by it.
	Unique map[string][]string
	// References refuses records that name another one which is not there: Salesforce's
	// parents, HubSpot's associations.
	References bool
	// IndexLag is how long after a write searches see it.
	IndexLag time.Duration
	// SearchPage is the most matches that an answer has; 0: DefaultSearchPage. Nothing in
	// the answer says whether there were more.
	SearchPage int
	// Unsearchable are objects that can be written and not be searched, because the
	// integration does not read them.
	Unsearchable []string
	// Latency passes between applying a request and answering it.
	Latency time.Duration
	Faults  Faults
	// HubSpotBatchErrors is PerRecord unless set: a user who tries his
	// configuration learns which record was refused and why, and the API asks
	// HubSpot for that wherever it can. Tests of splitting set WholeBatch, or use
	// the fault of that name.
	HubSpotBatchErrors BatchErrors
	// SalesforceInnocents is RolledBack unless set.
	SalesforceInnocents Innocents
	// PartialStatus is 200 or 422; 0: 200.
	PartialStatus int
	// MaxBody bounds a request's body in bytes; 0: DefaultMaxBody.
	MaxBody int64
	// LogSize is how many requests Requests remembers, and how many operations are
	// known; 0: DefaultLogSize.
	LogSize int
	// KeepBodies keeps the bodies of those requests too.
	KeepBodies bool
	// Rand gives ids and draws the faults. The server guards it with its lock. Nil:
	// a source with a fixed seed, so that two runs give the same ids.
	Rand *rand.Rand
	// Observe is told everything that happens, under the server's lock and so in
	// one order: it must be quick and must not call the server.
	Observe func(Event)
	// Log gets a warning for each violation that is kept, and the faults that are set.
	Log zerolog.Logger
}

// New returns a server, or an error that names the option at fault. Close it
// when its clients are gone.
func New(o Options) (*Server, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	s := &Server{
		o: o, started: time.Now(), closing: make(chan struct{}),
		stores: make(map[storeKey]*store), ids: newIDs(o.CRM, o.Rand), busy: make(map[string]int),
		operations: make(map[string]*operation), masters: make(map[masterKey]*master),
		stats: Stats{Requests: map[int]int{}, Applied: map[string]int{}, Refused: map[string]int{}, Faults: map[string]int{}},
	}
	s.pool.New = func() any { return &scratch{decoder: decoder{json: jsontext.NewDecoder(bytes.NewReader(nil))}} }
	s.mux = s.routes()
	if err := s.SetFaults(o.Faults); err != nil {
		return nil, err
	}
	return s, nil
}

func (o *Options) complete() error {
	if o.CRM != HubSpot && o.CRM != Salesforce {
		return fmt.Errorf("crm is %q, want %s or %s", o.CRM, HubSpot, Salesforce)
	}
	if o.HubSpotBatchErrors == "" {
		o.HubSpotBatchErrors = PerRecord
	}
	if o.SalesforceInnocents == "" {
		o.SalesforceInnocents = RolledBack
	}
	if o.PartialStatus == 0 {
		o.PartialStatus = defaultPartialStatus
	}
	if o.MaxBody == 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.SearchPage == 0 {
		o.SearchPage = DefaultSearchPage
	}
	if o.LogSize == 0 {
		o.LogSize = DefaultLogSize
	}
	if o.Rand == nil {
		o.Rand = rand.New(rand.NewPCG(1, 1)) // nothing here is a secret
	}
	switch {
	case !slices.Contains([]BatchErrors{PerRecord, WholeBatch}, o.HubSpotBatchErrors):
		return fmt.Errorf("HubSpotBatchErrors is %q, want %s or %s", o.HubSpotBatchErrors, PerRecord, WholeBatch)
	case !slices.Contains([]Innocents{RolledBack, Unprocessed}, o.SalesforceInnocents):
		return fmt.Errorf("SalesforceInnocents is %q, want %s or %s", o.SalesforceInnocents, RolledBack, Unprocessed)
	case o.PartialStatus != 200 && o.PartialStatus != 422:
		return fmt.Errorf("PartialStatus is %d, want 200 or 422", o.PartialStatus)
	case o.Latency < 0 || o.IndexLag < 0 || o.MaxBody < 0 || o.LogSize < 0 || o.SearchPage < 0:
		return fmt.Errorf("latency %s, index lag %s, body limit %d, log size %d or search page %d is negative",
			o.Latency, o.IndexLag, o.MaxBody, o.LogSize, o.SearchPage)
	}
	return nil
}
