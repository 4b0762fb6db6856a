//go:build synctests

package sink_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ampersink/ampersink/sink"
)

// remembering makes a virtual sink's rows carry no CRM id, in a topic of two partitions.
func remembering(t *testing.T) func(*virtual, *sink.Options) {
	return func(v *virtual, o *sink.Options) {
		v.topic = v.kafka.NewTopic(t, 2, nil)
		retry := o.Config.Retry
		o.Config = late(configure(t, v.kafka.Brokers(), "g", v.topic, "http://127.0.0.1:1", ""))
		o.Config.Retry = retry
	}
}

// creates counts the creates of each row, by its email.
func (a *api) creates() map[string]int {
	all := make(map[string]int)
	for _, c := range a.taken() {
		for _, r := range c.Rows {
			if c.Type == "create" {
				all[fmt.Sprint(r["email"])]++
			}
		}
	}
	return all
}

// moved makes a sink that owns both partitions give one of them to another, which it returns,
// while it sends what is produced.
func (v *virtual) moved(t *testing.T, rows int, before ...func()) *running {
	time.Sleep(10 * time.Second)
	join := v.kafka.RefuseGroup("g", kerr.CoordinatorLoadInProgress, kmsg.JoinGroup)
	other := start(t, v.options)
	time.Sleep(10 * time.Second)
	for _, f := range before {
		f()
	}
	var records []*kgo.Record
	for id := range rows {
		records = append(records, change(v.topic, "c", id, 1))
	}
	v.kafka.Produce(t, records...)
	time.Sleep(2 * time.Second)
	join()
	return other
}

// A request is under way when its partition moves, and it fails before the CRM has it: the new
// owner hears of that from the old one.
func TestACreateThatFailedAtItsOldOwnerIsTheNewOwnersToSend(t *testing.T) {
	inVirtualTime(t, func(n int, _ call, w http.ResponseWriter) bool {
		if n == 0 {
			time.Sleep(40 * time.Second) // longer than a partition is held back
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return n == 0
	}, func(t *testing.T, v *virtual) {
		other := v.moved(t, 20)
		time.Sleep(5 * time.Minute)
		a, b := v.Status(), other.Status()
		if n := a.Totals.Written["create"] + b.Totals.Written["create"]; n != 20 || len(a.Totals.DeadLettered)+len(b.Totals.DeadLettered) != 0 || b.Totals.Written["create"] == 0 {
			t.Errorf("%d rows created, totals %+v and %+v", n, a.Totals, b.Totals)
		}
		if err := other.drain(); err != nil {
			t.Error(err)
		}
	}, remembering(t))
}

// The brokers take nothing for the ledger while a partition moves: what its old owner was about
// to announce is the new owner's to create.
func TestACreateWhosePartitionMovedWhileItWasAnnouncedIsNotSent(t *testing.T) {
	inVirtualTime(t, nil, func(t *testing.T, v *virtual) {
		var take func()
		other := v.moved(t, 20, func() { take = v.kafka.RefuseTopic("g.ledger", kerr.NotLeaderForPartition, kmsg.Produce) })
		time.Sleep(40 * time.Second)
		if n := len(v.taken()); n != 0 {
			t.Fatalf("%d requests, although nothing can be announced", n)
		}
		take()
		time.Sleep(5 * time.Minute)
		for email, n := range v.creates() {
			if n != 1 {
				t.Errorf("%s is created %d times", email, n)
			}
		}
		a, b := v.Status(), other.Status()
		if len(v.creates()) != 20 || len(a.Totals.DeadLettered)+len(b.Totals.DeadLettered) != 0 || len(a.Partitions) != 1 || len(b.Partitions) != 1 {
			t.Errorf("%d rows created, totals %+v and %+v", len(v.creates()), a.Totals, b.Totals)
		}
		if err := other.drain(); err != nil {
			t.Error(err)
		}
	}, remembering(t))
}
