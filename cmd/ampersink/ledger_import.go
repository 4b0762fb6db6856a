package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/idfile"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink"
	"github.com/ampersink/ampersink/sink/ledger"
)

type importFlags struct {
	ledgerFlags
	overwrite, textKeys, dryRun bool
}

func (a *app) ledgerImport() *cobra.Command {
	var f importFlags
	c := &cobra.Command{
		Use:   "import --config FILE [--route ROUTE] FILE",
		Short: "Tell the ledger the CRM ids that you have",
		Long: "import takes what export wrote, JSON lines, or CSV with a header. FILE - is standard input.\n\n" +
			"  {\"key\": {\"id\": 7}, \"id\": \"501\", \"group\": \"acme-inc\"}     key: as the records of the topic have it\n\n" +
			"  id,crm_id,group                                        the fields of the route's key, or one column\n" +
			"  7,501,acme-inc                                         \"key\" where it names none; other columns are ignored\n\n" +
			"group may be missing where the route names it. In CSV, a field of a key that is written as a whole number is\n" +
			"one; --text-keys makes all of them texts. A file with one wrong line is refused as a whole. Rows that are known\n" +
			"with another id stay as they are, unless --overwrite is said. The topic is made when it is missing. Members\n" +
			"that run meanwhile see the ids at once. It takes about 100 bytes of memory a row.",
		Example: "  ampersink ledger import --config config.yaml --route customers --dry-run ids.csv\n" +
			"  ampersink ledger export --config old.yaml | ampersink ledger import --config new.yaml -",
		Args: oneArg("FILE"),
		RunE: func(c *cobra.Command, args []string) error { return a.runImport(c.Context(), &f, args[0]) },
	}
	f.add(c, true)
	c.Flags().BoolVar(&f.overwrite, "overwrite", false, "replace what is known with another id or group")
	c.Flags().BoolVar(&f.textKeys, "text-keys", false, "keys of a CSV file that are digits are texts, not numbers")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "say what would become of the rows, and write nothing")
	return c
}

func (a *app) runImport(ctx context.Context, f *importFlags, path string) error {
	l, err := a.ofLedger(&f.ledgerFlags)
	if err != nil {
		return err
	}
	// The whole file is read before the topic is made: an empty ledger is not to be the
	// outcome of a wrong one.
	rows, err := a.readRows(path, l, f)
	if cause, ok := errors.AsType[*fs.PathError](err); ok {
		err = cause.Err // which says the path too
	}
	if err != nil {
		return configError{fmt.Errorf("%s: %w; nothing was imported", path, err)}
	}
	if rows.set.Len() == 0 {
		_, _ = fmt.Fprintf(a.stdout, "%s holds no rows: there is nothing to import\n", path)
		return nil
	}
	missing := sink.MissingMade
	if f.dryRun {
		missing = sink.MissingEmpty
	}
	t, err := a.open(ctx, l, missing)
	if err != nil {
		return err
	}
	defer t.Close()
	if err := unread(t); err != nil {
		return err
	}
	return a.importRows(ctx, t, rows, f, path)
}

func (a *app) importRows(ctx context.Context, t *sink.LedgerTool, rows *fileRows, f *importFlags, path string) error {
	p := progress{out: a.stderr}
	var kept []keptRow
	done, err := t.Import(ctx, rows.set, sink.ImportOptions{
		Overwrite: f.overwrite, DryRun: f.dryRun,
		Kept: func(r *sink.SaidRow, known *ledger.Answer) {
			text := fmt.Sprintf("line %d: %s is %s; the file says %s", r.Line, shown(r.Key), record(&known.Row), record(&r.Row))
			kept = firstKept(append(kept, keptRow{r.Line, text}))
		},
		Progress: func(n int) {
			p.tell(func() string { return fmt.Sprintf("importing: %d of %d rows", n, rows.set.Len()) })
		},
	})
	a.showImported(t, rows, &done, f, path)
	for _, k := range kept {
		_, _ = fmt.Fprintln(a.stdout, " ", k.text)
	}
	if n := done.Kept - len(kept); n > 0 {
		_, _ = fmt.Fprintf(a.stdout, "  ... and %d more\n", n)
	}
	if err == nil && done.Kept > 0 {
		return fmt.Errorf("%s known with another id or group, and kept: correct the file, or say --overwrite", counted(done.Kept, "row"))
	}
	return err
}

// keptRow is a row that stays as it is known, and what is said of it.
type keptRow struct {
	line int
	text string
}

// firstKept returns the first of them in the order of the file, which they do not come in.
func firstKept(kept []keptRow) []keptRow {
	slices.SortFunc(kept, func(a, b keptRow) int { return cmp.Compare(a.line, b.line) })
	return kept[:min(len(kept), maxShown)]
}

