package sink_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/internal/sandbox"
	"github.com/ampersink/ampersink/sink"
)

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

func TestACreateWhoseAnswerWasLostIsParkedAndItsRowIsNotCreatedLater(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	a.script = func(n int, _ call, w http.ResponseWriter) bool {
		if n == 0 {
			hijack(t, w)
		}
		return n == 0
	}
	topic := k.NewTopic(t, 1, nil)
	o := sink.Options{Config: late(configure(t, k.Brokers(), "g", topic, a.URL, "")), Log: testLog(t), UntilEnd: true}
	k.Produce(t, change(topic, "c", 1, 1))
	if err := start(t, o).until(); err != nil {
		t.Fatal(err)
	}
	k.Produce(t, change(topic, "u", 1, 2), change(topic, "c", 2, 1)) // another process reads these
	if err := start(t, o).until(); err != nil {
		t.Fatal(err)
	}
	wantSaid(t, a, "create v1", "create v1")
	if n := len(k.ReadAll(t, topic+".dead")); n != 2 {
		t.Errorf("%d dead letters, not the create in doubt and the update of its row", n)
	}
}

// TestARowInDoubtIsSoSinceItsCreate: by that write its late answer is known, and a person finds it.
func TestARowInDoubtIsSoSinceItsCreate(t *testing.T) {
	t.Parallel()
	k, a := kafkatest.NewFake(t), newAPI(t)
	a.script = func(n int, _ call, w http.ResponseWriter) bool {
		if n == 0 {
			hijack(t, w)
		}
		return n == 0
	}
	topic := k.NewTopic(t, 1, nil)
	k.Produce(t, change(topic, "c", 1, 1), change(topic, "u", 1, 2), change(topic, "u", 1, 3), change(topic, "u", 1, 4))
	runs(t, sink.Options{Config: late(configure(t, k.Brokers(), "g", topic, a.URL, "")), Log: testLog(t), UntilEnd: true})
	wantSaid(t, a, "create v1")
	wantLetters(t, k, topic, "in_doubt", "in_doubt", "in_doubt", "in_doubt")
	for i, r := range k.ReadAll(t, topic+".dead") {
		if message := headerOf(r, "__connect.errors.exception.message"); i > 0 && !strings.Contains(message, "since "+topic+"/0 offset 0") {
			t.Errorf("letter %d does not name the create: %s", i, message)
		}
	}
}

func TestAConflictThatNamesTheRecordBecomesAnUpdate(t *testing.T) {
	t.Parallel()
	for name, on := range map[string]config.OnConflict{"update": config.ConflictUpdate, "dead letter": config.ConflictDeadLetter} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
			topic := k.NewTopic(t, 1, nil)
			c.seed(t, "acme", map[string]any{"email": "u1@example.com", "version": "0"})
			k.Produce(t, change(topic, "c", 1, 1), change(topic, "c", 2, 1))
			runs(t, c.lateSink(t, k, topic, func(r *config.Route) { r.OnConflict = on }))
			if on == config.ConflictUpdate {
				c.want(t, "acme", "u1@example.com v1", "u2@example.com v1")
				wantLetters(t, k, topic)
			} else {
				c.want(t, "acme", "u1@example.com v0", "u2@example.com v1")
				wantLetters(t, k, topic, "CONFLICT")
			}
		})
	}
}

// refuses answers a request with one write that the CRM refuses.
func refuses(w http.ResponseWriter, err string) bool {
	_, _ = fmt.Fprintf(w, `{"operationId":"op","successCount":0,"failureCount":1,"results":[{"success":false,"errors":[%s]}]}`, err)
	return true
}

