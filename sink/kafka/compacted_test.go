package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
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

// readToEnd returns the values of each partition, with their offsets.
func readToEnd(t *testing.T, e *kafkatest.Endpoint, topic string) string {
	t.Helper()
	l, err := compacted(t, e, topic)
	if err != nil {
		t.Fatal(err)
	}
	by := make([][]string, l.Partitions())
	var last, all int64
	err = l.ReadToEnd(t.Context(), func(r *model.Record) {
		by[r.Partition] = append(by[r.Partition], fmt.Sprintf("%d:%s", r.Offset, r.Value))
	}, func(read, of int64) {
		if read < last || read > of {
			t.Errorf("%d of %d were read, after %d", read, of, last)
		}
		last, all = read, of
	})
	if err != nil {
		t.Fatal(err)
	}
	if last != all {
		t.Errorf("the progress ends with %d of %d", last, all)
	}
	var texts []string
	for _, values := range by {
		texts = append(texts, strings.Join(values, " "))
	}
	return strings.Join(texts, " | ")
}

func TestReadToEnd(t *testing.T) {
	t.Parallel()
	clusters := map[string]func(t *testing.T) *kafkatest.Endpoint{
		"fake": func(t *testing.T) *kafkatest.Endpoint { return kafkatest.NewFake(t).Endpoint },
		"real": func(t *testing.T) *kafkatest.Endpoint { return kafkatest.Real(t).Endpoint },
	}
	compact := map[string]string{"cleanup.policy": "compact"}
	behaviours := map[string]func(*testing.T, *kafkatest.Endpoint){
		"every record of every partition": func(t *testing.T, e *kafkatest.Endpoint) {
			topic := e.NewTopic(t, 3, compact)
			e.ProduceTo(t, keyed(topic, 0, "a"), keyed(topic, 2, "b"), keyed(topic, 0, "c"), keyed(topic, 2, "d"))
			wantRead(t, e, topic, "0:a 1:c |  | 0:b 1:d")
		},
		"an empty topic": func(t *testing.T, e *kafkatest.Endpoint) { wantRead(t, e, e.NewTopic(t, 2, compact), " | ") },
		"one whose records were deleted": func(t *testing.T, e *kafkatest.Endpoint) {
			topic := e.NewTopic(t, 1, map[string]string{"cleanup.policy": "compact,delete"})
			e.ProduceTo(t, keyed(topic, 0, "a"), keyed(topic, 0, "b"), keyed(topic, 0, "c"))
			deleteUpTo(t, e, topic, 2)
			e.SetTopic(t, topic, "cleanup.policy", "compact")
			wantRead(t, e, topic, "2:c")
			e.SetTopic(t, topic, "cleanup.policy", "compact,delete")
			deleteUpTo(t, e, topic, 3)
			e.SetTopic(t, topic, "cleanup.policy", "compact")
			wantRead(t, e, topic, "")
		},
		"markers of transactions at the end": func(t *testing.T, e *kafkatest.Endpoint) {
			topic := e.NewTopic(t, 1, compact)
			client := e.Client(t, kgo.TransactionalID(topic), kgo.DefaultProduceTopic(topic))
			for i, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
				if err := client.BeginTransaction(); err != nil {
					t.Fatal(err)
				}
				if err := client.ProduceSync(t.Context(), keyed(topic, 0, fmt.Sprint("tx", i))).FirstErr(); err != nil {
					t.Fatal(err)
				}
				if err := client.EndTransaction(t.Context(), end); err != nil {
					t.Fatal(err)
				}
			}
			wantRead(t, e, topic, "0:tx0")
		},
		"a partition that was added": func(t *testing.T, e *kafkatest.Endpoint) {
			topic := e.NewTopic(t, 1, compact)
			e.ProduceTo(t, keyed(topic, 0, "a"))
			e.Grow(t, topic, 2)
			e.ProduceTo(t, keyed(topic, 1, "b"))
			wantRead(t, e, topic, "0:a | 0:b")
		},
		"many batches": func(t *testing.T, e *kafkatest.Endpoint) {
			topic := e.NewTopic(t, 1, compact)
			var want []string
			for i := range 40 { // 4 MB, which are several fetches
				e.ProduceTo(t, keyed(topic, 0, strings.Repeat("x", 100<<10)))
				want = append(want, fmt.Sprintf("%d:", i))
			}
			if got := strings.ReplaceAll(readToEnd(t, e, topic), strings.Repeat("x", 100<<10), ""); got != strings.Join(want, " ") {
				t.Error(got)
			}
		},
	}
	for cluster, open := range clusters {
		t.Run(cluster, func(t *testing.T) {
			t.Parallel()
			e := open(t)
			for name, test := range behaviours {
				t.Run(name, func(t *testing.T) { t.Parallel(); test(t, e) })
			}
		})
	}
}

