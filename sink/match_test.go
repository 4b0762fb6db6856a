package sink_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/internal/sandbox"
	"github.com/ampersink/ampersink/sink"
)

func TestARowThatTheCRMHasAlreadyIsFoundAndRemembered(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
	topic := k.NewTopic(t, 1, nil)
	c.seed(t, "acme", map[string]any{"email": "u1@example.com", "version": "0"})
	o := c.lateSink(t, k, topic, matching)
	k.Produce(t, change(topic, "c", 1, 1), change(topic, "u", 2, 1))
	runs(t, o)
	c.want(t, "acme", "u1@example.com v1", "u2@example.com v1")
	searches := c.requests("search")
	k.Produce(t, change(topic, "u", 1, 2), change(topic, "d", 2, 0))
	runs(t, o)
	c.want(t, "acme", "u1@example.com v2")
	if n := c.requests("search"); n != searches {
		t.Errorf("%d further searches: what was found is not remembered", n-searches)
	}
}

func TestACreateInDoubtIsSearchedForUntilTheIndexMustHaveIt(t *testing.T) {
	t.Parallel()
	for name, apply := range map[string]string{"applied": "yes", "not applied": "no"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{IndexLag: 250 * time.Millisecond, Unique: map[string][]string{"contact": {}}})
			topic := k.NewTopic(t, 1, nil)
			c.fault(t, sandbox.Fault{Type: "create", Count: 1, Do: sandbox.DoReset, Apply: apply})
			k.Produce(t, change(topic, "c", 1, 1), change(topic, "u", 1, 2))
			runs(t, c.lateSink(t, k, topic, matching))
			c.want(t, "acme", "u1@example.com v2")
			wantLetters(t, k, topic)
		})
	}
}

// refusedThenChanged has a create end in a dead letter while the ledger learns of its row, and
// then a change of the row read that brings nothing to search by.
func refusedThenChanged(t *testing.T, k *kafkatest.Fake, topic string, o sink.Options, code string) {
	t.Helper()
	k.Produce(t, change(topic, "c", 1, 1))
	if st := runs(t, o); st.Identity.Ledger.Intents != 0 || st.Identity.Ledger.Rows != 1 {
		t.Errorf("the ledger holds %+v", st.Identity.Ledger)
	}
	wantLetters(t, k, topic, code)
	k.Produce(t, event(topic, "u", 1, `{"id":1,"tenant":"acme","email":null,"name":"N","version":2}`))
	runs(t, o)
}

// TestARecordThatWasFoundIsRememberedAlsoWhenItsUpdateIsRefused: a later change of the row need
// not bring what it was found by.
func TestARecordThatWasFoundIsRememberedAlsoWhenItsUpdateIsRefused(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{Unique: map[string][]string{"contact": {}}})
	topic := k.NewTopic(t, 1, nil)
	c.fault(t, sandbox.Fault{Type: "create", Count: 1, Do: sandbox.DoReset, Apply: "yes"},
		sandbox.Fault{Type: "update", Count: 1, Do: sandbox.DoStatus, Status: 400, Body: "text", Message: "no"})
	o := c.lateSink(t, k, topic, matching)
	refusedThenChanged(t, k, topic, o, "bad_request")
	if n := c.requests("create"); n != 1 || len(c.records("acme")) != 1 {
		t.Errorf("%d creates, %d records of one row", n, len(c.records("acme")))
	}
}

func TestACreateInDoubtOfWhichSeveralRecordsAreFoundIsRemembered(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{Unique: map[string][]string{"contact": {}}})
	topic := k.NewTopic(t, 1, nil)
	c.seed(t, "acme", map[string]any{"email": "u1@example.com"}, map[string]any{"email": "u1@example.com"})
	c.fault(t, sandbox.Fault{Type: "create", Count: 1, Do: sandbox.DoReset, Apply: "yes"})
	o := c.lateSink(t, k, topic, matching, func(r *config.Route) { r.OnCreate = config.ActionCreate }) // which does not look first
	refusedThenChanged(t, k, topic, o, "several_matches")
	wantLetters(t, k, topic, "in_doubt", "several_matches")
	if n := c.requests("create"); n != 1 {
		t.Errorf("%d creates of one row", n)
	}
}

func TestTwoRowsWithOneMatchValueAreOneRecord(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{IndexLag: time.Minute, Unique: map[string][]string{"contact": {}}})
	topic := k.NewTopic(t, 4, nil)
	same := func(id int) *kgo.Record {
		return event(topic, "c", id, fmt.Sprintf(`{"id":%d,"tenant":"acme","email":"shared@example.com","name":"N","version":%d}`, id, id))
	}
	k.Produce(t, same(1), same(2), same(3), same(4), same(5))
	o := c.lateSink(t, k, topic, matching)
	o.Config.Routes[0].Search.IndexLag = time.Minute
	runs(t, o)
	if n := len(c.records("acme")); n != 1 {
		t.Errorf("%d records of one address", n)
	}
}

