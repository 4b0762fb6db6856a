package kafka

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/internal/model"
)

// began is when the first record of a test was written.
var began = time.UnixMilli(1_700_000_000_000)

// at makes a record that was written so many seconds after the first.
func at(topic string, partition int32, second int, value string) *kgo.Record {
	return &kgo.Record{Topic: topic, Partition: partition, Timestamp: began.Add(time.Duration(second) * time.Second), Value: []byte(value)}
}

func sampled(topics ...string) Options { return Options{Topics: topics, Required: topics} }

// most is a sample that nothing but the topic bounds.
var most = Sample{Last: 1000, Limit: 1000, Bytes: 1 << 20}

func look(t *testing.T, e *kafkatest.Endpoint, o Options, s Sample) *Looked {
	t.Helper()
	o.Config = config.Kafka{Brokers: e.Brokers(), Group: "g", ClientID: "test"}
	o.Dial, o.Log = e.Dial, zerolog.Nop()
	looked, err := Look(t.Context(), o, s)
	if err != nil {
		t.Fatal(err)
	}
	return looked
}

// values shows records as partition@offset value.
func values(records []model.Record) string {
	var all []string
	for _, r := range records {
		all = append(all, fmt.Sprintf("%d@%d %s", r.Partition, r.Offset, r.Value))
	}
	return strings.Join(all, ", ")
}

func TestLook(t *testing.T) {
	t.Parallel()
	kafkatest.OnFakeAndReal(t, map[string]func(*testing.T, *kafkatest.Endpoint){
		"the last records of a topic, over its partitions": lastRecords,
		"records from a time on":                           fromATime,
		"committed records only, and markers at the end":   committedOnly,
		"gaps are read over":                               gapsAreReadOver,
		"an empty topic, and one that was emptied":         emptyTopics,
	})
}

func lastRecords(t *testing.T, e *kafkatest.Endpoint) {
	topic := e.NewTopic(t, 3, nil)
	e.ProduceTo(t, at(topic, 0, 0, "a"), at(topic, 0, 4, "b"), at(topic, 0, 5, "c"), at(topic, 1, 1, "d"), at(topic, 1, 3, "e"), at(topic, 2, 2, "f"),
		at(topic, 2, 1, "late"))
	for n, want := range map[int]string{
		1: "0@2 c", 3: "1@1 e, 0@1 b, 0@2 c", 4: "2@1 late, 1@1 e, 0@1 b, 0@2 c",
		100: "0@0 a, 1@0 d, 2@0 f, 2@1 late, 1@1 e, 0@1 b, 0@2 c", // a partition keeps its order, whatever its clock says
	} {
		s := most
		s.Last = n
		looked := look(t, e, sampled(topic), s)
		if got := values(looked.Records); got != want {
			t.Errorf("the last %d: %s, want %s", n, got, want)
		}
		if want := (LookedAt{Topic: topic, Partitions: 3, Records: len(looked.Records)}); len(looked.Topics) != 1 || looked.Topics[0].Topic != want.Topic ||
			looked.Topics[0].Partitions != want.Partitions || looked.Topics[0].Records != want.Records || looked.Topics[0].Cut {
			t.Errorf("the topics are %+v", looked.Topics)
		}
	}
}

func fromATime(t *testing.T, e *kafkatest.Endpoint) {
	topic := e.NewTopic(t, 2, nil)
	e.ProduceTo(t, at(topic, 0, 0, "a"), at(topic, 0, 20, "b"), at(topic, 0, 40, "c"), at(topic, 1, 10, "d"), at(topic, 1, 30, "e"))
	for second, want := range map[int]string{0: "0@0 a, 1@0 d, 0@1 b", 15: "0@1 b, 1@1 e, 0@2 c", 30: "1@1 e, 0@2 c", 41: ""} {
		s := most
		s.From, s.Last = began.Add(time.Duration(second)*time.Second), 3
		if got := values(look(t, e, sampled(topic), s).Records); got != want {
			t.Errorf("from second %d on: %s, want %s", second, got, want)
		}
	}
}

// transactions ends one with each value, and returns the client.
func transactions(t *testing.T, e *kafkatest.Endpoint, topic string, end kgo.TransactionEndTry, values ...string) *kgo.Client {
	t.Helper()
	client := e.Client(t, kgo.TransactionalID(kafkatest.UniqueName(t)), kgo.DefaultProduceTopic(topic))
	for _, value := range values {
		if err := errors.Join(client.BeginTransaction(), client.ProduceSync(t.Context(), kgo.StringRecord(value)).FirstErr(),
			client.EndTransaction(t.Context(), end)); err != nil {
			t.Fatal(err)
		}
	}
	return client
}

