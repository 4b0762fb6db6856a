package ledger

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

var testNow = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

const (
	testTimeout = time.Minute
	testLag     = 2 * time.Minute
)

// situation is what a decision is made in.
type situation struct {
	want     model.Type
	rules    model.Rules
	identity model.Identity
	rows     map[string]Answer // by key; the row's own is k
	busy     bool
	recent   string
	resend   bool
}

func (s *situation) decide(now time.Time) Decision {
	d := Decider{
		Lookup:  func(k RowKey) Answer { return s.rows[k.Key] },
		Busy:    func(model.Conflict) bool { return s.busy },
		Recent:  func(*model.Write) string { return s.recent },
		Timeout: testTimeout, Resend: s.resend,
	}
	n := s.identity
	s.rules.Route, s.rules.IndexLag, s.rules.ParentPatience, s.rules.Ledger = "customers", testLag, 5*time.Minute, true
	n.Rules, n.Space, n.Key = &s.rules, &testSpace, "k"
	return d.Decide(&model.Write{Want: s.want, Identity: &n, Source: &model.Kept{TopicPartition: testSource, Offset: 50}}, now)
}

func showDecision(d Decision) string {
	switch d.Action {
	case Search:
		return "search in " + d.Group
	case Await:
		return fmt.Sprintf("await %s for %s", d.Watch.Key, d.Until.Sub(testNow))
	case Settle:
		if d.Fate.Reason != nil {
			return d.Fate.Kind.String() + " " + d.Fate.Reason.Code
		}
		return d.Fate.Kind.String() + " " + d.Fate.Rule
	}
	s := d.Type.String()
	if d.ID != "" {
		s += " " + d.ID
	}
	s += " in " + d.Group
	if d.Moving {
		s += " moving"
	}
	for _, l := range d.Links {
		if l.Omitted {
			s += " without"
		} else {
			s += " with " + l.ID
		}
	}
	return s
}

// own is what the ledger says of the row itself.
func own(a Answer) map[string]Answer { return map[string]Answer{"k": a} }

func knownAs(id, group string) Answer { return Answer{Row: Row{State: Known, ID: id, Group: group}} }

var (
	announcedByOther = Answer{Open: &OpenIntent{Source: testSource, Offset: 9}}
	inLedger         = []model.IDSource{model.FromLedger}
	inBoth           = []model.IDSource{model.FromLedger, model.FromMatch}
)

