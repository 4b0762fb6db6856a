// Package audit judges a run by what went in, what the API saw, and what the topics
// hold afterwards. It knows nothing of how the program works inside, so that the
// simulation, the chaos suite and any other run are judged alike. It promises:
//
//   - Every write has a fate: it was applied by the API, or dead-lettered, or a
//     rule skipped it.
//   - No write has two: what was dead-lettered for good was never applied.
//   - Per key, no request with an older version reaches the API after one with a newer.
//   - A create whose answer was lost, or that was accepted, is not sent again by the
//     process that sent it.
//   - Dead letters hold only the guilty, creates in doubt, and all of the guilty.
//   - Of a source without CRM ids: the CRM ends with one record for each row, as the source has it,
//     and the ledger says so.
//   - The committed offsets are at the end.
//
// What is excused is counted apart, by name, and never silently: see Report.
package audit

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

// Want is what must become of an event.
type Want uint8

// What can be wanted of an event.
const (
	Written Want = iota
	// Refused: the CRM refuses it; Broken: mapping does. Both are guilty.
	Refused
	Broken
	Skipped
)

// Position is where an event is in its topic.
type Position struct {
	model.TopicPartition
	Offset int64
}

// Event is a record that was produced and what must become of it.
type Event struct {
	Position
	Number int64  // its version: unique, and rising with the order within its key
	Key    string // of the source row; of a stream without CRM ids its name, which stays
	Group  string // that the row is in; only of a stream without CRM ids
	Row    string // the source key, canonical, likewise: it changes, and others get it
	Twin   bool   // another row may have the same name, and so the same record
	Type   model.Type
	Want   Want
}

// Answer is what the sender of a request could know of one of its writes.
type Answer uint8

// The answers.
const (
	Accepted Answer = iota // applied, and the sender was told so, unless its connection was cut
	Denied                 // refused by the CRM
	TryAgain               // not applied, and the sender was told so
	Lost                   // the sender was told nothing that it could trust, whether applied or not
)

// Call is one write in one request, as the API saw it, in the order of arrival.
type Call struct {
	Number  int64 // the event's
	At      time.Time
	Process string // who sent it: another one after every start
	Answer  Answer
	Applied bool
	// Late: it was applied after its sender had given it up. That is the API's doing,
	// injected by the test.
	Late bool
}

// Letter is a dead letter.
type Letter struct {
	Position // of the record that it is about
	Code     string
}

// InDoubt is the code of a create whose answer was lost.
const InDoubt = "in_doubt"

// Disturbance is a time in which a process could not know what its requests did:
// it was frozen, cut off, or its partitions were taken away.
type Disturbance struct {
	Process  string
	From, To time.Time
}

// Run is what there is to judge.
type Run struct {
	Events       []Event
	Calls        []Call
	Letters      []Letter
	Disturbances []Disturbance
	// Late: no row carried a CRM id, and Records is what the CRM holds at the end. Match: they
	// could be searched for.
	Late, Match bool
	Records     []Record
	// Ledger is what the ledger says at the end, read anew.
	Ledger []Known
	// Behind lists the partitions whose committed offset is not their end.
	Behind []string
}

// Check judges a run.
func Check(run *Run) *Report {
	j := newJudge(run)
	j.everyWriteHasItsOneFate()
	j.noKeyGoesBackwards()
	if run.Late {
		j.theCRMEqualsTheSource()
		j.theLedgerEqualsTheCRM()
	} else {
		j.noCreateIsSentBlindly()
	}
	j.lettersHoldOnlyTheGuilty()
	for _, b := range run.Behind {
		j.fault("behind: %s", b)
	}
	return &j.report
}

type judge struct {
	run     *Run
	report  Report
	events  map[int64]*Event
	at      map[Position]*Event
	calls   map[int64][]*Call
	letters map[Position][]*Letter
}

func newJudge(run *Run) *judge {
	j := &judge{
		run: run, events: make(map[int64]*Event), at: make(map[Position]*Event),
		calls: make(map[int64][]*Call), letters: make(map[Position][]*Letter),
		report: Report{Events: len(run.Events), Calls: len(run.Calls)},
	}
	for i := range run.Events {
		e := &run.Events[i]
		j.events[e.Number], j.at[e.Position] = e, e
	}
	for i := range run.Calls {
		c := &run.Calls[i]
		j.calls[c.Number] = append(j.calls[c.Number], c)
	}
	for i := range run.Letters {
		l := &run.Letters[i]
		j.letters[l.Position] = append(j.letters[l.Position], l)
	}
	return j
}

func (j *judge) fault(format string, args ...any) {
	j.report.Faults = append(j.report.Faults, fmt.Sprintf(format, args...))
}

func (e *Event) String() string {
	return fmt.Sprintf("event %d (%s of key %s, %s/%d@%d)", e.Number, e.Type, e.Key, e.Topic, e.Partition, e.Offset)
}

