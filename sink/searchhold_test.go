package sink_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/internal/sandbox"
)

// ofTenants are changes of rows, each of another tenant.
func ofTenants(topic string, n int) (all []*kgo.Record) {
	for id := 1; id <= n; id++ {
		all = append(all, event(topic, "u", id, fmt.Sprintf(`{"id":%d,"tenant":"t%d","email":"u%d@example.com","name":"N","version":1}`, id, id, id)))
	}
	return all
}

// A key that the search API refuses is refused to every tenant: one of them probes for all,
// a person is told at once, and all go on when the key is good again.
func TestSearchesThatAreRefusedToEveryoneAreHeldAtOnceAndProbedOnce(t *testing.T) {
	t.Parallel()
	const tenants = 20
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
			topic := k.NewTopic(t, 1, nil)
			o := c.lateSink(t, k, topic, matching)
			o.UntilEnd = false
			c.fault(t, sandbox.Fault{Type: "search", Do: sandbox.DoStatus, Status: status})
			s := start(t, o)
			k.Produce(t, ofTenants(topic, tenants)...)
			waitFor(t, "the hold", func() bool {
				holds := s.Status().Holds
				return len(holds) == 1 && holds[0].Held && holds[0].Scope == "search of api" && holds[0].Kind == "search" && holds[0].Probes > 2
			})
			st := s.Status()
			if why := strings.Join(st.Reasons, "; "); st.Ready || !strings.Contains(why, "search of api is held since") || !strings.Contains(why, "writes are searched for") {
				t.Errorf("ready %v: %q", st.Ready, why)
			}
			// At the moment of the first refusal each tenant may have had one under way, and none after it.
			from, probes := c.requests("search"), s.Status().Holds[0].Probes
			waitFor(t, "further probes", func() bool { return s.Status().Holds[0].Probes >= probes+10 })
			if n := c.requests("search") - from; n > 10+3 {
				t.Errorf("%d searches for ten probes", n)
			}
			c.fault(t)
			waitFor(t, "the rows", func() bool { return s.Status().Totals.Written["create"] == tenants })
			waitFor(t, "the hold to end", func() bool { st := s.Status(); return st.Ready && len(st.Holds) == 0 })
			if err := s.drain(); err != nil {
				t.Fatal(err)
			}
			wantLetters(t, k, topic)
		})
	}
}

// One tenant's searches are down: the sink is not ready when there is nothing else, and another
// tenant's go on.
func TestTheSearchesOfOneTenantHoldNoOtherAndAreSaidWhenTheyAreAllThereIs(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
	topic := k.NewTopic(t, 1, nil)
	o := c.lateSink(t, k, topic, matching)
	o.UntilEnd, o.Config.Retry.Patience = false, 50*time.Millisecond
	c.fault(t, sandbox.Fault{Type: "search", Group: "t1", Do: sandbox.DoStatus, Status: 503})
	ids := c.seed(t, "t2", map[string]any{"email": "u2@example.com"})
	s := start(t, o)
	k.Produce(t, ofTenants(topic, 1)...)
	waitFor(t, "all that there is to be held", func() bool {
		st := s.Status()
		return !st.Ready && strings.Contains(strings.Join(st.Reasons, ""), "search of hubspot/t1 is held since")
	})
	k.Produce(t, ofTenants(topic, 2)...)
	waitFor(t, "the other tenant's row", func() bool { return c.records("t2")[ids[0]] == "u2@example.com v1" })
	c.fault(t)
	waitFor(t, "both", func() bool { return len(c.records("t1")) == 1 && s.Status().Ready })
	if err := s.drain(); err != nil {
		t.Fatal(err)
	}
}

// What keeps --until-end from its end is named after retry.patience, nothing of it is
// committed, and the next run does it.
func TestUntilEndNamesWhatKeepsItFromItsEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		records func(topic string) []*kgo.Record
		hinder  func(t *testing.T, k *kafkatest.Fake, c *crm, topic string) (relent func())
		wants   string
		written int
	}{
		"a search that is down": {
			func(topic string) []*kgo.Record { return ofTenants(topic, 3) },
			searchesAnswer(http.StatusServiceUnavailable), "search of hubspot/t", 3,
		},
		"a key that searches refuse": {
			func(topic string) []*kgo.Record { return ofTenants(topic, 3) },
			searchesAnswer(http.StatusUnauthorized), "search of api since", 3,
		},
		"dead letters": {
			func(topic string) []*kgo.Record { return []*kgo.Record{broken(topic)} },
			func(t *testing.T, k *kafkatest.Fake, _ *crm, topic string) func() {
				k.CreateTopic(t, topic+".dead", 1, nil)
				return k.RefuseTopic(topic+".dead", kerr.TopicAuthorizationFailed, kmsg.Produce)
			}, ".dead since", 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, crm := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
			topic := k.NewTopic(t, 1, nil)
			relent := c.hinder(t, k, crm, topic)
			o := crm.lateSink(t, k, topic, matching)
			o.Config.Retry.Patience = 300 * time.Millisecond
			o.Config.ShutdownTimeout = 2 * time.Second
			k.Produce(t, c.records(topic)...)
			err := start(t, o).until()
			if err == nil || !strings.Contains(err.Error(), "--until-end") || !strings.Contains(err.Error(), c.wants) {
				t.Errorf("the run ended with %v, which does not name %q", err, c.wants)
			}
			if sum := committed(t, k.Endpoint, "g", topic); sum != 0 {
				t.Errorf("committed %d although nothing was written", sum)
			}
			relent()
			if n := int(runs(t, o).Totals.Written["create"]); n != c.written {
				t.Errorf("the next run writes %d rows, not %d", n, c.written)
			}
			if sum := committed(t, k.Endpoint, "g", topic); sum != int64(len(c.records(topic))) {
				t.Errorf("the next run commits %d", sum)
			}
		})
	}
}

func searchesAnswer(status int) func(*testing.T, *kafkatest.Fake, *crm, string) func() {
	return func(t *testing.T, _ *kafkatest.Fake, c *crm, _ string) func() {
		c.fault(t, sandbox.Fault{Type: "search", Do: sandbox.DoStatus, Status: status})
		return func() { c.fault(t) }
	}
}
