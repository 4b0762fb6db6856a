//go:build synctests

package sim_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ampersink/ampersink/internal/audit"
	"github.com/ampersink/ampersink/internal/sandbox"
	"github.com/ampersink/ampersink/sink/deadletter"
)

// What is counted, to be sure that it happens.
const (
	seenLinked  = "children written with a parent"
	seenKnown   = "of these, with one that all members knew for sure"
	seenWaited  = "came before their parent and waited for it"
	seenOmitted = "written without a parent, as it was missing"
	seenRefused = "guilty in the dead letters"
	seenMissing = "dead-lettered as a parent was missing"
	seenDoubt   = "dead-lettered as in doubt"
	seenStray   = "refused by the CRM, as the parent was gone"
	seenBoth    = "written and dead-lettered, one behind the other"
	seenParked  = "deletes parked"
	seenSkipped = "skipped by one route"
	seenCopies  = "events with different fates by their two routes"
	seenAgain   = "sent again after a disturbance"
	seenEvents  = "events"
	seenCalls   = "writes that the CRM saw"
	seenLulls   = "times at which all was settled"
)

// tallied is how often each thing was seen.
type tallied map[string]int

func (s tallied) String() string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(s)) {
		lines = append(lines, fmt.Sprintf("%7d %s", s[name], name))
	}
	return strings.Join(lines, "\n")
}

// relations judges a family.
type relations struct {
	*family
	byNumber map[int64]*change
	byRow    map[string][]*change // by table and key
	calls    map[string][]*call   // by route and event
	letters  map[audit.Position][]*deadletter.Letter

	faults []string
	seen   tallied
}

func newRelations(f *family) *relations {
	j := &relations{
		family: f, byNumber: make(map[int64]*change), byRow: make(map[string][]*change), calls: make(map[string][]*call),
		letters: make(map[audit.Position][]*deadletter.Letter), seen: make(tallied),
	}
	for _, c := range f.changes {
		j.byNumber[c.number] = c
		j.byRow[c.table+" "+c.key] = append(j.byRow[c.table+" "+c.key], c)
	}
	for _, c := range f.book.calls {
		if c.version > 0 {
			k := fateOf(c.route, c.version)
			j.calls[k] = append(j.calls[k], c)
		}
	}
	f.disturbCommits()
	j.seen[seenEvents], j.seen[seenCalls], j.seen[seenLulls] = len(f.changes), len(f.book.calls), len(f.lulls)
	return j
}

// fateOf names what a route makes of an event.
func fateOf(by *route, number int64) string { return fmt.Sprint(by.name, " ", number) }

func (j *relations) fault(format string, args ...any) {
	j.faults = append(j.faults, fmt.Sprintf(format, args...))
}

func (j *relations) check() {
	for _, c := range j.changes {
		var fates []string
		for _, by := range j.routes {
			if by.table == c.table {
				fates = append(fates, j.oneFate(by, c))
			}
		}
		if len(fates) > 1 && fates[0] != fates[1] {
			j.seen[seenCopies]++
		}
	}
	j.lettersNameTheirRoutes()
	j.lettersHoldOnlyTheGuilty()
	j.noRowGoesBackwards()
	j.whatIsDoneIsNotSentAgain()
	j.eachRowIsOneRecord()
	j.everyChildHasItsParent()
	j.noChildOvertakesItsParent()
	j.theEndIsLinked()
}

// skips reports whether a rule of the route skips the event.
func (by *route) skips(c *change) bool {
	return by.hides && c.hidden && c.op != "d" || by.way == "none" && c.op != "c"
}

// lettersOf are the letters of an event that name the route.
func (j *relations) lettersOf(by *route, c *change) (letters []*deadletter.Letter) {
	for _, l := range j.letters[c.Position] {
		if l.Route == by.name {
			letters = append(letters, l)
		}
	}
	return letters
}

// unexplained is the code of a refusal that came without one.
const unexplained = "rejected"

// doubts reports whether a letter leaves open whether the CRM has the write.
func doubts(l *deadletter.Letter) bool {
	return l.Reason.Code == "in_doubt" || l.Reason.Code == "id_unknown"
}

// oneFate: each route of a topic writes the event, or a rule of it skips it, or there is a dead letter of
// that route; and not two of these. Of a delete there may have been nothing to delete; what is left of the row is
// looked at in the end.
func (j *relations) oneFate(by *route, c *change) (fate string) {
	applied := slices.ContainsFunc(j.calls[fateOf(by, c.number)], (*call).applied)
	letters := j.lettersOf(by, c)
	switch {
	case by.skips(c):
		j.seen[seenSkipped]++
		if applied || len(letters) > 0 {
			j.fault("not skipped: %s by route %s", c, by.name)
		}
		return "skipped"
	case len(letters) > 1 && len(j.disturbed) == 0:
		j.fault("dead-lettered %d times: %s by route %s", len(letters), c, by.name)
	case c.op == "d" && len(letters) == 0:
		return "deleted"
	case !applied && len(letters) == 0:
		j.fault("lost: %s has no fate by route %s", c, by.name)
	case applied && len(letters) > 0 && j.decidedAgain(by, c, letters[0]):
		j.seen[seenBoth]++
	case applied && len(letters) > 0 && !doubts(letters[0]):
		j.fault("two fates: %s by route %s was applied and is dead-lettered with %s", c, by.name, letters[0].Reason.Code)
	case applied && c.refused[by.email]:
		j.fault("applied although it is guilty: %s by route %s", c, by.name)
	}
	if len(letters) > 0 {
		return letters[0].Reason.Code
	}
	return "written"
}

