package config

import (
	"strings"
	"testing"
)

// Whatever the file says: it is refused or it reads back as what it was printed as,
// and nothing panics.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		base,
		related,
		strings.Replace(base, "group: crm-sync", "group: crm sync", 1),
		strings.Replace(base, "{field: crm_id}", "&a [ledger, {match: {a: b.c}}, *a]", 1),
		strings.Replace(related, "    fields:\n      email", "    associations: &l [{to: &t {id: {id_of: {route: companies, key: {id: a}}}}, x: *t}, {to: {id: *l}}]\n    fields:\n      email", 1),
		strings.Replace(related, "{id_of: {route: companies, key: company_id}}", "{id_of: , key: !x }", 1),
		"routes: [{id: {match: }, fields: {a: {id_of: {key: {}}}}, associations: [{to: {id: {id_of: }}}]}]",
		"routes: &r [{search: {index_lag: 1}, on_delete: {a: {id_of: {}}}}, *r]\nledger: {topic: '{group}{group'}\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseText(text)
		if err != nil {
			_ = err.Error()
			return
		}
		printed := c.Redacted()
		again, err := parseText(strings.ReplaceAll(printed, "[secret]", "literal-key"))
		if err != nil {
			t.Fatalf("%v\n%s", err, printed)
		}
		if twice := again.Redacted(); twice != printed {
			t.Errorf("printed as\n%s\nreads back as\n%s", printed, twice)
		}
	})
}
