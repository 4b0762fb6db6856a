package sink_test

import (
	"bytes"
	"io"
	"net/http"
	"slices"
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

// moved are the records of a row whose key changes from 1 to 2, as Debezium writes it; the row under its new key
// is in partition 1.
func moved(topic string, come *kgo.Record) []*kgo.Record {
	gone := in(0, change(topic, "d", 1, 0))
	gone.Headers = []kgo.RecordHeader{{Key: "__debezium.newkey", Value: []byte(`{"id":2}`)}}
	come.Headers = []kgo.RecordHeader{{Key: "__debezium.oldkey", Value: []byte(`{"id":1}`)}}
	return []*kgo.Record{gone, in(1, come)}
}

func TestAKeyChangeThatLeadsToNoWriteTakesTheIDAlong(t *testing.T) {
	t.Parallel()
	long := func(r *config.Route) {
		r.Fields[0].MaxLength = &config.MaxLength{Characters: 20, Over: config.OverReject}
	}
	inPlace := func(_ string, come *kgo.Record) []*kgo.Record {
		come.Value = bytes.Replace(come.Value, []byte(`"before":null`), []byte(`"before":{"id":1,"tenant":"acme"}`), 1)
		come.Value = bytes.Replace(come.Value, []byte(`"op":"c"`), []byte(`"op":"u"`), 1)
		return []*kgo.Record{in(1, come)}
	}
	for name, c := range map[string]struct {
		edit    func(*config.Route)
		records func(topic string, come *kgo.Record) []*kgo.Record
		come    string // the row under its new key, where it is not the usual one
		skipped string
		letters []string
		updated string // by the next update
	}{
		"when":           {edit: func(r *config.Route) { r.When = "version != 2" }, records: moved, skipped: "customers.when", updated: "u2@example.com v3"},
		"on_update":      {edit: func(r *config.Route) { r.OnUpdate = config.ActionIgnore }, records: moved, skipped: "customers.on_update", updated: "u1@example.com v1"},
		"refused":        {edit: long, records: moved, come: strings.Repeat("x", 21), letters: []string{"too_long"}, updated: "u2@example.com v3"},
		"in place, when": {edit: func(r *config.Route) { r.When, r.Key, r.Before = "version != 2", []string{"id"}, config.BeforeFull }, records: inPlace, skipped: "customers.when", updated: "u2@example.com v3"},
		"in place, refused": {edit: func(r *config.Route) { long(r); r.Key, r.Before = []string{"id"}, config.BeforeFull }, records: inPlace, come: strings.Repeat("x", 21),
			letters: []string{"too_long"}, updated: "u2@example.com v3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, crm := kafkatest.NewFake(t), newCRM(t, sandbox.Options{Unique: map[string][]string{"contact": {}}})
			topic := k.NewTopic(t, 2, nil)
			o := crm.lateSink(t, k, topic, func(r *config.Route) { r.OnKeyChange = config.KeyChangeMove; c.edit(r) })
			k.ProduceTo(t, in(0, change(topic, "c", 1, 1)))
			runs(t, o)
			id := only(crm.records("acme"))

			come := change(topic, "c", 2, 2)
			if c.come != "" {
				come.Value = bytes.Replace(come.Value, []byte("u2@example.com"), []byte(c.come), 1)
			}
			k.ProduceTo(t, c.records(topic, come)...)
			st := runs(t, o)
			if n := st.Totals.Skipped[c.skipped]; c.skipped != "" && n != 1 || crm.requests("update") != 0 {
				t.Errorf("skipped %v, and %d updates were sent", st.Totals.Skipped, crm.requests("update"))
			}
			wantLetters(t, k, topic, c.letters...)
			commitBack(t, k, topic, 1, 0) // it is read again
			runs(t, o)
			if got := crm.records("acme"); len(got) != 1 || got[id] != "u1@example.com v1" {
				t.Errorf("the record %s became %v", id, got)
			}

			k.ProduceTo(t, in(1, change(topic, "u", 2, 3)), in(0, change(topic, "c", 1, 4))) // another row has the old key now
			runs(t, o)
			if got := crm.records("acme"); len(got) != 2 || got[id] != c.updated {
				t.Errorf("the records are %v, want %s as %s and another one", got, id, c.updated)
			}
			k.ProduceTo(t, in(1, change(topic, "d", 2, 0)))
			runs(t, o)
			crm.want(t, "acme", "u1@example.com v4")
		})
	}
}