func committedOnly(t *testing.T, e *kafkatest.Endpoint) {
	topic := e.NewTopic(t, 1, nil)
	transactions(t, e, topic, kgo.TryCommit, "a", "b")
	transactions(t, e, topic, kgo.TryAbort, "c", "d")
	if got := values(look(t, e, sampled(topic), most).Records); got != "0@0 a, 0@2 b" {
		t.Errorf("with aborted records at the end: %s", got)
	}
	open := transactions(t, e, topic, kgo.TryCommit, "e")
	if err := errors.Join(open.BeginTransaction(), open.ProduceSync(t.Context(), kgo.StringRecord("open")).FirstErr()); err != nil {
		t.Fatal(err)
	}
	if got := values(look(t, e, sampled(topic), most).Records); got != "0@0 a, 0@2 b, 0@8 e" {
		t.Errorf("with an open transaction at the end: %s", got)
	}
	if err := open.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Error(err)
	}
}

// Every second offset is a marker, so what the last ten hold is half of what is asked for.
func gapsAreReadOver(t *testing.T, e *kafkatest.Endpoint) {
	topic := e.NewTopic(t, 1, nil)
	var all []string
	for i := range 40 {
		all = append(all, fmt.Sprint("v", i))
	}
	transactions(t, e, topic, kgo.TryCommit, all...)
	s := most
	for _, n := range []int{1, 10, 39, 40} {
		s.Last = n
		records := look(t, e, sampled(topic), s).Records
		if len(records) != n || string(records[0].Value) != all[40-n] || string(records[n-1].Value) != all[39] {
			t.Errorf("the last %d: %s", n, values(records))
		}
	}
}

func emptyTopics(t *testing.T, e *kafkatest.Endpoint) {
	empty, emptied := e.NewTopic(t, 2, nil), e.NewTopic(t, 1, nil)
	e.ProduceTo(t, at(emptied, 0, 0, "a"), at(emptied, 0, 1, "b"))
	deleteUpTo(t, e, emptied, 2)
	for _, from := range []time.Time{{}, began} {
		s := most
		s.From = from
		looked := look(t, e, sampled(empty, emptied), s)
		if len(looked.Records) != 0 || len(looked.Topics) != 2 {
			t.Errorf("from %s: %s of %+v", from, values(looked.Records), looked.Topics)
		}
	}
}

func deleteUpTo(t *testing.T, e *kafkatest.Endpoint, topic string, offset int64) {
	t.Helper()
	var cut kadm.Offsets
	cut.AddOffset(topic, 0, offset, -1)
	answers, err := kadm.NewClient(e.Client(t)).DeleteRecords(t.Context(), cut)
	if err == nil {
		err = answers.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestLookReadsACompactedTopic(t *testing.T) {
	t.Parallel()
	broker := kafkatest.NewFake(t)
	topic := broker.NewTopic(t, 1, map[string]string{
		"cleanup.policy": "compact", "segment.bytes": "1024", "min.cleanable.dirty.ratio": "0", "delete.retention.ms": "0",
		"retention.ms": "-1",
	})
	client := broker.Client(t)
	for i := range 200 {
		r := at(topic, 0, i, fmt.Sprint(i))
		r.Key = []byte("hot")
		if i == 3 {
			r.Key = []byte("cold")
		}
		if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil { // a batch each
			t.Fatal(err)
		}
	}
	broker.Cluster.Compact()
	all := broker.ReadAll(t, topic)
	if len(all) < 2 || len(all) >= 100 {
		t.Fatalf("%d records are left after compaction", len(all))
	}
	s := most
	s.Last = len(all) - 1 // the cold one is far in front of them
	if got := look(t, broker.Endpoint, sampled(topic), s).Records; len(got) != s.Last || got[0].Offset != all[1].Offset {
		t.Errorf("%d of the last %d records: %s", len(got), s.Last, values(got))
	}
	s.Last = 1000
	if got := look(t, broker.Endpoint, sampled(topic), s).Records; len(got) != len(all) || got[0].Offset != 3 {
		t.Errorf("%d of %d records: %s", len(got), len(all), values(got))
	}
}

// What stood at the end may be compacted away: nothing tells that but an answer
// without records.
func TestLookEndsWhereTheLastOffsetsHoldNothing(t *testing.T) {
	t.Parallel()
	broker := kafkatest.NewFake(t)
	topic := broker.NewTopic(t, 1, nil)
	broker.ProduceTo(t, at(topic, 0, 0, "a"), at(topic, 0, 1, "b"))
	broker.ProduceTo(t, at(topic, 0, 2, "gone"), at(topic, 0, 3, "gone"))
	broker.Cluster.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		broker.Cluster.KeepControl()
		asked := r.(*kmsg.FetchRequest)
		if asked.Topics[0].Partitions[0].FetchOffset < 2 {
			asked.Topics[0].Partitions[0].PartitionMaxBytes = 1 // one batch
			return nil, nil, false
		}
		answer := asked.ResponseKind().(*kmsg.FetchResponse)
		p := kmsg.NewFetchResponseTopicPartition()
		p.HighWatermark, p.LastStableOffset = 4, 4
		topic := kmsg.NewFetchResponseTopic()
		topic.Topic, topic.TopicID = asked.Topics[0].Topic, asked.Topics[0].TopicID
		topic.Partitions = append(topic.Partitions, p)
		answer.Topics = append(answer.Topics, topic)
		return answer, nil, true
	})
	if got := values(look(t, broker.Endpoint, sampled(topic), most).Records); got != "0@0 a, 0@1 b" {
		t.Error(got)
	}
}
