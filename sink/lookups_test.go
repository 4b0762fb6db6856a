package sink_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/sink"
)

const registryURL = "http://registry"

// emails are those of all rows that the API was sent, sorted.
func emails(a *api) (all []string) {
	for _, c := range a.taken() {
		for _, row := range c.Rows {
			all = append(all, fmt.Sprint(row["email"]))
		}
	}
	slices.Sort(all)
	return all
}

func wantEmails(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("u%d@example.com", i))
	}
	slices.Sort(all)
	return all
}

// A registry that is down holds what needs it: nothing is dead-lettered, other
// partitions go on, the status says why and since when, the group goes on, and everything is
// written, once, when it is back.
func TestARegistryThatIsDownHoldsWhatNeedsItAndResumesByItself(t *testing.T) {
	holdsWithoutRegistry(t, kafkatest.NewFake(t).Endpoint)
}

func TestARegistryThatIsDownHoldsOnARealKafka(t *testing.T) {
	holdsWithoutRegistry(t, kafkatest.Real(t).Endpoint)
}

func holdsWithoutRegistry(t *testing.T, k *kafkatest.Endpoint) {
	t.Helper()
	a := newAPI(t)
	r := newRegistry()
	r.seed(1)
	r.down.Store(true)
	inJSON, inBinary := k.NewTopic(t, 2, nil), k.NewTopic(t, 4, nil)
	var records []*kgo.Record
	for i := range 300 {
		records = append(records, create(inJSON, i), inAvro(t, create(inBinary, 300+i), 0))
	}
	k.Produce(t, records...)
	group := "g-" + inBinary
	cfg := configureFormats(t, k.Brokers(), group, a.URL, registryURL, map[string]string{inJSON: "json", inBinary: "avro"})
	cfg.Retry.Patience = 300 * time.Millisecond
	began := time.Now()
	s := start(t, sink.Options{Config: cfg, Log: testLog(t), Registry: r})
	waitFor(t, "what needs no registry", func() bool { return s.Status().Totals.Written["create"] == 300 })
	waitFor(t, "the hold", func() bool { st := s.Status(); return !st.Ready && st.Registry != nil && st.Registry.State == "held" })
	st := s.Status()
	if g := st.Registry; g.Code != "unreachable" || g.Partitions != 4 || g.Since.Before(began) || g.Tries < 2 || g.NextTry.IsZero() || !strings.Contains(g.Reason, errDown.Error()) {
		t.Errorf("the registry's status: %+v", g)
	}
	if why := strings.Join(st.Reasons, "; "); !strings.Contains(why, "4 partitions wait for the schema registry since") || !strings.Contains(why, errDown.Error()) {
		t.Errorf("not ready because of %q", why)
	}
	for _, p := range st.Partitions {
		if paused := strings.Contains(p.Paused, "schema"); paused != (p.Topic == inBinary) || p.Topic == inBinary && p.Lag < 1 {
			t.Errorf("%+v", p)
		}
	}
	k.Produce(t, create(inJSON, 300))
	waitFor(t, "what came later and needs no registry", func() bool { return s.Status().Totals.Written["create"] == 301 })

	// The membership lives on: another member gets its share, and holds it too.
	second := start(t, sink.Options{Config: cfg, Log: testLog(t), Registry: r})
	waitFor(t, "the second member's share", func() bool { return len(second.Status().Partitions) == 3 && len(s.Status().Partitions) == 3 })
	waitFor(t, "the second member's hold", func() bool { return second.Status().Registry.State == "held" })

	r.down.Store(false)
	written := func() int64 { return s.Status().Totals.Written["create"] + second.Status().Totals.Written["create"] }
	waitFor(t, "everything", func() bool { return written() == 601 })
	if st := s.Status(); !st.Ready || st.Registry.State != "idle" || st.Registry.Code != "" || st.Registry.Partitions != 0 {
		t.Errorf("ready %v, %q, registry %+v", st.Ready, st.Reasons, st.Registry)
	}
	for _, one := range []*running{s, second} {
		if err := one.drain(); err != nil {
			t.Fatal(err)
		}
		if n := one.Status().Totals.DeadLettered; len(n) != 0 {
			t.Errorf("dead-lettered: %v", n)
		}
	}
	want := append(wantEmails(600), "u300@example.com")
	slices.Sort(want)
	if got := emails(a); !slices.Equal(got, want) {
		t.Errorf("%d rows were sent, not %d, or others", len(got), len(want))
	}
	if sum := committed(t, k, group, inBinary); sum != 300 {
		t.Errorf("committed %d of 300", sum)
	}
}

