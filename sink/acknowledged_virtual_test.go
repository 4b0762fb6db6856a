//go:build synctests

package sink_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ampersink/ampersink/sink"
)

// Creates wait for their announcement, however long the topic takes nothing; that is said, and
// they go by themselves when it does.
func TestALedgerTopicThatAcknowledgesNothingIsSaid(t *testing.T) {
	log := new(logLines)
	inVirtualTime(t, nil, func(t *testing.T, v *virtual) {
		v.kafka.Produce(t, change(v.topic, "c", 1, 1))
		time.Sleep(5 * time.Second)
		relent := v.kafka.RefuseTopic("g.ledger", kerr.NotEnoughReplicas, kmsg.Produce)
		v.kafka.Produce(t, change(v.topic, "c", 2, 1))
		time.Sleep(5 * time.Second)
		if st := v.Status(); !st.Ready || !st.Identity.Stalled.IsZero() {
			t.Errorf("at once: %q, since %s", st.Reasons, st.Identity.Stalled)
		}
		time.Sleep(time.Hour)
		st := v.Status()
		if st.Ready || !strings.Contains(strings.Join(st.Reasons, ""), "the ledger topic g.ledger has acknowledged nothing since") ||
			time.Since(st.Identity.Stalled) < time.Hour {
			t.Errorf("after an hour: %q, since %s", st.Reasons, st.Identity.Stalled)
		}
		if n := len(v.api.taken()); n != 1 {
			t.Errorf("%d requests: one was sent without its announcement", n)
		}
		if n := log.count("the ledger topic acknowledges nothing"); n != 1 {
			t.Errorf("it is logged %d times", n)
		}
		relent()
		time.Sleep(time.Minute)
		if st := v.Status(); !st.Ready || st.Totals.Written["create"] != 2 || log.count("the ledger topic acknowledges again") != 1 {
			t.Errorf("afterwards: %q, %v", st.Reasons, st.Totals.Written)
		}
	}, func(_ *virtual, o *sink.Options) {
		late(o.Config)
		o.Log = log.logger()
	})
}

// A person who waits is told before long.
func TestAnImportThatNobodyAcknowledgesEnds(t *testing.T) {
	inVirtualTime(t, nil, func(t *testing.T, v *virtual) {
		o := sink.Options{Config: late(configure(t, v.kafka.Brokers(), "g", v.topic, "http://127.0.0.1:1", "")), Log: testLog(t), Dial: v.kafka.Dial}
		l := tool(t, o, sink.MissingMade)
		v.kafka.RefuseTopic("g.ledger", kerr.NotEnoughReplicas, kmsg.Produce)
		began := time.Now()
		done, err := l.Import(t.Context(), set(imported(t, o, 1, "a")), sink.ImportOptions{})
		if err == nil || !strings.Contains(err.Error(), "have not acknowledged rows for 30s: import them again") || done != (sink.Imported{}) {
			t.Errorf("%+v, %v", done, err)
		}
		if took := time.Since(began); took > 31*time.Second {
			t.Errorf("after %s", took)
		}
	})
}

// logLines is a log that a test looks into.
type logLines struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logLines) logger() zerolog.Logger { return zerolog.New(l) }

func (l *logLines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}
