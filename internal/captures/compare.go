package captures

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/config"
)

// exception is a difference between what was written and the database that no
// sink can avoid.
type exception struct {
	row, column string // "table key", "table *"; no column: the row should not be there
	why         string
	// instead returns what is written, of what the database has.
	instead func(want string) string
}

// keyless is why flattened rows of a table without a key stay.
const keyless = "a keyless delete or update that is flattened does not say which row it was"

func as(text string) func(string) string { return func(string) string { return text } }

// Rows are the rows of a table by source key (see Key), each a field to the JSON that was
// written last.
type Rows map[string]map[string]json.RawMessage

// Compare fails for every difference between the tables and the final rows of the
// database that is not on the list of exceptions for that capture and that on_key_change, and for every
// exception that does not differ. Rows that are left out ("customers 5") may be anything.
func (v Variant) Compare(tb testing.TB, keys config.OnKeyChange, tables map[string]Rows, leftOut ...string) {
	tb.Helper()
	c := &comparison{t: tb, Variant: v, exceptions: v.exceptions(v, keys), met: make(map[int]bool), leftOut: leftOut}
	rows := v.rows(tb)
	for table := range v.columns {
		c.table(table, tables[table], rows[table])
	}
	c.finish()
}

// comparison compares tables with the database.
type comparison struct {
	Variant
	t          testing.TB
	exceptions []exception
	met        map[int]bool
	leftOut    []string
	compared   int
}

func (c *comparison) table(name string, got Rows, want []Row) {
	c.t.Helper()
	seen := make(map[string]bool)
	for _, row := range want {
		var parts []string
		for _, column := range c.keys[name] {
			parts = append(parts, plain(row[column]))
		}
		k := strings.Join(parts, ",")
		seen[k] = true
		switch {
		case c.isLeftOut(name, k):
		case got[k] == nil:
			c.t.Errorf("%s %s is missing", name, k)
		default:
			c.row(name, k, got[k], row)
		}
	}
	for k := range got {
		if !seen[k] && !c.isLeftOut(name, k) && !c.excepted(name, k, "", "", "") {
			c.t.Errorf("%s %s is not in the database", name, k)
		}
	}
}

func (c *comparison) row(table, key string, got map[string]json.RawMessage, want Row) {
	c.t.Helper()
	for column, expect := range want {
		kind, known := c.columns[table][column]
		if !known {
			c.t.Fatalf("%s.%s is not compared", table, column)
		}
		found := null // a column that was added later is not in earlier rows
		if raw := got[sent+column]; raw != nil {
			found = c.value(c.t, kind, raw)
		}
		c.compared++
		if found != expect && !c.excepted(table, key, column, expect, found) {
			c.t.Errorf("%s %s: %s is %.80s, want %.80s", table, key, column, found, expect)
		}
	}
	for field := range got {
		if _, known := want[strings.TrimPrefix(field, sent)]; !known {
			c.t.Errorf("%s %s: %s is no column", table, key, field)
		}
	}
}

func (c *comparison) isLeftOut(table, key string) bool {
	return slices.Contains(c.leftOut, table+" "+key)
}

// touchesLeftOut reports whether an exception is about a row that is not compared: nobody
// knows whether it differs.
func (c *comparison) touchesLeftOut(row string) bool {
	table, every := strings.CutSuffix(row, "*")
	return slices.ContainsFunc(c.leftOut, func(l string) bool { return l == row || every && strings.HasPrefix(l, table) })
}

func (c *comparison) excepted(table, key, column, want, found string) bool {
	for i, e := range c.exceptions {
		if (e.row == table+" "+key || e.row == table+" *") && e.column == column && (e.instead == nil || e.instead(want) == found) {
			c.met[i] = true
			return true
		}
	}
	return false
}

// finish fails for exceptions that are none.
func (c *comparison) finish() {
	c.t.Helper()
	for i, e := range c.exceptions {
		if !c.met[i] && !c.touchesLeftOut(e.row) {
			c.t.Errorf("%s %s is on the list of exceptions (%s), and does not differ", e.row, e.column, e.why)
		}
	}
	if c.compared < c.least && len(c.leftOut) == 0 {
		c.t.Errorf("only %d values were compared", c.compared)
	}
}
