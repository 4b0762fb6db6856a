package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/sandbox"
)

// sandboxFlags are the flags of the command.
type sandboxFlags struct {
	listen, crm, key, faults string
	latency, indexLag        time.Duration
	unique                   []string
	references               bool
}

func (a *app) sandbox() *cobra.Command {
	var f sandboxFlags
	c := &cobra.Command{
		Use:   "sandbox --crm hubspot|salesforce",
		Short: "A simulated Ampersand API to try a configuration on",
		Long: "sandbox answers as the write API and the search API do, strict about their contracts, refuses\n" +
			"what the CRM would refuse, keeps the records, and can be told to fail. Nothing leaves this machine,\n" +
			"and nothing is kept when it ends. It is plain HTTP: listen elsewhere than on loopback only for a test.\n\n" +
			"A CRM's searches see a write only some time after it; --index-lag is that time. What must be unique\n" +
			"is asked of the records themselves, without it: HubSpot's contacts by email, Salesforce's objects by\n" +
			"External_Id__c, other fields by --unique.\n\n" +
			"Faults, in --faults FILE or PUT to /sandbox/faults:\n\n" + sandbox.FaultsHelp,
		Example: "  ampersink sandbox --crm hubspot\n" +
			"  ampersink sandbox --crm salesforce --latency 50ms --faults faults.yaml\n\n" +
			"  # in the configuration, with any project and, without --api-key, any api_key:\n" +
			"  ampersand:\n" +
			"    url: http://127.0.0.1:8099/v1\n" +
			"    search_url: http://127.0.0.1:8099/v1\n" +
			"    api_url: http://127.0.0.1:8099/v1\n\n" +
			"  # searches see a write after a minute, and no address has to be unique\n" +
			"  ampersink sandbox --crm hubspot --index-lag 1m --unique contact=\n\n" +
			"  # a fault: one request in ten is written, and its answer lost\n" +
			"  curl -X PUT http://127.0.0.1:8099/sandbox/faults -d '[{do: reset, apply: yes, chance: 0.1}]'\n\n" +
			"  # another one: every search is throttled, writes are not\n" +
			"  curl -X PUT http://127.0.0.1:8099/sandbox/faults -d '[{type: search, do: status, status: 429, retry_after: 5s}]'",
		RunE: func(c *cobra.Command, _ []string) error { return a.runSandbox(c.Context(), f) },
	}
	c.Flags().StringVar(&f.listen, "listen", "127.0.0.1:8099", "the `ADDRESS` to listen on")
	c.Flags().StringVar(&f.crm, "crm", "", "the `CRM` behind the API: hubspot or salesforce (required)")
	c.Flags().StringVar(&f.key, "api-key", "", "the `KEY` that is accepted (any, unless given)")
	c.Flags().DurationVar(&f.latency, "latency", 0, "how long an answer takes, such as 50ms")
	c.Flags().DurationVar(&f.indexLag, "index-lag", 0, "how long after a write searches see it, such as 30s")
	c.Flags().StringArrayVar(&f.unique, "unique", nil, "which fields of an object must be unique: `OBJECT=FIELD,...`, or OBJECT= for none (repeatable)")
	c.Flags().BoolVar(&f.references, "references", false, "refuse associations and parents (AccountId) that are not there")
	c.Flags().StringVar(&f.faults, "faults", "", "a `FILE` that says what goes wrong (YAML; PUT /sandbox/faults replaces it while running)")
	return c
}

func (a *app) runSandbox(ctx context.Context, f sandboxFlags) error {
	log := newLog(config.Log{Level: "info", Format: "auto"}, a.stderr)
	o := sandbox.Options{
		CRM: sandbox.CRM(f.crm), APIKey: f.key, Latency: f.latency, IndexLag: f.indexLag, References: f.references, Log: log,
	}
	if f.crm == "" {
		return configError{errors.New("which CRM? Say --crm hubspot or --crm salesforce")}
	}
	var err error
	if o.Unique, err = uniqueFields(f.unique); err != nil {
		return configError{err}
	}
	if f.faults != "" {
		data, err := os.ReadFile(f.faults)
		if err == nil {
			o.Faults, err = sandbox.LoadFaults(data)
		}
		if err != nil {
			return configError{fmt.Errorf("--faults %s: %w", f.faults, err)}
		}
	}
	s, err := sandbox.New(o)
	if err != nil {
		return configError{err}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", f.listen)
	if err != nil {
		return configError{fmt.Errorf("--listen: %w", err)}
	}
	log.Info().Str("listen", listener.Addr().String()).Str("crm", f.crm).Str("look", "http://"+listener.Addr().String()+"/").Msg("the sandbox listens")
	if err := serveSandbox(ctx, s, listener); err != nil {
		return err
	}
	had := s.Stats()
	log.Info().Interface("requests", had.Requests).Interface("applied", had.Applied).Interface("refused", had.Refused).
		Int("searches", had.Searches).Interface("faults", had.Faults).Int("violations", had.Violations).Msg("the sandbox ends")
	return nil
}

// uniqueFields reads the values of --unique.
func uniqueFields(said []string) (map[string][]string, error) {
	unique := make(map[string][]string)
	for _, one := range said {
		object, fields, ok := strings.Cut(one, "=")
		if !ok || object == "" {
			return nil, fmt.Errorf("--unique %s: want OBJECT=FIELD,... or OBJECT= for none", one)
		}
		unique[object] = nil
		for f := range strings.SplitSeq(fields, ",") {
			if f = strings.TrimSpace(f); f != "" {
				unique[object] = append(unique[object], f)
			}
		}
	}
	return unique, nil
}

// serveSandbox serves until the context ends.
func serveSandbox(ctx context.Context, s *sandbox.Server, listener net.Listener) error {
	server := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	s.Close()
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = server.Shutdown(within)
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}
