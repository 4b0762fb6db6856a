package audit

import (
	"slices"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

// Record is a record that is in the CRM at the end.
type Record struct {
	ID      string
	Key     string // of the row that it was made of
	Group   string
	Version int64
	By      string // the process whose create made it
}

// theCRMEqualsTheSource: one record for each row that is there, in its group, as its last event
// that the CRM takes says, and none for others. Excused, by key: rows whose last write is in the dead letters
// as in doubt, and those that the API changed after it was given up.
func (j *judge) theCRMEqualsTheSource() {
	want, excused, twins := j.rows()
	have := make(map[string][]Record)
	for _, r := range j.run.Records {
		have[r.Key] = append(have[r.Key], r)
	}
	for key, records := range have {
		late := j.appliedLate(key)
		switch {
		case len(records) > 1 && late:
			j.report.LateDuplicates++
		case len(records) > 1 && twins[key] && madeByEach(records):
			j.report.SplitTwins++
		case len(records) > 1:
			j.fault("duplicate: row %s is %d records: %+v", key, len(records), records)
		case excused[key] || late:
		case want[key] == 0:
			j.fault("diverged: row %s is not there and is record %+v", key, records[0])
		case records[0].Version != want[key]:
			j.fault("diverged: row %s is at version %d and its record at %d", key, want[key], records[0].Version)
		case records[0].Group != j.events[want[key]].Group:
			j.fault("diverged: row %s is in group %s and its record in %s", key, j.events[want[key]].Group, records[0].Group)
		}
	}
	for key, version := range want {
		if version > 0 && len(have[key]) == 0 && !excused[key] && !j.appliedLate(key) {
			j.fault("diverged: row %s is at version %d and has no record", key, version)
		}
	}
}

// madeByEach reports whether no process made two of the records.
func madeByEach(records []Record) bool {
	by := make(map[string]bool)
	for i := range records {
		by[records[i].By] = true
	}
	return len(by) == len(records)
}

// rows returns the version at which each row should be in the CRM, 0 for none, the rows
// that are excused, and the names that several rows have.
func (j *judge) rows() (want map[string]int64, excused, twins map[string]bool) {
	want, excused, twins = make(map[string]int64), make(map[string]bool), make(map[string]bool)
	for i := range j.run.Events {
		e := &j.run.Events[i]
		twins[e.Key] = twins[e.Key] || e.Twin
		switch {
		case e.Want == Skipped:
		case e.Type == model.Delete:
			want[e.Key] = 0
		case e.Want == Written:
			want[e.Key] = e.Number
		}
		if e.Want == Written {
			// What comes behind it and is no dead letter was decided with the record known.
			excused[e.Key] = len(j.letters[e.Position]) > 0
		}
	}
	return want, excused, twins
}

func (j *judge) appliedLate(key string) bool {
	for i := range j.run.Calls {
		if c := &j.run.Calls[i]; c.Late && j.events[c.Number] != nil && j.events[c.Number].Key == key {
			return true
		}
	}
	return false
}

// parkedRightly: a write of a row whose create is in doubt, where nothing can be searched by.
func (j *judge) parkedRightly(l *Letter, e *Event) bool {
	if j.run.Match || l.Code != InDoubt && l.Code != unknownID {
		return false
	}
	if len(j.run.Disturbances) > 0 {
		return !j.surelyKnown(e)
	}
	for i := range j.run.Calls {
		if c := &j.run.Calls[i]; c.Answer == Lost && j.events[c.Number] != nil && j.events[c.Number].Key == e.Key {
			return true
		}
	}
	return false
}

// parkedDelete: a delete, which brings nothing to search by, of a row whose create was refused, and with
// that the write was over that could be searched for. Another process, which died or stood still, had
// announced the create too, and may have made the record.
func (j *judge) parkedDelete(of *Event) bool {
	if of.Type != model.Delete {
		return false
	}
	var create *Event
	for i := range j.run.Events {
		if e := &j.run.Events[i]; e.Row == of.Row && e.Number < of.Number && e.Type != model.Delete {
			create = e
		}
	}
	if create == nil {
		return false
	}
	denied := ""
	for _, c := range j.calls[create.Number] {
		if c.Answer == Denied {
			denied = c.Process
		}
	}
	return denied != "" && slices.ContainsFunc(j.run.Disturbances, func(d Disturbance) bool { return d.Process != denied })
}

// surelyKnown reports whether the record of a row was known when an event of it came: an earlier
// write of it was accepted, its sender was not disturbed before it had time to write that down, and
// nothing since has ended the record, moved it or lost an answer.
func (j *judge) surelyKnown(of *Event) (known bool) {
	for i := range j.run.Events {
		e := &j.run.Events[i]
		switch {
		case e.Key != of.Key || e.Number >= of.Number:
			continue
		case e.Type == model.Delete || e.Group != of.Group:
			known = false
			continue
		}
		for _, c := range j.calls[e.Number] {
			switch {
			case c.Late || c.Answer == Lost:
				known = false
			case c.Answer == Accepted:
				known = known || !j.disturbed(c.Process, c.At, c.At.Add(writingDown))
			}
		}
	}
	return known
}

// writingDown is how long what an answer says may take to be acknowledged, where nothing is disturbed.
const writingDown = time.Minute

// unknownID is the code of a write of a record that is there, nobody knows under which id.
const unknownID = "id_unknown"
