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

// api is the sandbox, and what it saw.
type api struct {
	t      *testing.T
	server *sandbox.Server

	mu      sync.Mutex
	deletes map[string]int64 // the stream's
	calls   []audit.Call
}

func newAPI(t *testing.T, seed uint64) *api {
	a := &api{t: t}
	s, err := sandbox.New(sandbox.Options{
		CRM: sandbox.HubSpot, APIKey: "key", Latency: 20 * time.Millisecond, Rand: rand.New(rand.NewPCG(seed, 2)),
		Observe: a.observe,
		// Without its unique address: a create that a killed process had sent is then
		// repeated by its successor, which is counted, instead of being refused as a conflict.
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
		id, err := a.server.Seed("crm", audit.Tenant(row), "contact", []map[string]any{{"email": fmt.Sprintf("known%d@example.com", row), "version": 0}})
		if err != nil {
			a.t.Fatal(err)
		}
		ids = append(ids, id[0])
	}
	return ids
}

// observe writes down what the sandbox says that it did.
func (a *api) observe(e sandbox.Event) {
	var fields struct{ Version int64 }
	_ = json.Unmarshal(e.Record, &fields)
	a.mu.Lock()
	defer a.mu.Unlock()
	c := audit.Call{Number: fields.Version, At: e.At, Process: e.Client, Applied: e.Kind == sandbox.Applied, Late: e.Late}
	if e.Type == "delete" {
		c.Number = a.deletes[e.ID]
		c.Applied = c.Applied || e.Code == "OBJECT_NOT_FOUND" // a second delete finds what it wants
	}
	switch {
	case e.Answer == sandbox.Lost:
		c.Answer = audit.Lost
	case e.Answer == sandbox.TryAgain:
		c.Answer = audit.TryAgain
	case e.Kind == sandbox.Refused:
		c.Answer = audit.Denied
	}
	if c.Late && !c.Applied {
		return // what was given up and would be applied now is refused: nothing arrived
	}
	a.calls = append(a.calls, c)
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
