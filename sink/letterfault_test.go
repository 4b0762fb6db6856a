package sink_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/sink"
)

// broken is a record that mapping refuses, so that it needs a dead letter.
func broken(topic string) *kgo.Record {
	return &kgo.Record{Topic: topic, Key: []byte(`{"id":78}`), Value: []byte(`{"op":"c","after":{"id`)}
}

// awaitLetterFault waits until the sink says that its dead letters cannot be
// written, and checks what that has to say and to keep.
func awaitLetterFault(t *testing.T, s *running, k *kafkatest.Endpoint, topic, cause string) {
	t.Helper()
	waitFor(t, "the fault in the status", func() bool { return s.Status().LetterFault != nil })
	st := s.Status()
	if st.Ready || !strings.Contains(strings.Join(st.Reasons, "; "), "dead letters cannot be written to "+topic+".dead") {
		t.Errorf("ready %v, because of %q", st.Ready, st.Reasons)
	}
	if !strings.Contains(st.LetterFault.Error, cause) {
		t.Errorf("the fault is told as %q, without %q", st.LetterFault.Error, cause)
	}
	if sum := committed(t, k, "g", topic); sum > 1 {
		t.Errorf("committed %d: beyond a record whose dead letter is not written", sum)
	}
}

// awaitLetter waits until the dead letter is written and the offset behind it.
func awaitLetter(t *testing.T, s *running, k *kafkatest.Endpoint, topic string, records int64) {
	t.Helper()
	waitFor(t, "the fault to go", func() bool { st := s.Status(); return st.Ready && st.LetterFault == nil })
	if err := s.drain(); err != nil {
		t.Fatal(err)
	}
	if n := len(k.ReadAll(t, topic+".dead")); n != 1 {
		t.Errorf("%d dead letters, not 1", n)
	}
	if sum := committed(t, k, "g", topic); sum != records {
		t.Errorf("committed %d, not %d", sum, records)
	}
}

func TestADeadLetterThatTheBrokerRefusesKeepsItsOffsetUntilItIsWritten(t *testing.T) {
	for _, c := range []struct {
		name string
		err  *kerr.Error
	}{
		{"not authorised", kerr.TopicAuthorizationFailed},
		{"too few replicas", kerr.NotEnoughReplicas},
		{"a broker in trouble", kerr.KafkaStorageError},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := kafkatest.NewFake(t)
			a := newAPI(t)
			topic := k.NewTopic(t, 1, nil)
			relent := k.RefuseTopic(topic+".dead", c.err, kmsg.Produce)
			// The first goes on, the broken one waits, and those behind it are written.
			k.CreateTopic(t, topic+".dead", 1, nil)
			k.Produce(t, create(topic, 1), broken(topic), create(topic, 2), create(topic, 3))
			s := start(t, sink.Options{Config: configure(t, k.Brokers(), "g", topic, a.URL, ""), Log: testLog(t)})
			waitFor(t, "the others to be written", func() bool { return s.Status().Totals.Written["create"] == 3 })
			if c.err == kerr.TopicAuthorizationFailed {
				awaitLetterFault(t, s, k.Endpoint, topic, "TOPIC_AUTHORIZATION_FAILED")
			} else if sum := committed(t, k.Endpoint, "g", topic); sum > 1 { // the client tries these again by itself
				t.Errorf("committed %d: beyond a record whose dead letter is not written", sum)
			}
			relent()
			awaitLetter(t, s, k.Endpoint, topic, 4)
		})
	}
}

func TestADeadLetterTopicThatIsNotThereIsSaidAndWaitedFor(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	topic := k.NewTopic(t, 1, nil)
	k.Produce(t, create(topic, 1), broken(topic), create(topic, 2))
	s := start(t, sink.Options{
		Config: configure(t, k.Brokers(), "g", topic, a.URL, "dead_letter: {create: false}"), Log: testLog(t),
	})
	awaitLetterFault(t, s, k.Endpoint, topic, "dead_letter.create is false: create it")
	k.CreateTopic(t, topic+".dead", 1, nil)
	awaitLetter(t, s, k.Endpoint, topic, 3)
}

func TestADeadLetterThatIsTooLargeKeepsItsOffsetUntilItsTopicTakesIt(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	topic := k.NewTopic(t, 1, nil)
	k.CreateTopic(t, topic+".dead", 1, map[string]string{"max.message.bytes": "2000"})
	large := broken(topic)
	large.Value = []byte(`{"op":"c","after":{"id":1,"note":"` + noise(4000))
	k.Produce(t, create(topic, 1), large, create(topic, 2))
	s := start(t, sink.Options{Config: configure(t, k.Brokers(), "g", topic, a.URL, ""), Log: testLog(t)})
	awaitLetterFault(t, s, k.Endpoint, topic, "MESSAGE_TOO_LARGE")
	k.SetTopic(t, topic+".dead", "max.message.bytes", "100000")
	awaitLetter(t, s, k.Endpoint, topic, 3)
}

// noise is text that does not compress.
func noise(n int) string {
	b := make([]byte, n)
	random := rand.New(rand.NewPCG(1, 1))
	for i := range b {
		b[i] = byte('a' + random.IntN(26))
	}
	return string(b)
}
