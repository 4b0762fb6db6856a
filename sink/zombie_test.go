package sink_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink"
	"github.com/ampersink/ampersink/sink/kafka"
	"github.com/ampersink/ampersink/sink/ledger"
)

// owner is a process that follows a ledger and owns partitions.
type owner struct {
	*ledger.Ledger
	t     *testing.T
	epoch int64
}

func newOwner(t *testing.T, o sink.Options, writer uint64) *owner {
	t.Helper()
	topic, err := kafka.OpenCompacted(t.Context(), kafka.CompactedOptions{
		Config: o.Config.Kafka, Topic: "g.ledger-" + o.Config.Kafka.Group, Log: testLog(t), Fault: func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	l := ledger.New(ledger.Options{Log: topic, Writer: writer, Changed: func() {}, Logger: testLog(t)})
	ctx, stop := context.WithCancel(t.Context())
	var following sync.WaitGroup
	following.Go(func() { l.Follow(ctx) })
	t.Cleanup(func() { stop(); following.Wait(); topic.Close() })
	w := &owner{Ledger: l, t: t}
	confirm := func(context.Context) error { return nil }
	if w.epoch, err = l.Own(t.Context(), []model.TopicPartition{owned}, confirm); err != nil {
		t.Fatal(err)
	}
	return w
}

// owned is the partition of the source whose owners they are, one after the other.
var owned = model.TopicPartition{Topic: "t"}

// says puts a row and waits for its acknowledgement; without an id it is forgotten.
func (w *owner) says(row sink.LedgerRow, id string, offset int64) {
	w.t.Helper()
	row.ID, row.Source, row.Offset, row.Epoch = id, owned, offset, w.epoch
	if id == "" {
		row.Row = ledger.Row{Source: owned, Epoch: w.epoch}
	}
	done := make(chan struct{})
	w.Put([]sink.LedgerRow{row}, func(end ledger.End) { end(nil, true); close(done) })
	<-done
}

// Compaction keeps the last record of a key, not the rightful one. So the records of two
// owners have different keys, and the late one of the old owner is ended.
func TestAZombiesLateRecordDoesNotOutliveCompaction(t *testing.T) {
	t.Parallel()
	k := kafkatest.Real(t)
	group := kafkatest.UniqueName(t)
	o := sink.Options{Config: late(configure(t, k.Brokers(), group, "t", "http://127.0.0.1:1", "")), Log: testLog(t)}
	topic := "g.ledger-" + group
	o.Config.Ledger.Topic = topic
	k.CreateTopic(t, topic, 2, map[string]string{
		"cleanup.policy": "compact", "segment.ms": "1", "min.cleanable.dirty.ratio": "0", "delete.retention.ms": "0", "max.compaction.lag.ms": "1",
	})
	row := imported(t, o, 1, "")
	zombie := newOwner(t, o, 1)
	zombie.says(row, "old", 1)
	rightful := newOwner(t, o, 2)
	rightful.says(row, "new", 2)
	zombie.says(row, "late", 3) // behind it in the log
	if holdsNone(t, k, topic, []string{"late"}) {
		t.Fatal("the late record is not in the topic")
	}
	read := func() string {
		l := tool(t, o, sink.MissingRefused)
		defer l.Close()
		a := l.Get(row.RowKey)
		return strings.TrimSpace(fmt.Sprint(a.State, " ", a.ID))
	}
	compact := func(what, want string, gone ...string) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
			if got := read(); got != want {
				t.Fatalf("%s: the row is %s, expected %s", what, got, want)
			}
			if holdsNone(t, k, topic, gone) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: %q are still in the topic", what, gone)
			}
			// A segment is closed by what comes behind it.
			for i := range 8 {
				rightful.says(imported(t, o, 100+i, ""), fmt.Sprint(time.Now().UnixNano()), 1)
			}
		}
	}
	compact("with the late record", "known new", "old", "late")
	rightful.says(row, "", 4)
	compact("when the row is forgotten", "unknown", "old", "late", "new")
	zombie.says(row, "later", 5)
	compact("with a late record of the forgotten row", "unknown", "old", "late", "new", "later")
}

// holdsNone reports whether no row of a topic has one of the ids.
func holdsNone(t *testing.T, k *kafkatest.Cluster, topic string, ids []string) bool {
	t.Helper()
	for _, r := range k.ReadAll(t, topic) {
		for _, id := range ids {
			if strings.Contains(string(r.Value), "acme"+string(rune(len(id)))+id) {
				return false
			}
		}
	}
	return true
}
