package kafka

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/internal/model"
)

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

func wantRead(t *testing.T, e *kafkatest.Endpoint, topic, want string) {
	t.Helper()
	if got := readToEnd(t, e, topic); got != want {
		t.Errorf("read %q, expected %q", got, want)
	}
}

func TestReadToEnd(t *testing.T) {
	t.Parallel()
	compact := map[string]string{"cleanup.policy": "compact"}
	kafkatest.OnFakeAndReal(t, map[string]func(*testing.T, *kafkatest.Endpoint){
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
	})
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

// ofOneRecord opens a topic of one record.
func ofOneRecord(t *testing.T) (k *kafkatest.Fake, topic string, l *Compacted) {
	t.Helper()
	k = kafkatest.NewFake(t)
	topic = k.NewTopic(t, 1, map[string]string{"cleanup.policy": "compact"})
	k.ProduceTo(t, keyed(topic, 0, "a"))
	l, err := compacted(t, k.Endpoint, topic)
	if err != nil {
		t.Fatal(err)
	}
	return k, topic, l
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
			k, topic, l := ofOneRecord(t)
			if c.err == kerr.UnknownTopicOrPartition {
				k.DeleteTopic(t, topic)
			} else {
				k.RefuseTopic(topic, c.err, kmsg.Fetch)
			}
			err := l.ReadToEnd(t.Context(), func(*model.Record) {}, nil)
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), topic) {
				t.Errorf("it ended with %v, which does not say %q of the topic", err, c.says)
			}
		})
	}
	t.Run("stopped", func(t *testing.T) {
		t.Parallel()
		k, topic, l := ofOneRecord(t)
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
