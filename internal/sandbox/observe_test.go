package sandbox_test

import (
	"slices"
	"testing"

	"github.com/ampersink/ampersink/internal/sandbox"
)

// TestTheObserverHearsWhatHappenedToEachRecord: in order, with the words of the CRM.
func TestTheObserverHearsWhatHappenedToEachRecord(t *testing.T) {
	t.Parallel()
	var heard []sandbox.Event
	s := server(t, sandbox.Options{Observe: func(e sandbox.Event) {
		e.Record = slices.Clone(e.Record) // it is valid during the call only
		heard = append(heard, e)
	}})
	direct(t, s, "contact", some)
	if len(heard) != 2 {
		t.Fatalf("%+v", heard)
	}
	id := s.Records("crm", "g", "contact")[0].ID
	for i, want := range []sandbox.Event{
		{Kind: sandbox.Applied, ID: id, Record: []byte(`{"email":"a@b.co"}`)},
		{Kind: sandbox.Refused, Code: "INVALID_EMAIL", Record: []byte(`{"email":"x"}`)},
	} {
		e := heard[i]
		if e.Kind != want.Kind || e.ID != want.ID || e.Code != want.Code || string(e.Record) != string(want.Record) ||
			e.Position != i || e.Number != 1 || e.Answer != sandbox.Told || e.Type != "create" || e.Integration != "crm" || e.Group != "g" || e.Object != "contact" {
			t.Errorf("%+v, not %+v", e, want)
		}
	}
	if got := s.Stats(); got.Applied["create"] != 1 || got.Refused["INVALID_EMAIL"] != 1 || got.Requests[200] != 1 || got.Batches != 1 || got.Batched != 2 {
		t.Errorf("%+v", got)
	}
}

// TestChanceAndIDsPickWhatTheySay: about a part of the requests, or those of one record.
func TestChanceAndIDsPickWhatTheySay(t *testing.T) {
	t.Parallel()
	s := server(t, sandbox.Options{Faults: sandbox.Faults{
		{Name: "id", Do: sandbox.DoReset, Field: "id", Value: "7"}, {Name: "number", Do: sandbox.DoReset, Field: "n", Value: "-1"}, {Name: "chance", Do: sandbox.DoReset, Chance: 0.25},
	}})
	update := func(id string) answer {
		return direct(t, s, "thing", `{"groupRef":"g","type":"update","batch":[{"record":{"id":"5"}},{"record":{"id":"`+id+`"}}]}`)
	}
	if a := update("7"); !isReset(a) || s.Stats().Faults["id"] != 1 {
		t.Errorf("%d %v", a.status, a.err)
	}
	if a := direct(t, s, "thing", create(`{"n":-1}`)); !isReset(a) || s.Stats().Faults["number"] != 1 {
		t.Errorf("%d %v", a.status, a.err)
	}
	const n = 1000
	for range n {
		update("8")
	}
	if got := s.Stats().Faults; got["chance"] < n/5 || got["chance"] > n*3/10 || got["id"] != 1 {
		t.Errorf("%v of %d", got, n)
	}
}
