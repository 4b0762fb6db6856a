package demo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/ampersink/ampersink/sink"
)

// outcome is what came out, counted at places that do not know of each other.
type outcome struct {
	produced int
	totals   sink.Totals
	applied  map[string]int // by the CRM, by type
	letters  map[string]int // in the dead-letter topics, by code
	wrong    []string       // rows that differ between source and CRM
	equal    int
}

// summary prints the table and returns an error when it does not add up.
func (w *world) summary(ctx context.Context) error {
	letters, err := w.letters(ctx)
	if err != nil {
		return err
	}
	o := outcome{produced: len(w.records), totals: w.sink.Status().Totals, applied: w.crm.Stats().Applied, letters: letters}
	o.equal, o.wrong = w.compare()
	w.print(&o)
	faults := o.faults()
	if n := w.crm.Stats().Violations; n > 0 {
		faults = append(faults, fmt.Sprintf("%d requests broke the contract of the API", n))
	}
	if len(faults) > 0 {
		for _, f := range faults {
			w.say("DOES NOT ADD UP: %s", f)
		}
		return errors.New("the demo's numbers do not add up")
	}
	w.say("")
	w.say("It adds up: %d events = %d written + %d skipped + %d dead-lettered, and the CRM and the dead-letter", o.produced,
		sum(o.totals.Written), sum(o.totals.Skipped), sum(o.totals.DeadLettered))
	w.say("topics hold exactly those. %d rows whose events were all sound are in the CRM as they are in the source.", o.equal)
	return nil
}

// faults compares the counts.
func (o *outcome) faults() (faults []string) {
	differ := func(what string, a, b int64) {
		if a != b {
			faults = append(faults, fmt.Sprintf("%s: %d and %d", what, a, b))
		}
	}
	written, skipped, dead := sum(o.totals.Written), sum(o.totals.Skipped), sum(o.totals.DeadLettered)
	differ("events produced, events with a fate", int64(o.produced), written+skipped+dead)
	differ("events produced, records read", int64(o.produced), o.totals.Records)
	for typ, n := range o.totals.Written {
		differ("written as the sink says, applied as the CRM says: "+typ, n, int64(o.applied[typ]))
	}
	for code, n := range o.totals.DeadLettered {
		differ("dead-lettered as the sink says, letters in the topics: "+code, n, int64(o.letters[code]))
	}
	differ("letters in the topics", int64(sumInt(o.letters)), dead)
	return append(faults, o.wrong...)
}

func (w *world) print(o *outcome) {
	t := tabwriter.NewWriter(w.o.Out, 0, 0, 2, ' ', 0)
	line := func(name string, n int64, note string) { _, _ = fmt.Fprintf(t, "%s\t%8d\t%s\n", name, n, note) }
	w.say("")
	line("events", int64(o.produced), "in Kafka")
	line("  written", sum(o.totals.Written), "")
	for _, k := range slices.Sorted(maps.Keys(o.totals.Written)) {
		line("    "+k, o.totals.Written[k], "")
	}
	line("  skipped", sum(o.totals.Skipped), "by a rule of the configuration")
	for _, k := range slices.Sorted(maps.Keys(o.totals.Skipped)) {
		line("    "+k, o.totals.Skipped[k], skipNote(k))
	}
	line("  dead-lettered", sum(o.totals.DeadLettered), "in the topics *.dead, with the reason in their headers")
	for _, k := range slices.Sorted(maps.Keys(o.totals.DeadLettered)) {
		line("    "+k, o.totals.DeadLettered[k], letterNotes[k])
	}
	line("requests", o.totals.Requests, w.fill100(o))
	_ = t.Flush()
	w.say("time            %8.1f s  with %s for each answer of the API", w.took.Seconds(), latency)
}

func (w *world) fill100(o *outcome) string {
	if o.totals.BatchCount == 0 {
		return ""
	}
	return fmt.Sprintf("%d batches of %.1f records on average, of 100 at most; the deletes one by one",
		o.totals.BatchCount, float64(o.totals.Batched)/float64(o.totals.BatchCount))
}

func skipNote(rule string) string {
	if rule == "skip.heartbeats" {
		return "Debezium's heartbeat topic"
	}
	return "tombstones behind deletes"
}

// letterNotes say what the demo's refused events are.
var letterNotes = map[string]string{
	"bad_json":         "the producer was cut off in the middle",
	"no_key":           "a row without its key",
	"no_id":            "an update of a row that was never in the CRM",
	"INVALID_EMAIL":    "the CRM refuses the address",
	"VALIDATION_ERROR": "the CRM wants a name",
}

func sum(m map[string]int64) (n int64) {
	for _, v := range m {
		n += v
	}
	return n
}

func sumInt(m map[string]int) (n int) {
	for _, v := range m {
		n += v
	}
	return n
}
