package model

import (
	"encoding/binary"
	"hash/fnv"
	"time"
)

// Type is the type of a write, as the API spells it.
type Type uint8

// The types of writes. Undecided is a write whose type depends on what happens
// to the writes before it (an update behind a create that is in flight).
const (
	Undecided Type = iota
	Create
	Update
	Delete
)

// Types is the number of types, for tables indexed by Type.
const Types = 4

var typeNames = [Types]string{"undecided", "create", "update", "delete"}

func (t Type) String() string { return typeNames[t] }

// Destination says where a write goes: a lane each.
type Destination struct {
	Integration string
	Group       string // groupRef: whose CRM
	Object      string
}

func (d Destination) String() string { return d.Integration + "/" + d.Group + "/" + d.Object }

// WriteName names a write within its record: a hash of its route and its row.
// It is a name and not a number so that what a commit's metadata says of a
// record stays true when routes are added, removed or reordered. Two names that
// collide within one record would be taken for one write; with a handful of
// routes on one topic the chance is below one in 10^8, and the configuration
// refuses route names that do.
type WriteName uint32

// NameOf returns the name of the write that a route made of a row of a record.
// Records without a route (a topic that nobody routes) use the empty route.
func NameOf(route string, row int) WriteName {
	h := fnv.New32a()
	_, _ = h.Write([]byte(route))
	if row != 0 {
		_, _ = h.Write(binary.AppendUvarint([]byte{0}, uint64(row)))
	}
	return WriteName(h.Sum32())
}

// Conflict is one member of a conflict set: a hash of what a write may not
// overtake (its source key, its CRM id, a match value). Two different things with one
// hash wait for each other needlessly, which is harmless.
type Conflict uint64

// Write is one intended API write. Mapping fills it; the lane decides its Type
// and ID when its conflict set is free; nobody changes it while it is in flight.
type Write struct {
	Name        WriteName
	Route       string
	Destination Destination
	// Want is what the change asks for; Type is what it became. They differ once
	// identity is resolved late (an upsert is a create or an update).
	Want Type
	Type Type
	// ID is the CRM's own id, empty when it is not known (creates).
	ID string
	// Fields are the members of the record object, as JSON without the braces:
	// `"email":"a@b.c","firstname":"Ann"`. The id is not among them.
	Fields string
	// Associations is a JSON array, or empty.
	Associations string
	Conflicts    []Conflict
	Source       *Kept
	// Identity says how the type and the id are decided late; nil: they are what mapping said.
	Identity *Identity

	// Attempts counts the requests that carried this write.
	Attempts int
	// FirstFailure is when the first of them failed; zero while none has.
	FirstFailure time.Time

	inline [2]Conflict
}

// Single is a record and its one write in one allocation: the common case.
type Single struct {
	Kept  Kept
	Write Write
}

// SetConflicts sets the conflict set, without allocating for up to two members.
func (w *Write) SetConflicts(set ...Conflict) {
	w.Conflicts = append(w.inline[:0], set...)
}

// identityOverhead is what an Identity weighs beside its text, in bytes.
const identityOverhead = 400

// Size is what the write adds to its record when it waits, in bytes.
func (w *Write) Size() int64 {
	if w.Identity != nil {
		return w.Source.Size() + identityOverhead
	}
	return w.Source.Size()
}

// Operation is what a change says happened to its row, in a word for people:
// create, update, delete, snapshot, tombstone, truncate, message, or row where
// nothing says it.
type Operation string

// Item is one (record, write) of a record that was mapped: either a write to
// do, or a fate that mapping already knows (skipped by a rule, refused). It has both
// where that fate waits for the row's keys (Identity.Ends).
type Item struct {
	Name      WriteName
	Route     string
	Operation Operation // empty when the record could not be read so far
	Write     *Write    // nil: Fate is final at once
	Fate      Fate
}
