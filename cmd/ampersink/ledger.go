package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/idfile"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink"
	"github.com/ampersink/ampersink/sink/ledger"
)

// ledgerFlags are what the commands of the ledger share.
type ledgerFlags struct{ config, route, topic string }

func (a *app) ledger() *cobra.Command {
	c := &cobra.Command{
		Use:   "ledger get|export|import|stats|create",
		Short: "Look into the ledger: which CRM record each source row is",
		Long: "ledger reads the topic that remembers which CRM record each source row is. Only import and create\n" +
			"write to it; members that run meanwhile see what they write.",
		Example: "  ampersink ledger get --config config.yaml --route customers '{\"id\":7}'\n" +
			"  ampersink ledger export --config config.yaml > ledger.jsonl\n" +
			"  ampersink ledger import --config config.yaml --route customers ids.csv\n" +
			"  ampersink ledger stats --config config.yaml",
		Args: aCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.ledgerGet(), a.ledgerExport(), a.ledgerImport(), a.ledgerStats(), a.ledgerCreate())
	return c
}

// withLedger reads the ledger and hands it over.
func (a *app) withLedger(ctx context.Context, f *ledgerFlags, create bool, do func(*sink.LedgerTool, *config.Config) error) error {
	cfg, err := a.load(f.config)
	if err != nil {
		return err
	}
	t, err := sink.OpenLedgerTool(ctx, sink.LedgerToolOptions{
		Options: sink.Options{Config: cfg, Log: newLog(cfg.Log, a.stderr).Level(zerolog.WarnLevel)}, Create: create,
	})
	if err != nil {
		return err
	}
	defer t.Close()
	return do(t, cfg)
}

func (f *ledgerFlags) add(c *cobra.Command, ofRow bool) {
	c.Flags().StringVar(&f.config, "config", "", "the configuration `FILE` (required)")
	if ofRow {
		c.Flags().StringVar(&f.route, "route", "", "the `ROUTE` that the row is of; needed where there are several")
		c.Flags().StringVar(&f.topic, "topic", "", "the `TOPIC` that the row is in; needed where the route takes several and names no identity_space")
	}
}

// the returns the only route, unless one is named.
func (f *ledgerFlags) the(cfg *config.Config) (*config.Route, error) {
	var names []string
	for i := range cfg.Routes {
		r := &cfg.Routes[i]
		if f.route == r.Name || f.route == "" && len(cfg.Routes) == 1 {
			return r, nil
		}
		names = append(names, r.Name)
	}
	if f.route == "" {
		return nil, configError{fmt.Errorf("of which route? Say --route, one of %s", strings.Join(names, ", "))}
	}
	return nil, configError{fmt.Errorf("there is no route %q; there are %s", f.route, strings.Join(names, ", "))}
}

func (a *app) ledgerGet() *cobra.Command {
	var f ledgerFlags
	c := &cobra.Command{
		Use:   "get --config FILE [--route ROUTE] KEY",
		Short: "Say which CRM record a row is",
		Long: "get takes the key as the records of the topic have it: {\"id\":7}, or 7 where that is the whole key.\n" +
			"It exits with 1 when nothing is known of the row.",
		Args: oneArg("KEY"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withLedger(c.Context(), &f, false, func(t *sink.LedgerTool, cfg *config.Config) error {
				route, err := f.the(cfg)
				if err != nil {
					return err
				}
				key, err := t.Key(route.Name, f.topic, []byte(args[0]))
				if err != nil {
					return configError{err}
				}
				return a.showRow(key, t.Get(key))
			})
		},
	}
	f.add(c, true)
	return c
}