// showImported says what became of the rows of a file.
func (a *app) showImported(t *sink.LedgerTool, rows *fileRows, done *sink.Imported, f *importFlags, path string) {
	head := "%s of %s into %s: "
	if f.dryRun {
		head = "%s of %s would go into %s: "
	}
	parts := []string{fmt.Sprintf("%d added", done.Added)}
	for _, p := range []struct {
		n    int
		what string
	}{
		{done.Resolved, "in doubt or without an id before"}, {done.Replaced, "replaced"}, {done.Same, "known before"}, {done.Kept, "kept as known"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	_, _ = fmt.Fprintf(a.stdout, head+"%s\n", counted(rows.set.Len(), "row"), path, t.Topic(), strings.Join(parts, ", "))
	if rows.repeated > 0 {
		_, _ = fmt.Fprintf(a.stdout, "  %s said the same again\n", counted(rows.repeated, "line"))
	}
	if f.dryRun && !t.There() {
		_, _ = fmt.Fprintf(a.stdout, "  the topic is not there; import makes it\n")
	}
	if f.dryRun {
		r := rows.first
		_, _ = fmt.Fprintf(a.stdout, "  the first: row %s of %s is %s\n", shown(r.Key), shown(r.Space.String()), record(&r.Row))
	}
	for _, s := range rows.unrouted {
		_, _ = fmt.Fprintf(a.stdout, "  no route of this configuration has rows in %s: nobody will look there\n", shown(s.String()))
	}
}

// record says which record a row is.
func record(r *ledger.Row) string {
	switch {
	case r.State != ledger.Known:
		return r.State.String()
	case r.Group == "":
		return "record " + shown(r.ID)
	}
	return fmt.Sprintf("record %s of %s", shown(r.ID), shown(r.Group))
}

// fileRows are the rows of a file.
type fileRows struct {
	set      *sink.RowSet
	first    *sink.SaidRow
	repeated int           // lines that say what an earlier one said
	unrouted []model.Space // in which no route has rows
	spaces   map[model.Space]struct{}
}

func (a *app) readRows(path string, l ofLedger, f *importFlags) (*fileRows, error) {
	in := io.NopCloser(a.stdin)
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		in = file
	}
	defer in.Close()
	rows := &fileRows{set: sink.NewRowSet(), spaces: make(map[model.Space]struct{})}
	keys := idfile.Options{TextKeys: f.textKeys}
	route, err := f.chosen(l)
	switch {
	case err == nil:
		keys.KeyFields = route.Key
	case f.route != "":
		return nil, err
	default:
		keys.Unrouted = err // the lines of an export need none
	}
	err = idfile.Read(in, keys, func(r idfile.Row) (err error) {
		row := &sink.SaidRow{Line: r.Line}
		if r.Exported != nil {
			row.LedgerRow = ofExport(r.Exported)
		} else if row.LedgerRow, err = ofRoute(&r, l.keys, route, f.topic); err != nil {
			return err
		}
		return rows.add(row, l.keys)
	})
	return rows, err
}

// states are those that a file tells of.
var states = map[string]ledger.State{
	idfile.StateKnown: ledger.Known, idfile.StateExists: ledger.Exists, idfile.StateDoubt: ledger.Doubt,
}

func ofExport(e *idfile.Exported) sink.LedgerRow {
	return sink.LedgerRow{
		RowKey: ledger.RowKey{Space: model.Space{Integration: e.Integration, Object: e.Object, Name: e.Space}, Key: e.Key},
		Row: ledger.Row{
			State: states[e.State], Group: e.Group, ID: e.ID,
			Source: model.TopicPartition{Topic: e.Topic, Partition: e.Partition}, Offset: e.Offset,
		},
	}
}

// ofRoute makes the row of a route of a line that somebody wrote.
func ofRoute(r *idfile.Row, keys *sink.RowKeys, route *config.Route, topic string) (row sink.LedgerRow, err error) {
	if row.RowKey, err = keys.Of(route.Name, topic, r.Key); err != nil {
		return row, err
	}
	row.State, row.ID, row.Group = ledger.Known, r.ID, r.Group
	switch of := route.To.Group; {
	case row.Group == "" && of.Value == "":
		return row, fmt.Errorf("group: missing, and route %s takes it from its rows: say it in the file", route.Name)
	case row.Group == "":
		row.Group = of.Value
	case of.Value != "" && of.Value != row.Group:
		return row, fmt.Errorf("group: found %q; expected %q, which is that of all rows of route %s", row.Group, of.Value, route.Name)
	}
	return row, nil
}

// add takes a row in, unless an earlier line said the same of it.
func (x *fileRows) add(row *sink.SaidRow, keys *sink.RowKeys) error {
	if _, seen := x.spaces[row.Space]; !seen {
		x.spaces[row.Space] = struct{}{}
		if len(keys.In(row.Space)) == 0 {
			x.unrouted = append(x.unrouted, row.Space)
			slices.SortFunc(x.unrouted, model.Space.Compare)
		}
	}
	before := x.set.Add(row)
	switch {
	case before == nil && x.first == nil:
		x.first = row
	case before == nil:
	case before.State != row.State, before.ID != row.ID, before.Group != row.Group:
		return fmt.Errorf("row %s is %s here and %s in line %d; expected one record", shown(row.Key), record(&row.Row), record(&before.Row), before.Line)
	default:
		x.repeated++
	}
	return nil
}