// everyWriteHasItsOneFate: lost is what was neither applied nor dead-lettered; a
// record in the dead letters for good must not be in the CRM too.
func (j *judge) everyWriteHasItsOneFate() {
	for i := range j.run.Events {
		e := &j.run.Events[i]
		applied := slices.ContainsFunc(j.calls[e.Number], func(c *Call) bool { return c.Applied })
		letters := j.letters[e.Position]
		if applied {
			j.report.Written++
		}
		switch {
		case e.Want == Skipped && (applied || len(letters) > 0):
			j.fault("not skipped: %s", e)
		case e.Want == Skipped:
		case j.run.Late && e.Type == model.Delete && len(letters) == 0:
			// There may have been nothing to delete; what is left of it diverges.
		case !applied && len(letters) == 0:
			j.fault("lost: %s has no fate", e)
		case applied && len(letters) > 0 && letters[0].Code != InDoubt:
			j.fault("two fates: %s was applied and is dead-lettered with %s", e, letters[0].Code)
		case applied && e.Want != Written:
			j.fault("applied although it is guilty: %s", e)
		}
	}
}

// noKeyGoesBackwards: the last version that the API took stays the last.
func (j *judge) noKeyGoesBackwards() {
	newest := make(map[string]int64)
	for i := range j.run.Calls {
		c := &j.run.Calls[i]
		e := j.events[c.Number]
		if e == nil {
			j.fault("the API got a write that no event made: number %d from %s", c.Number, c.Process)
			continue
		}
		if c.Late {
			j.report.AppliedLate++
			continue
		}
		if c.Number < newest[e.Key] {
			j.fault("backwards: %s reached the API at %s from %s after version %d", e, c.At.Format(time.StampMicro), c.Process, newest[e.Key])
		}
		newest[e.Key] = max(newest[e.Key], c.Number)
	}
}

// noCreateIsSentBlindly: a second request with a create is allowed only when the first was
// answered with "not now".
func (j *judge) noCreateIsSentBlindly() {
	for i := range j.run.Events {
		e := &j.run.Events[i]
		if e.Type != model.Create {
			continue
		}
		var before *Call // the last one that may have made the record
		for _, c := range j.calls[e.Number] {
			if c.Late {
				continue // the end of one that is in the list already
			}
			if before != nil {
				if before.Process == c.Process && !j.disturbed(c.Process, before.At, c.At) {
					j.fault("sent twice: %s, from %s at %s and again at %s", e, c.Process, before.At.Format(time.StampMicro), c.At.Format(time.StampMicro))
				} else {
					j.report.RepeatedCreates++
				}
			}
			if c.Answer == Accepted || c.Answer == Lost {
				before = c
			}
		}
	}
}

func (j *judge) disturbed(process string, from, to time.Time) bool {
	return slices.ContainsFunc(j.run.Disturbances, func(d Disturbance) bool {
		return d.Process == process && d.From.Before(to) && from.Before(d.To)
	})
}

// lettersHoldOnlyTheGuilty: and all of them, which everyWriteHasItsOneFate sees, since
// what is guilty cannot be applied.
func (j *judge) lettersHoldOnlyTheGuilty() {
	for i := range j.run.Letters {
		l := &j.run.Letters[i]
		e := j.at[l.Position]
		switch {
		case e == nil:
			j.fault("a dead letter of no event: %+v", *l)
		case j.run.Match && l.Code == InDoubt && j.parkedDelete(e):
			j.report.ParkedDeletes++
		case j.run.Match && (l.Code == InDoubt || l.Code == unknownID):
			j.fault("parked although it can be searched for: %s is dead-lettered with %s", e, l.Code)
		case j.run.Late && j.parkedRightly(l, e):
		case l.Code == InDoubt && e.Type != model.Create:
			j.fault("innocent: %s is dead-lettered as in doubt and is no create", e)
		case l.Code == InDoubt && !j.doubtful(e):
			j.fault("innocent: %s is dead-lettered as in doubt although its answer was not lost", e)
		case l.Code != InDoubt && e.Want != Refused && e.Want != Broken:
			j.fault("innocent: %s is dead-lettered with %s", e, l.Code)
		}
	}
	for position, letters := range j.letters {
		e := j.at[position]
		if e == nil {
			continue
		}
		j.report.DeadLettered++
		if letters[0].Code == InDoubt {
			j.report.InDoubt++
		} else {
			j.report.Guilty++
		}
		if len(letters) > 1 {
			if len(j.run.Disturbances) == 0 {
				j.fault("dead-lettered %d times: %s, %s", len(letters), e, codes(letters))
			}
			j.report.RepeatedLetters += len(letters) - 1
		}
	}
}

// doubtful reports whether the answer to a create may have been lost: by the API, or
// because the process that sent it, or would have, was disturbed.
func (j *judge) doubtful(e *Event) bool {
	return len(j.run.Disturbances) > 0 || slices.ContainsFunc(j.calls[e.Number], func(c *Call) bool { return c.Answer == Lost })
}

func codes(letters []*Letter) string {
	var all []string
	for _, l := range letters {
		all = append(all, l.Code)
	}
	return strings.Join(all, ", ")
}
