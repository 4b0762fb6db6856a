package kafka

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
)

func TestLookKeepsItsBounds(t *testing.T) {
	t.Parallel()
	broker := kafkatest.NewFake(t)
	busy, quiet := "a-busy", "quiet"
	broker.CreateTopic(t, busy, 2, nil)
	broker.CreateTopic(t, quiet, 1, nil)
	for i := range 50 {
		broker.ProduceTo(t, at(busy, int32(i%2), 100+i, strings.Repeat("x", 100)))
	}
	broker.ProduceTo(t, at(quiet, 0, 0, "old"), at(quiet, 0, 1, "older"))
	for _, c := range []struct {
		name        string
		limit       int
		bytes       int64
		busy, quiet int
		cut         bool
	}{
		{"the limit is shared", 20, 1 << 20, 10, 2, false},
		{"one of each at least", 1, 1 << 20, 1, 1, false},
		{"bytes are shared", 1000, 2000, 10, 2, true},
		{"a record goes over the bytes alone", 1000, 2, 1, 1, true},
	} {
		for _, from := range []time.Time{{}, began} {
			looked := look(t, broker.Endpoint, sampled(busy, quiet), Sample{Last: 1000, From: from, Limit: c.limit, Bytes: c.bytes})
			if looked.Topics[0].Records != c.busy || looked.Topics[0].Cut != c.cut || looked.Topics[1].Records != c.quiet {
				t.Errorf("%s, from %s: %+v", c.name, from, looked.Topics)
			}
			first := looked.Records[len(looked.Records)-c.busy]
			if oldest := first.Timestamp.Equal(began.Add(100 * time.Second)); oldest == from.IsZero() {
				t.Errorf("%s, from %s: the first of %s is of %s", c.name, from, busy, first.Timestamp)
			}
		}
	}
}

// A record that aliases the batch that it came in keeps all of it in memory.
func TestWhatIsLookedAtOwnsItsBytes(t *testing.T) {
	t.Parallel()
	k := &kgo.Record{Key: []byte("key"), Value: []byte("value"), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("header")}, {Key: "null"}}}
	r := owned(k)
	for _, b := range [][]byte{k.Key, k.Value, k.Headers[0].Value} {
		clear(b)
	}
	if string(r.Key) != "key" || string(r.Value) != "value" || string(r.Headers[0].Value) != "header" || r.Headers[1].Value != nil {
		t.Errorf("%q %q %q", r.Key, r.Value, r.Headers)
	}
	if null := owned(&kgo.Record{}); null.Key != nil || null.Value != nil {
		t.Errorf("a null became %q and %q", null.Key, null.Value)
	}
}

func TestLookReadsWhatTheConfigurationReadsAndNeverOurOwnTopics(t *testing.T) {
	t.Parallel()
	broker := kafkatest.NewFake(t)
	for _, topic := range []string{"shop.a", "shop.b", "shop.a.dead", "other", "beats"} {
		broker.CreateTopic(t, topic, 1, nil)
		broker.ProduceTo(t, at(topic, 0, 0, topic))
	}
	o := Options{Topics: []string{"other", "beats", "not.yet"}, Required: []string{"other"}, Patterns: []string{`shop\..*`, "none.*"}, Ours: []string{OwnPattern("{topic}.dead")}}
	topics := func(s Sample) string {
		var names []string
		for _, topic := range look(t, broker.Endpoint, o, s).Topics {
			names = append(names, topic.Topic)
		}
		return strings.Join(names, " ")
	}
	if got := topics(most); got != "beats other shop.a shop.b" {
		t.Errorf("it reads %s", got)
	}
	some := most
	some.Topics = []string{"shop.b", "other"}
	if got := topics(some); got != "other shop.b" {
		t.Errorf("asked for two it reads %s", got)
	}
	o.Topics, o.Required, o.Patterns = nil, nil, []string{"none.*"}
	if got := topics(most); got != "" {
		t.Errorf("a pattern without topics reads %s", got)
	}
}

func TestLookNamesTheTopicsThatAreNotThere(t *testing.T) {
	t.Parallel()
	broker := kafkatest.NewFake(t)
	broker.CreateTopic(t, "orders", 1, nil)
	o := Options{Config: config.Kafka{Brokers: broker.Brokers()}, Topics: []string{"orders", "ordres", "beats"}, Required: []string{"orders", "ordres"}, Log: zerolog.Nop()}
	for _, only := range [][]string{nil, {"ordres"}} {
		s := most
		s.Topics = only
		var missing *MissingTopics
		if _, err := Look(t.Context(), o, s); !errors.As(err, &missing) || !slices.Equal(missing.Topics, []string{"ordres"}) {
			t.Errorf("%q: %v", only, err)
		}
	}
	if broker.HasTopic(t, "ordres") {
		t.Error("looking has created a topic")
	}
}

