package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ampersink/ampersink/internal/kafkatest"
)

// running writes a configuration that run takes, with admin.listen.
func running(t *testing.T, broker, api, admin string) string {
	t.Helper()
	return file(t, "config.yaml", fmt.Sprintf(`
kafka: {brokers: [%[1]q], group: g}
ampersand: {url: %[2]q, api_url: %[2]q, search_url: %[2]q, project: acme, api_key: k}
routes:
  - name: customers
    topics: [shop.customers]
    envelope: plain
    operation: {value: create}
    on_tombstone: ignore
    to: {integration: hubspot, object: contact, group: acme}
    fields: {email: email}
    batch: {linger: 10ms}
admin: {listen: %[3]q}
log: {format: json}
`, broker, api, admin))
}

// line is a line of the log.
type line map[string]any

// lines reads a log of JSON, of which every line must be some.
func lines(t *testing.T, log string) (all []line) {
	t.Helper()
	for text := range strings.Lines(log) {
		l := line{}
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Errorf("a line of the log is not JSON: %q", text)
		}
		all = append(all, l)
	}
	return all
}

// stopping is a log that ends a context when a line says something.
type stopping struct {
	strings.Builder
	at   string
	stop func()
}

func (s *stopping) Write(p []byte) (int, error) {
	if strings.Contains(string(p), s.at) {
		s.stop()
	}
	return s.Builder.Write(p)
}

// runUntil runs the program until its log says something, and then stops it.
func runUntil(t *testing.T, at string, args ...string) (code int, log string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s := &stopping{at: at, stop: stop}
	a := &app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: zerolog.SyncWriter(s), env: func(string) (string, bool) { return "", false }}
	code = a.execute(ctx, args)
	return code, s.String()
}

func TestRunTellsAFaultOnceInTheLogAndExitsWithOne(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	k := kafkatest.NewFake(t)
	for name, c := range map[string]struct{ broker, admin, want string }{
		"the topic is not there": {k.Brokers()[0], "", "shop.customers"},
		"the port is in use":     {noBroker, taken.Addr().String(), "admin.listen: listen tcp " + taken.Addr().String()},
	} {
		code, _, stderr := call("run", "--config", running(t, c.broker, nowhere, c.admin))
		if code != exitFault {
			t.Errorf("%s: exits with %d, not %d", name, code, exitFault)
		}
		var errors []line
		for _, l := range lines(t, stderr) {
			if l["level"] == "error" {
				errors = append(errors, l)
			}
		}
		if len(errors) != 1 || !strings.Contains(fmt.Sprint(errors[0]["error"]), c.want) {
			t.Errorf("%s: logs %v, expected one error that says %q", name, errors, c.want)
		}
	}
}

func TestRunSaysWhereItListensAndHowLongItTriesABroker(t *testing.T) {
	t.Parallel()
	const waits = "Kafka does not answer yet"
	code, log := runUntil(t, waits, "run", "--config", running(t, noBroker, nowhere, "127.0.0.1:0"))
	if code != exitDone {
		t.Errorf("stopped before anything was read, it exits with %d, not %d", code, exitDone)
	}
	for _, l := range lines(t, log) {
		patience, _ := l["patience_ms"].(float64)
		if message := fmt.Sprint(l["message"]); strings.HasPrefix(message, waits) && patience < 1000 {
			t.Errorf("does not say how many milliseconds it tries: %v", l)
		}
		if at := fmt.Sprint(l["admin"]); l["message"] == "starting" && (!strings.HasPrefix(at, "127.0.0.1:") || at == "127.0.0.1:0") {
			t.Errorf("does not say which port was given: %v", l)
		}
	}
}
