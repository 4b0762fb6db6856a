package sink_test

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/internal/sandbox"
)

// Keys are those of their topics, and a delete tells nothing but its key: neither whose
// record it is, nor which.
func TestEqualKeysOfTwoTopicsAreTwoRecords(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
	shop, erp := k.NewTopic(t, 1, nil), k.NewTopic(t, 1, nil)
	o := c.lateSink(t, k, shop, func(r *config.Route) { r.Topics.Names = []string{shop, erp} })
	inGroup := func(r *kgo.Record, group, email string) *kgo.Record {
		r.Value = []byte(strings.NewReplacer("acme", group, "u1@example.com", email).Replace(string(r.Value)))
		return r
	}
	k.Produce(t, change(shop, "c", 1, 1), inGroup(change(erp, "c", 1, 2), "globex", "erp@example.com"))
	runs(t, o)
	c.want(t, "acme", "u1@example.com v1")
	c.want(t, "globex", "erp@example.com v2")
	k.Produce(t, change(shop, "u", 1, 3), change(erp, "d", 1, 0))
	runs(t, o)
	c.want(t, "acme", "u1@example.com v3")
	c.want(t, "globex")
	wantLetters(t, k, shop)
	wantLetters(t, k, erp)
}

// A row's key is hashed to another partition when there are more, and its record is known there.
func TestPartitionsThatAreAddedLoseNoID(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
	topic := k.NewTopic(t, 1, nil)
	o := c.lateSink(t, k, topic)
	var rows, again []*kgo.Record
	for i := range 20 {
		rows, again = append(rows, change(topic, "c", i, 1)), append(again, change(topic, "u", i, 2))
	}
	k.Produce(t, rows...)
	runs(t, o)
	k.Grow(t, topic, 5)
	k.Produce(t, again...)
	runs(t, o)
	for id, r := range c.records("acme") {
		if !strings.HasSuffix(r, " v2") {
			t.Errorf("record %s is %s", id, r)
		}
	}
	if n := len(c.records("acme")); n != len(rows) {
		t.Errorf("%d rows are %d records", len(rows), n)
	}
}

func TestARowThatStaysInTheCRMWhenItIsDeletedIsUpdatedWhenItComesBack(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
	topic := k.NewTopic(t, 1, nil)
	o := c.lateSink(t, k, topic, func(r *config.Route) { r.OnDelete.Action = config.ActionIgnore })
	k.Produce(t, change(topic, "c", 1, 1), change(topic, "d", 1, 0), change(topic, "c", 1, 2))
	runs(t, o)
	c.want(t, "acme", "u1@example.com v2")
	wantLetters(t, k, topic)
}