func TestDecide(t *testing.T) {
	t.Parallel()
	ledgerOnly, search := model.Rules{Sources: inLedger}, model.Rules{Sources: inBoth}
	rule := func(r model.Rules, edit func(*model.Rules)) model.Rules { edit(&r); return r }
	ignoring := rule(search, func(r *model.Rules) { r.UnknownDelete = model.RuleIgnore })
	moving := rule(ledgerOnly, func(r *model.Rules) { r.GroupChange = model.RuleMove })
	movingOn := rule(search, func(r *model.Rules) { r.GroupChange = model.RuleMove })
	movingAway := rule(moving, func(r *model.Rules) { r.DeletesMoved = true })
	omitting := rule(ledgerOnly, func(r *model.Rules) { r.MissingParent = model.RuleOmit })
	waiting := rule(ledgerOnly, func(r *model.Rules) { r.MissingParent = model.RuleWait })
	acme := model.Identity{Group: "acme"}
	upsert := model.Identity{Group: "acme", Upsert: true, Match: `"email":"a@b.c"`}
	matched := model.Identity{Group: "acme", Match: `"email":"a@b.c"`}
	with := func(n model.Identity, edit func(*model.Identity)) model.Identity { edit(&n); return n }
	at := testNow.Add
	gone := model.Identity{Deleted: true}
	when := model.Skip("customers.when")
	ended := model.Identity{Former: "old", Ends: &when}
	child := with(acme, func(n *model.Identity) {
		n.Parents = []model.Parent{{Space: &testSpace, Key: "p", Field: "accountid", Column: "company"}}
	})

	for name, c := range map[string]struct {
		s    situation
		want string
	}{
		"a known row is updated":                        {situation{want: model.Update, rules: ledgerOnly, identity: acme, rows: own(knownAs("7", "acme"))}, "update 7 in acme"},
		"a create of a known row is an update":          {situation{want: model.Create, rules: ledgerOnly, identity: acme, rows: own(knownAs("7", "acme"))}, "update 7 in acme"},
		"a delete takes id and group from it":           {situation{want: model.Delete, rules: ledgerOnly, identity: gone, rows: own(knownAs("7", "acme"))}, "delete 7 in acme"},
		"the row's own id goes first where it says":     {situation{want: model.Update, rules: model.Rules{Sources: []model.IDSource{model.FromRow, model.FromLedger}}, identity: with(acme, func(n *model.Identity) { n.Given = "5" }), rows: own(knownAs("7", "acme"))}, "update 5 in acme"},
		"and last where it says":                        {situation{want: model.Update, rules: model.Rules{Sources: []model.IDSource{model.FromLedger, model.FromRow}}, identity: with(acme, func(n *model.Identity) { n.Given = "5" }), rows: own(knownAs("7", "acme"))}, "update 7 in acme"},
		"an id whose group nobody says":                 {situation{want: model.Delete, rules: model.Rules{Sources: []model.IDSource{model.FromRow}}, identity: with(gone, func(n *model.Identity) { n.Given = "5" })}, "dead_lettered no_group"},
		"a moved row is found under its former key":     {situation{want: model.Create, rules: ledgerOnly, identity: with(acme, func(n *model.Identity) { n.Former = "old" }), rows: map[string]Answer{"old": knownAs("7", "acme")}}, "update 7 in acme"},
		"it has its fate, whatever is known":            {situation{want: model.Update, rules: search, identity: ended, rows: map[string]Answer{"old": knownAs("7", "acme")}}, "skipped customers.when"},
		"and waits for the create of its former key":    {situation{want: model.Update, rules: search, identity: ended, rows: map[string]Answer{"old": announcedByOther}}, "await old for 1m0s"},
		"but no longer than that can take":              {situation{want: model.Update, rules: search, identity: with(ended, func(n *model.Identity) { n.Doubted = at(-testTimeout) }), rows: map[string]Answer{"old": announcedByOther}}, "skipped customers.when"},
		"an unknown row is created":                     {situation{want: model.Create, rules: ledgerOnly, identity: acme}, "create in acme"},
		"an unknown row is searched for by upsert":      {situation{want: model.Create, rules: search, identity: upsert}, "search in acme"},
		"a create does not search":                      {situation{want: model.Create, rules: search, identity: matched}, "create in acme"},
		"an update of an unknown row searches":          {situation{want: model.Update, rules: search, identity: matched}, "search in acme"},
		"found by a search":                             {situation{want: model.Update, rules: search, identity: with(upsert, func(n *model.Identity) { n.Found = "8" })}, "update 8 in acme"},
		"not found by a search, upsert":                 {situation{want: model.Update, rules: search, identity: with(upsert, func(n *model.Identity) { n.Searched = testNow })}, "create in acme"},
		"not found by a search, update":                 {situation{want: model.Update, rules: search, identity: with(matched, func(n *model.Identity) { n.Searched = testNow })}, "dead_lettered no_id"},
		"nothing to search by, upsert":                  {situation{want: model.Update, rules: search, identity: with(acme, func(n *model.Identity) { n.Upsert = true })}, "create in acme"},
		"created lately with the same values":           {situation{want: model.Create, rules: search, identity: upsert, recent: "9"}, "update 9 in acme"},
		"an unknown row is deleted":                     {situation{want: model.Delete, rules: ledgerOnly, identity: gone}, "dead_lettered no_id"},
		"and passed over where that is the rule":        {situation{want: model.Delete, rules: ignoring, identity: gone}, "skipped customers.on_unknown_delete"},
		"it cannot be created":                          {situation{want: model.Update, rules: ledgerOnly, identity: with(acme, func(n *model.Identity) { n.Upsert, n.Refused = true, &model.Reason{Code: "required"} })}, "dead_lettered required"},
		"it exists and nobody knows as what":            {situation{want: model.Update, rules: ledgerOnly, identity: acme, rows: own(Answer{Row: Row{State: Exists}})}, "dead_lettered id_unknown"},
		"a delete of one is not passed over":            {situation{want: model.Delete, rules: rule(ledgerOnly, func(r *model.Rules) { r.UnknownDelete = model.RuleIgnore }), identity: gone, rows: own(Answer{Row: Row{State: Exists}})}, "dead_lettered id_unknown"},
		"this very write created it":                    {situation{want: model.Create, rules: ledgerOnly, identity: acme, rows: own(Answer{Row: Row{State: Exists, Source: testSource, Offset: 50}})}, "written "},
		"it is searched for":                            {situation{want: model.Create, rules: search, identity: matched, rows: own(Answer{Row: Row{State: Exists}})}, "search in acme"},
		"gone, and created again":                       {situation{want: model.Update, rules: search, identity: with(matched, func(n *model.Identity) { n.Gone = "7" })}, "create in acme"},
		"in doubt: its sender may still be told":        {situation{want: model.Create, rules: ledgerOnly, identity: acme, rows: own(announcedByOther)}, "await k for 1m0s"},
		"in doubt: the answer never came":               {situation{want: model.Create, rules: ledgerOnly, identity: with(acme, func(n *model.Identity) { n.Doubted = at(-testTimeout) }), rows: own(announcedByOther)}, "in_doubt in_doubt"},
		"in doubt: our own answer was lost":             {situation{want: model.Create, rules: ledgerOnly, identity: with(acme, func(n *model.Identity) { n.Doubted, n.Lost = testNow, true }), rows: own(announcedByOther)}, "in_doubt in_doubt"},
		"in doubt, and its sender knew that it was not": {situation{want: model.Create, rules: ledgerOnly, identity: with(acme, func(n *model.Identity) { n.Doubted = at(-time.Second) })}, "create in acme"},
		"in doubt since long, and parked":               {situation{want: model.Update, rules: ledgerOnly, identity: with(acme, func(n *model.Identity) { n.Upsert = true }), rows: own(Answer{Row: Row{State: Doubt}})}, "in_doubt in_doubt"},
		"in doubt, and the user wants it sent again":    {situation{want: model.Create, rules: ledgerOnly, identity: acme, rows: own(announcedByOther), resend: true}, "create in acme"},
		"in doubt: searched":                            {situation{want: model.Create, rules: search, identity: matched, rows: own(announcedByOther), resend: true}, "search in acme"},
		"in doubt: searched again after a while":        {situation{want: model.Create, rules: search, identity: with(matched, func(n *model.Identity) { n.Doubted, n.Searched = testNow, testNow }), rows: own(announcedByOther)}, "await k for 22.5s"},
		"in doubt: and again":                           {situation{want: model.Create, rules: search, identity: with(matched, func(n *model.Identity) { n.Doubted, n.Searched = at(-time.Minute), at(-30*time.Second) }), rows: own(announcedByOther)}, "search in acme"},
		"in doubt: until the index must have it":        {situation{want: model.Create, rules: search, identity: with(matched, func(n *model.Identity) { n.Doubted, n.Searched = at(-testTimeout-testLag), at(-time.Second) }), rows: own(announcedByOther)}, "search in acme"},
		"in doubt: then it was never applied": {situation{want: model.Create, rules: search, identity: with(matched, func(n *model.Identity) {
			n.Doubted, n.Searched = at(-testTimeout-testLag-time.Second), at(-time.Second)
		}), rows: own(announcedByOther)}, "create in acme"},
		"and an update has nothing to update": {situation{want: model.Update, rules: search, identity: with(matched, func(n *model.Identity) {
			n.Doubted, n.Searched = at(-testTimeout-testLag-time.Second), at(-time.Second)
		}), rows: own(announcedByOther)}, "dead_lettered no_id"},
		"another group":                        {situation{want: model.Update, rules: ledgerOnly, identity: acme, rows: own(knownAs("7", "other"))}, "dead_lettered group_change"},
		"another group: moved, and left there": {situation{want: model.Create, rules: moving, identity: acme, rows: own(knownAs("7", "other"))}, "create in acme"},
		"another group: moved, and not found there": {situation{want: model.Update, rules: movingOn, identity: with(upsert, func(n *model.Identity) {
			n.Learned = model.Learned{Searched: at(-time.Second), In: "acme", Cleared: true}
		}), rows: own(knownAs("7", "other"))}, "create in acme"},
		"another group: moved, and looked for in the new one": {situation{want: model.Update, rules: movingOn, identity: matched, rows: own(knownAs("7", "other"))}, "search in acme"},
		"another group: moved, and found in the old one": {situation{want: model.Update, rules: movingOn, identity: with(matched, func(n *model.Identity) {
			n.Found, n.In = "7", "other"
		})}, "search in acme"},
		"another group: its create in the new one is in doubt": {situation{want: model.Update, rules: movingOn, identity: matched,
			rows: own(Answer{Row: knownAs("7", "other").Row, Open: announcedByOther.Open})}, "search in acme"},
		"another group: moved, and deleted there": {situation{want: model.Update, rules: movingAway, identity: acme, rows: own(knownAs("7", "other"))}, "delete 7 in other moving"},
		"its parent is known":                     {situation{want: model.Create, rules: waiting, identity: child, rows: map[string]Answer{"p": knownAs("3", "acme")}}, "create in acme with 3"},
		"its parent is not known yet":             {situation{want: model.Create, rules: waiting, identity: child}, "await p for 5m0s"},
		"its parent never came":                   {situation{want: model.Create, rules: waiting, identity: with(child, func(n *model.Identity) { n.Waiting = at(-5 * time.Minute) })}, "dead_lettered missing_parent"},
		"an update makes no association": {situation{want: model.Update, rules: waiting, identity: with(child, func(n *model.Identity) {
			n.Parents = []model.Parent{{Space: &testSpace, Key: "p", Column: "company"}}
		}), rows: own(knownAs("7", "acme"))}, "update 7 in acme without"},
		"its parent is in another group":   {situation{want: model.Create, rules: ledgerOnly, identity: child, rows: map[string]Answer{"p": knownAs("3", "other")}}, "dead_lettered missing_parent"},
		"it goes without its parent":       {situation{want: model.Create, rules: omitting, identity: child}, "create in acme without"},
		"but not while that is on its way": {situation{want: model.Create, rules: omitting, identity: child, busy: true}, "await p for 5m0s"},
		"a row that is its own parent":     {situation{want: model.Create, rules: omitting, identity: with(child, func(n *model.Identity) { n.Parents = []model.Parent{{Space: &testSpace, Key: "k"}} }), busy: true}, "create in acme without"},
		"a delete needs no parent":         {situation{want: model.Delete, rules: waiting, identity: with(child, func(n *model.Identity) { n.Deleted = true }), rows: own(knownAs("7", "acme"))}, "delete 7 in acme"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := showDecision(c.s.decide(testNow)); got != c.want {
				t.Errorf("%s; expected %s", got, c.want)
			}
		})
	}
}

