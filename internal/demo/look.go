package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink/deadletter"
)

// letters reads the dead-letter topics back and counts by code.
func (w *world) letters(ctx context.Context) (map[string]int, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	counts := make(map[string]int)
	var topics []string
	for _, t := range tables {
		if w.cluster.TopicInfo(t+".dead") != nil {
			topics = append(topics, t+".dead")
		}
	}
	if len(topics) == 0 {
		return counts, nil
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(w.cluster.ListenAddrs()...), kgo.ConsumeTopics(topics...))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("reading the dead-letter topics: %w", err)
	}
	left := int64(0)
	ends.Each(func(o kadm.ListedOffset) { left += o.Offset })
	for left > 0 {
		fetches := client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("reading the dead-letter topics: %w", err)
		}
		var wrong error
		fetches.EachRecord(func(r *kgo.Record) {
			left--
			l, err := letterOf(r)
			if err != nil {
				wrong = err
				return
			}
			counts[l.Reason.Code]++
		})
		if wrong != nil {
			return nil, wrong
		}
	}
	return counts, nil
}

func letterOf(r *kgo.Record) (*deadletter.Letter, error) {
	record := &model.Record{TopicPartition: model.TopicPartition{Topic: r.Topic, Partition: r.Partition}, Offset: r.Offset, Key: r.Key, Value: r.Value}
	for _, h := range r.Headers {
		record.Headers = append(record.Headers, model.Header{Key: h.Key, Value: h.Value})
	}
	return deadletter.Decode(record)
}

// compare looks whether each row whose events were all sound is in the CRM as it is
// in the source, and no other.
func (w *world) compare() (equal int, wrong []string) {
	for _, topic := range tables {
		found := make(map[int]map[string]any)
		for _, tenant := range tenants {
			for _, r := range w.crm.Records(integration, tenant, object[topic]) {
				fields := make(map[string]any, len(r.Fields))
				for name, raw := range r.Fields {
					var v any
					_ = json.Unmarshal(raw, &v)
					fields[name] = v
				}
				id, _ := fields["source_id"].(float64)
				if found[int(id)] != nil {
					wrong = append(wrong, fmt.Sprintf("row %d of %s is in the CRM twice", int(id), topic))
				}
				found[int(id)] = fields
			}
		}
		for id, want := range w.truth.rows[topic] {
			if w.truth.tainted[topic][id] {
				delete(found, id)
				continue
			}
			if differs := different(topic, want, found[id]); differs != "" {
				wrong = append(wrong, fmt.Sprintf("row %d of %s: %s", id, topic, differs))
				continue
			}
			equal++
			delete(found, id)
		}
		for id := range found {
			if !w.truth.tainted[topic][id] {
				wrong = append(wrong, fmt.Sprintf("row %d of %s is in the CRM and not in the source", id, topic))
			}
		}
	}
	return equal, wrong
}

func different(topic string, want row, have map[string]any) string {
	if have == nil {
		return "it is not in the CRM"
	}
	for field, column := range mapped[topic] {
		data, _ := json.Marshal(want[column])
		var v any
		_ = json.Unmarshal(data, &v)
		if !reflect.DeepEqual(v, have[field]) {
			return fmt.Sprintf("%s is %v in the source and %v in the CRM", field, v, have[field])
		}
	}
	return ""
}

// tour says how to look at what was left running.
func (w *world) tour() {
	broker := w.cluster.ListenAddrs()[0]
	w.say(`
Everything is still running; Ctrl-C ends it. Look at

  the sink          http://%[1]s/status   http://%[1]s/metrics   http://%[1]s/readyz
  the CRM           %[2]s/sandbox/records?object=contact   %[2]s/sandbox/requests   %[2]s/sandbox/stats
  make it fail      curl -X PUT %[2]s/sandbox/faults -d '[{do: status, status: 503}]'    (and '[]' to mend it)
  Kafka             %[3]s, group %[4]s
  the dead letters  kcat -b %[3]s -C -e -t %[5]s.dead -f '%%k %%h\n'
  the requests      ampersink preview --config demo.yaml --last 5    (with what follows as demo.yaml)

The configuration that it runs with:

%[6]s`, w.admin, w.api, broker, group, customers, w.text)
}
