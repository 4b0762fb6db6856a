package sink_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/internal/sandbox"
	"github.com/ampersink/ampersink/sink"
)

func TestAddingPartitionsToATopicLosesNoID(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
	topic := k.NewTopic(t, 1, nil)
	o := c.lateSink(t, k, topic)
	for id := range 8 {
		k.Produce(t, change(topic, "c", id, 1))
	}
	runs(t, o)
	k.Grow(t, topic, 4)
	for id := range 8 {
		r := change(topic, "u", id, 2)
		r.Partition = int32(id % 4)
		k.ProduceTo(t, r)
	}
	runs(t, o)
	if n := len(c.records("acme")); n != 8 {
		t.Errorf("%d records of 8 rows", n)
	}
	for _, r := range c.records("acme") {
		if !strings.HasSuffix(r, " v2") {
			t.Errorf("%s was not updated", r)
		}
	}
}

func TestEqualKeysOfTwoTopicsAreTwoRowsUnlessTheyShareASpace(t *testing.T) {
	t.Parallel()
	for name, space := range map[string]string{"apart": "", "shared": "people"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{Unique: map[string][]string{"contact": {}}})
			first, second := k.NewTopic(t, 1, nil), k.NewTopic(t, 1, nil)
			o := c.lateSink(t, k, first, func(r *config.Route) { r.IdentitySpace = space })
			other := o.Config.Routes[0]
			other.Name, other.Topics.Names = "others", []string{second}
			o.Config.Routes = append(o.Config.Routes, other)
			k.Produce(t, change(first, "c", 1, 1))
			runs(t, o)
			k.Produce(t, change(second, "c", 1, 2))
			runs(t, o)
			k.Produce(t, change(second, "d", 1, 0))
			runs(t, o)
			if space == "" {
				c.want(t, "acme", "u1@example.com v1") // the other topic's row is deleted
			} else {
				c.want(t, "acme")
			}
		})
	}
}

func TestAPrimaryKeyThatChangesTakesItsIDAlong(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
	topic := k.NewTopic(t, 2, nil)
	o := c.lateSink(t, k, topic, func(r *config.Route) { r.OnKeyChange = config.KeyChangeMove })
	k.ProduceTo(t, in(0, change(topic, "c", 1, 1)))
	runs(t, o)
	id := only(c.records("acme"))
	// As Debezium writes it: a delete and a tombstone of the old key, a create of the new one in another partition.
	gone, tombstone := in(0, change(topic, "d", 1, 0)), in(0, change(topic, "d", 1, 0))
	tombstone.Value = nil
	for _, r := range []*kgo.Record{gone, tombstone} {
		r.Headers = []kgo.RecordHeader{{Key: "__debezium.newkey", Value: []byte(`{"id":2}`)}}
	}
	come := in(1, change(topic, "c", 2, 2))
	come.Headers = []kgo.RecordHeader{{Key: "__debezium.oldkey", Value: []byte(`{"id":1}`)}}
	k.ProduceTo(t, gone, tombstone, come)
	runs(t, o)
	if got := c.records("acme"); len(got) != 1 || got[id] != "u2@example.com v2" {
		t.Errorf("the record %s became %v", id, got)
	}
	k.ProduceTo(t, in(1, change(topic, "u", 2, 3)), in(0, change(topic, "c", 1, 4))) // another row has the old key now
	runs(t, o)
	if got := c.records("acme"); len(got) != 2 || got[id] != "u2@example.com v3" {
		t.Errorf("the records are %v", got)
	}
}

// A create was answered without an id, and the change of the row's key, which cannot be written for
// that, was settled; the process ended before its offset was committed. It is read again.
func TestAChangedKeyOfARowWithoutAnIDIsRefusedAgainWhenItIsReadAgain(t *testing.T) {
	t.Parallel()
	k, a := kafkatest.NewFake(t), newAPI(t)
	a.script = func(_ int, _ call, w http.ResponseWriter) bool {
		_, err := io.WriteString(w, `{"operationId":"op","successCount":1,"failureCount":0,"results":[{"success":true}]}`)
		return err == nil
	}
	topic := k.NewTopic(t, 1, nil)
	come := change(topic, "c", 2, 2)
	come.Headers = []kgo.RecordHeader{{Key: "__debezium.oldkey", Value: []byte(`{"id":1}`)}}
	k.Produce(t, change(topic, "c", 1, 1), come)
	o := sink.Options{Config: late(configure(t, k.Brokers(), "g", topic, a.URL, ""), func(r *config.Route) { r.OnKeyChange = config.KeyChangeMove }), Log: testLog(t), UntilEnd: true}
	runs(t, o)
	var before kadm.Offsets
	before.AddOffset(topic, 0, 1, -1)
	if err := kadm.NewClient(k.Client(t)).CommitAllOffsets(t.Context(), "g", before); err != nil {
		t.Fatal(err)
	}
	runs(t, o)
	wantSaid(t, a, "create v1")
	wantLetters(t, k, topic, "id_unknown", "id_unknown")
}
