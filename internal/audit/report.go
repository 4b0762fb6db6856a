package audit

import "fmt"

// Report is the verdict: all of Faults must be empty. The counts tell what was excused, and
// how much there was to judge.
type Report struct {
	Events, Calls, Written, DeadLettered int
	Guilty, InDoubt                      int

	// Excused, counted apart: a create sent by two processes, or by one whose process was
	// disturbed between the two (the ledger's intents end that); a request applied late by
	// the API; a dead letter twice, after a crash between its acknowledgement and the commit.
	RepeatedCreates, AppliedLate, RepeatedLetters int
	// LateDuplicates are rows that the API made a second record of after the request was given
	// up. SplitTwins are names of several rows that have several records, made by several processes:
	// one does not know what the other has just created, and the index does not show it yet.
	LateDuplicates, SplitTwins int
	// ParkedDeletes are those that were parked although the row can be searched for: a delete brings
	// nothing to search by (parkedDelete).
	ParkedDeletes int

	Faults []string
}

// OK reports whether nothing is wrong.
func (r *Report) OK() bool { return len(r.Faults) == 0 }

func (r *Report) String() string {
	s := fmt.Sprintf("%d events, %d calls: %d written, %d dead-lettered (%d guilty, %d in doubt); excused: %d creates repeated, %d applied late, %d of them duplicates, %d twins split, %d deletes parked, %d letters repeated; %d faults",
		r.Events, r.Calls, r.Written, r.DeadLettered, r.Guilty, r.InDoubt, r.RepeatedCreates, r.AppliedLate, r.LateDuplicates, r.SplitTwins, r.ParkedDeletes, r.RepeatedLetters, len(r.Faults))
	const most = 20
	for i, f := range r.Faults {
		if i == most {
			return s + fmt.Sprintf("\n  ... and %d more", len(r.Faults)-most)
		}
		s += "\n  " + f
	}
	return s
}

// Add sums two reports, for a series of runs.
func (r *Report) Add(o *Report) {
	r.Events += o.Events
	r.Calls += o.Calls
	r.Written += o.Written
	r.DeadLettered += o.DeadLettered
	r.Guilty += o.Guilty
	r.InDoubt += o.InDoubt
	r.RepeatedCreates += o.RepeatedCreates
	r.AppliedLate += o.AppliedLate
	r.LateDuplicates += o.LateDuplicates
	r.SplitTwins += o.SplitTwins
	r.ParkedDeletes += o.ParkedDeletes
	r.RepeatedLetters += o.RepeatedLetters
	r.Faults = append(r.Faults, o.Faults...)
}
