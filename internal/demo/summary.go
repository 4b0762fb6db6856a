package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ampersink/ampersink/sink"
)

// outcome is what came out, looked up at places that do not know of each other.
type outcome struct {
	// events are what was produced, by what must become of them; letters are those of them that
	// must be dead-lettered, with their codes.
	events  map[fate]int
	letters map[position]string
	// first and second are what the processes say, committed what Kafka had between them.
	first, second sink.Totals
	committed     int64
	// letting are the dead letters that the first process was writing when it was killed.
	letting int
	// uncommitted are the events that are not committed at the end.
	uncommitted int64
	// codes are the dead letters that are there; twice, how many of them are there once more.
	codes      map[position]string
	twice      int
	comparison comparison
	ledger     remembered
	violations int
}

// summary prints the table and returns an error when it does not add up.
func (w *world) summary(ctx context.Context) error {
	o, err := w.outcome(ctx)
	if err != nil {
		return err
	}
	w.print(o)
	faults := o.faults()
	for _, f := range faults {
		w.say("DOES NOT ADD UP: %s", f)
	}
	if len(faults) > 0 {
		return errors.New("what came out of the demo does not add up")
	}
	w.verdict(o)
	return nil
}

func (w *world) outcome(ctx context.Context) (o *outcome, err error) {
	o = &outcome{
		events: make(map[fate]int), letters: make(map[position]string),
		first: w.killed.totals, letting: w.killed.letters, second: w.second.sink.Status().Totals, committed: w.committed,
		comparison: compare(w.stream.entries, w.all(), w.own), violations: w.crm.Stats().Violations,
	}
	for i, f := range w.stream.fates {
		o.events[f]++
		if f.kind == dead {
			o.letters[positionOf(&w.stream.records[i])] = f.name
		}
	}
	if o.codes, o.twice, err = w.letters(ctx); err != nil {
		return nil, err
	}
	if o.ledger, err = w.remembered(ctx); err != nil {
		return nil, err
	}
	if !w.o.Keep { // a process that goes on commits within a second
		committed, err := w.commits(ctx)
		if err != nil {
			return nil, err
		}
		o.uncommitted = o.produced() - committed
	}
	return o, nil
}

// produced is how many events there are.
func (o *outcome) produced() (n int64) {
	for _, v := range o.events {
		n += int64(v)
	}
	return n
}

// again is how many events have a fate of the first process that was not committed when it was
// killed: the second one gave them theirs once more.
func (o *outcome) again() int64 { return o.first.Settled() + o.second.Settled() - o.produced() }

// faults says what does not agree.
func (o *outcome) faults() (faults []string) {
	differ := func(what string, a, b int64) {
		if a != b {
			faults = append(faults, fmt.Sprintf("%s: %d and %d", what, a, b))
		}
	}
	differ("events above the commits at the kill, records that the second process read", o.produced()-o.committed, o.second.Records)
	differ("records that the second process read, those with a fate", o.second.Records, o.second.Settled()+o.second.Restored)
	differ("events that are not committed at the end, none", o.uncommitted, 0)
	differ("requests that break the contract of the API, none", int64(o.violations), 0)
	if n := o.again(); n < 0 {
		faults = append(faults, fmt.Sprintf("%d events have no fate", -n))
	}
	c := &o.comparison
	return slices.Concat(
		faults, some("fates", o.fateFaults()), some("dead letters", o.letterFaults()),
		some("missing in the CRM", c.missing), some("a duplicate in the CRM", c.duplicates),
		some("different in the CRM", c.different), some("left over in the CRM", c.left), some("the ledger", o.ledgerFaults()),
	)
}

// fateFaults compares what both processes together say with what must have become of the
// events. They may say more than that: what was not committed at the kill was done twice.
func (o *outcome) fateFaults() (faults []string) {
	said := fatesOf(&o.first)
	for f, n := range fatesOf(&o.second) {
		said[f] += n
	}
	// A delete that the killed process had done finds nothing to delete the second time.
	done := 0
	for f, n := range said {
		if isUnknownDelete(f) {
			done += max(0, n-o.events[f])
		}
	}
	for f, want := range o.events {
		have := said[f]
		if f.kind == written {
			have += done
		}
		if have < want {
			faults = append(faults, fmt.Sprintf("%d events must be %s and %d are", want, f, have))
		}
	}
	for f, n := range said {
		if n > 0 && o.events[f] == 0 && !isUnknownDelete(f) {
			faults = append(faults, fmt.Sprintf("%d events are %s and none must be", n, f))
		}
	}
	return faults
}

func isUnknownDelete(f fate) bool {
	return f.kind == skipped && strings.HasSuffix(f.name, onUnknownDelete)
}

// fatesOf is what a process says of events.
func fatesOf(t *sink.Totals) map[fate]int {
	fates := map[fate]int{{written, ""}: int(t.Unchanged)}
	for _, n := range t.Written {
		fates[fate{written, ""}] += int(n)
	}
	for rule, n := range t.Skipped {
		fates[fate{skipped, rule}] += int(n)
	}
	for code, n := range t.DeadLettered {
		fates[fate{dead, code}] += int(n)
	}
	return fates
}

// letterFaults compares the dead letters with the events that must have one.
func (o *outcome) letterFaults() (faults []string) {
	for at, code := range o.letters {
		if o.codes[at] != code {
			faults = append(faults, fmt.Sprintf("%s must have one for %s and has %q", at, code, o.codes[at]))
		}
	}
	for at, code := range o.codes {
		if o.letters[at] == "" {
			faults = append(faults, fmt.Sprintf("%s has one for %s and must have none", at, code))
		}
	}
	if most := int(o.again()) + o.letting; o.twice > most {
		faults = append(faults, fmt.Sprintf("%d are there twice, and the kill explains %d", o.twice, most))
	}
	return faults
}

// ledgerFaults compares what the ledger knows with the CRM.
func (o *outcome) ledgerFaults() (faults []string) {
	for name, id := range o.comparison.ids {
		if o.ledger.ids[name] != id {
			faults = append(faults, fmt.Sprintf("%s is record %s, and it knows %q", name, id, o.ledger.ids[name]))
		}
	}
	for name, id := range o.ledger.ids {
		if o.comparison.ids[name] == "" {
			faults = append(faults, fmt.Sprintf("%s is not in the CRM, and it knows %s", name, id))
		}
	}
	if o.ledger.open > 0 {
		faults = append(faults, fmt.Sprintf("%d announced creates are open", o.ledger.open))
	}
	return faults
}

// some says the first of many things that are wrong.
func some(what string, wrong []string) (faults []string) {
	const most = 5
	slices.Sort(wrong)
	for _, text := range wrong[:min(most, len(wrong))] {
		faults = append(faults, what+": "+text)
	}
	if more := len(wrong) - most; more > 0 {
		faults = append(faults, fmt.Sprintf("%s: %d more", what, more))
	}
	return faults
}

func (f fate) String() string {
	if f.name == "" {
		return string(f.kind)
	}
	return string(f.kind) + " (" + f.name + ")"
}

func byName(a, b fate) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name)) }

// named are the fates of some kind with a name, in order.
func named(k kind, all ...map[fate]int) []fate {
	names := make(map[fate]struct{})
	for _, fates := range all {
		for f := range fates {
			if f.kind == k && f.name != "" {
				names[f] = struct{}{}
			}
		}
	}
	return slices.SortedFunc(maps.Keys(names), byName)
}

// count counts the fates of a kind.
func count(fates map[fate]int, k kind) (n int) {
	for f, v := range fates {
		if f.kind == k {
			n += v
		}
	}
	return n
}