func (a *app) showRow(key ledger.RowKey, known ledger.Answer) error {
	_, _ = fmt.Fprintf(a.stdout, "row:    %s of %s\nstate:  %s\n", key.Key, key.Space, known.State)
	if known.State == ledger.Known {
		_, _ = fmt.Fprintf(a.stdout, "id:     %s\n", known.ID)
	}
	if known.Group != "" {
		_, _ = fmt.Fprintf(a.stdout, "group:  %s\n", known.Group)
	}
	if known.Source.Topic != "" {
		_, _ = fmt.Fprintf(a.stdout, "since:  %s/%d offset %d\n", known.Source.Topic, known.Source.Partition, known.Offset)
	}
	if o := known.Open; o != nil {
		_, _ = fmt.Fprintf(a.stdout, "intent: a create was announced for %s/%d offset %d, and what became of it is not known\n", o.Source.Topic, o.Source.Partition, o.Offset)
	}
	if known.State == ledger.Unknown && known.Open == nil {
		return errors.New("nothing is known of this row")
	}
	return nil
}

func (a *app) ledgerExport() *cobra.Command {
	var f ledgerFlags
	var asCSV bool
	c := &cobra.Command{
		Use:   "export --config FILE [--csv]",
		Short: "Write every row to standard output, as JSON lines that import takes back",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withLedger(c.Context(), &f, false, func(t *sink.LedgerTool, _ *config.Config) error {
				out := bufio.NewWriter(a.stdout)
				w := idfile.NewWriter(out, asCSV)
				var err error
				t.Each(func(r sink.LedgerRow) bool {
					err = w.Write(&idfile.Exported{
						Integration: r.Space.Integration, Object: r.Space.Object, Space: r.Space.Name, Key: r.Key, State: r.State.String(),
						Group: r.Group, ID: r.ID, Topic: r.Source.Topic, Partition: r.Source.Partition, Offset: r.Offset,
					})
					return err == nil
				})
				return errors.Join(err, w.Flush(), out.Flush())
			})
		},
	}
	f.add(c, false)
	c.Flags().BoolVar(&asCSV, "csv", false, "CSV for people and other programs, which import does not take back")
	return c
}

func (a *app) ledgerImport() *cobra.Command {
	var f ledgerFlags
	var o importOptions
	c := &cobra.Command{
		Use:   "import --config FILE [--route ROUTE] FILE",
		Short: "Tell the ledger the CRM ids that you have",
		Long: "import takes JSON lines, {\"key\": {\"id\": 7}, \"id\": \"501\", \"group\": \"acme-inc\"}, what export wrote, or CSV\n" +
			"with a header: the fields of the route's key (or key), crm_id, and group where rows differ in it.\n" +
			"FILE - is standard input. A file with one wrong line is refused as a whole. The topic is made when it is missing.",
		Example: "  ampersink ledger import --config config.yaml --route customers ids.csv\n" +
			"  ampersink ledger export --config old.yaml | ampersink ledger import --config new.yaml -",
		Args: oneArg("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withLedger(c.Context(), &f, true, func(t *sink.LedgerTool, cfg *config.Config) error {
				return a.importIDs(c.Context(), t, cfg, &f, &o, args[0])
			})
		},
	}
	f.add(c, true)
	c.Flags().BoolVar(&o.overwrite, "overwrite", false, "replace what is known with another id")
	c.Flags().BoolVar(&o.textKeys, "text-keys", false, "keys of a CSV file that are digits are texts, not numbers")
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "read the file and write nothing")
	return c
}

type importOptions struct{ overwrite, textKeys, dryRun bool }

func (a *app) importIDs(ctx context.Context, t *sink.LedgerTool, cfg *config.Config, f *ledgerFlags, o *importOptions, path string) error {
	in, err := open(path)
	if err != nil {
		return configError{err}
	}
	defer in.Close()
	rows, err := readIDs(in, t, cfg, f, o)
	if err != nil {
		return configError{fmt.Errorf("%s: %w; nothing was imported", path, err)}
	}
	if o.dryRun {
		_, _ = fmt.Fprintf(a.stdout, "%d rows can be imported into %s\n", len(rows), t.Topic())
		return nil
	}
	done, err := t.Import(ctx, rows, o.overwrite)
	_, _ = fmt.Fprintf(a.stdout, "%d rows into %s: %d added, %d replaced, %d were known, %d are known with another id and kept\n",
		len(rows), t.Topic(), done.Added, done.Replaced, done.Same, done.Kept)
	if err == nil && done.Kept > 0 {
		return errors.New("not everything was imported: look at what is kept, or say --overwrite")
	}
	return err
}

