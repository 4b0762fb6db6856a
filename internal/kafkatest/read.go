package kafkatest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// ReadAll returns every committed record of the topic up to the ends that it has
// at the time of the call, ordered by partition and offset.
//
// It fetches by hand. A polling client cannot tell that it has reached the end
// when the last offsets hold nothing to deliver: transaction markers, aborted
// records, what compaction removed. A fetch answer can.
func (e *Endpoint) ReadAll(tb testing.TB, topic string) []*kgo.Record {
	tb.Helper()
	// Fetch 13 and later name topics by id; 12 is the last that takes names.
	client := e.open(tb, kgo.MaxVersions(kversion.V3_0_0()))
	defer client.Close()
	ctx, cancel := callContext(tb)
	defer cancel()
	records, err := readAll(ctx, client, topic)
	if err != nil {
		tb.Fatalf("kafkatest: read %s: %v", topic, err)
	}
	return records
}

func readAll(ctx context.Context, client *kgo.Client, topic string) ([]*kgo.Record, error) {
	admin := kadm.NewClient(client)
	ends, err := listed(ctx, topic, admin.ListCommittedOffsets)
	if err != nil {
		return nil, fmt.Errorf("end offsets: %w", err)
	}
	starts, err := listed(ctx, topic, admin.ListStartOffsets)
	if err != nil {
		return nil, fmt.Errorf("start offsets: %w", err)
	}
	var all []*kgo.Record
	for _, end := range sorted(ends[topic]) {
		start, _ := starts.Lookup(topic, end.Partition)
		p := partitionReader{client: client, topic: topic, partition: end.Partition, offset: start.Offset, end: end.Offset}
		if err := p.read(ctx); err != nil {
			return nil, fmt.Errorf("partition %d at offset %d of %d: %w", p.partition, p.offset, p.end, err)
		}
		all = append(all, p.records...)
	}
	return all, nil
}

// listed asks until every partition has a leader that answers.
func listed(ctx context.Context, topic string, list func(context.Context, ...string) (kadm.ListedOffsets, error)) (offsets kadm.ListedOffsets, err error) {
	err = persist(ctx, func() (err error) {
		offsets, err = list(ctx, topic)
		return cmp.Or(err, offsets.Error())
	})
	return offsets, err
}

func sorted(partitions map[int32]kadm.ListedOffset) []kadm.ListedOffset {
	var list []kadm.ListedOffset
	for _, o := range partitions {
		list = append(list, o)
	}
	slices.SortFunc(list, func(a, b kadm.ListedOffset) int { return cmp.Compare(a.Partition, b.Partition) })
	return list
}

type partitionReader struct {
	client    *kgo.Client
	topic     string
	partition int32
	offset    int64 // the next to read
	end       int64 // the first not to read
	records   []*kgo.Record
}

func (p *partitionReader) read(ctx context.Context) error {
	const pause = 50 * time.Millisecond // while a leader is elected
	for p.offset < p.end {
		err := p.fetch(ctx)
		if err == nil {
			continue
		}
		if !passing(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(pause):
		}
	}
	return nil
}

func (p *partitionReader) fetch(ctx context.Context) error {
	leader, err := p.leader(ctx)
	if err != nil {
		return err
	}
	answer, err := p.client.Broker(int(leader)).RetriableRequest(ctx, p.request())
	if err != nil {
		return err
	}
	response := answer.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
		return err
	}
	if len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1 {
		return fmt.Errorf("the fetch answer does not hold the one partition asked for: %+v", response)
	}
	return p.take(&response.Topics[0].Partitions[0])
}

func (p *partitionReader) take(answer *kmsg.FetchResponseTopicPartition) error {
	fetched, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		Offset: p.offset, IsolationLevel: kgo.ReadCommitted(), Topic: p.topic, Partition: p.partition,
	}, answer, kgo.DefaultDecompressor(), nil)
	if fetched.Err != nil {
		return fetched.Err
	}
	for _, record := range fetched.Records {
		if record.Offset < p.end {
			p.records = append(p.records, record)
		}
	}
	// Nothing between here and a stable offset that has passed the end: the rest
	// was compacted away.
	if next == p.offset && len(answer.RecordBatches) == 0 && answer.LastStableOffset >= p.end {
		next = p.end
	}
	p.offset = next
	return nil
}

func (p *partitionReader) leader(ctx context.Context) (int32, error) {
	metadata, err := kadm.NewClient(p.client).Metadata(ctx, p.topic)
	if err != nil {
		return 0, err
	}
	detail := metadata.Topics[p.topic].Partitions[p.partition]
	if err := cmp.Or(metadata.Topics[p.topic].Err, detail.Err); err != nil {
		return 0, err
	}
	return detail.Leader, nil
}

func (p *partitionReader) request() *kmsg.FetchRequest {
	const (
		noSession = -1
		maxBytes  = 32 << 20
		waitMs    = 500
	)
	partition := kmsg.NewFetchRequestTopicPartition()
	partition.Partition = p.partition
	partition.FetchOffset = p.offset
	partition.PartitionMaxBytes = maxBytes
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic = p.topic
	topic.Partitions = []kmsg.FetchRequestTopicPartition{partition}
	request := kmsg.NewPtrFetchRequest()
	request.SessionEpoch = noSession
	request.IsolationLevel = 1 // read committed
	request.MaxBytes = maxBytes
	request.MinBytes = 1
	request.MaxWaitMillis = waitMs
	request.Topics = []kmsg.FetchRequestTopic{topic}
	return request
}
