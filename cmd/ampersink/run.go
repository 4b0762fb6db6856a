package main

import (
	"context"
	"errors"
	"math"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/mapping"
	"github.com/ampersink/ampersink/sink"
)

func (a *app) run() *cobra.Command {
	var path string
	var untilEnd bool
	c := &cobra.Command{
		Use:   "run --config FILE",
		Short: "Read the topics and write to the CRM until stopped",
		Long: "run works until it gets SIGTERM, then drains within shutdown_timeout and exits 0, or 1\n" +
			"when dead letters could not be written by then. A second signal leaves at once.",
		Example: "  ampersink run --config config.yaml\n  ampersink run --config backfill.yaml --until-end",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := a.load(path)
			if err != nil {
				return err
			}
			return a.runSink(c.Context(), cfg, untilEnd)
		},
	}
	c.Flags().StringVar(&path, "config", "", "the configuration `FILE` (required)")
	c.Flags().BoolVar(&untilEnd, "until-end", false, "work up to the end offsets seen at the start, then drain and exit; 1 when what is left is held for longer than retry.patience")
	return c
}

func (a *app) load(path string) (*config.Config, error) {
	if path == "" {
		return nil, configError{errors.New("which configuration? Say --config FILE (config.example.yaml has every key)")}
	}
	cfg, err := config.Load(path, a.env, mapping.CheckExpression)
	if err != nil {
		return nil, configError{err}
	}
	return cfg, nil
}

func (a *app) runSink(ctx context.Context, cfg *config.Config, untilEnd bool) error {
	boundMemory(int64(cfg.Limits.Memory), a.env)
	log := newLog(cfg.Log, a.stderr)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s, err := sink.New(sink.Options{Config: cfg, Log: log, Registerer: registry, UntilEnd: untilEnd})
	if err != nil {
		return configError{err}
	}
	if err := work(ctx, cfg, s, registry, log); err != nil {
		log.Error().Err(err).Msg("stopped by a fault")
		return loggedError{err}
	}
	log.Info().Interface("totals", s.Status().Totals).Msg("stopped")
	return nil
}

// work runs the sink, and the admin listener beside it.
func work(ctx context.Context, cfg *config.Config, s *sink.Sink, metrics prometheus.Gatherer, log zerolog.Logger) error {
	admin, stopAdmin, err := serveAdmin(cfg.Admin, s, metrics, log)
	if err != nil {
		return err
	}
	defer stopAdmin()
	log.Info().Str("version", version()).Str("group", cfg.Kafka.Group).Int("routes", len(cfg.Routes)).Str("admin", admin).Msg("starting")
	return s.Run(ctx)
}

// runtimeShare is what the program takes beside limits.memory: the runtime, the
// client's buffers, bodies and answers under way. Measured with a backlog of a
// million records.
const runtimeShare = 40 << 20

// boundMemory makes the collector work harder before the resident memory leaves
// what limits.memory promises, unless GOMEMLIMIT says otherwise.
func boundMemory(limit int64, env func(string) (string, bool)) {
	if _, set := env("GOMEMLIMIT"); set {
		return
	}
	if limit < math.MaxInt64-runtimeShare {
		debug.SetMemoryLimit(limit + runtimeShare)
	}
}