func TestAConflictWithARecordThatIsGoneIsNotFollowedForEver(t *testing.T) {
	t.Parallel()
	k, a := kafkatest.NewFake(t), newAPI(t)
	a.script = func(n int, c call, w http.ResponseWriter) bool {
		switch {
		case n > 20:
			return false
		case c.Type == "create":
			return refuses(w, `{"category":"CONFLICT","message":"Contact already exists. Existing ID: 7"}`)
		}
		return refuses(w, `{"category":"OBJECT_NOT_FOUND","message":"gone"}`)
	}
	topic := k.NewTopic(t, 1, nil)
	k.Produce(t, change(topic, "c", 1, 1))
	cfg := late(configure(t, k.Brokers(), "g", topic, a.URL, ""), func(r *config.Route) { r.OnConflict, r.OnGone = config.ConflictUpdate, config.GoneRecreate })
	runs(t, sink.Options{Config: cfg, Log: testLog(t), UntilEnd: true})
	wantSaid(t, a, "create v1", "update v1 7", "create v1")
	wantLetters(t, k, topic, "CONFLICT")
}

func TestARecordThatIsGone(t *testing.T) {
	t.Parallel()
	for on, want := range map[config.OnGone]struct {
		records, letters []string
		skipped          int64
	}{
		config.GoneRecreate:   {records: []string{"u1@example.com v3"}},
		config.GoneIgnore:     {records: []string{"u1@example.com v3"}, skipped: 1}, // forgotten, so the next one creates it
		config.GoneDeadLetter: {records: []string{"u1@example.com v3"}, letters: []string{"OBJECT_NOT_FOUND"}},
	} {
		t.Run(string(on), func(t *testing.T) {
			t.Parallel()
			k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
			topic := k.NewTopic(t, 1, nil)
			o := c.lateSink(t, k, topic, func(r *config.Route) { r.OnGone = on })
			k.Produce(t, change(topic, "c", 1, 1))
			runs(t, o)
			for id := range c.records("acme") {
				c.remove(t, "acme", id)
			}
			k.Produce(t, change(topic, "u", 1, 2), change(topic, "u", 1, 3))
			st := runs(t, o)
			c.want(t, "acme", want.records...)
			wantLetters(t, k, topic, want.letters...)
			if n := st.Totals.Skipped["customers.on_gone"]; n != want.skipped {
				t.Errorf("%d skipped, expected %d", n, want.skipped)
			}
		})
	}
}

func TestARowThatChangesItsGroup(t *testing.T) {
	t.Parallel()
	move := func(topic string, version int) *kgo.Record {
		r := change(topic, "u", 1, version)
		r.Value = []byte(strings.Replace(string(r.Value), `"acme"`, `"globex"`, 1))
		return r
	}
	for name, on := range map[string]config.OnGroupChange{"move": config.GroupChangeMove, "dead letter": config.GroupChangeDeadLetter} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
			topic := k.NewTopic(t, 1, nil)
			o := c.lateSink(t, k, topic, func(r *config.Route) { r.OnGroupChange = on })
			k.Produce(t, change(topic, "c", 1, 1), move(topic, 2))
			runs(t, o)
			if on == config.GroupChangeMove {
				c.want(t, "acme")
				c.want(t, "globex", "u1@example.com v2")
				k.Produce(t, change(topic, "d", 1, 0)) // it says nothing of the group
				runs(t, o)
				c.want(t, "globex")
				return
			}
			c.want(t, "acme", "u1@example.com v1")
			c.want(t, "globex")
			wantLetters(t, k, topic, "group_change")
		})
	}
}

func TestALedgerThatIsGoneStopsAGroupThatHasOffsets(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
	topic := k.NewTopic(t, 1, nil)
	o := c.lateSink(t, k, topic)
	k.Produce(t, change(topic, "c", 1, 1))
	runs(t, o)
	k.DeleteTopic(t, "g.ledger")
	endsWith(t, start(t, o), "g.ledger", "ampersink ledger import", "created a second time")
	// The way out.
	importing(t, o, imported(t, o, 1, only(c.records("acme"))))
	k.Produce(t, change(topic, "u", 1, 2))
	runs(t, o)
	c.want(t, "acme", "u1@example.com v2")
}
