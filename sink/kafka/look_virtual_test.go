//go:build synctests

package kafka

import (
	"context"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
)

// An address that takes connections and says nothing is given up within seconds.
func TestLookGivesUpOnWhatNeverAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := sampled("orders")
		o.Config, o.Log = config.Kafka{Brokers: []string{"silent:9092"}}, zerolog.Nop()
		o.Dial = func(context.Context, string, string) (net.Conn, error) {
			ours, _ := net.Pipe()
			return ours, nil
		}
		start := time.Now()
		_, err := Look(t.Context(), o, most)
		if err == nil || !strings.Contains(err.Error(), "no answer from [silent:9092]") {
			t.Errorf("it says %v", err)
		}
		if took := time.Since(start); took > answerTimeout {
			t.Errorf("it took %s", took)
		}
	})
}

// A partition that cannot be read ends the look with its name and not never.
func TestLookGivesUpOnAPartitionThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broker := kafkatest.NewVirtual(t)
		topic := broker.NewTopic(t, 1, nil)
		broker.ProduceTo(t, at(topic, 0, 0, "a"))
		broker.Cluster.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
			broker.Cluster.KeepControl()
			return r.ResponseKind(), nil, true // as a broker that throttles: no partition in it
		})
		o := sampled(topic)
		o.Config, o.Dial, o.Log = config.Kafka{Brokers: broker.Brokers()}, broker.Dial, zerolog.Nop()
		start := time.Now()
		_, err := Look(t.Context(), o, most)
		if err == nil || !strings.Contains(err.Error(), "reading "+topic+"/0 at offset 0") || !strings.Contains(err.Error(), "THROTTLING") {
			t.Errorf("it says %v", err)
		}
		if took := time.Since(start); took < answerTimeout || took > 2*answerTimeout {
			t.Errorf("it took %s", took)
		}
	})
}
