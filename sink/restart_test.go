package sink_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/sink"
)

// What is done above a stuck write is in the commit's metadata: a restart sends
// only the stuck one again.
func TestWhatIsDoneAboveTheLowMarkIsNotSentAgainAfterARestart(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	a.script = func(_ int, c call, w http.ResponseWriter) bool {
		if c.Group != "stuck" {
			return false
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	topic := k.NewTopic(t, 1, nil)
	records := []*kgo.Record{event(topic, "c", 0, `{"id":0,"tenant":"stuck","email":"x","crm_id":null}`)}
	for i := 1; i < 200; i++ {
		records = append(records, create(topic, i))
	}
	k.Produce(t, records...)
	cfg := configure(t, k.Brokers(), "g", topic, a.URL, "shutdown_timeout: 1s")
	cfg.Retry.Patience = cfg.Retry.Max
	first := start(t, sink.Options{Config: cfg, Log: testLog(t)})
	waitFor(t, "the others", func() bool { return first.Status().Totals.Written["create"] == 199 })
	if err := first.drain(); err != nil {
		t.Fatal(err)
	}
	c := k.Committed(t, "g")[topic][0]
	if c.Offset != 0 || c.Metadata == "" {
		t.Fatalf("committed %+v: not the offset of the stuck write with what is done above it", c)
	}
	a.mu.Lock()
	a.script, a.calls = nil, nil
	a.mu.Unlock()
	second := start(t, sink.Options{Config: cfg, Log: testLog(t), UntilEnd: true})
	if err := second.until(); err != nil {
		t.Fatal(err)
	}
	if n := a.rows(); n != 1 {
		t.Errorf("%d rows were sent after the restart, not the stuck one alone", n)
	}
	if n := second.Status().Totals.Restored; n != 199 {
		t.Errorf("%d restored, not 199", n)
	}
	if sum := committed(t, k.Endpoint, "g", topic); sum != 200 {
		t.Errorf("committed %d, not 200", sum)
	}
}

// The coordinator is gone for as long as it takes to lose the partitions: what was written
// meanwhile could not be committed, and is read again by the very process that wrote it.
func TestWhatCouldNotBeCommittedBeforeThePartitionsWereLostIsNotSentAgain(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	topic := k.NewTopic(t, 1, nil)
	cfg := configure(t, k.Brokers(), "g", topic, a.URL, "")
	cfg.Kafka.SessionTimeout = time.Second
	k.Produce(t, create(topic, 1))
	s := start(t, sink.Options{Config: cfg, Log: testLog(t)})
	waitFor(t, "the first commit", func() bool { return committed(t, k.Endpoint, "g", topic) == 1 })

	back := k.RefuseGroup("g", kerr.CoordinatorNotAvailable, kmsg.OffsetCommit)
	k.Produce(t, create(topic, 2), broken(topic), create(topic, 3), update(topic, 9, 1))
	waitFor(t, "all to be settled", func() bool {
		st := s.Status()
		return st.Totals.Written["create"] == 3 && st.Totals.Written["update"] == 1 && st.Totals.DeadLettered["bad_json"] == 1
	})
	gone := k.RefuseGroup("g", kerr.UnknownMemberID, kmsg.Heartbeat)
	waitFor(t, "the partition to be lost", func() bool { return len(s.Status().Partitions) == 0 })
	gone()
	waitFor(t, "the partition to come back, and to be read again", func() bool { return s.Status().Totals.Restored == 4 })
	k.Produce(t, update(topic, 9, 2))
	// Its predecessor is done and not durable: a crash now would have it sent behind this one.
	time.Sleep(100 * time.Millisecond)
	if n := a.rows(); n != 4 {
		t.Errorf("%d rows before the commit, not the 4 from before", n)
	}
	back()
	waitFor(t, "the successor", func() bool { return a.rows() == 5 })
	if err := s.drain(); err != nil {
		t.Fatal(err)
	}
	if n := len(k.ReadAll(t, topic+".dead")); n != 1 {
		t.Errorf("%d dead letters, not 1", n)
	}
	if sum := committed(t, k.Endpoint, "g", topic); sum != 6 {
		t.Errorf("committed %d, not 6", sum)
	}
}

func TestStoppingDuringACreateSettlesItAsInDoubt(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	hang := make(chan struct{})
	var once sync.Once
	a.script = func(_ int, _ call, _ http.ResponseWriter) bool { <-hang; return true }
	t.Cleanup(func() { once.Do(func() { close(hang) }) })
	topic := k.NewTopic(t, 1, nil)
	k.Produce(t, create(topic, 1), create(topic, 2))
	s := start(t, sink.Options{Config: configure(t, k.Brokers(), "g", topic, a.URL, "shutdown_timeout: 1s"), Log: testLog(t)})
	waitFor(t, "the request", func() bool { return len(a.taken()) == 1 })
	if err := s.drain(); err != nil {
		t.Fatal(err)
	}
	letters := k.ReadAll(t, topic+".dead")
	if len(letters) != 2 {
		t.Fatalf("%d dead letters, not 2", len(letters))
	}
	for _, r := range letters {
		if l := letter(t, r); !l.InDoubt || l.Reason.Code != "in_doubt" || l.Attempts != 1 || l.First.IsZero() {
			t.Errorf("letter: %+v", l)
		}
	}
	if sum := committed(t, k.Endpoint, "g", topic); sum != 2 {
		t.Errorf("committed %d, not 2", sum)
	}
	once.Do(func() { close(hang) })
}

func TestAGroupThatStartsAtLatestSkipsNothingThatComesAfter(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	topic := k.NewTopic(t, 2, nil)
	k.Produce(t, create(topic, 1), create(topic, 2), create(topic, 3))
	cfg := configure(t, k.Brokers(), "g", topic, a.URL, "")
	cfg.Kafka.Start = config.StartLatest
	first := start(t, sink.Options{Config: cfg, Log: testLog(t)})
	waitFor(t, "the assignment", func() bool { return len(first.Status().Partitions) == 2 })
	if err := first.drain(); err != nil {
		t.Fatal(err)
	}
	if sum := committed(t, k.Endpoint, "g", topic); sum != 3 {
		t.Fatalf("committed %d, not the ends at the start", sum)
	}
	// What comes while it is stopped, and in a partition that appears later, is read.
	k.Produce(t, create(topic, 4))
	adm := kadm.NewClient(k.Client(t))
	if _, err := adm.CreatePartitions(t.Context(), 1, topic); err != nil {
		t.Fatal(err)
	}
	k.ProduceTo(t, func() *kgo.Record { r := create(topic, 5); r.Partition = 2; return r }())
	if err := start(t, sink.Options{Config: cfg, Log: testLog(t), UntilEnd: true}).until(); err != nil {
		t.Fatal(err)
	}
	if n := a.rows(); n != 2 {
		t.Errorf("%d rows, not the 2 that came after the start", n)
	}
}

func TestALostOffsetStopsAndSaysWhatWasLost(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	topic := k.NewTopic(t, 1, nil)
	var records []*kgo.Record
	for i := range 10 {
		records = append(records, create(topic, i))
	}
	k.Produce(t, records...)
	cfg := configure(t, k.Brokers(), "g", topic, a.URL, "")
	adm := kadm.NewClient(k.Client(t))
	commit := kadm.Offsets{}
	commit.AddOffset(topic, 0, 3, -1)
	if err := adm.CommitAllOffsets(t.Context(), "g", commit); err != nil {
		t.Fatal(err)
	}
	cut := kadm.Offsets{}
	cut.AddOffset(topic, 0, 7, -1)
	if _, err := adm.DeleteRecords(t.Context(), cut); err != nil {
		t.Fatal(err)
	}
	err := start(t, sink.Options{Config: cfg, Log: testLog(t)}).until()
	if err == nil || !strings.Contains(err.Error(), "position 3") || !strings.Contains(err.Error(), "7 to 10") || !strings.Contains(err.Error(), "up to 4 records") {
		t.Errorf("ended with %v, which does not say what was lost", err)
	}
	if a.rows() != 0 {
		t.Error("rows were sent")
	}

	cfg.Kafka.OnLostOffset = config.LostEarliest
	if err := start(t, sink.Options{Config: cfg, Log: testLog(t), UntilEnd: true}).until(); err != nil {
		t.Fatal(err)
	}
	if n := a.rows(); n != 3 {
		t.Errorf("%d rows with earliest, not the 3 that are left", n)
	}
}

func TestAPatternNeverMatchesOurOwnTopics(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	topic := k.NewTopic(t, 1, nil)
	k.Produce(t, &kgo.Record{Topic: topic, Key: []byte(`{"id":1}`), Value: []byte(`broken`)})
	cfg := configure(t, k.Brokers(), "g", topic, a.URL, "")
	cfg.Routes[0].Topics = config.Topics{Regex: ".*"}
	s := start(t, sink.Options{Config: cfg, Log: testLog(t)})
	waitFor(t, "the dead letter", func() bool { return s.Status().Totals.DeadLettered["bad_json"] == 1 })
	k.Produce(t, create(topic, 2))
	waitFor(t, "the record behind it", func() bool { return a.rows() == 1 })
	for _, p := range s.Status().Partitions {
		if strings.HasSuffix(p.Topic, ".dead") {
			t.Errorf("our own topic %s is read", p.Topic)
		}
	}
	if n := s.Status().Totals.DeadLettered["bad_json"]; n != 1 {
		t.Errorf("%d dead letters", n)
	}
}

func TestUntilEndPassesTransactionMarkersAtTheEnd(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	topic := k.NewTopic(t, 1, nil)
	p := k.Client(t, kgo.TransactionalID("tx-"+topic))
	for i, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
		if err := p.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := p.ProduceSync(t.Context(), create(topic, i)).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := p.EndTransaction(t.Context(), end); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, sink.Options{Config: configure(t, k.Brokers(), "g", topic, a.URL, ""), Log: testLog(t), UntilEnd: true})
	if err := s.until(); err != nil {
		t.Fatal(err)
	}
	if n := a.rows(); n != 1 {
		t.Errorf("%d rows: the aborted one must not be sent", n)
	}
	if sum := committed(t, k.Endpoint, "g", topic); sum != 4 {
		t.Errorf("committed %d, not 4: two records and two markers", sum)
	}
}

func TestMemoryStaysInsideItsBoundWhileTheAPIHangs(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	hang := make(chan struct{})
	a.script = func(int, call, http.ResponseWriter) bool { <-hang; return false }
	topic := k.NewTopic(t, 4, nil)
	filler := strings.Repeat("x", 2000)
	var records []*kgo.Record
	for i := range 20_000 {
		r := update(topic, i, 1)
		r.Headers = []kgo.RecordHeader{{Key: "filler", Value: []byte(filler)}}
		records = append(records, r)
	}
	k.Produce(t, records...)
	cfg := configure(t, k.Brokers(), "g", topic, a.URL, "")
	cfg.Limits.Memory = 8 << 20
	s := start(t, sink.Options{Config: cfg, Log: testLog(t), UntilEnd: true})
	waitFor(t, "the intake to stop", func() bool {
		st := s.Status()
		return st.Memory.Full || len(st.Partitions) > 0 && !slices.ContainsFunc(st.Partitions, func(p sink.PartitionStatus) bool { return p.Paused == "" })
	})
	time.Sleep(200 * time.Millisecond)
	if m := s.Status().Memory; m.Used+m.FetchedAhead > m.Limit {
		t.Errorf("%d waiting and %d fetched ahead are more than %d", m.Used, m.FetchedAhead, m.Limit)
	}
	close(hang)
	if err := s.until(); err != nil {
		t.Fatal(err)
	}
	if m := s.Status().Memory; m.Peak > m.Limit || m.Used != 0 {
		t.Errorf("memory: %+v", m)
	}
	if n := s.Status().Totals.Written["update"]; n != 20_000 {
		t.Errorf("%d written", n)
	}
}
