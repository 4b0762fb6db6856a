package ampersand

import (
	"fmt"
	"net/http"

	"github.com/ampersink/ampersink/internal/model"
)

// read judges a 200 or a 422: the contract's two shapes, and what is made of
// them when they lie.
func (j *judgement) read() {
	n, a := len(j.r.Writes), &j.a.reply
	counted := a.succeeded != notSaid && a.failed != notSaid
	ok := 0
	for i := range a.entries {
		if a.entries[i].ok {
			ok++
		}
	}
	switch bad := len(a.entries) - ok; {
	case len(a.entries) == n && j.agree(ok, bad):
		j.apportion(j.inOrder(a.entries))
	case len(a.entries) == n, !counted && len(a.entries) > 0, counted && !j.cover(ok, bad):
		j.lost(CodeCountsDisagree, fmt.Sprintf(
			"the answer has %d entries, %d of them written, and counts %s written and %s failed of %d",
			len(a.entries), ok, countText(a.succeeded), countText(a.failed), n))
	case !counted:
		j.bare()
	case a.succeeded == n:
		j.allWritten()
	case a.failed == n:
		j.apportion(j.byID(a.entries))
	default:
		j.mixed()
	}
}

// agree reports whether the counts, as far as the answer has them, are those of
// its complete entries.
func (j *judgement) agree(ok, bad int) bool {
	a := &j.a.reply
	return (a.succeeded == notSaid || a.succeeded == ok) && (a.failed == notSaid || a.failed == bad)
}

// cover reports whether the counts add up to the batch and leave room for the
// entries that came.
func (j *judgement) cover(ok, bad int) bool {
	a := &j.a.reply
	return a.succeeded+a.failed == len(j.r.Writes) && ok <= a.succeeded && bad <= a.failed
}

func countText(n int) string {
	if n == notSaid {
		return "none"
	}
	return fmt.Sprint(n)
}

// bare judges an answer without entries and counts. A 422 with a reason is the
// contract's failure of a single record; for a batch it says only that not
// everything was written.
func (j *judgement) bare() {
	why := &j.a.reply.why
	if j.a.status != http.StatusUnprocessableEntity || !why.explained() {
		j.lost(CodeUnknownAnswer, j.a.says("the answer says nothing of the writes"))
		return
	}
	if len(j.r.Writes) == 1 {
		j.out.Outcomes[0] = j.alone(why)
		return
	}
	j.out.Code, j.out.Message = CodeUnmatched, j.a.says("")
	j.all(j.uncertain(CodeUnmatched, j.out.Message, model.Halved))
}

// allWritten judges an answer that counts every write as written. The entries
// that came may name ids.
func (j *judgement) allWritten() {
	for i, e := range j.byID(j.a.reply.entries) {
		j.out.Outcomes[i] = accepted(&e)
	}
}

// mixed judges an answer that counts some of each and has not an entry for all.
// A create's success without its entry is real, but whose it is nobody knows.
func (j *judgement) mixed() {
	if j.r.Type == model.Create {
		j.lost(CodeUnmatched, fmt.Sprintf("%d of %d creates were written, and the answer does not say which",
			j.a.reply.succeeded, len(j.r.Writes)))
		return
	}
	j.apportion(j.byID(j.a.reply.entries))
}

// inOrder returns complete entries in the order of the batch: by position, as
// the contract says, unless they carry ids that prove another order. An id that
// is none of the batch's proves nothing (a CRM that merged two records answers
// with the surviving one).
func (j *judgement) inOrder(entries []entry) []entry {
	if j.r.Type == model.Create {
		return entries
	}
	for i := range entries {
		id := entries[i].id
		if id == "" || sameID(id, j.r.Writes[i].ID) {
			continue
		}
		if j.find(id) >= 0 {
			return j.byID(entries)
		}
	}
	return entries
}

// byID returns an entry per write: the one that carries its id, or an unknown
// one. An id that comes twice says nothing, and creates have none to go by.
func (j *judgement) byID(entries []entry) []entry {
	found := make([]entry, len(j.r.Writes))
	if j.r.Type == model.Create {
		return found
	}
	for _, e := range entries {
		i := j.find(e.id)
		switch {
		case i < 0:
		case found[i].known:
			found[i] = entry{known: true, id: e.id}
		default:
			found[i] = e
		}
	}
	return found
}

// find returns the index of the write with that id, or -1. Batches whose answer
// must be searched are rare and small.
func (j *judgement) find(id string) int {
	for i, w := range j.r.Writes {
		if sameID(id, w.ID) {
			return i
		}
	}
	return -1
}

// The two lengths of a Salesforce id: the long form is the short one and a
// checksum, and answers use either.
const (
	shortID = 15
	longID  = 18
)

// sameID reports whether two ids name one record.
func sameID(a, b string) bool {
	if a == b {
		return a != ""
	}
	if len(a) > len(b) {
		a, b = b, a
	}
	return len(a) == shortID && len(b) == longID && b[:shortID] == a
}
