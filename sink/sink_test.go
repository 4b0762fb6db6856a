package sink_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/sink"
)

func TestRecordsArriveAndOffsetsFollow(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	topic := k.NewTopic(t, 3, nil)
	var records []*kgo.Record
	for i := range 250 {
		records = append(records, create(topic, i), update(topic, 1000+i, 1), remove(topic, 2000+i%10+i/10*10))
	}
	k.Produce(t, records...)
	s := start(t, sink.Options{Config: configure(t, k.Brokers(), "g", topic, a.URL, ""), Log: testLog(t), UntilEnd: true})
	if err := s.until(); err != nil {
		t.Fatal(err)
	}
	if n := a.rows(); n != 750 {
		t.Errorf("the API got %d rows, not 750", n)
	}
	if sum := committed(t, k.Endpoint, "g", topic); sum != 750 {
		t.Errorf("committed offsets sum up to %d, not 750", sum)
	}
	if w := s.Status().Totals.Written; w["create"] != 250 || w["update"] != 250 || w["delete"] != 250 {
		t.Errorf("written: %v", w)
	}
}
