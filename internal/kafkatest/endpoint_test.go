package kafkatest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ampersink/ampersink/internal/kafkatest"
)

// The helpers mean the same on the in-process broker and on a real one.
func TestHelpers(t *testing.T) {
	t.Parallel()
	kafkatest.OnFakeAndReal(t, map[string]func(*testing.T, *kafkatest.Endpoint){
		"records come back as they went in, by partition and offset":      recordsComeBack,
		"only committed records are read, and the read ends after a gap":  committedRecordsOnly,
		"commits come back with their metadata":                           commitsComeBack,
		"metadata over the limit is refused for its partition alone":      metadataLimit,
		"names are unique and legal for any test name: ünïcode/…_.*(){}!": uniqueNames,
	})
}

func recordsComeBack(t *testing.T, e *kafkatest.Endpoint) {
	topic := e.NewTopic(t, 3, nil)
	var records []*kgo.Record
	for i := range int32(300) {
		records = append(records, &kgo.Record{
			Topic: topic, Partition: i % 3, Value: fmt.Append(nil, i),
			Headers: []kgo.RecordHeader{{Key: "h", Value: nil}, {Key: "h", Value: []byte{}}},
		})
	}
	e.ProduceTo(t, records...)
	read := e.ReadAll(t, topic)
	if len(read) != 300 {
		t.Fatalf("read %d records of 300", len(read))
	}
	for i, record := range read {
		partition, offset := int32(i/100), int64(i%100)
		want := fmt.Sprint(int64(partition) + 3*offset)
		if record.Partition != partition || record.Offset != offset || string(record.Value) != want || record.Key != nil {
			t.Fatalf("record %d is %d/%d %q, key %v; want %d/%d %q", i, record.Partition, record.Offset, record.Value, record.Key, partition, offset, want)
		}
		if len(record.Headers) != 2 || record.Headers[0].Value != nil || record.Headers[1].Value == nil {
			t.Fatalf("record %d has headers %v", i, record.Headers)
		}
	}
	ends := e.EndOffsets(t, topic)
	if len(ends) != 3 || ends[0] != 100 || ends[1] != 100 || ends[2] != 100 {
		t.Fatalf("end offsets are %v", ends)
	}
}

func committedRecordsOnly(t *testing.T, e *kafkatest.Endpoint) {
	topic := e.NewTopic(t, 1, nil)
	client := e.Client(t, kgo.TransactionalID(kafkatest.UniqueName(t)), kgo.DefaultProduceTopic(topic))
	transaction := func(end kgo.TransactionEndTry, values ...string) {
		t.Helper()
		err := client.BeginTransaction()
		for _, value := range values {
			err = errors.Join(err, client.ProduceSync(t.Context(), kgo.StringRecord(value)).FirstErr())
		}
		if err = errors.Join(err, client.EndTransaction(t.Context(), end)); err != nil {
			t.Fatal(err)
		}
	}
	transaction(kgo.TryCommit, "a", "b")
	transaction(kgo.TryAbort, "c")
	transaction(kgo.TryCommit, "d")
	transaction(kgo.TryAbort, "e")
	var values []string
	for _, record := range e.ReadAll(t, topic) {
		values = append(values, fmt.Sprintf("%d:%s", record.Offset, record.Value))
	}
	if want := []string{"0:a", "1:b", "5:d"}; !slices.Equal(values, want) {
		t.Fatalf("read %v, want %v", values, want)
	}
	if ends := e.EndOffsets(t, topic); ends[0] != 9 {
		t.Fatalf("end offset is %d, want 9: five records and four markers", ends[0])
	}
	deleteUpTo(t, e, topic, 9)
	if read := e.ReadAll(t, topic); len(read) != 0 {
		t.Fatalf("read %d records of a log that starts at its end", len(read))
	}
}

func deleteUpTo(t *testing.T, e *kafkatest.Endpoint, topic string, offset int64) {
	t.Helper()
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: topic, Partition: 0, At: offset})
	responses, err := kadm.NewClient(e.Client(t)).DeleteRecords(t.Context(), offsets)
	if err == nil {
		err = responses.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func commitsComeBack(t *testing.T, e *kafkatest.Endpoint) {
	topic, group := e.NewTopic(t, 2, nil), kafkatest.UniqueName(t)
	if commits := e.Committed(t, group); len(commits) != 0 {
		t.Fatalf("a group that never was has committed %v", commits)
	}
	if errs := commit(t, e, group, topic, map[int32]string{1: "above: 3-5"}); len(errs) != 0 {
		t.Fatal(errs)
	}
	want := kafkatest.Commit{Offset: 1001, LeaderEpoch: -1, Metadata: "above: 3-5"}
	if commits := e.Committed(t, group); len(commits) != 1 || len(commits[topic]) != 1 || commits[topic][1] != want {
		t.Fatalf("committed %+v, want %+v of partition 1 alone", commits, want)
	}
}

func metadataLimit(t *testing.T, e *kafkatest.Endpoint) {
	topic, group := e.NewTopic(t, 2, nil), kafkatest.UniqueName(t)
	full := strings.Repeat("x", kafkatest.MaxMetadata)
	errs := commit(t, e, group, topic, map[int32]string{0: full, 1: full + "x"})
	if len(errs) != 1 || !errors.Is(errs[1], kerr.OffsetMetadataTooLarge) {
		t.Fatalf("commits failed with %v; want OFFSET_METADATA_TOO_LARGE for partition 1 alone", errs)
	}
	commits := e.Committed(t, group)[topic]
	if len(commits) != 1 || commits[0].Metadata != full {
		t.Fatalf("committed %+v; want partition 0 alone", commits)
	}
	if errs := commit(t, e, group, topic, map[int32]string{1: "short"}); len(errs) != 0 {
		t.Fatalf("the refused partition cannot be committed any more: %v", errs)
	}
}

// commit commits offset 1000+partition with the metadata given, as an operator
// does to a group without members, and returns the errors by partition.
func commit(t *testing.T, e *kafkatest.Endpoint, group, topic string, metadata map[int32]string) map[int32]error {
	t.Helper()
	asked := kmsg.NewOffsetCommitRequestTopic()
	asked.Topic = topic
	for partition, text := range metadata {
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset, p.Metadata = partition, 1000+int64(partition), &text
		asked.Partitions = append(asked.Partitions, p)
	}
	request := kmsg.NewPtrOffsetCommitRequest()
	request.Group, request.Generation = group, -1
	request.Topics = append(request.Topics, asked)
	// 10 names topics by id.
	client := e.Client(t, kgo.MaxVersions(stable()))
	response, err := request.RequestWith(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	errs := make(map[int32]error)
	for _, p := range response.Topics[0].Partitions {
		if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
			errs[p.Partition] = err
		}
	}
	return errs
}

func uniqueNames(t *testing.T, e *kafkatest.Endpoint) {
	one, two := e.NewTopic(t, 1, nil), e.NewTopic(t, 1, nil)
	if one == two {
		t.Fatalf("two topics got the name %s", one)
	}
	if !strings.HasPrefix(one, "TestHelpers-") {
		t.Fatalf("topic %s does not say which test made it", one)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	topics, err := kadm.NewClient(e.Client(t)).ListTopics(ctx, one, two)
	if err != nil || topics.Error() != nil || len(topics) != 2 {
		t.Fatalf("listed %v: %v", topics, err)
	}
}