func open(path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(os.Stdin), nil
	}
	return os.Open(path)
}

// readIDs reads a file of ids as rows of the ledger.
func readIDs(in io.Reader, t *sink.LedgerTool, cfg *config.Config, f *ledgerFlags, o *importOptions) (rows []sink.LedgerRow, err error) {
	var route *config.Route
	keys := idfile.Options{TextKeys: o.textKeys}
	if route, err = f.the(cfg); err == nil {
		keys.KeyFields = route.Key
	}
	unrouted := err
	err = idfile.Read(in, keys, func(r idfile.Row) error {
		row := sink.LedgerRow{Row: ledger.Row{ID: r.ID, Group: r.Group}}
		switch {
		case r.Space != nil:
			row.RowKey = ledger.RowKey{Space: model.Space{Integration: r.Space.Integration, Object: r.Space.Object, Name: r.Space.Name}, Key: string(r.Key)}
		case unrouted != nil:
			return unrouted
		default:
			if row.Group == "" {
				row.Group = route.To.Group.Value
			}
			if row.RowKey, err = t.Key(route.Name, f.topic, r.Key); err != nil {
				return err
			}
		}
		if row.Group == "" {
			return errors.New("group: missing, and the route takes it from the row")
		}
		rows = append(rows, row)
		return nil
	})
	return rows, err
}

func (a *app) ledgerStats() *cobra.Command {
	var f ledgerFlags
	c := &cobra.Command{
		Use:   "stats --config FILE",
		Short: "Say what the ledger holds",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withLedger(c.Context(), &f, false, func(t *sink.LedgerTool, _ *config.Config) error {
				return a.showStats(t)
			})
		},
	}
	f.add(c, false)
	return c
}

func (a *app) showStats(t *sink.LedgerTool) error {
	st := t.Stats()
	counts := make(map[string]map[ledger.State]int)
	t.Each(func(r sink.LedgerRow) bool {
		by := counts[r.Space.String()]
		if by == nil {
			by = make(map[ledger.State]int)
			counts[r.Space.String()] = by
		}
		by[r.State]++
		return true
	})
	_, _ = fmt.Fprintf(a.stdout, "topic %s: %d rows, %d bytes of memory, %d open intents, %d unreadable records\n", t.Topic(), st.Rows, st.Bytes, st.Intents, st.Unread)
	for _, space := range slices.Sorted(maps.Keys(counts)) {
		by := counts[space]
		_, _ = fmt.Fprintf(a.stdout, "  %-40s known %d, exists without an id %d, in doubt %d\n", space, by[ledger.Known], by[ledger.Exists], by[ledger.Doubt])
	}
	for i, n := range t.Open() {
		if i == maxOpenShown {
			_, _ = fmt.Fprintf(a.stdout, "  ... and %d more\n", st.Intents-i)
			break
		}
		_, _ = fmt.Fprintf(a.stdout, "  open: %s of %s, announced for %s/%d offset %d\n", n.Key, n.Space, n.Source.Topic, n.Source.Partition, n.Offset)
	}
	return nil
}

// maxOpenShown bounds the open intents that stats lists.
const maxOpenShown = 20

func (a *app) ledgerCreate() *cobra.Command {
	var f ledgerFlags
	c := &cobra.Command{
		Use:   "create --config FILE",
		Short: "Make the topic of the ledger for a group that has offsets",
		Long: "create makes the compacted topic. run does that by itself for a group that is new; for one that has\n" +
			"offsets it refuses, because a ledger that is gone would have every row created a second time.",
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withLedger(c.Context(), &f, true, func(t *sink.LedgerTool, _ *config.Config) error {
				_, _ = fmt.Fprintf(a.stdout, "topic %s is there and holds %d rows\n", t.Topic(), t.Stats().Rows)
				return nil
			})
		},
	}
	f.add(c, false)
	return c
}

// oneArg refuses anything but one argument as a wrong call.
func oneArg(name string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return configError{fmt.Errorf("%s takes one argument, %s (see %s --help)", c.CommandPath(), name, c.CommandPath())}
		}
		return nil
	}
}
