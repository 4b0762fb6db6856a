package main

import (
	"bufio"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ampersink/ampersink/internal/idfile"
	"github.com/ampersink/ampersink/sink"
	"github.com/ampersink/ampersink/sink/ledger"
)

func (a *app) ledgerExport() *cobra.Command {
	var f ledgerFlags
	var asCSV bool
	c := &cobra.Command{
		Use:   "export --config FILE [--csv]",
		Short: "Write every row to standard output, as JSON lines that import takes back",
		Long: "export writes the rows in the order of their identity spaces and keys, so that two exports can be compared.\n" +
			"A row whose create was announced, and of which nothing more is known, is written as one in doubt.",
		Example: "  ampersink ledger export --config config.yaml > ledger.jsonl\n" +
			"  ampersink ledger export --config old.yaml | ampersink ledger import --config new.yaml -",
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withLedger(c.Context(), &f, sink.MissingRefused, func(t *sink.LedgerTool, _ *sink.RowKeys) error {
				return a.export(t, asCSV)
			})
		},
	}
	f.add(c, false)
	c.Flags().BoolVar(&asCSV, "csv", false, "CSV for people and other programs, which import does not take back")
	return c
}

func (a *app) export(t *sink.LedgerTool, asCSV bool) error {
	out := bufio.NewWriter(a.stdout)
	w := idfile.NewWriter(out, asCSV)
	p := progress{out: a.stderr}
	var err error
	rows, unknown := 0, 0
	t.Export(func(r sink.LedgerRow) bool {
		err = w.Write(&idfile.Exported{
			Integration: r.Space.Integration, Object: r.Space.Object, Space: r.Space.Name, Key: r.Key, State: r.State.String(),
			Group: r.Group, ID: r.ID, Topic: r.Source.Topic, Partition: r.Source.Partition, Offset: r.Offset,
		})
		if rows++; r.State != ledger.Known {
			unknown++
		}
		p.tell(func() string { return fmt.Sprintf("%d rows are written", rows) })
		return err == nil
	})
	if err = errors.Join(err, w.Flush(), out.Flush()); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(a.stderr, "%s of %s, %d without an id\n", counted(rows, "row"), t.Topic(), unknown)
	return unread(t)
}

// unread is an error where the ledger holds what this version cannot read.
func unread(t *sink.LedgerTool) error {
	if n := t.Stats().Unread; n > 0 {
		return fmt.Errorf("%s of %s cannot be read (a later version may have written them): this is not all that the ledger knows", counted(n, "record"), t.Topic())
	}
	return nil
}