// Whatever else it does, these requests change nothing.
func TestLookAsksForNothingButMetadataAndRecords(t *testing.T) {
	t.Parallel()
	broker := kafkatest.NewFake(t)
	topic := broker.NewTopic(t, 2, nil)
	broker.ProduceTo(t, at(topic, 0, 0, "a"), at(topic, 1, 0, "b"))
	var mu sync.Mutex
	asked := make(map[kmsg.Key]int)
	broker.Cluster.Control(func(r kmsg.Request) (kmsg.Response, error, bool) {
		broker.Cluster.KeepControl()
		mu.Lock()
		defer mu.Unlock()
		asked[kmsg.Key(r.Key())]++
		if m, ok := r.(*kmsg.MetadataRequest); ok && m.AllowAutoTopicCreation {
			t.Error("a topic would be created")
		}
		return nil, nil, false
	})
	s := most
	s.From = began
	if got := len(look(t, broker.Endpoint, Options{Topics: []string{topic, "not.there"}, Patterns: []string{"x.*"}}, s).Records); got != 2 {
		t.Errorf("%d records", got)
	}
	look(t, broker.Endpoint, sampled(topic), most)
	mu.Lock()
	defer mu.Unlock()
	for key, n := range asked {
		switch key {
		case kmsg.ApiVersions, kmsg.Metadata, kmsg.ListOffsets, kmsg.Fetch:
		default:
			t.Errorf("%d requests of %s", n, key.Name())
		}
	}
	if asked[kmsg.Fetch] == 0 {
		t.Error("the requests were not seen")
	}
}

// opened returns a looker that has looked up where the topic is.
func opened(t *testing.T, e *kafkatest.Endpoint, topic string) *looker {
	t.Helper()
	client := e.Client(t)
	l := &looker{client: client, admin: kadm.NewClient(client), sample: most}
	if err := l.open(t.Context(), []string{topic}); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLookFollowsALeaderThatMoves(t *testing.T) {
	t.Parallel()
	broker := kafkatest.NewFake(t, kfake.NumBrokers(3))
	topic := broker.NewTopic(t, 1, nil)
	broker.ProduceTo(t, at(topic, 0, 0, "a"))
	l := opened(t, broker.Endpoint, topic)
	if err := broker.Cluster.MoveTopicPartition(topic, 0, (broker.Cluster.LeaderFor(topic, 0)+1)%3); err != nil {
		t.Fatal(err)
	}
	broker.Cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: topic, Err: kerr.UnknownLeaderEpoch, Count: 2})
	looked, err := l.all(t.Context(), []string{topic})
	if err != nil || values(looked.Records) != "0@0 a" {
		t.Errorf("%+v, %v", looked, err)
	}
}

// Retention may take what was there when the look began.
func TestLookGoesOnWhereThePartitionBeginsNow(t *testing.T) {
	t.Parallel()
	broker := kafkatest.NewFake(t)
	topic := broker.NewTopic(t, 1, nil)
	broker.ProduceTo(t, at(topic, 0, 0, "a"), at(topic, 0, 1, "b"))
	broker.ProduceTo(t, at(topic, 0, 2, "c"))
	l := opened(t, broker.Endpoint, topic)
	deleteUpTo(t, broker.Endpoint, topic, 2)
	looked, err := l.all(t.Context(), []string{topic})
	if err != nil || values(looked.Records) != "0@2 c" {
		t.Errorf("%+v, %v", looked, err)
	}
}

func TestLookSaysWhatItMayNotRead(t *testing.T) {
	t.Parallel()
	broker := kafkatest.NewFake(t)
	topic := broker.NewTopic(t, 1, nil)
	broker.ProduceTo(t, at(topic, 0, 0, "a"))
	relent := broker.RefuseTopic(topic, kerr.TopicAuthorizationFailed, kmsg.Fetch)
	defer relent()
	o := sampled(topic)
	o.Config, o.Log = config.Kafka{Brokers: broker.Brokers()}, zerolog.Nop()
	_, err := Look(t.Context(), o, most)
	if err == nil || !errors.Is(err, kerr.TopicAuthorizationFailed) || !strings.Contains(err.Error(), topic+"/0") || !strings.Contains(err.Error(), "grant this user READ") {
		t.Error(err)
	}
}

func TestLookAtADeadBrokerFailsAtOnceAndNamesIt(t *testing.T) {
	t.Parallel()
	address := kafkatest.DeadAddress(t)
	o := sampled("orders")
	o.Config, o.Log = config.Kafka{Brokers: []string{address}}, zerolog.Nop()
	start := time.Now()
	_, err := Look(t.Context(), o, most)
	if err == nil || !strings.Contains(err.Error(), "no answer from ["+address+"]") {
		t.Errorf("it says %v", err)
	}
	if took := time.Since(start); took > answerTimeout/2 {
		t.Errorf("it took %s", took)
	}
}
