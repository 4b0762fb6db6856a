package sink_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/internal/sandbox"
)

// named is an event of a row with an address.
func named(topic, op string, id int, email string, version int) *kgo.Record {
	return event(topic, op, id, fmt.Sprintf(`{"id":%d,"tenant":"acme","email":"%s@example.com","name":"N","version":%d}`, id, email, version))
}

// A row gives its address up, and another one takes it: it is no reason to take the one for the other.
func TestAMatchValueThatARowHasGivenUpIsAnotherRows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		gives func(topic string) *kgo.Record
		want  []string
	}{
		"renamed": {func(topic string) *kgo.Record { return named(topic, "u", 1, "c", 2) }, []string{"a@example.com v3", "c@example.com v2"}},
		"deleted": {func(topic string) *kgo.Record { return change(topic, "d", 1, 2) }, []string{"a@example.com v3"}},
	} {
		for when, pause := range map[string]time.Duration{"at once": 0, "later": 200 * time.Millisecond} {
			t.Run(name+" "+when, func(t *testing.T) {
				t.Parallel()
				k, crm := kafkatest.NewFake(t), newCRM(t, sandbox.Options{IndexLag: 100 * time.Millisecond, Unique: map[string][]string{"contact": {"email"}}})
				topic := k.NewTopic(t, 1, nil)
				o := crm.lateSink(t, k, topic, matching)
				o.UntilEnd = false
				o.Config.Routes[0].Search.IndexLag = 5 * time.Second
				k.Produce(t, named(topic, "c", 1, "a", 1))
				s := start(t, o)
				waitFor(t, "the first row", func() bool { return s.Status().Totals.Written["create"] == 1 })
				time.Sleep(pause) // until the index has it, or not
				k.Produce(t, c.gives(topic), named(topic, "c", 2, "a", 3))
				waitFor(t, "all offsets", func() bool { return committed(t, k.Endpoint, "g", topic) == 3 })
				crm.want(t, "acme", c.want...)
				wantLetters(t, k, topic)
			})
		}
	}
}

// Where the row before the update is whole, the order is that of the topic, whatever else the rows wait for.
func TestTheValueThatARowHadIsLockedWhereTheEventProvesIt(t *testing.T) {
	t.Parallel()
	k, crm := kafkatest.NewFake(t), newCRM(t, sandbox.Options{Unique: map[string][]string{"contact": {"email"}}})
	topic := k.NewTopic(t, 1, nil)
	row := func(id int, email string, version int) string {
		return fmt.Sprintf(`{"id":%d,"tenant":"acme","email":"%s@example.com","name":"N","version":%d}`, id, email, version)
	}
	swap := func(id int, from, to string, version int) *kgo.Record {
		r := event(topic, "u", id, row(id, to, version))
		r.Value = fmt.Appendf(nil, `{"before":%s,"after":%s,"op":"u"}`, row(id, from, 1), row(id, to, version))
		return r
	}
	var records []*kgo.Record
	for id := 1; id <= 20; id++ {
		records = append(records, named(topic, "c", id, fmt.Sprint("r", id), 1))
	}
	records = append(records, named(topic, "u", 1, "r1", 1)) // the first one's next change waits until this one is durable
	for id := 1; id <= 20; id++ {                            // each takes the address of the one before
		records = append(records, swap(id, fmt.Sprint("r", id), fmt.Sprint("r", id-1), 2))
	}
	k.Produce(t, records...)
	o := crm.lateSink(t, k, topic, matching, func(r *config.Route) { r.Before = config.BeforeFull })
	o.Config.Routes[0].Batch.Size = 7
	runs(t, o)
	var want []string
	for id := range 20 {
		want = append(want, fmt.Sprintf("r%d@example.com v2", id))
	}
	slices.Sort(want)
	crm.want(t, "acme", want...)
	wantLetters(t, k, topic)
}

// Two rows that are one record are not in one request: the CRM refuses the whole of it.
func TestTwoWritesOfOneRecordAreNotInOneRequest(t *testing.T) {
	t.Parallel()
	k, crm := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
	topic := k.NewTopic(t, 1, nil)
	o := crm.lateSink(t, k, topic, func(r *config.Route) { r.OnConflict = config.ConflictUpdate })
	k.Produce(t, named(topic, "c", 1, "a", 1), named(topic, "c", 2, "a", 2))
	runs(t, o)
	before := crm.requests("update")
	k.Produce(t, named(topic, "u", 1, "a", 3), named(topic, "u", 2, "a", 4))
	runs(t, o)
	if n := crm.requests("update") - before; n != 2 {
		t.Errorf("%d requests for two updates of one record, expected one each", n)
	}
	crm.want(t, "acme", "a@example.com v4")
	wantLetters(t, k, topic)
}
