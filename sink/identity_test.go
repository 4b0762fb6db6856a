package sink_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/sink"
)

// late makes the route of a configuration one whose rows carry no CRM id: the ledger knows it.
func late(c *config.Config, edit ...func(*config.Route)) *config.Config {
	r := &c.Routes[0]
	c.Limits.SearchRate = 100
	r.ParentPatience, r.Search.IndexLag, r.OnUnknownDelete = time.Second, time.Second, config.UnknownDeleteIgnore
	r.ID = config.ID{Ways: []config.IDWay{config.IDLedger}}
	r.Before = config.BeforeKeys
	r.OnCreate, r.OnUpdate, r.OnSnapshot = config.ActionUpsert, config.ActionUpsert, config.ActionUpsert
	for _, e := range edit {
		e(r)
	}
	return c
}

// matching lets the route search by email.
func matching(r *config.Route) {
	r.ID.Ways = append(r.ID.Ways, config.IDMatch)
	r.ID.Match = []config.Match{{Field: "email", From: "email"}}
}

// rowOf is the row of a version of a key, without a CRM id.
func rowOf(id, version int) string {
	return fmt.Sprintf(`{"id":%d,"tenant":"acme","email":"u%d@example.com","name":"N","version":%d}`, id, id, version)
}

func change(topic, op string, id, version int) *kgo.Record {
	if op == "d" {
		return event(topic, "d", id, fmt.Sprintf(`{"id":%d,"tenant":"","email":"","name":"","version":0}`, id))
	}
	return event(topic, op, id, rowOf(id, version))
}

// said is what the API was asked for of a row, in order: "create 1", "update 1 crm1", "delete crm1".
func (a *api) said() (all []string) {
	for _, c := range a.taken() {
		for _, r := range c.Rows {
			text := c.Type
			if v, ok := r["version"]; ok {
				text += " v" + fmt.Sprint(v)
			}
			if id, ok := r["id"]; ok {
				text += " " + fmt.Sprint(id)
			}
			all = append(all, text)
		}
	}
	return all
}

func wantSaid(t *testing.T, a *api, want ...string) {
	t.Helper()
	if got := strings.Join(a.said(), ", "); got != strings.Join(want, ", ") {
		t.Errorf("the API was asked for\n %s\nexpected\n %s", got, strings.Join(want, ", "))
	}
}

func TestARowWithoutACRMIDIsCreatedUpdatedAndDeleted(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	topic := k.NewTopic(t, 1, nil)
	o := sink.Options{Config: late(configure(t, k.Brokers(), "g", topic, a.URL, "")), Log: testLog(t), UntilEnd: true}
	k.Produce(t, change(topic, "c", 1, 1), change(topic, "u", 1, 2))
	if err := start(t, o).until(); err != nil {
		t.Fatal(err)
	}
	wantSaid(t, a, "create v1", "update v2 crm1")
	// Another process, which has only the topics.
	k.Produce(t, change(topic, "u", 1, 3), change(topic, "d", 1, 0), change(topic, "d", 1, 0), change(topic, "c", 1, 4))
	s := start(t, o)
	if err := s.until(); err != nil {
		t.Fatal(err)
	}
	wantSaid(t, a, "create v1", "update v2 crm1", "update v3 crm1", "delete crm1", "create v4")
	if n := s.Status().Totals.Skipped["customers.on_unknown_delete"]; n != 1 {
		t.Errorf("%d deletes skipped, not the one of a row that is gone already", n)
	}
}

func TestACreateWhoseAnswerWasLostIsParkedWithALedgerAndRemembered(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	a.script = func(n int, c call, w http.ResponseWriter) bool {
		if n == 0 {
			hijack(t, w)
			return true
		}
		return false
	}
	topic := k.NewTopic(t, 1, nil)
	o := sink.Options{Config: late(configure(t, k.Brokers(), "g", topic, a.URL, "")), Log: testLog(t), UntilEnd: true}
	k.Produce(t, change(topic, "c", 1, 1), change(topic, "c", 2, 1), change(topic, "u", 1, 2))
	if err := start(t, o).until(); err != nil {
		t.Fatal(err)
	}
	for _, said := range a.said()[1:] {
		if strings.HasPrefix(said, "create v1") && len(a.said()) > 2 {
			t.Errorf("something was created again: %v", a.said())
		}
	}
	if n := len(k.ReadAll(t, topic+".dead")); n != 3 {
		t.Errorf("%d dead letters, not the two creates in doubt and the update behind one of them", n)
	}
}

func hijack(t *testing.T, w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	_ = conn.Close()
}

var _ = json.Marshal
var _ = time.Now
