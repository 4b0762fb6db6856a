package chaos_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/ampersink/ampersink/internal/audit"
	"github.com/ampersink/ampersink/internal/sandbox"
)

// integration is what the CRM of the runs is called.
const integration = "crm"

// api is the sandbox, and what it saw.
type api struct {
	t      *testing.T
	server *sandbox.Server

	mu     sync.Mutex
	stream *audit.Stream
	calls  []audit.Call
	// records are what the CRM was told to hold, by id, when no row carries one: a delete tells
	// nothing else.
	records map[string]*record
}

// record is a record of the CRM.
type record struct {
	name, group string
	by          string // whose create made it
	version     int64
	gone        bool
}

// newAPI starts the sandbox. Its index lags by so much, if anything searches it.
func newAPI(t *testing.T, seed uint64, lag time.Duration) *api {
	a := &api{t: t, records: make(map[string]*record)}
	s, err := sandbox.New(sandbox.Options{
		CRM: sandbox.HubSpot, APIKey: "key", Latency: 20 * time.Millisecond, Rand: rand.New(rand.NewPCG(seed, 2)),
		Observe: a.observe, IndexLag: lag,
		// Without its unique address: a create that is sent twice makes two records, as in most
		// objects of most CRMs, instead of being refused as a conflict.
		Objects: map[string]sandbox.ObjectRules{"contact": {Email: []string{"email"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		if v := s.Violations(); len(v) > 0 {
			t.Errorf("%d requests broke the contract, the first: %+v", len(v), v[0])
		}
	})
	a.server = s
	return a
}

// seedRows puts rows into the CRMs of their tenants and returns their ids.
func (a *api) seedRows(n int) (ids []string) {
	for row := range n {
		id, err := a.server.Seed(integration, audit.Tenant(row), "contact", []map[string]any{{"email": fmt.Sprintf("known%d@example.com", row), "version": 0}})
		if err != nil {
			a.t.Fatal(err)
		}
		ids = append(ids, id[0])
	}
	return ids
}

// observe writes down what the sandbox says that it did.
func (a *api) observe(e sandbox.Event) {
	var fields struct {
		Version  int64
		External string
	}
	_ = json.Unmarshal(e.Record, &fields)
	a.mu.Lock()
	defer a.mu.Unlock()
	c := audit.Call{Number: fields.Version, At: e.At, Process: e.Client, Applied: e.Kind == sandbox.Applied, Late: e.Late}
	switch {
	case e.Answer == sandbox.Lost:
		c.Answer = audit.Lost
	case e.Answer == sandbox.TryAgain:
		c.Answer = audit.TryAgain
	case e.Kind == sandbox.Refused:
		c.Answer = audit.Denied
	}
	of := a.records[e.ID]
	switch {
	case e.Type == "delete" && of != nil:
		if of.gone {
			return // it changes nothing, whichever event it is of
		}
		c.Number, of.gone = a.stream.EndOf(of.name, of.group, of.version), c.Applied
	case e.Type == "delete":
		c.Number = a.stream.Deletes[e.ID]
		c.Applied = c.Applied || e.Code == "OBJECT_NOT_FOUND" // a second delete finds what it wants
	case !c.Applied:
	case e.Type == "create":
		a.records[e.ID] = &record{name: fields.External, group: e.Group, by: e.Client, version: fields.Version}
	case of != nil:
		of.version = fields.Version
	}
	if c.Late && !c.Applied || c.Number == 0 {
		return // nothing arrived of what was given up; or a record only leaves its group
	}
	a.calls = append(a.calls, c)
}

// left is what the CRM holds.
func (a *api) left() (left []audit.Record) {
	for _, tenant := range audit.Tenants {
		for _, r := range a.server.Records(integration, tenant, "contact") {
			one := audit.Record{ID: r.ID, Group: r.Group}
			_ = json.Unmarshal(r.Fields["external"], &one.Key)
			_ = json.Unmarshal(r.Fields["version"], &one.Version)
			left = append(left, one)
		}
	}
	a.mu.Lock() // which the sandbox takes while it has its own
	defer a.mu.Unlock()
	for i := range left {
		if of := a.records[left[i].ID]; of != nil {
			left[i].By = of.by
		}
	}
	return left
}

// weathers are what the API does in bad times.
var weathers = []sandbox.Fault{
	{Do: sandbox.DoReset},
	{Do: sandbox.DoReset, Apply: "yes"},
	{Do: sandbox.DoHang},
	{Do: sandbox.DoHang, Apply: "yes"},
	{Do: sandbox.DoHang, Apply: "late", Delay: time.Second},
	{Do: sandbox.DoCut},
	{Do: sandbox.DoShort},
	{Do: sandbox.DoAbsent},
	{Do: sandbox.DoShape},
	{Do: sandbox.DoLock},
	{Do: sandbox.DoQuota},
	{Do: sandbox.DoWholeBatch},
	{Do: sandbox.DoStatus, Status: 401},
	{Do: sandbox.DoStatus, Status: 429, RetryAfter: time.Second},
	{Do: sandbox.DoStatus, Status: 500},
	{Do: sandbox.DoStatus, Status: 500, Apply: "yes", Body: "json"},
	{Do: sandbox.DoStatus, Status: 502, Body: "html", Apply: "yes"},
	{Do: sandbox.DoStatus, Status: 503, RetryAfter: time.Second, RetryAfterForm: "date"},
}

// worsen changes the weather: an outage now and then.
func (a *api) worsen(random *rand.Rand) {
	var faults sandbox.Faults
	for range 1 + random.IntN(3) {
		f := weathers[random.IntN(len(weathers))]
		f.Chance = 0.05 + random.Float64()/3
		if random.IntN(8) == 0 {
			f.Chance = 1
		}
		faults = append(faults, f)
	}
	a.set(faults)
}

func (a *api) mend() { a.set(nil) }

func (a *api) set(f sandbox.Faults) {
	if err := a.server.SetFaults(f); err != nil {
		a.t.Error(err)
	}
}
