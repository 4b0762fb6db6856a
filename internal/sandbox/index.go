package sandbox

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// index is what searches see of an object: its records as they were a lag ago.
//
// A CRM fills it behind its writes, while its rules of uniqueness ask the records
// themselves: for as long as the lag a record can be found by nobody and still
// refuse its double.
type index struct {
	crm CRM
	lag time.Duration
	// shown are the records that searches see, by key. They do not change: an update
	// shows another one.
	shown map[string]*Record
	later []change // what searches will see, the oldest first
	// values leads from field and text to keys, for the fields that were searched for:
	// a CRM of many records is asked once for each of them.
	values map[string]map[string]map[string]bool
}

// change is a record as a write left it; nil: deleted.
type change struct {
	due    time.Time
	key    string
	record *Record
}

func newIndex(crm CRM, lag time.Duration) *index {
	return &index{crm: crm, lag: lag, shown: make(map[string]*Record), values: make(map[string]map[string]map[string]bool)}
}

// note takes down what a write made of a record.
func (x *index) note(key string, r *Record, now time.Time) {
	x.later = append(x.later, change{due: now.Add(x.lag), key: key, record: r})
	x.catchUp(now)
}

// catchUp shows what is due.
func (x *index) catchUp(now time.Time) {
	n := 0
	for ; n < len(x.later) && !x.later[n].due.After(now); n++ {
		x.show(x.later[n].key, x.later[n].record)
	}
	clear(x.later[:n])
	x.later = x.later[n:]
}

// show replaces what searches see of a record.
func (x *index) show(key string, r *Record) {
	for field, keys := range x.values {
		if old := x.shown[key]; old != nil {
			delete(keys[x.text(old, field)], key)
		}
		if r != nil {
			enter(keys, x.text(r, field), key)
		}
	}
	if r == nil {
		delete(x.shown, key)
		return
	}
	x.shown[key] = r
}

func enter(keys map[string]map[string]bool, text, key string) {
	if keys[text] == nil {
		keys[text] = make(map[string]bool)
	}
	keys[text][key] = true
}

// find returns the records that have the text of each filter in its field, by id.
func (x *index) find(filters []field, now time.Time) []*Record {
	x.catchUp(now)
	found := []*Record{}
	for key := range x.having(filters[0]) {
		r := x.shown[key]
		if !slices.ContainsFunc(filters[1:], func(f field) bool { return x.text(r, string(f.name)) != searched(f.value) }) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b *Record) int { return cmp.Or(cmp.Compare(len(a.ID), len(b.ID)), cmp.Compare(a.ID, b.ID)) })
	return found
}

// having returns the keys of the records with the text of one filter.
func (x *index) having(f field) map[string]bool {
	name := string(f.name)
	if x.values[name] == nil {
		keys := make(map[string]map[string]bool)
		for key, r := range x.shown {
			enter(keys, x.text(r, name), key)
		}
		x.values[name] = keys
	}
	return x.values[name][searched(f.value)]
}

// text is what searches compare of a field. Neither CRM tells upper from lower case
// there, and what is empty, null or not there is the same to them.
func (x *index) text(r *Record, name string) string {
	value, ok := r.Fields[name]
	if !ok && x.crm == Salesforce {
		for _, other := range slices.Sorted(maps.Keys(r.Fields)) {
			if strings.EqualFold(other, name) {
				value = r.Fields[other]
				break
			}
		}
	}
	if string(value) == "null" {
		return ""
	}
	return searched(value)
}

func searched(value json.RawMessage) string {
	t, _ := text(value)
	return folded(t)
}

// indexed returns the index of an object, which is made when it is first needed: a
// sandbox that nobody searches pays for none.
func (st *store) indexed() *index {
	if st.index == nil {
		st.index = newIndex(st.crm, 0)
		for key, r := range st.records {
			st.index.show(key, r.copy())
		}
	}
	return st.index
}

// changed tells the index what became of a record.
func (st *store) changed(key string, now time.Time) {
	if st.index == nil {
		return
	}
	if r := st.records[key]; r != nil {
		st.index.note(key, r.copy(), now)
		return
	}
	st.index.note(key, nil, now)
}

// seen returns the version of a record that searches see; 0: none.
func (st *store) seen(key string, now time.Time) int {
	if st.index == nil {
		return st.records[key].Version
	}
	st.index.catchUp(now)
	if r := st.index.shown[key]; r != nil {
		return r.Version
	}
	return 0
}

// copy returns a record that later updates of it do not change.
func (r *Record) copy() *Record {
	c := *r
	c.Fields = maps.Clone(r.Fields)
	return &c
}
