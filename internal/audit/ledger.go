package audit

import "github.com/ampersink/ampersink/internal/model"

// Known is a row that the ledger says to be in the CRM.
type Known struct {
	RowKey
	ID string // empty: an answer did not say it, or was lost
}

// RowKey names a row as the ledger does.
type RowKey struct{ Topic, Row string }

// theLedgerEqualsTheCRM: each row that has a record is known as that, and no other is known. A record that
// is known of a row which is not there shows in the CRM only when another row gets its key. Excused
// are rows that are excused of the CRM, and those with a write that is in doubt; several rows of one
// name are not looked at.
func (j *judge) theLedgerEqualsTheCRM() {
	rows, excused := j.keys()
	records := make(map[string]map[string]bool)
	for _, r := range j.run.Records {
		if records[r.Key] == nil {
			records[r.Key] = make(map[string]bool)
		}
		records[r.Key][r.ID] = true
	}
	known := make(map[RowKey]bool)
	for _, k := range j.run.Ledger {
		known[k.RowKey] = true
		switch name := rows[k.RowKey]; {
		case excused[k.RowKey]:
		case name == "":
			j.fault("ledger: row %s of %s is not there and is known as record %s", k.Row, k.Topic, k.ID)
		case k.ID != "" && !records[name][k.ID]:
			j.fault("ledger: row %s of %s (%s) is known as record %s and has %v", k.Row, k.Topic, name, k.ID, records[name])
		}
	}
	for k, name := range rows {
		if len(records[name]) == 1 && !known[k] && !excused[k] {
			j.fault("ledger: row %s of %s (%s) is not known and has record %v", k.Row, k.Topic, name, records[name])
		}
	}
}

// keys returns the name of the row that has each source key in the end, and the keys that are excused.
func (j *judge) keys() (rows map[RowKey]string, excused map[RowKey]bool) {
	rows, excused = make(map[RowKey]string), make(map[RowKey]bool)
	doubted := make(map[string]bool) // by name
	had := make(map[string][]RowKey)
	for i := range j.run.Events {
		e := &j.run.Events[i]
		k := RowKey{e.Topic, e.Row}
		rows[k] = e.Key
		if e.Type == model.Delete {
			rows[k] = ""
		}
		had[e.Key] = append(had[e.Key], k)
		for _, l := range j.letters[e.Position] {
			doubted[e.Key] = doubted[e.Key] || l.Code == InDoubt || l.Code == unknownID
		}
		doubted[e.Key] = doubted[e.Key] || e.Twin
	}
	for name, keys := range had {
		if doubted[name] || j.appliedLate(name) {
			for _, k := range keys {
				excused[k] = true
			}
		}
	}
	return rows, excused
}
