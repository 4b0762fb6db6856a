package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink"
	"github.com/ampersink/ampersink/sink/ledger"
)

// maxShown bounds the rows that a command tells of one by one.
const maxShown = 20

func (a *app) ledgerStats() *cobra.Command {
	var f ledgerFlags
	c := &cobra.Command{
		Use:   "stats --config FILE",
		Short: "Say what the ledger holds",
		Long: "stats counts the rows of each identity space by what is known of them, and lists the creates that were\n" +
			"announced and of which it is not known what became of them. Where a member runs, some are simply under way.",
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withLedger(c.Context(), &f, sink.MissingRefused, func(t *sink.LedgerTool, keys *sink.RowKeys) error {
				a.showStats(t, keys)
				return nil
			})
		},
	}
	f.add(c, false)
	return c
}

// spaceCount counts the rows of an identity space.
type spaceCount struct {
	known, exists, doubt int
	groups               map[string]struct{}
}

func (a *app) showStats(t *sink.LedgerTool, keys *sink.RowKeys) {
	st := t.Stats()
	counts := make(map[model.Space]*spaceCount)
	of := func(s model.Space) *spaceCount {
		if counts[s] == nil {
			counts[s] = &spaceCount{groups: make(map[string]struct{})}
		}
		return counts[s]
	}
	rows := 0
	t.Each(func(r sink.LedgerRow) bool {
		n := of(r.Space)
		n.groups[r.Group] = struct{}{}
		switch rows++; r.State {
		case ledger.Known:
			n.known++
		case ledger.Exists:
			n.exists++
		case ledger.Doubt:
			n.doubt++
		}
		return true
	})
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(a.stdout, format+"\n", args...) }
	say("topic %s: %s, which take a member %.1f MiB of memory; %s", t.Topic(), counted(rows, "row"), float64(st.Bytes)/(1<<20), counted(st.Intents, "open create"))
	if st.Unread > 0 {
		say("  %s cannot be read: a later version may have written them", counted(st.Unread, "record"))
	}
	for _, s := range slices.SortedFunc(maps.Keys(counts), model.Space.Compare) {
		n := counts[s]
		routes := cmp.Or(strings.Join(keys.In(s), ", "), "no route of this configuration")
		say("  %s (%s): %d known, %d without an id, %d in doubt; %s",
			shown(s.String()), routes, n.known, n.exists, n.doubt, counted(len(n.groups), "group"))
	}
	for i, n := range t.Open() {
		if i == maxShown {
			say("  ... and %d more", st.Intents-i)
			break
		}
		say("  open: %s of %s, announced for %s", shown(n.Key), shown(n.Space.String()), place(n.Source.Topic, n.Source.Partition, n.Offset))
	}
}
