package bench_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink/kafka"
	"github.com/ampersink/ampersink/sink/ledger"
)

// firstRow makes the source keys of rows 20 bytes long.
const firstRow = 1_000_000_000_000

// rowID is the CRM id of a row: 18 characters, as Salesforce has them.
func rowID(i int) string { return fmt.Sprintf("003Qx%010dIAG", i*7_919%10_000_000_000) }

// fillLedger writes rows into the ledger of a group as a member that creates them does: a hundred
// at a time, announced before and ended behind. It returns how long that took.
func fillLedger(tb testing.TB, k *kafkatest.Endpoint, group, space string, rows int) time.Duration {
	tb.Helper()
	began := time.Now()
	topic, err := kafka.OpenCompacted(tb.Context(), kafka.CompactedOptions{
		Config: config.Kafka{Brokers: k.Brokers(), Group: group, ClientID: "filling"}, Topic: group + ".ledger", Create: kafka.CreateAlways,
		Dial: k.Dial, Log: zerolog.Nop(), Fault: func(err error) { tb.Error(err) },
	})
	if err != nil {
		tb.Fatal(err)
	}
	defer topic.Close()
	l := ledger.New(ledger.Options{Log: topic, Writer: 1, Changed: func() {}, Logger: zerolog.Nop()})
	const batch, lanes = 100, 16
	batches := make(chan int)
	var filling sync.WaitGroup
	for range lanes {
		filling.Go(func() {
			for from := range batches {
				fillBatch(tb, l, space, from, min(from+batch, rows))
			}
		})
	}
	for from := 0; from < rows; from += batch {
		batches <- from
	}
	close(batches)
	filling.Wait()
	l.Flush()
	topic.Flush(tb.Context())
	return time.Since(began)
}

// fillBatch creates the rows of a batch and returns once they are acknowledged.
func fillBatch(tb testing.TB, l *ledger.Ledger, space string, from, to int) {
	s := model.Space{Integration: "crm", Object: "contact", Name: space}
	creates, rows := make([]ledger.Creating, 0, to-from), make([]ledger.Entry, 0, to-from)
	for i := from; i < to; i++ {
		source := model.Kept{TopicPartition: model.TopicPartition{Topic: space, Partition: int32(i / 100 % 8)}, Offset: int64(i)}
		w := &model.Write{Source: &source, Destination: model.Destination{Group: "acme"}, Identity: &model.Identity{Space: &s, Key: string(key(firstRow + i))}}
		creates = append(creates, ledger.Creating{Write: w, Epoch: 1})
		rows = append(rows, ledger.Entry{RowKey: ledger.RowKey{Space: s, Key: w.Identity.Key}, Row: ledger.Row{
			State: ledger.Known, Group: "acme", ID: rowID(i), Source: source.TopicPartition, Offset: source.Offset, Epoch: 1,
		}})
	}
	a, err := l.Announce(tb.Context(), creates)
	if err != nil {
		tb.Error(err)
		return
	}
	over := make([]ledger.Create, 0, len(creates))
	for i := range creates {
		over = append(over, a.Create(i))
	}
	acknowledged := make(chan struct{})
	l.Put(rows, func(end ledger.End) {
		end(over, true)
		close(acknowledged)
	})
	<-acknowledged
}
