//go:build synctests

package sim_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ampersink/ampersink/internal/audit"
	"github.com/ampersink/ampersink/internal/sandbox"
)

// noRowGoesBackwards: of a row, no event reaches the CRM behind a later one by the same route.
func (j *relations) noRowGoesBackwards() {
	newest := make(map[string]int64)
	for _, c := range j.book.calls {
		row := c.name + " " + c.row
		if c.version > 0 && c.version < newest[row] {
			j.fault("backwards: %s reached the CRM from %s after event %d, by route %s", j.byNumber[c.version], c.process, newest[row], c.name)
		}
		newest[row] = max(newest[row], c.version)
	}
}

// settled is how long it may take until what was answered is written down: a commit is made every second, and
// given up after ten.
const settled = 15 * time.Second

// disturbCommits takes members for disturbed whose commits the brokers did not answer: in the middle of a rebalance
// they do not, for as long as one takes.
func (f *family) disturbCommits() {
	for line := range strings.SplitSeq(f.trace.String(), "\n") {
		if !strings.Contains(line, "offsets were not committed") {
			continue
		}
		var at float64
		var process string
		if _, err := fmt.Sscanf(line, "%f %s", &at, &process); err == nil {
			when := f.trace.began.Add(time.Duration(at * float64(time.Second)))
			f.disturb(strings.TrimSuffix(process, ":"), when.Add(-settled), when.Add(settled))
		}
	}
}

// whatIsDoneIsNotSentAgain: what was written, and said to be, is not sent again by the same route, whatever became
// of the event by the other one and however often the partition moved, unless the sender was disturbed
// before it could write that down.
func (j *relations) whatIsDoneIsNotSentAgain() {
	for _, calls := range j.calls {
		for i, c := range calls {
			if !c.applied() || c.Answer != sandbox.Told || i == len(calls)-1 {
				continue
			}
			if next := calls[i+1]; j.undisturbed(c.process, c.At, c.At.Add(settled)) {
				j.fault("sent again: %s was written by route %s from %s and %s later from %s",
					j.byNumber[c.version], c.name, c.process, next.At.Sub(c.At), next.process)
			} else {
				j.seen[seenAgain]++
			}
		}
	}
}

func (j *relations) undisturbed(process string, from, to time.Time) bool {
	return !slices.ContainsFunc(j.disturbed, func(d audit.Disturbance) bool {
		return d.Process == process && d.From.Before(to) && from.Before(d.To)
	})
}

// eachRowIsOneRecord: by each route, a row that is there is one record, as its last event says that was
// neither skipped nor dead-lettered; one that is not is none.
func (j *relations) eachRowIsOneRecord() {
	for _, by := range j.routes {
		if by.way == "none" {
			j.eachCreateIsOneRecord(by)
			continue
		}
		records := j.recordsAt(by, time.Now())
		for name, changes := range j.byRow {
			if table, key, _ := strings.Cut(name, " "); table == by.table {
				j.oneRecord(by, changes, records[key])
			}
		}
	}
}

func (j *relations) oneRecord(by *route, changes []*change, records []*record) {
	var last *change
	inDoubt := false
	for _, c := range changes {
		letters := j.lettersOf(by, c)
		switch {
		case by.skips(c):
		case len(letters) == 0, slices.ContainsFunc(j.calls[fateOf(by, c.number)], (*call).applied):
			last, inDoubt = c, false // both is looked at in oneFate
		case doubts(letters[0]):
			inDoubt = true
		}
	}
	switch there := last != nil && last.op != "d"; {
	case len(records) > 1:
		j.fault("duplicate: row %s of route %s is %d records: %s and %s", changes[0].key, by.name, len(records), records[0].ID, records[1].ID)
	case inDoubt:
	case there && len(records) == 0:
		j.fault("diverged: %s by route %s has no record", last, by.name)
	case !there && len(records) > 0:
		j.fault("diverged: row %s of route %s is not there and is record %s", changes[0].key, by.name, records[0].ID)
	case there && j.versionOf(records[0]) != last.number:
		j.fault("diverged: %s by route %s, and its record is at %d", last, by.name, j.versionOf(records[0]))
	}
}

// eachCreateIsOneRecord: a route that knows no ids makes one record of each create. It makes a second one where
// the sender of the first was disturbed, or was told nothing.
func (j *relations) eachCreateIsOneRecord(by *route) {
	made := make(map[int64]*record)
	for _, r := range j.book.made {
		if r.route != by {
			continue
		}
		if one := made[r.version]; one != nil && one.Answer == sandbox.Told && j.undisturbed(one.process, one.At, one.At.Add(settled)) {
			j.fault("duplicate: %s by route %s is records %s and %s", j.byNumber[r.version], by.name, one.ID, r.ID)
		}
		made[r.version] = r
	}
}

// recordsAt are the records of a route that were there at a time, by row.
func (j *relations) recordsAt(by *route, at time.Time) map[string][]*record {
	records := make(map[string][]*record)
	for _, r := range j.book.made {
		if r.route == by && !r.At.After(at) && (r.deleted.IsZero() || r.deleted.After(at)) {
			records[r.row] = append(records[r.row], r)
		}
	}
	return records
}

// versionOf is the number of the event that a record was last written by.
func (j *relations) versionOf(r *record) (version int64) {
	for _, c := range j.book.calls {
		if c.ID == r.ID && c.applied() && c.version > 0 {
			version = c.version
		}
	}
	return version
}