// A schema that the registry does not have refuses its records, and them alone; the dead
// letter has their bytes.
func TestASchemaThatDoesNotExistIsTheRecordsOwnFault(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	r := newRegistry()
	r.seed(1)
	topic := k.NewTopic(t, 1, nil)
	var records []*kgo.Record
	for i := range 50 {
		records = append(records, inAvro(t, create(topic, i), 0))
	}
	stray := &kgo.Record{Topic: topic, Key: avroOf(t, avroKey, 1, []byte(`{"id":7}`)), Value: avroOf(t, avroKey, 4711, []byte(`{"id":7}`))}
	k.Produce(t, append(records, stray, inAvro(t, create(topic, 50), 0), stray)...)
	s := start(t, sink.Options{Config: configureFormats(t, k.Brokers(), "g", a.URL, registryURL, map[string]string{topic: "avro"}), Log: testLog(t), Registry: r, UntilEnd: true})
	if err := s.until(); err != nil {
		t.Fatal(err)
	}
	if totals := s.Status().Totals; totals.Written["create"] != 51 || totals.DeadLettered["unknown_schema"] != 2 || len(totals.DeadLettered) != 1 {
		t.Errorf("%+v", totals)
	}
	letters := k.ReadAll(t, topic+".dead")
	if len(letters) != 2 || string(letters[0].Key) != string(stray.Key) || string(letters[0].Value) != string(stray.Value) {
		t.Fatalf("dead letters: %v", letters)
	}
	reason := ""
	for _, h := range letters[0].Headers {
		if h.Key == "__connect.errors.exception.message" {
			reason = string(h.Value)
		}
	}
	if !strings.Contains(reason, "4711") || !strings.Contains(reason, topic) {
		t.Errorf("the reason %q does not name the schema and the topic", reason)
	}
	if sum := committed(t, k.Endpoint, "g", topic); sum != 53 {
		t.Errorf("committed %d of 53", sum)
	}
}

// A login that is refused holds at once, with the advice, and resumes when it is taken.
func TestARegistryThatRefusesTheLoginHoldsWithTheAdvice(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	for status, says := range map[int]string{http.StatusUnauthorized: "kafka.schema_registry.user and password", http.StatusForbidden: "needs the right to read"} {
		r := newRegistry()
		r.seed(1)
		r.answer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		topic := k.NewTopic(t, 1, nil)
		k.Produce(t, inAvro(t, create(topic, 1), 0))
		s := start(t, sink.Options{Config: configureFormats(t, k.Brokers(), topic, a.URL, registryURL, map[string]string{topic: "avro"}), Log: testLog(t), Registry: r})
		waitFor(t, "the hold", func() bool { return !s.Status().Ready && s.Status().Registry.State == "held" })
		if why := strings.Join(s.Status().Reasons, "; "); !strings.Contains(why, says) {
			t.Errorf("%d: not ready because of %q, which does not say %q", status, why, says)
		}
		r.answer(nil)
		waitFor(t, "the write", func() bool { return s.Status().Totals.Written["create"] == 1 })
		if err := s.drain(); err != nil {
			t.Fatal(err)
		}
	}
}

// Schemas that are new in mid-topic, many at once: each record is written once, in the
// order of its key.
func TestNewSchemasInMidTopicLoseNothingAndRepeatNothing(t *testing.T) {
	const versions, keys, updates = 12, 150, 600
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	r := newRegistry()
	r.seed(versions)
	topic := k.NewTopic(t, 3, nil)
	var records []*kgo.Record
	for i := range updates {
		records = append(records, inAvro(t, update(topic, i%keys, i), i*versions/updates))
	}
	k.Produce(t, records...)
	s := start(t, sink.Options{Config: configureFormats(t, k.Brokers(), "g", a.URL, registryURL, map[string]string{topic: "avro"}), Log: testLog(t), Registry: r, UntilEnd: true})
	if err := s.until(); err != nil {
		t.Fatal(err)
	}
	if n := a.rows(); n != updates {
		t.Errorf("%d rows were sent, not %d", n, updates)
	}
	last := make(map[string]string)
	for _, c := range a.taken() {
		for _, row := range c.Rows {
			id, version := fmt.Sprint(row["id"]), fmt.Sprintf("%06v", row["version"])
			if last[id] >= version {
				t.Fatalf("%s: version %s after %s", id, version, last[id])
			}
			last[id] = version
		}
	}
	if n := r.asked.Load(); n != versions+1 {
		t.Errorf("%d questions for %d schemas", n, versions+1)
	}
	if sum := committed(t, k.Endpoint, "g", topic); sum != updates {
		t.Errorf("committed %d of %d", sum, updates)
	}
}

// One schema that cannot be had holds its own partitions; the others have their turn.
func TestOneSchemaThatCannotBeHadHoldsItsPartitionsAlone(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	r := newRegistry()
	r.seed(2)
	var broken atomic.Bool
	broken.Store(true)
	r.answer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if broken.Load() && strings.HasSuffix(req.URL.Path, "/10") {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		r.Handler().ServeHTTP(w, req)
	}))
	bad, good := k.NewTopic(t, 1, nil), k.NewTopic(t, 1, nil)
	k.Produce(t, inAvro(t, create(bad, 1), 0), inAvro(t, create(good, 2), 1))
	s := start(t, sink.Options{Config: configureFormats(t, k.Brokers(), "g", a.URL, registryURL, map[string]string{bad: "avro", good: "avro"}), Log: testLog(t), Registry: r})
	waitFor(t, "the other schema's record", func() bool { return s.Status().Totals.Written["create"] == 1 })
	waitFor(t, "some tries", func() bool { return s.Status().Registry.Tries > 3 })
	if st := s.Status(); st.Registry.Partitions != 1 || st.Registry.Code != "http_500" || !slices.Equal(st.Registry.Schemas, []string{"10"}) {
		t.Errorf("%+v", st.Registry)
	}
	broken.Store(false)
	waitFor(t, "everything", func() bool { return s.Status().Totals.Written["create"] == 2 })
}