func TestADoubtEndsWhateverTheHourItIsLookedAt(t *testing.T) {
	t.Parallel()
	s := situation{want: model.Create, rules: model.Rules{Sources: inBoth}, identity: model.Identity{Group: "acme", Match: `"a":1`}, rows: own(announcedByOther)}
	now, searched := testNow, 0
	for range 100 {
		d := s.decide(now)
		s.identity.Learned = d.Learned
		switch d.Action {
		case Search:
			searched++
			s.identity.Searched = now
		case Await:
			if !d.Until.After(now) {
				t.Fatalf("it waits for the past: %s", showDecision(d))
			}
			now = d.Until
		case Send:
			if over := now.Sub(testNow); over < testTimeout+testLag {
				t.Errorf("created again after %s, although the search need not have seen it", over)
			}
			if searched < 2 || searched > searches+2 {
				t.Errorf("searched %d times", searched)
			}
			return
		}
	}
	t.Error("it never ends")
}

func TestWhatIsParkedSaysWhereToLook(t *testing.T) {
	t.Parallel()
	s := situation{want: model.Create, rules: model.Rules{Sources: inLedger}, identity: model.Identity{Group: "acme", Learned: model.Learned{Doubted: testNow.Add(-time.Hour)}}, rows: own(announcedByOther)}
	d := s.decide(testNow)
	if m := d.Fate.Reason.Message; !strings.Contains(m, "shop.contacts/3 offset 9") {
		t.Errorf("the message does not name the announced create: %s", m)
	}
}
