package ledger

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ampersink/ampersink/internal/model"
)

func TestRowsAreToldInTheOrderOfTheirSpacesAndKeys(t *testing.T) {
	t.Parallel()
	l := New(Options{Log: newMemoryLog(1), Changed: func() {}, Logger: zerolog.Nop()})
	// Spaces in another order than that of their names: they are numbered as they come.
	spaces := []model.Space{{Integration: "salesforce", Object: "Account", Name: "a"}, {Integration: "hubspot", Object: "contact", Name: "z"}, {Integration: "hubspot", Object: "company", Name: "b"}}
	var want []string
	for i, n := range rand.Perm(900) {
		e := Entry{RowKey: RowKey{spaces[i%3], fmt.Sprintf(`{"id":%d}`, n)}, Row: Row{State: Known, ID: fmt.Sprint(n), Epoch: 1}}
		l.Put([]Entry{e}, func(End) {})
		want = append(want, e.Space.String()+e.Key+e.ID)
	}
	gone := Entry{RowKey: RowKey{spaces[0], "gone"}, Row: Row{State: absent, Epoch: 1}}
	l.Put([]Entry{gone}, func(End) {})
	slices.Sort(want)
	var got []string
	l.Sorted(func(k RowKey, r *Row) bool {
		got = append(got, k.Space.String()+k.Key+r.ID)
		return true
	})
	if !slices.Equal(got, want) {
		t.Errorf("%d rows begin with %q, expected %d that begin with %q", len(got), got[:3], len(want), want[:3])
	}
	n := 0
	l.Sorted(func(RowKey, *Row) bool { n++; return n < 7 })
	if n != 7 {
		t.Errorf("it went on to %d rows after the 7th", n)
	}
}