// Two routes share the rows of a topic, and a row changes from one to the other with its key: the one that
// passes it over takes nothing away from the one that writes it.
func TestAKeyChangeFromOneRouteToAnotherKeepsTheRecord(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]string{"the old one first": "version == 1", "the new one first": "version != 1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{Unique: map[string][]string{"contact": {}}})
			topic := k.NewTopic(t, 2, nil)
			o := c.lateSink(t, k, topic, func(r *config.Route) { r.When = first })
			second := o.Config.Routes[0]
			second.Name, second.When = "others", "!("+first+")"
			o.Config.Routes = append(o.Config.Routes, second)
			k.ProduceTo(t, in(0, change(topic, "c", 1, 1)))
			runs(t, o)
			id := only(c.records("acme"))
			k.ProduceTo(t, moved(topic, change(topic, "c", 2, 2))...)
			runs(t, o)
			k.ProduceTo(t, in(1, change(topic, "u", 2, 3)), in(0, change(topic, "c", 1, 1)))
			runs(t, o)
			if got := c.records("acme"); len(got) != 2 || got[id] != "u2@example.com v3" {
				t.Errorf("the records are %v, want %s under its new key and another one", got, id)
			}
		})
	}
}

// What mapping refuses is told as ever, though its letter waits for the row's keys.
func TestTheLetterOfAKeyChangeThatMappingRefusesIsAnyOtherOfMapping(t *testing.T) {
	t.Parallel()
	k, c := kafkatest.NewFake(t), newCRM(t, sandbox.Options{})
	topic := k.NewTopic(t, 2, nil)
	o := c.lateSink(t, k, topic, func(r *config.Route) {
		r.Fields[0].MaxLength = &config.MaxLength{Characters: 5, Over: config.OverReject}
	})
	other := change(topic, "c", 2, 2)
	other.Key = []byte(`{"id":3}`)
	k.ProduceTo(t, append(moved(topic, change(topic, "c", 2, 2)), in(1, other))...)
	st := runs(t, o)
	if n := st.Totals.DeadLettered["too_long"]; n != 2 {
		t.Errorf("%d were refused: %v", n, st.Totals.DeadLettered)
	}
	names := make(map[string][]string)
	for _, r := range k.ReadAll(t, topic+".dead") {
		for _, h := range r.Headers {
			text := string(h.Value)
			switch h.Key {
			case "__debezium.oldkey":
				continue // the record's own
			case "__connect.errors.offset", "ampersink.first_failure", "ampersink.last_failure":
				text = ""
			}
			names[string(r.Key)] = append(names[string(r.Key)], h.Key+"="+text)
		}
	}
	if moved, other := names[`{"id":2}`], names[`{"id":3}`]; len(moved) < 10 || !slices.Equal(moved, other) {
		t.Errorf("the headers of the moved row are\n %q\nand of another one\n %q", moved, other)
	}
}

// commitBack makes the sink read a partition again from an offset, as if it had ended before it could commit.
func commitBack(t *testing.T, k *kafkatest.Fake, topic string, partition int32, offset int64) {
	t.Helper()
	var before kadm.Offsets
	before.AddOffset(topic, partition, offset, -1)
	if err := kadm.NewClient(k.Client(t)).CommitAllOffsets(t.Context(), "g", before); err != nil {
		t.Fatal(err)
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
	commitBack(t, k, topic, 0, 1)
	runs(t, o)
	wantSaid(t, a, "create v1")
	wantLetters(t, k, topic, "id_unknown", "id_unknown")
}