func wantRead(t *testing.T, e *kafkatest.Endpoint, topic, want string) {
	t.Helper()
	if got := readToEnd(t, e, topic); got != want {
		t.Errorf("read %q, expected %q", got, want)
	}
}

// keyed makes a record with a key of its own.
func keyed(topic string, partition int32, value string) *kgo.Record {
	return &kgo.Record{Topic: topic, Partition: partition, Key: []byte("k" + value), Value: []byte(value)}
}

func TestReadToEndPassesWhatCompactionTook(t *testing.T) {
	t.Parallel()
	e := kafkatest.Real(t).Endpoint
	topic := e.NewTopic(t, 1, map[string]string{
		"cleanup.policy": "compact", "segment.ms": "1", "min.cleanable.dirty.ratio": "0", "delete.retention.ms": "0", "max.compaction.lag.ms": "1",
	})
	put := func(key, value string) {
		r := &kgo.Record{Topic: topic, Key: []byte(key)}
		if value != "" {
			r.Value = []byte(value)
		}
		e.ProduceTo(t, r)
	}
	for i := range 20 {
		put("hot", fmt.Sprint(i))
	}
	put("cold", "stays")
	put("hot", "last")
	for range 5 {
		put("gone", "value")
		put("gone", "")
	}
	left := regexp.MustCompile(`^20:stays 21:last( \d+:)+$`) // ends stay until their segment is cleaned
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		put("gone", "") // a segment is closed by what comes behind it
		got := readToEnd(t, e, topic)
		if left.MatchString(got) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("compaction has left %q", got)
		}
	}
}

// A cluster that answers late, or wrongly for a while, must not make a topic look
// shorter than it is: a row that is not read is a row that is not known.
func TestReadToEndLeavesNothingOutWhileABrokerFails(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	topic := k.NewTopic(t, 1, map[string]string{"cleanup.policy": "compact"})
	k.ProduceTo(t, keyed(topic, 0, "a"), keyed(topic, 0, "b"))
	refused := 0
	k.Cluster.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		k.Cluster.KeepControl()
		if refused++; refused > 5 {
			return nil, nil, false
		}
		asked := r.(*kmsg.FetchRequest)
		answer := asked.ResponseKind().(*kmsg.FetchResponse)
		answer.Topics = []kmsg.FetchResponseTopic{{Topic: topic, TopicID: asked.Topics[0].TopicID,
			Partitions: []kmsg.FetchResponseTopicPartition{{ErrorCode: kerr.NotLeaderForPartition.Code}}}}
		return answer, nil, true
	})
	wantRead(t, k.Endpoint, topic, "0:a 1:b")
}

func TestReadToEndSaysWhatItCouldNotRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  *kerr.Error
		says string
	}{
		"no right":       {kerr.TopicAuthorizationFailed, "grant this user READ"},
		"it was deleted": {kerr.UnknownTopicOrPartition, "looking up the start offsets of topic "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := kafkatest.NewFake(t)
			topic := k.NewTopic(t, 1, map[string]string{"cleanup.policy": "compact"})
			k.ProduceTo(t, keyed(topic, 0, "a"))
			l, err := compacted(t, k.Endpoint, topic)
			if err != nil {
				t.Fatal(err)
			}
			if c.err == kerr.UnknownTopicOrPartition {
				k.DeleteTopic(t, topic)
			} else {
				k.RefuseTopic(topic, c.err, kmsg.Fetch)
			}
			err = l.ReadToEnd(t.Context(), func(*model.Record) {}, nil)
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), topic) {
				t.Errorf("it ended with %v, which does not say %q of the topic", err, c.says)
			}
		})
	}
	t.Run("stopped", func(t *testing.T) {
		t.Parallel()
		k := kafkatest.NewFake(t)
		topic := k.NewTopic(t, 1, map[string]string{"cleanup.policy": "compact"})
		k.ProduceTo(t, keyed(topic, 0, "a"))
		l, err := compacted(t, k.Endpoint, topic)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		k.Cluster.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
			stop()
			return nil, nil, false
		})
		k.RefuseTopic(topic, kerr.NotLeaderForPartition, kmsg.Fetch)
		if err := l.ReadToEnd(ctx, func(*model.Record) {}, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("it ended with %v", err)
		}
	})
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
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	began := time.Now()
	_, err = OpenCompacted(t.Context(), CompactedOptions{
		Config: config.Kafka{Brokers: []string{address}, Group: "g", ClientID: "test"}, Topic: "g.ledger", Once: true, Log: zerolog.Nop(),
	})
	if err == nil || !strings.Contains(err.Error(), "no answer from ["+address+"]") {
		t.Errorf("it ended with %v", err)
	}
	if took := time.Since(began); took > answerTimeout {
		t.Errorf("it took %s", took)
	}
}
