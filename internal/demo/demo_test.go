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
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheDemoAddsUpAndEndsByItself(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := Run(t.Context(), Options{Events: 1500, Seed: 7, Out: &out, Log: zerolog.Nop()}); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{
		"KILLED with", "creates announced", "1st process", "2nd process", "It adds up: 15", "skip.heartbeats", "on_tombstone",
		"bad_json", "no_key", "INVALID_EMAIL", "VALIDATION_ERROR", "several_matches", "batches of", "searches", "creates in doubt",
		"rows, ", "0 missing, 0 duplicates, 0 different",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the summary does not speak of %s:\n%s", want, &out)
		}
	}
}

func TestKeepLeavesItRunningAndSaysHowToLook(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	out := &firstWords{stopAt: "Everything is still running", stop: stop}
	admin := func(config.Admin, *sink.Sink, prometheus.Gatherer) (string, func(), error) {
		return "127.0.0.1:8080", func() {}, nil
	}
	if err := Run(ctx, Options{Events: 300, Seed: 3, Keep: true, Out: out, Log: zerolog.Nop(), Admin: admin}); err != nil {
		t.Fatalf("%v\n%s", err, &out.Buffer)
	}
	for _, want := range []string{
		"http://127.0.0.1:8080/status", "/sandbox/records", "group shop-to-crm", "ampersink ledger stats", `ampersink ledger get --config demo.yaml --route customers '{"id":1`,
		"ampersink preview", "routes:",
	} {
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

// sound is an outcome of which everything agrees: ten events, of which the first process had done
// five, and one of these was not committed when it was killed.
func sound() outcome {
	at := func(offset int64) position { return position{model.TopicPartition{Topic: customers}, offset} }
	return outcome{
		events:  map[fate]int{{written, ""}: 7, {skipped, heartbeats}: 1, {dead, badJSON}: 1, {dead, badEmail}: 1},
		letters: map[position]string{at(1): badJSON, at(2): badEmail},
		first: sink.Totals{
			Records: 8, Written: map[string]int64{"create": 3}, Skipped: map[string]int64{heartbeats: 1}, DeadLettered: map[string]int64{badJSON: 1},
		},
		second: sink.Totals{
			Records: 7, Restored: 1, Written: map[string]int64{"create": 3, "update": 2}, Skipped: map[string]int64{}, DeadLettered: map[string]int64{badEmail: 1},
		},
		committed:  3,
		codes:      map[position]string{at(1): badJSON, at(2): badEmail},
		comparison: comparison{rows: 2, records: 2, equal: 2, ids: map[string]string{"a": "1", "b": "2"}},
		ledger:     remembered{ids: map[string]string{"a": "1", "b": "2"}},
	}
}

func TestATableThatDoesNotAddUpIsSaid(t *testing.T) {
	t.Parallel()
	if o := sound(); len(o.faults()) != 0 || o.again() != 1 {
		t.Fatalf("a sound table is refused: %v; %d again", o.faults(), o.again())
	}
	at := func(offset int64) position { return position{model.TopicPartition{Topic: customers}, offset} }
	for name, cook := range map[string]func(*outcome){
		"an event is missing": func(o *outcome) { o.events[fate{written, ""}]++ },
		"events have no fate": func(o *outcome) {
			o.first.Written["create"] = 0
			o.committed = 5
			o.second.Records = 5
			o.second.Written["create"] = 1
		},
		"a write that no process did":               func(o *outcome) { o.second.Written["create"] -= 2; o.second.Skipped[heartbeats] += 2 },
		"a rule that nothing asks for":              func(o *outcome) { o.second.Written["create"]--; o.second.Skipped["customers.on_create"]++ },
		"a code that nothing asks for":              func(o *outcome) { o.second.Written["create"]--; o.second.DeadLettered["in_doubt"]++ },
		"a record that the second did not read":     func(o *outcome) { o.second.Records--; o.second.Written["create"]-- },
		"a record without a fate":                   func(o *outcome) { o.second.Restored = 0 },
		"the second read what was committed":        func(o *outcome) { o.committed++ },
		"an event that is not committed at the end": func(o *outcome) { o.uncommitted++ },
		"an event without its dead letter":          func(o *outcome) { delete(o.codes, at(1)) },
		"a dead letter of an event that is sound":   func(o *outcome) { o.codes[at(3)] = "in_doubt" },
		"a dead letter with another code":           func(o *outcome) { o.codes[at(1)] = badEmail },
		"dead letters that are there too often":     func(o *outcome) { o.twice = 2 },
		"a row without a record":                    func(o *outcome) { o.comparison.missing = []string{"row 1"} },
		"a row with two records":                    func(o *outcome) { o.comparison.duplicates = []string{"row 1"} },
		"a row that differs":                        func(o *outcome) { o.comparison.different = []string{"row 1"} },
		"a record of a row that is gone":            func(o *outcome) { o.comparison.left = []string{"row 1"} },
		"a record that the ledger does not know":    func(o *outcome) { delete(o.ledger.ids, "a") },
		"a record that the ledger knows as another": func(o *outcome) { o.ledger.ids["a"] = "2" },
		"a row that the ledger knows and is not":    func(o *outcome) { o.ledger.ids["c"] = "3" },
		"an announced create that nobody closed":    func(o *outcome) { o.ledger.open = 1 },
		"a request that breaks the contract":        func(o *outcome) { o.violations = 1 },
	} {
		o := sound()
		cook(&o)
		if len(o.faults()) == 0 {
			t.Errorf("%s: nothing is said", name)
		}
	}
}

// TestADeleteThatIsDoneTwiceFindsNothing: the first process was killed between the delete and its
// commit, and the row is not known any more when the second one reads the event again.
func TestADeleteThatIsDoneTwiceFindsNothing(t *testing.T) {
	t.Parallel()
	o := sound()
	o.second.Written["create"]--
	o.second.Skipped["customers"+onUnknownDelete]++
	if faults := o.faults(); len(faults) > 0 {
		t.Errorf("%v", faults)
	}
}
