package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/sink"
	"github.com/ampersink/ampersink/sink/ledger"
)

// ledgerFlags are what the commands of the ledger share.
type ledgerFlags struct{ config, route, topic string }

func (a *app) ledger() *cobra.Command {
	c := &cobra.Command{
		Use:   "ledger get|export|import|stats|create",
		Short: "Which CRM record each source row is: get, export, stats; import ids, create the topic",
		Long: "ledger reads the topic that remembers which CRM record each source row is (docs/identity.md). Only\n" +
			"import and create write to it; members that run meanwhile see what they write.",
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

func (f *ledgerFlags) add(c *cobra.Command, ofRow bool) {
	c.Flags().StringVar(&f.config, "config", "", "the configuration `FILE` (required)")
	if ofRow {
		c.Flags().StringVar(&f.route, "route", "", "the `ROUTE` that the row is of; needed where several keep rows in the ledger")
		c.Flags().StringVar(&f.topic, "topic", "", "the `TOPIC` that the row is in; needed where the route takes several and names no identity_space")
	}
}

// ofLedger is the configuration of a ledger, and what it knows rows by.
type ofLedger struct {
	cfg  *config.Config
	keys *sink.RowKeys
}

func (a *app) ofLedger(f *ledgerFlags) (l ofLedger, err error) {
	if l.cfg, err = a.load(f.config); err != nil {
		return l, err
	}
	if l.keys, err = sink.NewRowKeys(l.cfg); err != nil {
		return l, configError{fmt.Errorf("%s: %w", f.config, err)}
	}
	return l, nil
}

// open reads the ledger.
func (a *app) open(ctx context.Context, l ofLedger, missing sink.MissingLedger) (*sink.LedgerTool, error) {
	p := progress{out: a.stderr}
	return sink.OpenLedgerTool(ctx, sink.LedgerToolOptions{
		Options: sink.Options{Config: l.cfg, Log: newLog(l.cfg.Log, a.stderr).Level(zerolog.WarnLevel)}, Missing: missing,
		Progress: func(read, all int64) {
			p.tell(func() string { return fmt.Sprintf("reading the ledger: %d of %d offsets", read, all) })
		},
	})
}

// withLedger reads the ledger and hands it over.
func (a *app) withLedger(ctx context.Context, f *ledgerFlags, missing sink.MissingLedger, do func(*sink.LedgerTool, *sink.RowKeys) error) error {
	l, err := a.ofLedger(f)
	if err != nil {
		return err
	}
	t, err := a.open(ctx, l, missing)
	if err != nil {
		return err
	}
	defer t.Close()
	return do(t, l.keys)
}

// progress tells a person who waits that something goes on.
type progress struct {
	out  io.Writer
	next time.Time
}

// progressEvery is how often: what is over sooner needs no telling.
const progressEvery = 2 * time.Second

func (p *progress) tell(what func() string) {
	now := time.Now()
	if p.next.IsZero() {
		p.next = now.Add(progressEvery)
	}
	if now.After(p.next) {
		p.next = now.Add(progressEvery)
		_, _ = fmt.Fprintln(p.out, what())
	}
}

// chosen returns the only route that keeps rows in the ledger, unless one is named.
func (f *ledgerFlags) chosen(l ofLedger) (*config.Route, error) {
	routes := l.keys.Routes()
	name := f.route
	switch {
	case name == "" && len(routes) == 1:
		name = routes[0]
	case name == "":
		return nil, fmt.Errorf("of which route? Say --route, one of: %s", strings.Join(routes, ", "))
	}
	i := slices.IndexFunc(l.cfg.Routes, func(r config.Route) bool { return r.Name == name })
	switch {
	case i < 0:
		hint := ""
		if meant := config.Nearest(name, routes); meant != "" {
			hint = fmt.Sprintf("did you mean %q? ", meant)
		}
		return nil, fmt.Errorf("--route: %q is not in the configuration; %sexpected one of: %s", name, hint, strings.Join(routes, ", "))
	case !slices.Contains(routes, name):
		return nil, fmt.Errorf("--route: %q keeps no rows in the ledger; expected one of: %s (put ledger into the id of others)", name, strings.Join(routes, ", "))
	}
	return &l.cfg.Routes[i], nil
}

func (a *app) ledgerGet() *cobra.Command {
	var f ledgerFlags
	c := &cobra.Command{
		Use:   "get --config FILE [--route ROUTE] KEY",
		Short: "Say which CRM record a row is",
		Long: "get takes the key as the records of the topic have it: {\"id\":7}, or 7 where that is the whole key.\n" +
			"Keys in Avro, Protobuf or JSON Schema are written as the JSON that they stand for.\n" +
			"It exits with 1 when nothing is known of the row.",
		Example: "  ampersink ledger get --config config.yaml --route customers '{\"id\":7}'",
		Args:    oneArg("KEY"),
		RunE: func(c *cobra.Command, args []string) error {
			l, err := a.ofLedger(&f)
			if err != nil {
				return err
			}
			// A key that no row has is refused before anything is asked.
			route, err := f.chosen(l)
			if err != nil {
				return configError{err}
			}
			key, err := l.keys.Of(route.Name, f.topic, []byte(args[0]))
			if err != nil {
				return configError{fmt.Errorf("%s: %w", shown(args[0]), err)}
			}
			t, err := a.open(c.Context(), l, sink.MissingRefused)
			if err != nil {
				return err
			}
			defer t.Close()
			return a.showRow(key, t.Get(key))
		},
	}
	f.add(c, true)
	return c
}

func (a *app) showRow(key ledger.RowKey, known ledger.Answer) error {
	line := func(name, format string, args ...any) {
		_, _ = fmt.Fprintf(a.stdout, "%-8s%s\n", name+":", fmt.Sprintf(format, args...))
	}
	line("row", "%s of %s", shown(key.Key), shown(key.Space.String()))
	line("state", "%s", meaning[known.State])
	if known.State == ledger.Known {
		line("id", "%s", shown(known.ID))
	}
	if known.Group != "" {
		line("group", "%s", shown(known.Group))
	}
	if known.Source.Topic != "" {
		line("since", "%s", place(known.Source.Topic, known.Source.Partition, known.Offset))
	}
	if o := known.Open; o != nil {
		line("intent", "a create was announced for %s, and what became of it is not known (yet, where a member runs)",
			place(o.Source.Topic, o.Source.Partition, o.Offset))
	}
	if known.State == ledger.Unknown && known.Open == nil {
		return errors.New("nothing is known of this row")
	}
	return nil
}

// meaning says what the states are.
var meaning = map[ledger.State]string{
	ledger.Unknown: "unknown", ledger.Known: "known",
	ledger.Exists: "exists: it is in the CRM, under an id that the answer did not say; import the id if you know it",
	ledger.Doubt:  "doubt: a create of it may have been applied; look it up in the CRM and import its id, then replay its dead letter",
}

func place(topic string, partition int32, offset int64) string {
	return fmt.Sprintf("%s/%d offset %d", shown(topic), partition, offset)
}

// shown is a text of somebody else's as a terminal may show it.
func shown(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) {
		return strconv.Quote(text)
	}
	return text
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (a *app) ledgerCreate() *cobra.Command {
	var f ledgerFlags
	c := &cobra.Command{
		Use:   "create --config FILE",
		Short: "Make the topic of the ledger for a group that has offsets",
		Long: "create makes the compacted topic. run does that by itself for a group that is new; for one that has\n" +
			"offsets it refuses, because a ledger that is gone would have every row created a second time.",
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withLedger(c.Context(), &f, sink.MissingMade, func(t *sink.LedgerTool, _ *sink.RowKeys) error {
				_, _ = fmt.Fprintf(a.stdout, "topic %s is there and holds %s\n", t.Topic(), counted(t.Stats().Rows, "row"))
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
