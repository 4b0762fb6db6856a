package sink_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/internal/sandbox"
	"github.com/ampersink/ampersink/sink"
)

// late makes the route of a configuration one whose rows carry no CRM id: the ledger knows it.
func late(c *config.Config, edit ...func(*config.Route)) *config.Config {
	r := &c.Routes[0]
	c.Limits.SearchRate = 1000
	r.ParentPatience, r.Search.IndexLag, r.OnUnknownDelete = time.Second, 300*time.Millisecond, config.UnknownDeleteIgnore
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

// change is an event of a version of a row, which carries no CRM id. A delete tells its key.
func change(topic, op string, id, version int) *kgo.Record {
	row := fmt.Sprintf(`{"id":%d,"tenant":"acme","email":"u%d@example.com","name":"N","version":%d}`, id, id, version)
	if op == "d" {
		row = fmt.Sprintf(`{"id":%d,"tenant":"","email":"","name":"","version":0}`, id)
	}
	return event(topic, op, id, row)
}

// said is what the API was asked for of each row, in order: "create v1", "update v2 crm1", "delete crm1".
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

// hijack ends the connection of a request without an answer.
func hijack(t *testing.T, w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	_ = conn.Close()
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

func headerOf(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// crm is an API that keeps records: the sandbox over real HTTP.
type crm struct {
	*httptest.Server
	sandbox *sandbox.Server
}

func newCRM(t *testing.T, o sandbox.Options) *crm {
	t.Helper()
	o.CRM = sandbox.HubSpot
	s, err := sandbox.New(o)
	if err != nil {
		t.Fatal(err)
	}
	c := &crm{sandbox: s, Server: httptest.NewServer(s)}
	t.Cleanup(c.Close)
	return c
}

// records are what the CRM holds of a group's contacts: email and version.
func (c *crm) records(group string) map[string]string {
	all := make(map[string]string)
	for _, r := range c.sandbox.Records("hubspot", group, "contact") {
		all[r.ID] = fmt.Sprintf("%s v%s", text(r.Fields["email"]), text(r.Fields["version"]))
	}
	return all
}

func text(raw json.RawMessage) string { return strings.Trim(string(raw), `"`) }

// lateSink configures a late route against a CRM.
func (c *crm) lateSink(t *testing.T, k *kafkatest.Fake, topic string, edit ...func(*config.Route)) sink.Options {
	cfg := late(configure(t, k.Brokers(), "g", topic, c.URL, ""), edit...)
	cfg.Ampersand.SearchURL, cfg.Ampersand.Timeout = c.URL, 300*time.Millisecond
	return sink.Options{Config: cfg, Log: testLog(t), UntilEnd: true}
}

// runs runs the sink to its end.
func runs(t *testing.T, o sink.Options) sink.Status {
	t.Helper()
	s := start(t, o)
	if err := s.until(); err != nil {
		t.Fatal(err)
	}
	return s.Status()
}

func (c *crm) want(t *testing.T, group string, want ...string) {
	t.Helper()
	var got []string
	for _, r := range c.records(group) {
		got = append(got, r)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the CRM of %s has %q, expected %q", group, got, want)
	}
}

// requests counts the requests of a type.
func (c *crm) requests(typ string) (n int) {
	for _, r := range c.sandbox.Requests() {
		if r.Type == typ {
			n++
		}
	}
	return n
}

func (c *crm) fault(t *testing.T, f ...sandbox.Fault) {
	t.Helper()
	if err := c.sandbox.SetFaults(f); err != nil {
		t.Fatal(err)
	}
}

// letters returns the codes of a topic's dead letters, in order.
func letters(t *testing.T, k *kafkatest.Fake, topic string) (codes []string) {
	t.Helper()
	if k.Cluster.TopicInfo(topic+".dead") == nil {
		return nil
	}
	for _, r := range k.ReadAll(t, topic+".dead") {
		for _, h := range r.Headers {
			if h.Key == "ampersink.code" {
				codes = append(codes, string(h.Value))
			}
		}
	}
	slices.Sort(codes)
	return codes
}

func wantLetters(t *testing.T, k *kafkatest.Fake, topic string, want ...string) {
	t.Helper()
	if got := letters(t, k, topic); !slices.Equal(got, want) {
		t.Errorf("dead letters %q, expected %q", got, want)
	}
}

func (c *crm) seed(t *testing.T, group string, rows ...map[string]any) []string {
	t.Helper()
	ids, err := c.sandbox.Seed("hubspot", group, "contact", rows)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

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

// remove deletes a record behind the sink's back.
func (c *crm) remove(t *testing.T, group, id string) {
	t.Helper()
	body := fmt.Sprintf(`{"groupRef":%q,"type":"delete","record":{"id":%q}}`, group, id)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.URL+"/projects/acme/integrations/hubspot/objects/contact", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Api-Key", "k")
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultTransport.RoundTrip(req) //nolint:forbidigo // a person at the CRM
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("deleting %s: %d", id, resp.StatusCode)
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

// only returns the one key of a map.
func only(m map[string]string) string {
	for k := range m {
		return k
	}
	return ""
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

func TestAddingPartitionsToATopicLosesNoID(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
	topic := k.NewTopic(t, 1, nil)
	o := c.lateSink(t, k, topic)
	for id := range 8 {
		k.Produce(t, change(topic, "c", id, 1))
	}
	runs(t, o)
	k.Grow(t, topic, 4)
	for id := range 8 {
		r := change(topic, "u", id, 2)
		r.Partition = int32(id % 4)
		k.ProduceTo(t, r)
	}
	runs(t, o)
	if n := len(c.records("acme")); n != 8 {
		t.Errorf("%d records of 8 rows", n)
	}
	for _, r := range c.records("acme") {
		if !strings.HasSuffix(r, " v2") {
			t.Errorf("%s was not updated", r)
		}
	}
}

func TestEqualKeysOfTwoTopicsAreTwoRowsUnlessTheyShareASpace(t *testing.T) {
	t.Parallel()
	for name, space := range map[string]string{"apart": "", "shared": "people"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{Unique: map[string][]string{"contact": {}}})
			first, second := k.NewTopic(t, 1, nil), k.NewTopic(t, 1, nil)
			o := c.lateSink(t, k, first, func(r *config.Route) { r.IdentitySpace = space })
			other := o.Config.Routes[0]
			other.Name, other.Topics.Names = "others", []string{second}
			o.Config.Routes = append(o.Config.Routes, other)
			k.Produce(t, change(first, "c", 1, 1))
			runs(t, o)
			k.Produce(t, change(second, "c", 1, 2))
			runs(t, o)
			k.Produce(t, change(second, "d", 1, 0))
			runs(t, o)
			if space == "" {
				c.want(t, "acme", "u1@example.com v1") // the other topic's row is deleted
			} else {
				c.want(t, "acme")
			}
		})
	}
}

func TestAPrimaryKeyThatChangesTakesItsIDAlong(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
	topic := k.NewTopic(t, 2, nil)
	o := c.lateSink(t, k, topic, func(r *config.Route) { r.OnKeyChange = config.KeyChangeMove })
	k.ProduceTo(t, in(0, change(topic, "c", 1, 1)))
	runs(t, o)
	id := only(c.records("acme"))
	// As Debezium writes it: a delete and a tombstone of the old key, a create of the new one in another partition.
	gone, tombstone := in(0, change(topic, "d", 1, 0)), in(0, change(topic, "d", 1, 0))
	tombstone.Value = nil
	for _, r := range []*kgo.Record{gone, tombstone} {
		r.Headers = []kgo.RecordHeader{{Key: "__debezium.newkey", Value: []byte(`{"id":2}`)}}
	}
	come := in(1, change(topic, "c", 2, 2))
	come.Headers = []kgo.RecordHeader{{Key: "__debezium.oldkey", Value: []byte(`{"id":1}`)}}
	k.ProduceTo(t, gone, tombstone, come)
	runs(t, o)
	if got := c.records("acme"); len(got) != 1 || got[id] != "u2@example.com v2" {
		t.Errorf("the record %s became %v", id, got)
	}
	k.ProduceTo(t, in(1, change(topic, "u", 2, 3)), in(0, change(topic, "c", 1, 4))) // another row has the old key now
	runs(t, o)
	if got := c.records("acme"); len(got) != 2 || got[id] != "u2@example.com v3" {
		t.Errorf("the records are %v", got)
	}
}

// A create was answered without an id, and the change of the row's key, which cannot be written for
// that, was settled; the process ended before its offset was committed. It is read again.
func TestAChangedKeyOfARowWithoutAnIDIsRefusedAgainWhenItIsReadAgain(t *testing.T) {
	t.Parallel()
	k, a := kafkatest.NewFake(t), newAPI(t)
	a.script = func(_ int, _ call, w http.ResponseWriter) bool {
		_, err := io.WriteString(w, `{"operationId":"op","successCount":1,"failureCount":0,"results":[{"success":true}]}`)
		return err == nil
	}
	topic := k.NewTopic(t, 1, nil)
	come := change(topic, "c", 2, 2)
	come.Headers = []kgo.RecordHeader{{Key: "__debezium.oldkey", Value: []byte(`{"id":1}`)}}
	k.Produce(t, change(topic, "c", 1, 1), come)
	o := sink.Options{Config: late(configure(t, k.Brokers(), "g", topic, a.URL, ""), func(r *config.Route) { r.OnKeyChange = config.KeyChangeMove }), Log: testLog(t), UntilEnd: true}
	runs(t, o)
	var before kadm.Offsets
	before.AddOffset(topic, 0, 1, -1)
	if err := kadm.NewClient(k.Client(t)).CommitAllOffsets(t.Context(), "g", before); err != nil {
		t.Fatal(err)
	}
	runs(t, o)
	wantSaid(t, a, "create v1")
	wantLetters(t, k, topic, "id_unknown", "id_unknown")
}

// in puts a record into a partition.
func in(partition int32, r *kgo.Record) *kgo.Record {
	r.Partition = partition
	return r
}
