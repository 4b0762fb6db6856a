package model

import "fmt"

// FateKind is what finally became of a write.
type FateKind uint8

// The fates. Open is none yet. Parked is kept for writes of a held lane that
// move to a topic of their own; no stage gives it today.
const (
	Open FateKind = iota
	Written
	Unchanged
	Skipped
	DeadLettered
	InDoubt
	Parked
	// Stopped is the fate of no write: what the record asks for is for a person to
	// decide, so the run ends with the reason, and the record's offset stays.
	Stopped
)

var fateNames = [...]string{"open", "written", "unchanged", "skipped", "dead_lettered", "in_doubt", "parked", "stopped"}

func (k FateKind) String() string { return fateNames[k] }

// Fate is the one final fate of a write.
type Fate struct {
	Kind FateKind
	// Rule is the configuration key that skipped the write, as the user finds it
	// (route "customers", rule "on_delete"); only with Skipped.
	Rule string
	// Reason is why the record was refused, or why it ends the run; only with
	// DeadLettered, InDoubt and Stopped.
	Reason *Reason
}

// Stage says where a record was refused.
type Stage string

// The stages of a refusal.
const (
	StageMapping Stage = "mapping"
	StageWrite   Stage = "write"
)

// Reason is why a record was refused for good: what a dead letter tells.
type Reason struct {
	Stage Stage
	// Code is one word that can be counted and filtered on: "bad_json", "no_id",
	// or the CRM's own code.
	Code string
	// Message says what was found, where, and what was expected.
	Message string
	// Field is the field at fault, when one is known.
	Field string
	// OperationID and RequestID are the API's, when it gave them.
	OperationID string
	RequestID   string
	// ExistingID is the CRM record that a refused create collided with.
	ExistingID string
}

func (r *Reason) Error() string {
	if r.Field == "" {
		return r.Code + ": " + r.Message
	}
	return fmt.Sprintf("%s: field %q: %s", r.Code, r.Field, r.Message)
}

// Refuse makes the fate of a record that mapping cannot use.
func Refuse(code, field, format string, args ...any) Fate {
	return Fate{Kind: DeadLettered, Reason: &Reason{
		Stage: StageMapping, Code: code, Field: field, Message: fmt.Sprintf(format, args...),
	}}
}

// Stop makes the fate of a record that ends the run.
func Stop(code, field, format string, args ...any) Fate {
	fate := Refuse(code, field, format, args...)
	fate.Kind = Stopped
	return fate
}

// Skip makes the fate of a record that a rule of the configuration skips.
func Skip(rule string) Fate { return Fate{Kind: Skipped, Rule: rule} }
