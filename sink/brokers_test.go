package sink_test

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/sink"
)

// endsWith waits for the sink to end by itself, and checks that it says all of that.
func endsWith(t *testing.T, s *running, texts ...string) {
	t.Helper()
	select {
	case err := <-s.done:
		s.done <- err
		for _, text := range texts {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("it ended with %v, which does not say %q", err, text)
			}
		}
	case <-time.After(mostPatience):
		t.Errorf("it goes on in silence: %+v", s.Status().Reasons)
	}
}

func TestMissingRightsStopTheSinkAndSayWhatToGrant(t *testing.T) {
	t.Parallel()
	read := func(k *kafkatest.Fake, topic string, keys ...kmsg.Key) func() {
		return k.RefuseTopic(topic, kerr.TopicAuthorizationFailed, keys...)
	}
	group := func(k *kafkatest.Fake, _ string, keys ...kmsg.Key) func() {
		return k.RefuseGroup("g", kerr.GroupAuthorizationFailed, keys...)
	}
	for name, c := range map[string]struct {
		refuse  func(k *kafkatest.Fake, topic string, keys ...kmsg.Key) func()
		request kmsg.Key
		says    string
	}{
		"to describe the topic":   {read, kmsg.Metadata, "grant this user READ and DESCRIBE on the topic"},
		"to read the topic":       {read, kmsg.Fetch, "grant this user READ and DESCRIBE on the topic"},
		"to find the coordinator": {group, kmsg.FindCoordinator, "grant this user READ on the group"},
		"to join":                 {group, kmsg.JoinGroup, "grant this user READ on the group"},
		"to read the offsets":     {group, kmsg.OffsetFetch, "grant this user READ on the group"},
		"to stay":                 {group, kmsg.Heartbeat, "grant this user READ on the group"},
		"to commit":               {group, kmsg.OffsetCommit, "grant this user READ on the group"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := kafkatest.NewFake(t)
			a := newAPI(t)
			topic := k.NewTopic(t, 1, nil)
			cfg := configure(t, k.Brokers(), "g", topic, a.URL, "")
			k.Produce(t, create(topic, 1))
			// From the start.
			relent := c.refuse(k, topic, c.request)
			endsWith(t, start(t, sink.Options{Config: cfg, Log: testLog(t)}), c.says)
			relent()
			// While it runs.
			s := start(t, sink.Options{Config: cfg, Log: testLog(t)})
			waitFor(t, "the first row to be committed", func() bool { return committed(t, k.Endpoint, "g", topic) == 1 })
			defer c.refuse(k, topic, c.request)()
			switch c.request {
			case kmsg.Metadata, kmsg.FindCoordinator, kmsg.JoinGroup, kmsg.OffsetFetch: // not asked again so soon
				s.stop()
				return
			}
			k.Produce(t, create(topic, 2))
			endsWith(t, s, c.says)
		})
	}
}

func TestATopicThatIsNotThereStopsTheSinkAndIsNamed(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	cfg := configure(t, k.Brokers(), "g", "nobody-made-it", a.URL, "")
	endsWith(t, start(t, sink.Options{Config: cfg, Log: testLog(t)}), "not there: topic nobody-made-it. Create it")
}

func TestATopicThatIsDeletedStopsTheSinkAndItsNewOneIsReadFromItsStart(t *testing.T) {
	t.Parallel()
	for name, renew := range map[string]bool{"deleted": false, "made anew": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := kafkatest.NewFake(t)
			a := newAPI(t)
			topic := kafkatest.UniqueName(t)
			k.CreateTopic(t, topic, 1, nil)
			k.Produce(t, update(topic, 1, 1), update(topic, 2, 1), update(topic, 3, 1))
			cfg := configure(t, k.Brokers(), "g", topic, a.URL, "")
			s := start(t, sink.Options{Config: cfg, Log: testLog(t)})
			waitFor(t, "the rows to be committed", func() bool { return committed(t, k.Endpoint, "g", topic) == 3 })
			k.DeleteTopic(t, topic)
			if renew {
				k.CreateTopic(t, topic, 1, nil)
				k.Produce(t, update(topic, 4, 1))
			}
			endsWith(t, s, topic+"/0", "was deleted, or deleted and made anew")
			if !renew {
				return
			}
			// The broker has deleted the group's offsets with the topic.
			if err := start(t, sink.Options{Config: cfg, Log: testLog(t), UntilEnd: true}).until(); err != nil {
				t.Fatal(err)
			}
			if n := a.rows(); n != 4 {
				t.Errorf("%d rows, not 3 and the one of the new topic", n)
			}
		})
	}
}

// moveOffset is what an operator does to a group that is stopped.
func moveOffset(t *testing.T, k *kafkatest.Fake, topic string, to int64) {
	t.Helper()
	o := kadm.Offsets{}
	o.AddOffset(topic, 0, to, -1)
	if err := kadm.NewClient(k.Client(t)).CommitAllOffsets(t.Context(), "g", o); err != nil {
		t.Fatal(err)
	}
}

func TestACommittedOffsetThatAnOperatorMovedIsObeyed(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	topic := k.NewTopic(t, 1, nil)
	for id := range 6 {
		k.Produce(t, update(topic, id, 1))
	}
	o := sink.Options{Config: configure(t, k.Brokers(), "g", topic, a.URL, ""), Log: testLog(t), UntilEnd: true}
	run := func(rows int, what string) {
		t.Helper()
		before := a.rows()
		if err := start(t, o).until(); err != nil {
			t.Fatal(err)
		}
		if n := a.rows() - before; n != rows {
			t.Errorf("%s: %d rows, not %d", what, n, rows)
		}
		if sum := committed(t, k.Endpoint, "g", topic); sum != 6 {
			t.Errorf("%s: committed %d of 6", what, sum)
		}
	}
	run(6, "the first time")
	moveOffset(t, k, topic, 2)
	run(4, "moved lower, these are wanted once more")
	moveOffset(t, k, topic, 0)
	run(6, "moved to the start")
}

func TestACommittedOffsetThatAnOperatorMovedHigherSkipsWhatIsBelow(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	topic := k.NewTopic(t, 1, nil)
	for id := range 6 {
		k.Produce(t, update(topic, id, 1))
	}
	moveOffset(t, k, topic, 4)
	o := sink.Options{Config: configure(t, k.Brokers(), "g", topic, a.URL, ""), Log: testLog(t), UntilEnd: true}
	if err := start(t, o).until(); err != nil {
		t.Fatal(err)
	}
	if n := a.rows(); n != 2 {
		t.Errorf("%d rows, not the 2 from offset 4 on", n)
	}
}
