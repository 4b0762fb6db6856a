//go:build synctests

package sim_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ampersink/ampersink/internal/config"
)

// id is how the record of a row with that key is found.
func (p *play) id(key []string) string {
	if !p.match {
		return "ledger"
	}
	var match []string
	for _, column := range key {
		match = append(match, fmt.Sprintf("c_%s: %s", column, column))
	}
	return "[ledger, {match: {" + strings.Join(match, ", ") + "}}]"
}

func (p *play) routes() string {
	var routes strings.Builder
	for _, table := range slices.Sorted(maps.Keys(p.Tables())) {
		key := p.Tables()[table]
		fmt.Fprintf(&routes, `
  - name: %[1]s
    topics: ["%[2]s"]
    format: %[3]s
    envelope: %[4]s
    to: {integration: hubspot, object: %[11]s, group: %[5]s}
    key: [%[6]s]
    id: %[7]s
    before: %[8]s
    on_create: upsert
    on_update: upsert
    on_snapshot: upsert
    on_truncate: ignore
    on_gone: recreate
    on_key_change: %[12]s
    fields: {later: %[9]s}
    batch: {size: %[10]d, linger: 50ms, in_flight: 2}`,
			table, p.Topic(table), p.Format, p.Envelope, tenant, strings.Join(key, ", "), p.id(key), p.Before(table), key[0], 1+p.random.IntN(20), objectOf(table), p.keys)
		if p.match {
			routes.WriteString("\n    search: {index_lag: 20s}")
		}
		if p.Unwrap != "" {
			fmt.Fprintf(&routes, "\n    unwrap: %s", p.Unwrap)
		}
	}
	return routes.String()
}

func (p *play) config() *config.Config {
	more := ""
	if p.Format != config.FormatJSON {
		more = `, schema_registry: {url: "http://127.0.0.1:1"}`
	}
	text := fmt.Sprintf(`
kafka: {brokers: ["%s"], group: %s, session_timeout: %s%s}
ampersand: {url: "http://127.0.0.1:1", api_url: "http://127.0.0.1:1", search_url: "http://127.0.0.1:1", project: acme, api_key: key, timeout: 10s}
retry: {initial: 100ms, max: 5s, patience: 30s}
limits: {search_rate: 50}
shutdown_timeout: 20s
admin: {listen: ""}
routes:%s
`, strings.Join(p.kafka.Brokers(), `","`), group, session, more, p.routes())
	c, err := config.Parse("convergence.yaml", []byte(text), func(string) (string, bool) { return "", false }, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	for i := range c.Routes {
		c.Routes[i].Fields = p.Fields(c.Routes[i].Name)
	}
	return c
}

// objectOf is the CRM's object for a table: one without rules of HubSpot's own.
func objectOf(table string) string { return "shop_" + table }