func TestSeveralMatches(t *testing.T) {
	t.Parallel()
	for name, on := range map[string]config.OnSeveral{"dead letter": config.SeveralDeadLetter, "first": config.SeveralFirst} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{Unique: map[string][]string{"contact": {}}})
			topic := k.NewTopic(t, 1, nil)
			twice := map[string]any{"email": "u1@example.com", "version": "0"}
			ids := c.seed(t, "acme", twice, twice)
			k.Produce(t, change(topic, "u", 1, 1))
			runs(t, c.lateSink(t, k, topic, matching, func(r *config.Route) { r.Search.OnSeveral = on }))
			if on == config.SeveralFirst {
				if r := c.records("acme")[ids[0]]; r != "u1@example.com v1" {
					t.Errorf("the first one is %s", r)
				}
				wantLetters(t, k, topic)
				return
			}
			c.want(t, "acme", "u1@example.com v0", "u1@example.com v0")
			wantLetters(t, k, topic, "several_matches")
		})
	}
}

func TestASearchThatIsDownHoldsTheRowsThatNeedItAndNoOthers(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
	topic := k.NewTopic(t, 1, nil)
	o := c.lateSink(t, k, topic, matching)
	k.Produce(t, change(topic, "c", 1, 1))
	runs(t, o)
	c.fault(t, sandbox.Fault{Type: "search", Do: sandbox.DoStatus, Status: 503})
	k.Produce(t, change(topic, "u", 2, 1), change(topic, "u", 3, 1), change(topic, "u", 1, 2))
	o.UntilEnd = false
	s := start(t, o)
	waitFor(t, "the known row", func() bool { return c.records("acme")[only(c.records("acme"))] == "u1@example.com v2" })
	waitFor(t, "the searches to be shown as failing", func() bool {
		holds := s.Status().Holds
		return len(holds) == 1 && holds[0].Kind == "search" && holds[0].Probes > 1
	})
	c.fault(t)
	waitFor(t, "the others", func() bool { return len(c.records("acme")) == 3 })
	if err := s.drain(); err != nil {
		t.Fatal(err)
	}
	wantLetters(t, k, topic)
}

func TestARowWhoseSearchTheCRMDoesNotUnderstandDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
	topic := k.NewTopic(t, 1, nil)
	c.fault(t, sandbox.Fault{Type: "search", Field: "email", Value: "u1@example.com", Do: sandbox.DoStatus, Status: 400, Message: "MALFORMED_QUERY: unexpected token: '@'"})
	o := c.lateSink(t, k, topic, matching)
	o.UntilEnd = false
	s := start(t, o)
	k.Produce(t, change(topic, "u", 1, 1))
	waitFor(t, "the row to wait, as long as it can be so for every row", func() bool {
		holds := s.Status().Holds
		return len(holds) == 1 && holds[0].Kind == "search" && holds[0].Probes > 5
	})
	for id := 2; id <= 6; id++ {
		k.Produce(t, change(topic, "u", id, 1))
	}
	waitFor(t, "each row", func() bool {
		return len(c.records("acme")) == 5 && s.Status().Totals.DeadLettered["MALFORMED_QUERY"] == 1
	})
	if holds := s.Status().Holds; len(holds) != 0 {
		t.Errorf("it is still shown as held: %+v", holds)
	}
	if err := s.drain(); err != nil {
		t.Fatal(err)
	}
}

func TestASearchThatIsRefusedForEveryRowWaitsUntilThatIsMended(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
	topic := k.NewTopic(t, 1, nil)
	c.fault(t, sandbox.Fault{Type: "search", Do: sandbox.DoStatus, Status: 400, Message: "object contact is not readable"})
	for id := 1; id <= 3; id++ {
		k.Produce(t, change(topic, "u", id, 1))
	}
	o := c.lateSink(t, k, topic, matching)
	o.UntilEnd = false
	s := start(t, o)
	waitFor(t, "the search to be tried again and again", func() bool {
		holds := s.Status().Holds
		return len(holds) == 1 && holds[0].Kind == "search" && holds[0].Probes > 12
	})
	c.fault(t)
	waitFor(t, "the rows", func() bool { return len(c.records("acme")) == 3 })
	waitFor(t, "the hold to end", func() bool { return len(s.Status().Holds) == 0 })
	if err := s.drain(); err != nil {
		t.Fatal(err)
	}
	wantLetters(t, k, topic)
}

func TestAKeyThatWasRotatedIsReadAgainWhenASearchIsRefused(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{APIKey: "rotated"})
	topic := k.NewTopic(t, 1, nil)
	o := c.lateSink(t, k, topic, matching)
	o.Config.Ampersand.APIKeyFile = filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(o.Config.Ampersand.APIKeyFile, []byte("rotated\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	k.Produce(t, change(topic, "u", 1, 1)) // nothing is written before the search is answered
	runs(t, o)
	c.want(t, "acme", "u1@example.com v1")
}
