package preview

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

func (t *tables) summary() {
	s := &t.doc.Summary
	t.line(0, "Summary")
	t.line(2, t.source())
	writes, fates := 0, []string(nil)
	for _, typ := range []model.Type{model.Create, model.Update, model.Delete, model.Undecided} {
		if n := s.Writes[typ.String()]; n > 0 {
			writes += n
			fates = append(fates, fmt.Sprintf("%d %s", n, typ))
		}
	}
	sent := "nothing that is sent"
	if writes > 0 {
		sent = fmt.Sprintf("%s (%s) in %s", plural(writes, "write"), strings.Join(fates, ", "), plural(s.Requests, "request"))
	}
	t.line(2, fmt.Sprintf("They become %s; %d are dead-lettered, %d skipped and %d unchanged", sent, s.DeadLettered, s.Skipped, s.Unchanged))
	for _, why := range t.doc.Read.Incomplete {
		t.line(2, "Not all that there is: "+model.Harmless(why))
	}
	for _, p := range t.doc.Read.PassedOver {
		t.line(2, fmt.Sprintf("Passed over: %s of topic %s, which the configuration does not read", plural(p.Records, "record"), model.Harmless(p.Topic)))
	}
	t.topics()
	t.refusals()
	t.skips()
	t.fields()
}

// topics tells what was read of each topic: one that is empty is seen here alone.
func (t *tables) topics() {
	if len(t.doc.Read.Topics) == 0 {
		return
	}
	var rows [][]string
	for _, r := range t.doc.Read.Topics {
		partitions := "-"
		if r.Partitions > 0 {
			partitions = strconv.Itoa(r.Partitions)
		}
		rows = append(rows, []string{model.Harmless(r.Topic), partitions, strconv.Itoa(r.Records)})
	}
	t.WriteByte('\n')
	t.table(4, []string{"TOPIC", "PARTITIONS", "RECORDS"}, rows)
}

// source says what was read.
func (t *tables) source() string {
	r := &t.doc.Read
	of := fmt.Sprintf("%s of %s", plural(r.Records, "record"), plural(len(r.Topics), "topic"))
	switch {
	case r.File != "":
		return "Read " + of + " from " + model.Harmless(r.File)
	case r.From != nil:
		return "Read " + of + ", from " + r.From.UTC().Format(time.RFC3339) + " on"
	case len(r.Topics) == 0:
		return "Read nothing: no topic is there that the patterns of the routes match"
	}
	return "Read the last " + of
}

func (t *tables) refusals() {
	if len(t.doc.Summary.Refusals) == 0 {
		return
	}
	t.WriteByte('\n')
	t.line(2, "Would be dead-lettered")
	for _, r := range t.doc.Summary.Refusals {
		what := fmt.Sprintf("%d  %s", r.Count, r.Code)
		if r.Field != "" {
			what += ", field " + model.Harmless(r.Field)
		}
		if r.Route != "" {
			what += ", route " + model.Harmless(r.Route)
		}
		t.line(4, what)
		t.paragraph(7, 17, "first     "+place(r.Example.Topic, r.Example.Partition, r.Example.Offset))
		t.paragraph(7, 17, "found     "+model.Harmless(r.Example.Found))
		if r.Example.Expected != "" {
			t.paragraph(7, 17, "expected  "+model.Harmless(r.Example.Expected))
		}
	}
}

func (t *tables) skips() {
	if len(t.doc.Summary.Skips) == 0 {
		return
	}
	t.WriteByte('\n')
	t.line(2, "Would be skipped, by rule")
	for _, s := range t.doc.Summary.Skips {
		t.line(4, fmt.Sprintf("%d  %s, first %s", s.Count, model.Harmless(s.Rule), place(s.Example.Topic, s.Example.Partition, s.Example.Offset)))
	}
}

func (t *tables) fields() {
	t.lacking()
	for from := 0; from < len(t.doc.Summary.Fields); {
		route := t.doc.Summary.Fields[from].Route
		var rows [][]string
		for ; from < len(t.doc.Summary.Fields) && t.doc.Summary.Fields[from].Route == route; from++ {
			rows = append(rows, t.valuesOf(&t.doc.Summary.Fields[from]))
		}
		t.WriteByte('\n')
		t.line(2, "Values by field, route "+model.Harmless(route))
		t.table(4, []string{"FIELD", "FROM", "VALUES", "NULL", "EMPTY", "PLACEHOLDER", "EXAMPLES"}, rows)
	}
}

// lacking names the fields that rows do not bring: a misspelt column writes empty
// records into a CRM without an error anywhere.
func (t *tables) lacking() {
	var rows [][]string
	for _, f := range t.doc.Summary.Fields {
		if f.Absent == 0 {
			continue
		}
		never := ""
		if f.Values+f.Nulls+f.Empty == 0 {
			never = "no row has it: is it spelt as the source spells it?"
		}
		rows = append(rows, []string{t.bounded(model.Harmless(f.From)), model.Harmless(f.Route), model.Harmless(f.Field), strconv.FormatUint(f.Absent, 10), never})
	}
	if len(rows) == 0 {
		return
	}
	t.WriteByte('\n')
	t.line(2, "Columns that are mapped and absent: their fields are left out of the writes")
	t.table(4, []string{"COLUMN", "ROUTE", "FIELD", "ROWS", ""}, rows)
}

func (t *tables) valuesOf(f *Field) []string {
	var kinds, examples []string
	for _, kind := range []string{"text", "number", "boolean", "list", "object"} {
		if n := f.Kinds[kind]; n > 0 {
			kinds = append(kinds, fmt.Sprintf("%d %s", n, kind))
		}
	}
	for _, e := range f.Examples {
		examples = append(examples, compact(e))
	}
	return []string{model.Harmless(f.Field), t.bounded(model.Harmless(f.From)), cmp.Or(strings.Join(kinds, ", "), "none"),
		some(uint64(f.Nulls)), some(uint64(f.Empty)), some(f.Placeholder), strings.Join(examples, "  ")}
}

// some leaves out what there is none of, so that what there is stands out.
func some(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}
