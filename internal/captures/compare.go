package captures

import (
	"encoding/json"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// exception is a difference between what was written and the database that no
// sink can avoid.
type exception struct {
	capture     string // the end of its name
	row, column string // "table key", "table *"; no column: the row should not be there
	why         string
	// instead returns what is written, of what the database has.
	instead func(want string) string
}

func exceptions() []exception {
	as := func(text string) func(string) string { return func(string) string { return text } }
	var list []exception
	for capture := range Postgres() {
		for _, row := range []string{"audit_log changed", "leads_import 1", "leads_import 2", "leads_import 3"} {
			list = append(list, exception{capture, row, "", "a truncate is not obeyed", nil})
		}
		const keyless = "a keyless delete or update does not say which row it was"
		list = append(list, exception{capture, "audit_log no key", "", keyless, nil})
		if capture == "crm-pg-flat" || capture == "crm-pg-flat-schema" || capture == "crm-pg-avro-flat" {
			list = append(list, exception{capture, "audit_log before the snapshot", "", keyless, nil})
		}
		if capture != "crm-pg-envelope-schema" {
			list = append(list, exception{capture, "customers 5", "stage", "a NULL arrives as the column's default", as("lead")})
		}
		if capture != "crm-pg-connect-times" && capture != "crm-pg-isostring" {
			for _, row := range []string{"customers 11", "customers 14"} {
				list = append(list, exception{capture, row, "score", "a numeric that is not finite arrives as null when decimals are precise", as("NULL")})
			}
		}
	}
	cut := func(want string) string {
		return strings.TrimRight(regexp.MustCompile(`(\.\d{3})\d*`).ReplaceAllString(want, "$1"), "Z") + want[len(strings.TrimRight(want, "Z")):]
	}
	rounded := func(want string) string {
		exact, ok := new(big.Rat).SetString(want)
		if !ok {
			return want
		}
		f, _ := exact.Float64()
		return new(big.Rat).SetFrac(decimalOf(f)).RatString()
	}
	const milliseconds = "Connect's times have milliseconds"
	return append(list,
		exception{"crm-pg-connect-times", "customers *", "created_at", milliseconds, cut},
		exception{"crm-pg-connect-times", "companies *", "opens", milliseconds, cut},
		exception{"crm-pg-isostring", "customers *", "score", "a numeric as double is rounded", rounded},
		exception{"crm-pg-isostring", "companies 1", "opens", "isostring writes 24:00 as 00:00", as("00:00:00")})
}

// decimalOf is the shortest decimal that a float64 is written as.
func decimalOf(f float64) (numerator, denominator *big.Int) {
	r, _ := new(big.Rat).SetString(strconv.FormatFloat(f, 'g', -1, 64))
	return r.Num(), r.Denom()
}

// Rows are the rows of a table by source key (see Key), each a field to the JSON that was
// written last.
type Rows map[string]map[string]json.RawMessage

// Key returns the source key of what was sent of a row of a table: its values, with commas.
func Key(tb testing.TB, table string, fields map[string]json.RawMessage) string {
	tb.Helper()
	var parts []string
	for _, column := range Tables()[table] {
		raw := fields[sent+column]
		if raw == nil {
			tb.Fatalf("%s: %s of the key was not sent: %s", table, column, fields)
		}
		parts = append(parts, comparableValue(tb, columns()[table][column], raw))
	}
	return strings.Join(parts, ",")
}

// Compare fails for every difference between the tables and the final rows of the
// PostgreSQL database that is not on the list of exceptions for that capture, and for every
// exception that does not differ. Rows that are left out ("customers 5") may be anything.
func Compare(tb testing.TB, capture string, tables map[string]Rows, leftOut ...string) {
	tb.Helper()
	var database struct {
		Tables map[string][]map[string]*string
	}
	if err := json.Unmarshal(Unpacked(tb, "crm-pg.truth.json"), &database); err != nil {
		tb.Fatal(err)
	}
	c := &comparison{t: tb, capture: capture, exceptions: exceptions(), met: make(map[int]bool), leftOut: leftOut}
	for table, kinds := range columns() {
		c.table(table, kinds, tables[table], database.Tables[table])
	}
	c.finish()
}

// comparison compares tables with the database.
type comparison struct {
	t          testing.TB
	capture    string
	exceptions []exception
	met        map[int]bool
	leftOut    []string
	columns    int
}

func (c *comparison) table(name string, kinds map[string]string, got Rows, want []map[string]*string) {
	c.t.Helper()
	seen := make(map[string]bool)
	for _, row := range want {
		var parts []string
		for _, column := range Tables()[name] {
			parts = append(parts, *row[column])
		}
		k := strings.Join(parts, ",")
		seen[k] = true
		if c.isLeftOut(name, k) {
			continue
		}
		if got[k] == nil {
			c.t.Errorf("%s %s is missing", name, k)
			continue
		}
		for column, text := range row {
			kind, known := kinds[column]
			if !known {
				c.t.Fatalf("%s.%s is not compared", name, column)
			}
			expect := "NULL"
			if text != nil {
				expect = truth(c.t, kind, *text)
			}
			found := "NULL" // a column that was added later is not in earlier rows
			if raw := got[k][sent+column]; raw != nil {
				found = comparableValue(c.t, kind, raw)
			}
			c.columns++
			if found != expect && !c.excepted(name, k, column, expect, found) {
				c.t.Errorf("%s %s: %s is %.80s, want %.80s", name, k, column, found, expect)
			}
		}
	}
	for k := range got {
		if !seen[k] && !c.isLeftOut(name, k) && !c.excepted(name, k, "", "", "") {
			c.t.Errorf("%s %s is not in the database", name, k)
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
		if e.capture == c.capture && (e.row == table+" "+key || e.row == table+" *") && e.column == column && (e.instead == nil || e.instead(want) == found) {
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
		if e.capture == c.capture && !c.met[i] && !c.touchesLeftOut(e.row) {
			c.t.Errorf("%s %s is on the list of exceptions (%s), and does not differ", e.row, e.column, e.why)
		}
	}
	if c.columns < 250 && len(c.leftOut) == 0 {
		c.t.Errorf("only %d values were compared", c.columns)
	}
}
