package main

import (
	"fmt"

	"github.com/mattn/go-isatty"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/demo"
	"github.com/ampersink/ampersink/sink"
)

func (a *app) demo() *cobra.Command {
	o := demo.Options{Events: demo.DefaultEvents, Seed: 1}
	c := &cobra.Command{
		Use:   "demo",
		Short: "See it work: an embedded broker, a simulated CRM, a few thousand change events",
		Long: "demo needs nothing but this program. It reads a shop's change events, of rows that know no CRM id, from an\n" +
			"embedded broker and writes them into a simulated CRM. In the middle it is killed, and another process goes on.\n" +
			"It shows what became of every event, compares the CRM with the source record by record, and ends by itself:\n" +
			"with 1 where they differ.",
		Example: "  ampersink demo\n  ampersink demo --keep",
		RunE: func(c *cobra.Command, _ []string) error {
			if o.Events < 1 {
				return configError{fmt.Errorf("--events is %d, want 1 or more", o.Events)}
			}
			log := newLog(config.Log{Level: "error", Format: "auto"}, a.stderr) // its mistakes are told at the end
			o.Out, o.Log = a.stdout, log
			if f, ok := a.stdout.(interface{ Fd() uintptr }); ok {
				o.Terminal = isatty.IsTerminal(f.Fd())
			}
			o.Admin = func(c config.Admin, s *sink.Sink, g prometheus.Gatherer) (string, func(), error) {
				return serveAdmin(c, s, g, log)
			}
			return demo.Run(c.Context(), o)
		},
	}
	c.Flags().IntVar(&o.Events, "events", o.Events, "how `many` events to stream, at least")
	c.Flags().Uint64Var(&o.Seed, "seed", o.Seed, "what decides the events")
	c.Flags().BoolVar(&o.Keep, "keep", false, "leave broker, API and sink running, and say how to look at them")
	return c
}
