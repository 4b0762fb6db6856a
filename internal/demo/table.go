package demo

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// line prints a line of the table: a name, numbers, and what they are.
func (w *world) line(name, numbers, note string) {
	w.say("%s", strings.TrimRight(fmt.Sprintf("%-32s %s  %s", name, numbers, note), " "))
}

// print prints what became of everything.
func (w *world) print(o *outcome) {
	w.say("")
	w.printFates(o)
	w.say("")
	w.printRequests()
	w.printCRM(o)
	w.line("time", fmt.Sprintf("%6.1f s", w.took.Seconds()), fmt.Sprintf("with %s for each answer of the API, and %s until a search shows what was written", latency, indexLag))
}

// printFates prints what became of the events, with a column for each process.
func (w *world) printFates(o *outcome) {
	line := func(name string, all, first, second any, note string) {
		w.line(name, fmt.Sprintf("%6v %12v %12v", all, first, second), note)
	}
	first, second := fatesOf(&o.first), fatesOf(&o.second)
	line("", "all", "1st process", "2nd process", "")
	note := ""
	if n := o.again(); n > 0 {
		note = fmt.Sprintf("%d in both: done and not committed at the kill", n)
	}
	line("events", o.produced(), o.first.Settled(), o.second.Settled(), note)
	for _, k := range []kind{written, skipped, dead} {
		line("  "+string(k), count(o.events, k), count(first, k), count(second, k), kindNotes[k])
		for _, f := range named(k, o.events, first, second) {
			line("    "+f.name, o.events[f], first[f], second[f], noteOf(f))
		}
	}
}

// number prints a line with one number.
func (w *world) number(name string, n int, format string, args ...any) {
	w.line(name, fmt.Sprintf("%6d", n), fmt.Sprintf(format, args...))
}

// printRequests prints what the CRM was asked, as it has counted it.
func (w *world) printRequests() {
	s := w.crm.Stats()
	requests := -s.Searches
	for _, n := range s.Requests {
		requests += n
	}
	w.number("requests", requests, "%d batches of %.1f records on average, of 100 at most; the deletes one by one",
		s.Batches, float64(s.Batched)/float64(max(1, s.Batches)))
	c, u, d := s.Applied["create"], s.Applied["update"], s.Applied["delete"]
	w.number("records written", c+u+d, "%d creates, %d updates, %d deletes", c, u, d)
	w.number("searches", s.Searches, "for rows that the ledger does not know")
	all, atKill := w.witness.doubts(w.killed.requests)
	w.number("creates in doubt", all.applied+all.not, "whose answer was lost, %d of them by the kill", atKill.applied+atKill.not)
	w.number("  written", all.applied, "found by search, once the CRM's index showed them")
	w.number("  not written", all.not, "sent again, once the index must have shown them")
}

// printCRM prints the CRM beside the source.
func (w *world) printCRM(o *outcome) {
	c := &o.comparison
	w.number("rows of the source", c.rows, "in %d tables, of %d tenants", len(tables), len(tenants))
	w.number("records of the CRM", c.records, "and %d of its own, which are as they were", c.own)
	w.number("  equal to their row", c.equal, "in each field, with the right company, in the right tenant's CRM")
	w.number("  rows behind the source", c.rows-c.equal, "whose last change was refused: %s", listed(c.behind))
	w.number("  missing", len(c.missing), "")
	w.number("  duplicates", len(c.duplicates), "with the CRM's own rules against them switched off")
	w.number("  different", len(c.different), "")
	w.number("  left over", len(c.left), "of rows that were deleted")
	w.number("rows in the ledger", len(o.ledger.ids), "with the ids of their records; %d creates announced and open", o.ledger.open)
}

// listed lists counts by name.
func listed(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(parts, ", ")
}

// verdict says that all of it agrees.
func (w *world) verdict(o *outcome) {
	c := &o.comparison
	w.say("")
	w.say("It adds up: %d events = %d written + %d skipped + %d dead-lettered, each as it must be.", o.produced(),
		count(o.events, written), count(o.events, skipped), count(o.events, dead))
	w.say("The CRM equals the source, record by record: %d rows, %d records, 0 missing, 0 duplicates, 0 different.", c.equal, c.equal)
	w.say("%d rows more are as the dead letters have left them: as their last change that the CRM took, or not there.", c.rows-c.equal)
}

var kindNotes = map[kind]string{
	skipped: "by a rule of the configuration",
	dead:    "in the topics *.dead, with the reason in their headers",
}

// noteOf says what an event was.
func noteOf(f fate) string {
	switch {
	case f.name == heartbeats:
		return "Debezium's heartbeat topic"
	case strings.HasSuffix(f.name, onTombstone):
		return "tombstones behind deletes"
	case isUnknownDelete(f):
		return "deletes of rows that have no record"
	}
	return letterNotes[f.name]
}

// letterNotes say what the demo's refused events are.
var letterNotes = map[string]string{
	badJSON:  "the producer was cut off in the middle",
	noKey:    "a row without its key",
	badEmail: "the CRM refuses the address",
	noName:   "the CRM wants a name",
	several:  "the CRM has the customer twice: a person has to say which it is",
}