// decidedAgain reports whether an event may have got both fates, one behind the other: whoever gave it the first was
// disturbed before that was committed, and for the next member the parent had come meanwhile, or gone; the answer to
// a create was lost, and its parent gone when it was found; or a search that lags named a record that was gone, and
// the answer did not say so.
func (j *relations) decidedAgain(by *route, c *change, l *deadletter.Letter) bool {
	switch {
	case l.Reason.Code == unexplained:
		return j.refusedUnsaid(by, c)
	case l.Reason.Code != "missing_parent" && !stray(l):
		return false
	}
	return j.shaken(l.Last) || slices.ContainsFunc(j.calls[fateOf(by, c.number)], func(x *call) bool {
		return x.applied() && (x.Answer == sandbox.Lost || !j.undisturbed(x.process, x.At, x.At.Add(settled)))
	})
}

// shaken reports whether anybody was disturbed at a time, or before what happened then was settled.
func (j *relations) shaken(at time.Time) bool {
	return slices.ContainsFunc(j.disturbed, func(d audit.Disturbance) bool {
		if d.To.Sub(d.From) >= settling {
			d.To = d.From // it crashed
		}
		return !d.From.After(at.Add(settled)) && !d.To.Before(at)
	})
}

// stray reports whether the CRM has refused a child as its parent was gone.
func stray(l *deadletter.Letter) bool {
	return strings.HasPrefix(l.Reason.Message, "there is no record ")
}

// lettersNameTheirRoutes: each letter is about an event that was produced, and by a route that its topic feeds.
func (j *relations) lettersNameTheirRoutes() {
	about := make(map[audit.Position]*change)
	for _, c := range j.changes {
		about[c.Position] = c
	}
	for at, letters := range j.letters {
		for _, l := range letters {
			if by, c := j.routeOf(l.Route), about[at]; by == nil || c == nil || by.table != c.table {
				j.fault("a dead letter of no event and route: %v of route %q", at, l.Route)
			}
		}
	}
}

// lettersHoldOnlyTheGuilty: what the CRM refuses for what it holds; what is in doubt, where it could not be
// searched for; and what is told of parents.
func (j *relations) lettersHoldOnlyTheGuilty() {
	for _, by := range j.routes {
		for _, c := range j.changes {
			if c.table != by.table {
				continue
			}
			for _, l := range j.lettersOf(by, c) {
				j.innocent(by, c, l)
			}
		}
	}
}

func (j *relations) innocent(by *route, c *change, l *deadletter.Letter) {
	switch code := l.Reason.Code; {
	case c.refused[by.email] && (code == "INVALID_EMAIL" || code == unexplained), code == unexplained && j.refusedUnsaid(by, c):
		j.seen[seenRefused]++
	case code == "missing_parent":
		j.seen[seenMissing]++
		j.parentIsMissing(by, c, l)
	case stray(l):
		j.seen[seenStray]++
		if j.allKnown(by, c, l.Last) {
			j.fault("innocent: %s by route %s is dead-lettered with %s, and its parents are there", c, by.name, code)
		}
	case doubts(l) && by.way == "match" && j.parkedDelete(by, c):
		j.seen[seenParked]++
	case doubts(l) && by.way == "match":
		j.fault("parked although it can be searched for: %s by route %s is dead-lettered with %s", c, by.name, code)
	case doubts(l):
		j.seen[seenDoubt]++
		if len(j.disturbed) == 0 && !j.lostBefore(by, c) {
			j.fault("innocent: %s by route %s is dead-lettered with %s, and no answer was lost", c, by.name, code)
		}
	default:
		j.fault("innocent: %s by route %s is dead-lettered with %s: %s", c, by.name, code, l.Reason.Message)
	}
}

// parkedDelete reports whether an event is a delete, which brings nothing to search by, of a row whose event before it, which
// did, is over. Either that was refused by the CRM, and another process, which was disturbed, had announced a create
// of the row and may have made the record; or it was dead-lettered for its parent when the answer to a create of the
// row was lost.
func (j *relations) parkedDelete(by *route, of *change) bool {
	var before *change
	for _, c := range j.byRow[of.table+" "+of.key] {
		if c.number < of.number && c.op != "d" && !by.skips(c) {
			before = c
		}
	}
	if of.op != "d" || before == nil {
		return false
	}
	for _, l := range j.lettersOf(by, before) {
		if l.Reason.Code == "missing_parent" && (len(j.disturbed) > 0 || j.lostBefore(by, before)) {
			return true
		}
	}
	for _, x := range j.calls[fateOf(by, before.number)] {
		if x.Kind == sandbox.Refused && slices.ContainsFunc(j.disturbed, func(d audit.Disturbance) bool { return d.Process != x.process }) {
			return true
		}
	}
	return false
}

// refusedUnsaid reports whether the CRM has refused a write, and the answer did not say why: its record was gone, which
// is else found out, and not the row's own fault.
func (j *relations) refusedUnsaid(by *route, c *change) bool {
	return slices.ContainsFunc(j.calls[fateOf(by, c.number)], func(x *call) bool {
		return x.Kind == sandbox.Refused && x.Answer == sandbox.Lost
	})
}

// lostBefore reports whether the answer to a create of the row was lost.
func (j *relations) lostBefore(by *route, c *change) bool {
	return slices.ContainsFunc(j.book.calls, func(x *call) bool {
		return x.route == by && x.row == c.key && x.Type == "create" && x.Answer == sandbox.Lost
	})
}