// A schema that is registered while its record is waiting is not missing.
func TestARecordThatIsAheadOfItsSchemaWaitsAMoment(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	r := newRegistry()
	r.SeedSchema("keys", 1, 1, sr.Schema{Schema: avroKey})
	topic := k.NewTopic(t, 1, nil)
	k.Produce(t, inAvro(t, create(topic, 1), 0))
	s := start(t, sink.Options{Config: configureFormats(t, k.Brokers(), "g", a.URL, registryURL, map[string]string{topic: "avro"}), Log: testLog(t), Registry: r})
	waitFor(t, "the question", func() bool { return r.asked.Load() >= 2 })
	r.SeedSchema("values", 1, 10, sr.Schema{Schema: envelopeOf(0)})
	waitFor(t, "the write", func() bool { return s.Status().Totals.Written["create"] == 1 })
	if n := s.Status().Totals.DeadLettered; len(n) != 0 {
		t.Errorf("dead-lettered: %v", n)
	}
}

func TestUntilEndWithARegistryThatIsDownEndsWithAFaultThatNamesIt(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	r := newRegistry()
	r.down.Store(true)
	topic := k.NewTopic(t, 1, nil)
	k.Produce(t, inAvro(t, create(topic, 1), 0))
	cfg := configureFormats(t, k.Brokers(), "g", a.URL, registryURL, map[string]string{topic: "avro"})
	cfg.Retry.Patience = 300 * time.Millisecond
	err := start(t, sink.Options{Config: cfg, Log: testLog(t), Registry: r, UntilEnd: true}).until()
	if err == nil || !strings.Contains(err.Error(), "the schema registry since") || !strings.Contains(err.Error(), errDown.Error()) {
		t.Errorf("the run ended with %v", err)
	}
	if sum := committed(t, k.Endpoint, "g", topic); sum != 0 {
		t.Errorf("committed %d although nothing was written", sum)
	}
}

// A partition that is given up while it waits is its new owner's, who starts at its first
// record that was not done.
func TestAPartitionThatMovesWhileItWaitsIsReadByItsNewOwner(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	r := newRegistry()
	r.seed(2)
	r.answer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.HasSuffix(req.URL.Path, "/11") {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		r.Handler().ServeHTTP(w, req)
	}))
	topic := k.NewTopic(t, 4, nil)
	var records []*kgo.Record
	for i := range 200 {
		records = append(records, inAvro(t, create(topic, i), i/100))
	}
	k.Produce(t, records...)
	cfg := configureFormats(t, k.Brokers(), "g", a.URL, registryURL, map[string]string{topic: "avro"})
	first := start(t, sink.Options{Config: cfg, Log: testLog(t), Registry: r})
	waitFor(t, "what can be read", func() bool { return first.Status().Totals.Written["create"] == 100 })
	waitFor(t, "the wait", func() bool { return first.Status().Registry.Partitions == 4 })
	second := start(t, sink.Options{Config: cfg, Log: testLog(t), Registry: r})
	waitFor(t, "the second member's share", func() bool {
		return len(second.Status().Partitions) == 2 && second.Status().Registry.Partitions == 2 && first.Status().Registry.Partitions == 2
	})
	if err := first.drain(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "all of it", func() bool { return second.Status().Registry.Partitions == 4 })
	r.answer(nil)
	waitFor(t, "everything", func() bool { return second.Status().Totals.Written["create"] == 100 })
	if err := second.drain(); err != nil {
		t.Fatal(err)
	}
	if got := emails(a); !slices.Equal(got, wantEmails(200)) {
		t.Errorf("%d rows were sent, not 200, or others", len(got))
	}
}

func TestCheckAsksTheRegistry(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	r := newRegistry()
	topic := k.NewTopic(t, 1, nil)
	cfg := configureFormats(t, k.Brokers(), "g", a.URL, registryURL, map[string]string{topic: "avro"})
	s, err := sink.New(sink.Options{Config: cfg, Log: testLog(t), Registry: r})
	if err != nil {
		t.Fatal(err)
	}
	finding := func() (found bool, err error) {
		for _, f := range s.Check(t.Context()) {
			if f.What == "schema registry "+registryURL {
				return true, f.Err
			}
		}
		return false, nil
	}
	if found, err := finding(); !found || err != nil {
		t.Errorf("found %v: %v", found, err)
	}
	r.answer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	if _, err := finding(); err == nil || !strings.Contains(err.Error(), "kafka.schema_registry.user") {
		t.Errorf("%v", err)
	}
}
