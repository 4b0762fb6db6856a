package sink

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/ampersink/ampersink/sink/ampersand"
	"github.com/ampersink/ampersink/sink/kafka"
	"github.com/ampersink/ampersink/sink/registry"
)

// Check looks whether what the configuration names can be reached and used:
// brokers, group, topics, the ledger, the schema registry, the API and its key. Nothing is written and no group is
// joined.
func (s *Sink) Check(ctx context.Context) []kafka.Finding {
	findings := kafka.Check(ctx, s.kafkaOptions(), s.letterTopic, s.config.DeadLetter.Create)
	if r := s.lookups.registry; r != nil {
		defer r.Close()
		findings = append(findings, checkRegistry(ctx, r))
	}
	return append(findings, s.checkAPI(ctx))
}

// checkRegistry looks whether schemas can be read.
func checkRegistry(ctx context.Context, r *registry.Client) kafka.Finding {
	f := kafka.Finding{What: "schema registry " + r.URL(), Note: "answers"}
	if err := r.Check(ctx); err != nil {
		f.Err = err
	}
	return f
}

// checkAPI asks for an operation that does not exist: the answer to a wrong key
// differs, and no request of this kind can write anything.
func (s *Sink) checkAPI(ctx context.Context) kafka.Finding {
	a := s.config.Ampersand
	base := strings.TrimSuffix(a.OperationsURL, "/")
	f := kafka.Finding{What: "API key for project " + a.Project}
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet,
		base+"/projects/"+url.PathEscape(a.Project)+"/operations/ampersink-connection-check", nil)
	if err != nil {
		f.Err = fmt.Errorf("ampersand.api_url: %w", err)
		return f
	}
	req.Header.Set("X-Api-Key", s.keys.current())
	transport := s.options.Transport
	if transport == nil {
		t := ampersand.NewTransport(ampersand.TransportOptions{MaxConns: 1})
		defer t.CloseIdleConnections()
		transport = t
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		f.Err = fmt.Errorf("%s does not answer: %w", base, err)
		return f
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	switch {
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		f.Err = fmt.Errorf("refused with %d: check ampersand.api_key and ampersand.project", resp.StatusCode)
	case resp.StatusCode >= http.StatusInternalServerError:
		f.Err = fmt.Errorf("%s answered %d", base, resp.StatusCode)
	default:
		f.Note = "is accepted"
	}
	return f
}
