package main

import (
	"context"
	"fmt"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/ampersink/ampersink/sink"
)

func (a *app) validate() *cobra.Command {
	var path string
	var connect bool
	c := &cobra.Command{
		Use:   "validate --config FILE",
		Short: "Check a configuration without starting anything",
		Long: "validate does what run does before it starts: it reads the file, expands its secrets, refuses what\n" +
			"cannot run, and compiles the routes. With --connect it also asks the brokers, the topics, the group, the\n" +
			"schema registry and the API; it joins no group and writes nothing. It exits with 2 when the configuration\n" +
			"cannot run, with 1 when one of these checks fails.",
		Example: "  ampersink validate --config config.yaml\n  ampersink validate --config config.yaml --connect",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := a.load(path)
			if err != nil {
				return err
			}
			s, err := sink.New(sink.Options{Config: cfg, Log: zerolog.Nop()})
			if err != nil {
				return configError{err}
			}
			routes := "1 route"
			if n := len(cfg.Routes); n > 1 {
				routes = fmt.Sprintf("%d routes", n)
			}
			_, _ = fmt.Fprintf(a.stdout, "%s: can run: %s\n", path, routes)
			if !connect {
				return nil
			}
			return a.connect(c.Context(), s)
		},
	}
	c.Flags().StringVar(&path, "config", "", "the configuration `FILE` (required)")
	c.Flags().BoolVar(&connect, "connect", false, "also check brokers, topics, rights, the schema registry and the API key")
	return c
}

func (a *app) connect(ctx context.Context, s *sink.Sink) error {
	bad := 0
	for _, f := range s.Check(ctx) {
		if f.Err != nil {
			bad++
			_, _ = fmt.Fprintf(a.stdout, "  FAILED  %s: %v\n", f.What, f.Err)
			continue
		}
		_, _ = fmt.Fprintf(a.stdout, "  ok      %s %s\n", f.What, f.Note)
	}
	if bad > 0 {
		// As run does: what is not reached or not there may be tomorrow, with the same file.
		return fmt.Errorf("%d of the checks failed", bad)
	}
	return nil
}
