package sandbox

import (
	"math/rand/v2"
	"testing"
)

// TestTheTwoFormsOfASalesforceID: the pairs stand in Salesforce's own documentation.
func TestTheTwoFormsOfASalesforceID(t *testing.T) {
	t.Parallel()
	for short, long := range map[string]string{"001D000000IqhSL": "001D000000IqhSLIAZ", "003D000000QV9n2": "003D000000QV9n2IAD"} {
		if got := fullID(Salesforce, short); got != long {
			t.Errorf("%s: %s, not %s", short, got, long)
		}
		if key, ok := keyOf(Salesforce, []byte(long)); !ok || string(key) != short {
			t.Errorf("%s is found by %q, %t", long, key, ok)
		}
		if _, ok := keyOf(Salesforce, []byte(long[:17]+"5")); ok {
			t.Errorf("%s with another suffix is an id", long)
		}
	}
}

func TestIDsAreTheCRMsAndNeverTheSameTwice(t *testing.T) {
	t.Parallel()
	for _, crm := range []CRM{HubSpot, Salesforce} {
		g, seen := newIDs(crm, rand.New(rand.NewPCG(1, 2))), make(map[string]bool)
		for range 10_000 {
			id := g.next("Contact")
			if key, ok := keyOf(crm, []byte(id)); !ok || seen[string(key)] || fullID(crm, id) != id {
				t.Fatalf("%s: %s is no id, or one for the second time", crm, id)
			} else {
				seen[string(key)] = true
			}
		}
	}
}
