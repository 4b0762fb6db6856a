package offsets

import (
	"slices"
	"sort"

	"github.com/ampersink/ampersink/internal/model"
)

// Known is what a process knows to be done of a partition that no acknowledged commit
// says, kept from one of its assignments to the next: a coordinator that is gone for
// seconds takes the partitions away before their offsets can be committed, and the next
// one gives them back to the same process. What was done stays done, whoever had the
// partition in between. A nil Known knows nothing.
type Known struct {
	base int64 // the commit above which this was learned; -1: none
	upTo int64 // everything from base on and below this is done
	runs []run // above, in order
	// late are the writes whose answer came when no assignment knew them.
	late map[int64][]model.WriteName
}

// Over returns what holds for an assignment that begins at a committed offset (-1:
// none). A commit that went backwards was moved by a person, who wants those writes once
// more.
func (k *Known) Over(committed int64) *Known {
	if k == nil || committed < k.base {
		return nil
	}
	return k
}

// Late adds a write that was settled when no assignment knew it, over the last
// acknowledged commit.
func (k *Known) Late(committed, offset int64, name model.WriteName) *Known {
	if k == nil {
		k = &Known{base: committed, upTo: committed}
	}
	if k.late == nil {
		k.late = make(map[int64][]model.WriteName)
	}
	k.late[offset] = append(k.late[offset], name)
	return k
}

func (k *Known) has(offset int64, name model.WriteName) bool {
	return k != nil && (offset < k.upTo || slices.Contains(k.late[offset], name) || within(k.runs, offset, name))
}

// within looks a write up in runs, which are in order.
func within(runs []run, offset int64, name model.WriteName) bool {
	i := sort.Search(len(runs), func(i int) bool { return runs[i].last >= offset })
	return i < len(runs) && runs[i].first <= offset && runs[i].has(name)
}

// Knowing hands the tracker what the process knows from its earlier assignments.
func (t *Tracker) Knowing(k *Known) *Tracker {
	t.known = k
	return t
}

// Late notes a write that was settled before this assignment has read its record.
func (t *Tracker) Late(offset int64, name model.WriteName) {
	if offset >= t.next {
		t.known = t.known.Late(t.began, offset, name)
	}
}

// WasKnown reports whether an earlier assignment of this process finished the write and
// could not commit it: its completion is not durable yet.
func (t *Tracker) WasKnown(offset int64, name model.WriteName) bool { return t.known.has(offset, name) }

// Known returns what the process knows at the end of the assignment, of which committed
// and metadata were the last acknowledged commit; nil when that says it all.
func (t *Tracker) Known(committed int64, metadata string) *Known {
	c, ok := t.Commit()
	if !ok {
		return t.known // it ended before it began
	}
	k := &Known{base: committed, upTo: c.Offset, runs: t.polledRuns()}
	told := len(k.runs) // by the commit, if it is this one
	if t.known != nil {
		k.upTo = max(k.upTo, t.known.upTo)
		k.runs = appendFrom(k.runs, t.known.runs, t.next)
		for offset, names := range t.known.late {
			if offset >= t.next {
				for _, name := range names {
					k.Late(committed, offset, name)
				}
			}
		}
	}
	if c.Offset == committed && c.Metadata == metadata && k.upTo == committed && len(k.runs) == told && len(k.late) == 0 {
		return nil
	}
	return k
}

// appendFrom appends what of the runs is not below an offset.
func appendFrom(runs, more []run, from int64) []run {
	for _, r := range more {
		if r.last >= from {
			r.first = max(r.first, from)
			runs = append(runs, r)
		}
	}
	return runs
}
