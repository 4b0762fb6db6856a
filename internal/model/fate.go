package model

import (
	"fmt"
	"strings"
)

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
	// Message says what was found, where, and what was expected. Log, dead letter and
	// preview all show it as it is.
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

// Facts calls f for each thing that the reason says beside its message, empty ones
// included, with the name that it has in the log and, behind a prefix, in the dead
// letter: one list for both.
func (r *Reason) Facts(f func(name, value string)) {
	f("stage", string(r.Stage))
	f("code", r.Code)
	f("field", r.Field)
	f("operation_id", r.OperationID)
	f("request_id", r.RequestID)
	f("existing_id", r.ExistingID)
}

// expected stands between what a message says was found and what it says was
// expected.
const expected = "; expected "

// Found returns the part of the message that says what was found: all of it when
// nothing says what was expected, as in the messages of a CRM.
func (r *Reason) Found() string {
	found, _ := r.parts()
	return found
}

// Expected returns the part of the message that says what was expected, empty
// when nothing does.
func (r *Reason) Expected() string {
	_, want := r.parts()
	return want
}

// parts looks from the end: what was found may quote a row, which can say anything.
func (r *Reason) parts() (found, want string) {
	at := strings.LastIndex(r.Message, expected)
	if at < 0 {
		return r.Message, ""
	}
	return r.Message[:at], r.Message[at+len(expected):]
}

// Refuse makes the fate of a record that mapping cannot use. The message reads
// "what was found; expected what would do".
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
