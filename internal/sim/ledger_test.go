//go:build synctests

package sim_test

import (
	"context"
	"strings"

	"github.com/rs/zerolog"

	"github.com/ampersink/ampersink/internal/audit"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink/ledger"
)

// ledger reads the ledger as a process that starts does, and returns what it says of rows.
func (w *world) ledger() (known []audit.Known) {
	log := &readLog{partitions: len(w.kafka.EndOffsets(w.t, group+".ledger"))}
	for _, k := range w.kafka.ReadAll(w.t, group+".ledger") {
		r := model.Record{TopicPartition: model.TopicPartition{Topic: k.Topic, Partition: k.Partition}, Offset: k.Offset, Key: k.Key, Value: k.Value}
		for _, h := range k.Headers {
			r.Headers = append(r.Headers, model.Header{Key: h.Key, Value: h.Value})
		}
		log.records = append(log.records, r)
	}
	l := ledger.New(ledger.Options{Log: log, Writer: 1, Changed: func() {}, Logger: zerolog.Nop()})
	l.Follow(context.Background())
	l.Each(func(k ledger.RowKey, r *ledger.Row) bool {
		known = append(known, audit.Known{RowKey: audit.RowKey{Topic: strings.Clone(k.Space.Name), Row: strings.Clone(k.Key)}, ID: r.ID})
		return true
	})
	return known
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
