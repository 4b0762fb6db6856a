package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ampersink/ampersink/internal/preview"
)

// previewFlags are the flags of the command.
type previewFlags struct {
	config, file, from string
	topics, routes     []string
	last, limit        int
	json, strict       bool
}

func (a *app) preview() *cobra.Command {
	var f previewFlags
	c := &cobra.Command{
		Use:   "preview --config FILE",
		Short: "Show what real records would become, without sending anything",
		Long: "preview reads records from the topics, or from a file of captured ones, and shows the requests that they\n" +
			"would become, what would be refused or skipped and why, and what the fields bring. It joins no group,\n" +
			"commits nothing, creates no topic and sends nothing. It shows what is in the rows.",
		Example: "  ampersink preview --config config.yaml\n" +
			"  ampersink preview --config config.yaml --route customers --last 10\n" +
			"  ampersink preview --config config.yaml --from 2h --limit 5000 --json | jq .summary\n" +
			"  ampersink preview --config config.yaml --file captured.jsonl --strict",
		RunE: func(c *cobra.Command, _ []string) error {
			return a.runPreview(c.Context(), f, c.Flags().Changed("last"))
		},
	}
	c.Flags().StringVar(&f.config, "config", "", "the configuration `FILE` (required)")
	c.Flags().IntVar(&f.last, "last", preview.DefaultLast, "read the last `N` records of each topic")
	c.Flags().StringVar(&f.from, "from", "", "read from this `TIME` on in place of the last records: 2h (ago), 2024-03-01, 2024-03-01T09:30:00Z")
	c.Flags().StringVar(&f.file, "file", "", "read a `FILE` of captured records in place of the topics (docs/preview.md)")
	c.Flags().StringSliceVar(&f.topics, "topic", nil, "only this `TOPIC`; may be given several times")
	c.Flags().StringArrayVar(&f.routes, "route", nil, "only this `ROUTE`; may be given several times")
	c.Flags().IntVar(&f.limit, "limit", preview.DefaultLimit, "read at most `N` records in all; each topic has an equal share")
	c.Flags().BoolVar(&f.json, "json", false, "write one JSON document (docs/preview.md)")
	c.Flags().BoolVar(&f.strict, "strict", false, "exit with 1 when a record would be dead-lettered")
	return c
}

func (a *app) runPreview(ctx context.Context, f previewFlags, lastSaid bool) error {
	from, err := f.check(time.Now(), lastSaid)
	if err != nil {
		return configError{err}
	}
	cfg, err := a.load(f.config)
	if err != nil {
		return err
	}
	selected, err := preview.Select(cfg, f.topics, f.routes)
	if err != nil {
		return configError{err}
	}
	doc, err := preview.Make(ctx, preview.Options{
		Selection: selected, File: f.file, From: from, Last: f.last, Limit: f.limit, Log: zerolog.Nop(),
	})
	if err != nil {
		return err
	}
	if f.json {
		err = doc.WriteJSON(a.stdout)
	} else {
		err = doc.WriteTable(a.stdout, a.width())
	}
	if n := doc.Summary.DeadLettered; err == nil && f.strict && n > 0 {
		err = fmt.Errorf("--strict: %d records would be dead-lettered", n)
	}
	return err
}

// check refuses calls that cannot be meant, and returns the time of --from.
func (f *previewFlags) check(now time.Time, lastSaid bool) (from time.Time, err error) {
	switch {
	case f.last < 1:
		return from, fmt.Errorf("--last is %d, want 1 or more", f.last)
	case f.limit < 1:
		return from, fmt.Errorf("--limit is %d, want 1 or more", f.limit)
	case f.file != "" && (lastSaid || f.from != ""):
		return from, errors.New("--file is read from its first record on: --last and --from are for topics; --limit ends it")
	case f.from == "":
		return from, nil
	case lastSaid:
		return from, errors.New("--last and --from are two ways to say where to begin: give one of them")
	}
	return moment(f.from, now)
}

// moment reads a time, or how long ago it was. A time without a zone is GMT's, as
// everywhere in the configuration.
func moment(text string, now time.Time) (time.Time, error) {
	at := time.Time{}
	if ago, err := time.ParseDuration(text); err == nil {
		at = now.Add(-ago)
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateTime, "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			at = t
		}
	}
	if at.IsZero() {
		return at, fmt.Errorf("--from is %q, want how long ago (90m, 2h) or a time (2024-03-01, 2024-03-01T09:30:00Z; without a zone it is GMT's)", text)
	}
	if at.After(now) {
		return at, fmt.Errorf("--from is %q, which is in the future", strings.TrimSpace(text))
	}
	return at, nil
}

// width returns how wide the terminal is, 0 when there is none.
func (a *app) width() int {
	f, ok := a.stdout.(*os.File)
	if !ok || !isatty.IsTerminal(f.Fd()) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}
