package demo

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/sink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheDemoAddsUpAndEndsByItself(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := Run(t.Context(), Options{Events: 1500, Seed: 7, Out: &out, Log: zerolog.Nop()}); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{"It adds up: 15", "create", "update", "delete", "skip.heartbeats", "on_tombstone", "bad_json", "no_id", "no_key", "INVALID_EMAIL", "batches of"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the summary does not speak of %s:\n%s", want, &out)
		}
	}
}

func TestKeepLeavesItRunningAndSaysHowToLook(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Second)
	defer stop()
	out := &firstWords{stopAt: "dead letters", stop: stop}
	admin := func(config.Admin, *sink.Sink, prometheus.Gatherer) (string, func(), error) {
		return "127.0.0.1:8080", func() {}, nil
	}
	if err := Run(ctx, Options{Events: 300, Seed: 3, Keep: true, Out: out, Log: zerolog.Nop(), Admin: admin}); err != nil {
		t.Fatalf("%v\n%s", err, &out.Buffer)
	}
	for _, want := range []string{"http://127.0.0.1:8080/status", "/sandbox/records", "group shop-to-crm", "routes:"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %s:\n%s", want, out)
		}
	}
}

// firstWords ends the demo once it has said something.
type firstWords struct {
	bytes.Buffer
	stopAt string
	stop   func()
}

func (w *firstWords) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	if strings.Contains(w.String(), w.stopAt) {
		w.stop()
	}
	return n, err
}

func TestATableThatDoesNotAddUpIsSaid(t *testing.T) {
	t.Parallel()
	sound := func() outcome {
		return outcome{
			produced: 10, applied: map[string]int{"create": 6, "update": 1}, letters: map[string]int{"no_id": 2},
			totals: sink.Totals{
				Records: 10, Written: map[string]int64{"create": 6, "update": 1},
				Skipped: map[string]int64{"heartbeats": 1}, DeadLettered: map[string]int64{"no_id": 2},
			},
		}
	}
	if o := sound(); len(o.faults()) != 0 {
		t.Fatalf("a sound table is refused: %v", o.faults())
	}
	for name, cook := range map[string]func(*outcome){
		"an event is missing":          func(o *outcome) { o.produced++ },
		"a write that the CRM lacks":   func(o *outcome) { o.applied["create"]-- },
		"a letter too many":            func(o *outcome) { o.letters["bad_json"]++ },
		"a letter with another code":   func(o *outcome) { o.letters["no_id"]--; o.letters["bad_json"]++ },
		"a row that differs":           func(o *outcome) { o.wrong = []string{"row 1"} },
		"a record that was not read":   func(o *outcome) { o.totals.Records-- },
		"a fate that is counted twice": func(o *outcome) { o.totals.Skipped["heartbeats"]++ },
	} {
		o := sound()
		cook(&o)
		if len(o.faults()) == 0 {
			t.Errorf("%s: nothing is said", name)
		}
	}
}
