package audit

import (
	"context"
	"strings"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink/ledger"
)

// ReadLedger returns what the records of a ledger's topic, which has that many partitions, say of
// rows: as a process reads them that starts when compaction has taken all that it may, ends
// included. What should have been ended and was not counts again by then.
func ReadLedger(partitions int, records []*kgo.Record) (known []Known) {
	log := &readLog{partitions: partitions}
	for _, k := range compacted(records) {
		r := model.Record{TopicPartition: model.TopicPartition{Topic: k.Topic, Partition: k.Partition}, Offset: k.Offset, Key: k.Key, Value: k.Value}
		for _, h := range k.Headers {
			r.Headers = append(r.Headers, model.Header{Key: h.Key, Value: h.Value})
		}
		log.records = append(log.records, r)
	}
	l := ledger.New(ledger.Options{Log: log, Writer: 1, Changed: func() {}, Logger: zerolog.Nop()})
	l.Follow(context.Background())
	l.Each(func(k ledger.RowKey, r *ledger.Row) bool {
		known = append(known, Known{RowKey: RowKey{Topic: strings.Clone(k.Space.Name), Row: strings.Clone(k.Key)}, ID: strings.Clone(r.ID)})
		return true
	})
	return known
}

// compacted returns what compaction leaves, in the same order.
func compacted(records []*kgo.Record) (left []*kgo.Record) {
	type key struct {
		partition int32
		text      string
	}
	last := make(map[key]*kgo.Record)
	for _, r := range records {
		last[key{r.Partition, string(r.Key)}] = r
	}
	for _, r := range records {
		if r.Value != nil && last[key{r.Partition, string(r.Key)}] == r {
			left = append(left, r)
		}
	}
	return left
}

// readLog is what is in the ledger's topic at the end. Nothing is appended to it.
type readLog struct {
	partitions int
	records    []model.Record
}

func (l *readLog) Partitions() int                    { return l.partitions }
func (l *readLog) Append([]model.Record, func(int64)) {}
func (l *readLog) Hurry(bool)                         {}
func (l *readLog) Follow(_ context.Context, apply func(*model.Record)) {
	for i := range l.records {
		apply(&l.records[i])
	}
}
