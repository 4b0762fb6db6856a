package audit

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink/deadletter"
)

// ReadLetters reads the records of dead-letter topics as a program that replays them would.
func ReadLetters(records []*kgo.Record) ([]Letter, error) {
	letters := make([]Letter, 0, len(records))
	for _, r := range records {
		record := &model.Record{
			TopicPartition: model.TopicPartition{Topic: r.Topic, Partition: r.Partition}, Offset: r.Offset, Key: r.Key, Value: r.Value,
		}
		for _, h := range r.Headers {
			record.Headers = append(record.Headers, model.Header{Key: h.Key, Value: h.Value})
		}
		l, err := deadletter.Decode(record)
		if err != nil {
			return nil, fmt.Errorf("%s/%d@%d: %w", r.Topic, r.Partition, r.Offset, err)
		}
		letters = append(letters, Letter{
			Position: Position{TopicPartition: l.Record.TopicPartition, Offset: l.Record.Offset}, Code: l.Reason.Code,
		})
	}
	return letters, nil
}
