package demo

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

// change is what a test reads of an event.
type change struct {
	Op            string
	Before, After map[string]any
	Source        struct{ Snapshot string }
}

func changeOf(t *testing.T, value []byte) (c change) {
	t.Helper()
	if err := json.Unmarshal(value, &c); err != nil {
		t.Fatalf("%v: %s", err, value)
	}
	return c
}

var began = time.UnixMilli(1_750_000_000_000)

func TestNoEventTellsWhichRecordARowIs(t *testing.T) {
	t.Parallel()
	s := generate(3000, 5, began)
	ops := make(map[string]int)
	for i, r := range s.records {
		if bytes.Contains(r.Value, []byte("crm")) {
			t.Fatalf("it speaks of the CRM: %s", r.Value)
		}
		if len(r.Value) == 0 || r.Topic == heartbeat || s.fates[i].name == badJSON {
			continue
		}
		c := changeOf(t, r.Value)
		ops[c.Op]++
		if c.Op != "d" {
			if c.Before != nil {
				t.Fatalf("a %s has an image from before: %s", c.Op, r.Value)
			}
			continue
		}
		for column, v := range c.Before {
			if column != "id" && v != nil && v != "" && v != 0.0 {
				t.Fatalf("a delete tells %s: %s", column, r.Value)
			}
		}
		if string(r.Key) == "" || c.Before["id"] == nil {
			t.Fatalf("a delete does not tell its key: %s %s", r.Key, r.Value)
		}
	}
	for _, op := range []string{"r", "c", "u", "d"} {
		if ops[op] == 0 {
			t.Errorf("there is no event with op %s: %v", op, ops)
		}
	}
}

// TestTheShopHasEverythingThatIsHard: rows that come back, that change their tenant, that are
// refused and mended later, that stay behind; rows and records that the CRM has before.
func TestTheShopHasEverythingThatIsHard(t *testing.T) {
	t.Parallel()
	s := generate(DefaultEvents, 1, began)
	tenant, gone, wrong := make(map[string]any), make(map[string]bool), make(map[string]bool)
	n := make(map[string]int)
	for i, r := range s.records {
		f := s.fates[i]
		n[f.String()]++
		if len(r.Value) == 0 || len(r.Key) == 0 || r.Topic == heartbeat || f.name == badJSON {
			continue
		}
		c, name := changeOf(t, r.Value), rowName(r.Topic, string(r.Key))
		switch {
		case c.Op == "d":
			gone[name] = true
			delete(tenant, name)
			continue
		case c.Op == "c" && gone[name]:
			n["comes back"]++
		case c.Op == "u" && tenant[name] != nil && tenant[name] != c.After["tenant"]:
			n["moves"]++
		}
		if f.kind == written && wrong[name] {
			n["is mended"]++
		}
		wrong[name], tenant[name] = f.kind == dead, c.After["tenant"]
	}
	for _, r := range s.before {
		if r.own {
			n["the CRM's own"]++
		} else {
			n["known to the CRM"]++
		}
	}
	for _, e := range s.entries {
		if e.now != nil && e.behind != "" {
			n["behind"]++
		}
		if e.now != nil && e.now["company_id"] != nil {
			n["has a company"]++
		}
	}
	for _, want := range []string{
		"comes back", "moves", "is mended", "behind", "has a company", "the CRM's own", "known to the CRM",
		"written", "skipped (skip.heartbeats)", "skipped (customers.on_tombstone)", "skipped (customers.on_unknown_delete)",
		"dead-lettered (bad_json)", "dead-lettered (no_key)", "dead-lettered (INVALID_EMAIL)", "dead-lettered (VALIDATION_ERROR)", "dead-lettered (several_matches)",
	} {
		if n[want] == 0 {
			t.Errorf("nothing %s: %v", want, n)
		}
	}
}

func TestASeedAlwaysMakesTheSameShop(t *testing.T) {
	t.Parallel()
	if a, b := generate(500, 9, began), generate(500, 9, began); !reflect.DeepEqual(a.records, b.records) || !reflect.DeepEqual(a.fates, b.fates) {
		t.Error("two shops of one seed differ")
	}
}

// TestWhatIsNamedStays: a company that another row names is not deleted, and is no record that
// was created a second time.
func TestWhatIsNamedStays(t *testing.T) {
	t.Parallel()
	s := generate(DefaultEvents, 2, began)
	companyOf := make(map[int]*entry)
	for _, e := range s.entries {
		if e.table == companies {
			companyOf[e.id] = e
		}
	}
	for i, r := range s.records {
		if len(r.Value) == 0 || r.Topic == companies || r.Topic == heartbeat || s.fates[i].name == badJSON {
			continue
		}
		id, ok := changeOf(t, r.Value).After["company_id"].(float64)
		if e := companyOf[int(id)]; ok && (e == nil || e.now == nil || e.was != nil || e.crm == nil) {
			t.Fatalf("%s names a company that does not stay: %+v", r.Value, e)
		}
	}
}
