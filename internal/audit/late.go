package audit

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/model"
)

// lateEvent makes an event of a source without CRM ids: whatever is sent for it, the CRM
// must end with one record for each row that is there, as its last event that the CRM takes says.
func (s *Stream) lateEvent(version int64) *kgo.Record {
	email := fmt.Sprintf("u%d@example.com", version)
	switch p := s.random.IntN(100); {
	case len(s.alive) == 0, p < 30:
		return s.record(version, s.born(version), "c", email, model.Create, Written)
	case p < 34: // the CRM refuses it, and the row is there all the same
		return s.record(version, s.born(version), "c", BadEmail, model.Create, Refused)
	case p < 38:
		return s.record(version, s.one(), "u", BadEmail, model.Update, Refused)
	case p < 50:
		of := s.one()
		s.alive = slices.DeleteFunc(s.alive, func(k string) bool { return k == of.key })
		s.dead = append(s.dead, of.key)
		return s.record(version, of, "d", "", model.Delete, Written)
	default:
		return s.record(version, s.one(), "u", email, model.Update, Written)
	}
}

// born is a new row, or one that was deleted and is there again.
func (s *Stream) born(version int64) row {
	key := fmt.Sprintf("r%d", version)
	if len(s.dead) > 0 && s.random.IntN(4) == 0 {
		i := s.random.IntN(len(s.dead))
		key = s.dead[i]
		s.dead = slices.Delete(s.dead, i, i+1)
	}
	s.alive = append(s.alive, key)
	return row{key, "", s.o.Partitions}
}

// one is a row that is there: mostly one of those that came lately, so that creates have
// updates behind them.
func (s *Stream) one() row {
	back := min(s.random.IntN(len(s.alive)), s.random.IntN(len(s.alive)), s.random.IntN(len(s.alive)))
	return row{s.alive[len(s.alive)-1-back], "", s.o.Partitions}
}

// DeleteOf returns the number of the first event that deletes a row after a version of it, 0
// for none: a delete itself carries no version.
func (s *Stream) DeleteOf(key string, version int64) int64 {
	for i := range s.events {
		if e := &s.events[i]; e.Key == key && e.Type == model.Delete && e.Number > version {
			return e.Number
		}
	}
	return 0
}

// Record is a record that is in the CRM at the end.
type Record struct {
	ID      string
	Key     string // of the row that it was made of
	Version int64
}

// theCRMEqualsTheSource: one record for each row that is there, as its last event that the
// CRM takes says, and none for others. Excused, by key: rows with a write in the dead letters that is
// in doubt, and those that the API changed after it was given up.
func (j *judge) theCRMEqualsTheSource() {
	want, excused := j.rows()
	have := make(map[string][]Record)
	for _, r := range j.run.Records {
		have[r.Key] = append(have[r.Key], r)
	}
	for key, records := range have {
		late := j.appliedLate(key)
		switch {
		case len(records) > 1 && late:
			j.report.LateDuplicates++
		case len(records) > 1:
			j.fault("duplicate: row %s is %d records: %+v", key, len(records), records)
		case excused[key] || late:
		case want[key] == 0:
			j.fault("diverged: row %s is not there and is record %+v", key, records[0])
		case records[0].Version != want[key]:
			j.fault("diverged: row %s is at version %d and its record at %d", key, want[key], records[0].Version)
		}
	}
	for key, version := range want {
		if version > 0 && len(have[key]) == 0 && !excused[key] && !j.appliedLate(key) {
			j.fault("diverged: row %s is at version %d and has no record", key, version)
		}
	}
}

// rows returns the version at which each row should be in the CRM, 0 for none, and the rows
// that are excused.
func (j *judge) rows() (want map[string]int64, excused map[string]bool) {
	want, excused = make(map[string]int64), make(map[string]bool)
	for i := range j.run.Events {
		e := &j.run.Events[i]
		switch {
		case e.Type == model.Delete:
			want[e.Key] = 0
		case e.Want == Written:
			want[e.Key] = e.Number
		}
		if e.Want == Written && len(j.letters[e.Position]) > 0 {
			excused[e.Key] = true
		}
	}
	return want, excused
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
		return true
	}
	for i := range j.run.Calls {
		if c := &j.run.Calls[i]; c.Answer == Lost && j.events[c.Number] != nil && j.events[c.Number].Key == e.Key {
			return true
		}
	}
	return false
}

// unknownID is the code of a write of a record that is there, nobody knows under which id.
const unknownID = "id_unknown"
