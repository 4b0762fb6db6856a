package sandbox

import (
	"cmp"
	"fmt"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

// apply writes what the CRM takes.
func (w *work) apply() {
	if w.repeats() {
		return
	}
	wholeBatch := w.fault != nil && w.fault.Do == DoWholeBatch || w.s.o.CRM == HubSpot && w.s.o.HubSpotBatchErrors == WholeBatch
	if !w.single() && (w.allOrNone() || wholeBatch) && w.try() {
		if wholeBatch || w.s.o.CRM == HubSpot {
			w.failWhole()
			return
		}
		w.rollBack()
		return
	}
	for i := range w.q.items {
		w.one(i)
	}
}

// repeats fails a batch of HubSpot's that names one record twice.
func (w *work) repeats() bool {
	if w.s.o.CRM != HubSpot || w.q.typ != model.Update || w.single() {
		return false
	}
	seen := make(map[string]bool, len(w.q.items))
	for i := range w.q.items {
		id := string(w.q.items[i].id)
		if seen[id] {
			w.whole = fmt.Sprintf("Duplicate IDs found in batch input: [%s]. IDs must be unique", id)
			return true
		}
		seen[id] = true
	}
	return false
}

// try looks which records would be refused, without writing any, and reports whether one would.
func (w *work) try() (some bool) {
	claimed := make(map[string]bool)
	for i := range w.q.items {
		it := &w.q.items[i]
		w.results[i].refused = w.s.refusal(w.st, w.k, w.q, it)
		if w.results[i].refused == nil && w.st.rules != nil {
			w.results[i].refused = w.twice(it, claimed)
		}
		some = some || w.results[i].refused != nil
	}
	return some
}

// twice: two records of one batch claim a unique value.
func (w *work) twice(it *item, claimed map[string]bool) *refusal {
	for _, f := range w.q.of(it) {
		rule := w.st.rules.rule(w.s.o.CRM, f.name)
		if rule == nil || !rule.unique || string(f.value) == "null" || string(f.value) == `""` {
			continue
		}
		key := rule.name + "\x00" + folded(string(f.value))
		if claimed[key] {
			return &refusal{code: "DUPLICATE_VALUE", category: "VALIDATION_ERROR", field: rule.name,
				message: "duplicate value found: " + rule.name + " is in this batch twice"}
		}
		claimed[key] = true
	}
	return nil
}

// failWhole fails the batch and names nobody.
func (w *work) failWhole() {
	for i := range w.results {
		if r := w.results[i].refused; r != nil && w.whole == "" {
			w.whole = cmp.Or(r.whole, r.message)
		}
		w.results[i] = result{}
	}
}

// rollBack marks the innocent of an allOrNone batch as Salesforce does.
func (w *work) rollBack() {
	for i := range w.results {
		if w.results[i].refused == nil {
			w.results[i].refused = rolledBack(w.s.o.SalesforceInnocents)
		}
	}
}

func rolledBack(how Innocents) *refusal {
	if how == Unprocessed {
		return &refusal{message: "record was not processed due to other records failures"}
	}
	return &refusal{code: "ALL_OR_NONE_OPERATION_ROLLED_BACK", message: "Record rolled back because not all records were valid and the request was using AllOrNone header"}
}

// collateral reports whether a refusal is another record's fault.
func (r *refusal) collateral() bool {
	return r.code == "ALL_OR_NONE_OPERATION_ROLLED_BACK" || r.code == "" && r.category == ""
}

// one writes one record.
func (w *work) one(i int) {
	it := &w.q.items[i]
	res := &w.results[i]
	if res.refused = w.s.refusal(w.st, w.k, w.q, it); res.refused == nil {
		res.refused = w.locked(it)
	}
	if res.refused != nil {
		return
	}
	res.applied = true
	id, _ := keyOf(w.s.o.CRM, it.id)
	key := string(id)
	switch w.q.typ {
	case model.Create:
		key = w.s.create(w.st, w.k, w.q, it)
		res.id = w.st.records[key].ID
	case model.Update:
		r := w.st.records[key]
		w.st.put(r, key, w.q, it)
		res.id = r.ID
	case model.Delete:
		res.id = fullID(w.s.o.CRM, string(it.id))
		w.st.remove(key)
	}
	w.st.changed(key, time.Now())
}

// lock refuses about half of the records with a row lock.
func (w *work) lock() {
	for i := range w.q.items {
		if w.s.o.Rand.IntN(2) == 0 {
			w.results[i].refused = rowLock()
			continue
		}
		w.one(i)
	}
}

func rowLock() *refusal {
	return &refusal{code: "UNABLE_TO_LOCK_ROW", category: "CONFLICT_LOCK", message: "unable to obtain exclusive access to this record"}
}

func (w *work) refuseAll(r *refusal) {
	for i := range w.results {
		w.results[i].refused = r
	}
}

// parent returns the key of the record above an item's, empty for none.
func (w *work) parent(it *item) string {
	if w.st.rules == nil || w.st.rules.parent == "" {
		return ""
	}
	for _, f := range w.q.of(it) {
		if sameField(w.s.o.CRM, string(f.name), w.st.rules.parent) {
			id, _ := text(f.value)
			if key, ok := keyOf(w.s.o.CRM, []byte(id)); ok {
				return w.k.integration + "\x00" + w.k.group + "\x00" + string(key)
			}
		}
	}
	return ""
}

// locked refuses a child whose parent another request is writing children of.
func (w *work) locked(it *item) *refusal {
	if p := w.parent(it); p != "" && w.s.busy[p] > 0 {
		return rowLock()
	}
	return nil
}

// unlock marks the parents of what was written as busy and returns what ends that.
func (w *work) unlock() func() {
	var parents []string
	for i := range w.q.items {
		if p := w.parent(&w.q.items[i]); p != "" && w.results[i].applied {
			parents = append(parents, p)
			w.s.busy[p]++
		}
	}
	if len(parents) == 0 {
		return nil
	}
	return func() {
		w.s.mu.Lock()
		defer w.s.mu.Unlock()
		for _, p := range parents {
			if w.s.busy[p]--; w.s.busy[p] == 0 {
				delete(w.s.busy, p)
			}
		}
	}
}
