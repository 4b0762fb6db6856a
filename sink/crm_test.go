package sink_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

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

// hijack ends the connection of a request without an answer.
func hijack(t *testing.T, w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	_ = conn.Close()
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

// only returns the one key of a map.
func only(m map[string]string) string {
	for k := range m {
		return k
	}
	return ""
}

// in puts a record into a partition.
func in(partition int32, r *kgo.Record) *kgo.Record {
	r.Partition = partition
	return r
}
