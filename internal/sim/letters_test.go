//go:build synctests

package sim_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/audit"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink/deadletter"
)

// letters reads dead letters as the program that replays them would.
func letters(t *testing.T, records []*kgo.Record) (all []audit.Letter) {
	for _, r := range records {
		record := &model.Record{
			TopicPartition: model.TopicPartition{Topic: r.Topic, Partition: r.Partition}, Offset: r.Offset, Key: r.Key, Value: r.Value,
		}
		for _, h := range r.Headers {
			record.Headers = append(record.Headers, model.Header{Key: h.Key, Value: h.Value})
		}
		l, err := deadletter.Decode(record)
		if err != nil {
			t.Errorf("a dead letter that cannot be read: %v", err)
			continue
		}
		all = append(all, audit.Letter{
			Position: audit.Position{TopicPartition: l.Record.TopicPartition, Offset: l.Record.Offset}, Code: l.Reason.Code,
		})
	}
	return all
}
