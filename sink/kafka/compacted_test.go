package kafka

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/internal/model"
)

// compacted opens a topic for a person who waits.
func compacted(t *testing.T, e *kafkatest.Endpoint, topic string, edit ...func(*CompactedOptions)) (*Compacted, error) {
	t.Helper()
	o := CompactedOptions{
		Config: config.Kafka{Brokers: e.Brokers(), Group: "g", ClientID: "test"}, Topic: topic, Once: true,
		Dial: e.Dial, Log: zerolog.Nop(), Fault: func(err error) { t.Errorf("fault: %v", err) },
	}
	for _, f := range edit {
		f(&o)
	}
	l, err := OpenCompacted(t.Context(), o)
	if err == nil {
		t.Cleanup(l.Close)
	}
	return l, err
}

func TestACompactedTopicThatIsNotThere(t *testing.T) {
	t.Parallel()
	offsets := func(t *testing.T, k *kafkatest.Fake) {
		source := k.NewTopic(t, 1, nil)
		var at kadm.Offsets
		at.AddOffset(source, 0, 0, -1)
		if err := kadm.NewClient(k.Client(t)).CommitAllOffsets(t.Context(), "g", at); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		create CreateWhen
		before func(*testing.T, *kafkatest.Fake)
		says   string // empty: it is made
	}{
		"it is not to be made":            {CreateNever, nil, "not there: topic g.ledger"},
		"it is made for a new group":      {CreateForNewGroup, nil, ""},
		"not for a group that has offset": {CreateForNewGroup, offsets, "a second time"},
		"it is made when the coordinator is there": {CreateForNewGroup, func(_ *testing.T, k *kafkatest.Fake) {
			k.Cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.FindCoordinator}, Group: "g", Err: kerr.CoordinatorNotAvailable, Count: 3})
		}, ""},
		"it is made all the same": {CreateAlways, offsets, ""},
		"it may not be made": {CreateAlways, func(_ *testing.T, k *kafkatest.Fake) {
			k.RefuseTopic("g.ledger", kerr.TopicAuthorizationFailed, kmsg.CreateTopics)
		}, "grant this user CREATE on it, or have it made with cleanup.policy=compact"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := kafkatest.NewFake(t)
			if c.before != nil {
				c.before(t, k)
			}
			l, err := compacted(t, k.Endpoint, "g.ledger", func(o *CompactedOptions) { o.Create = c.create })
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("it ended with %v, which does not say %q", err, c.says)
				}
				if k.Cluster.TopicInfo("g.ledger") != nil {
					t.Error("the topic is there")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if info := k.Cluster.TopicInfo("g.ledger"); l.Partitions() != compactedPartitions || info == nil || *info.Configs["cleanup.policy"] != "compact" {
				t.Errorf("it has %d partitions and is %+v", l.Partitions(), info)
			}
		})
	}
}

func TestATopicThatForgetsIsRefused(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"delete", "compact,delete"} {
		k := kafkatest.NewFake(t)
		topic := k.NewTopic(t, 1, map[string]string{"cleanup.policy": policy})
		_, err := compacted(t, k.Endpoint, topic)
		if err == nil || !strings.Contains(err.Error(), "cleanup.policy="+policy+", which deletes what is old") ||
			!strings.Contains(err.Error(), "kafka-configs --alter --topic "+topic+" --add-config cleanup.policy=compact") {
			t.Errorf("%s: %v", policy, err)
		}
		// Who may not read settings cannot be told.
		k.Cluster.ControlKey(int16(kmsg.DescribeConfigs), func(r kmsg.Request) (kmsg.Response, error, bool) {
			answer := r.ResponseKind().(*kmsg.DescribeConfigsResponse)
			answer.Resources = []kmsg.DescribeConfigsResponseResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: topic, ErrorCode: kerr.TopicAuthorizationFailed.Code}}
			return answer, nil, true
		})
		if _, err := compacted(t, k.Endpoint, topic); err != nil {
			t.Errorf("%s, which may not be seen: %v", policy, err)
		}
	}
}

func TestWhatIsAppendedIsAcknowledgedInItsOrder(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	topic := k.NewTopic(t, 2, map[string]string{"cleanup.policy": "compact"})
	l, err := compacted(t, k.Endpoint, topic)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var done []int64
	for i := range 50 {
		records := []model.Record{
			{TopicPartition: model.TopicPartition{Partition: 1}, Key: []byte("a"), Value: []byte{byte(i)}, Headers: []model.Header{{Key: "w", Value: []byte("me")}}},
			{TopicPartition: model.TopicPartition{Partition: 0}, Key: []byte("b")},
		}
		l.Append(records, func(first int64) {
			mu.Lock()
			defer mu.Unlock()
			done = append(done, first)
		})
	}
	l.Flush(t.Context())
	mu.Lock()
	slices.Sort(done)
	if len(done) != 50 || !slices.Contains(done, 49) {
		t.Errorf("%d were acknowledged: %d", len(done), done)
	}
	mu.Unlock()
	next := byte(0)
	err = l.ReadToEnd(t.Context(), func(r *model.Record) {
		if h, _ := r.Header("w"); r.Partition == 1 && (len(r.Value) != 1 || r.Value[0] != next || string(h) != "me") {
			t.Errorf("%d: %+v", next, r)
		}
		if r.Partition == 1 {
			next++
		} else if r.Value != nil {
			t.Errorf("an end has the value %q", r.Value)
		}
	}, nil)
	if err != nil || next != 50 {
		t.Errorf("%d were read: %v", next, err)
	}
}

func TestWhatCannotBeAppendedIsAFault(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	topic := k.NewTopic(t, 1, map[string]string{"cleanup.policy": "compact"})
	faults := make(chan error, 10)
	l, err := compacted(t, k.Endpoint, topic, func(o *CompactedOptions) { o.Fault = func(err error) { faults <- err } })
	if err != nil {
		t.Fatal(err)
	}
	k.RefuseTopic(topic, kerr.TopicAuthorizationFailed, kmsg.Produce)
	l.Append([]model.Record{{Key: []byte("a")}, {Key: []byte("b")}}, func(int64) { t.Error("it is acknowledged") })
	if err := <-faults; !strings.Contains(err.Error(), "WRITE on dead-letter topics and on the ledger's") || !strings.Contains(err.Error(), "writing to topic "+topic) {
		t.Error(err)
	}
	if len(faults) > 0 {
		t.Errorf("it is told again: %v", <-faults)
	}
}

func TestACompactedTopicOfADeadClusterFailsAtOnce(t *testing.T) {
	t.Parallel()
	address := kafkatest.DeadAddress(t)
	began := time.Now()
	_, err := OpenCompacted(t.Context(), CompactedOptions{
		Config: config.Kafka{Brokers: []string{address}, Group: "g", ClientID: "test"}, Topic: "g.ledger", Once: true, Log: zerolog.Nop(),
	})
	if err == nil || !strings.Contains(err.Error(), "no answer from ["+address+"]") {
		t.Errorf("it ended with %v", err)
	}
	if took := time.Since(began); took > answerTimeout {
		t.Errorf("it took %s", took)
	}
}
