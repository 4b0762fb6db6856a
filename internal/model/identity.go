package model

import (
	"cmp"
	"slices"
	"time"
)

// Space is an identity space: within it, one source key is one row. Rows of two spaces are
// never taken for each other, whatever their keys are.
type Space struct {
	Integration, Object string
	Name                string // by default the topic
}

// Compare orders spaces by their names.
func (s Space) Compare(o Space) int {
	return cmp.Or(cmp.Compare(s.Integration, o.Integration), cmp.Compare(s.Object, o.Object), cmp.Compare(s.Name, o.Name))
}

func (s Space) String() string { return s.Integration + "/" + s.Object + "/" + s.Name }

// Identity is how the CRM record of a write is found, where that is decided when its keys
// are free. Mapping fills it; what is learned on the way is the sink's.
type Identity struct {
	Rules *Rules
	Space *Space
	// Key is the source key in its canonical form: what the ledger knows the row by.
	Key string
	// Former is the key that the row had before its primary key was changed, or empty.
	Former string
	// Ends is the fate that mapping has given a write whose row comes here from its former key, nil for
	// every other: nothing is sent, but what is known of the row goes with it to its new key.
	Ends *Fate
	// Given is the CRM id that the row itself carries, Group the group that it names; empty
	// where the record does not say it.
	Given, Group string
	// Match is what the record is searched by: the members of an object, as JSON without
	// the braces; empty when the row does not bring them all.
	Match string
	// Deleted: the row is deleted, whatever its record gets of that.
	Deleted bool
	// Upsert: an unknown row is created, by whatever kind of change it comes.
	Upsert bool
	// Update is what an update writes, as Write.Fields; Insert what a create does, empty for
	// the same; Refused is why the row cannot be created.
	Update  string
	Insert  string
	Refused *Reason
	// Associations are those of a create: the members of a JSON array, without the brackets.
	Associations string
	// Parents are fields whose values are the CRM ids of other rows.
	Parents []Parent

	Learned
}

// Learned is what was found out about the CRM record of a write since it was mapped.
type Learned struct {
	// Found is the CRM id that a search or a conflict named.
	Found string
	// Searched is when a search last found nothing.
	Searched time.Time
	// In is whose CRM Found and Searched are about.
	In string
	// Gone is the id of a record that the CRM said is not there any more: whatever still
	// names it is late.
	Gone string
	// Stale are ids that a search named and that are not there any more: its index lags.
	Stale []string
	// Doubted is since when a create of this row may have been applied; Lost says that it was
	// this process's, and that its request is over.
	Doubted time.Time
	Lost    bool
	// Cleared: it is known by now that none was.
	Cleared bool
	// Waiting is since when it waits for a parent.
	Waiting time.Time
}

// Parent is a field whose value is the CRM id of another row.
type Parent struct {
	Space    *Space
	Key      string // the other row's source key, canonical; empty: the row has no parent
	Conflict Conflict
	Field    string // the CRM's name; empty: it is part of the associations
	Column   string
	// Clear: the row has no parent any more, which an update says.
	Clear bool
	// Before and After are the JSON around the id: `"accountid":"` and `"`.
	Before, After string
}

// IDSource is a way to find the CRM id of a row.
type IDSource uint8

// The ways, as the configuration orders them.
const (
	FromRow IDSource = iota
	FromLedger
	FromMatch
)

// Rule is what a route does in a case in which there is a choice.
type Rule uint8

// The rules; which of them a case takes is in Rules.
const (
	RuleDeadLetter Rule = iota
	RuleIgnore
	RuleUpdate
	RuleRecreate
	RuleMove
	RuleFirst
	RuleWait
	RuleOmit
)

// Rules are the choices of a route about identity. They are immutable and shared by its writes.
type Rules struct {
	Route   string
	Sources []IDSource
	// Ledger: what becomes of the route's creates is written down, and what is known of its rows.
	Ledger bool

	UnknownDelete Rule // ignore, dead_letter
	Several       Rule // dead_letter, first
	Conflict      Rule // dead_letter, update
	Gone          Rule // dead_letter, recreate, ignore
	GroupChange   Rule // dead_letter, move
	MissingParent Rule // wait, omit, dead_letter

	// IndexLag is how long the CRM's search may not see what was written.
	IndexLag time.Duration
	// ParentPatience is how long a row waits for its parent.
	ParentPatience time.Duration
	// DeletesMoved: a row that changes its group is deleted where it was.
	DeletesMoved bool
}

// Uses reports whether a way to find ids is among the sources.
func (r *Rules) Uses(s IDSource) bool { return slices.Contains(r.Sources, s) }

// LateSingle is Single with the identity of its write.
type LateSingle struct {
	Single
	Identity Identity
}
