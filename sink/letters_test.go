package sink_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink"
	"github.com/ampersink/ampersink/sink/deadletter"
)

// letter reads a dead letter back.
func letter(t testing.TB, k *kgo.Record) *deadletter.Letter {
	t.Helper()
	r := model.Record{Key: k.Key, Value: k.Value, Timestamp: k.Timestamp}
	for _, h := range k.Headers {
		r.Headers = append(r.Headers, model.Header{Key: h.Key, Value: h.Value})
	}
	l, err := deadletter.Decode(&r)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestRefusedAndBrokenRecordsAreDeadLetteredAlsoAsTheLastOfTheirPartition(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	a.script = func(_ int, c call, w http.ResponseWriter) bool {
		if c.Type != "create" {
			return false
		}
		var results []map[string]any
		failed := 0
		for _, r := range c.Rows {
			if r["email"] == "bad" {
				failed++
				results = append(results, map[string]any{"success": false, "errors": []any{map[string]any{
					"statusCode": "INVALID_EMAIL_ADDRESS", "message": "bad is no address"}}})
				continue
			}
			results = append(results, map[string]any{"success": true, "recordId": "x"})
		}
		w.WriteHeader(map[bool]int{true: 422, false: 200}[failed > 0])
		_ = json.NewEncoder(w).Encode(map[string]any{
			"operationId": "op-7", "successCount": len(results) - failed, "failureCount": failed, "results": results,
		})
		return true
	}
	topic := k.NewTopic(t, 1, nil)
	bad := event(topic, "c", 77, `{"id":77,"tenant":"acme","email":"bad","name":"N","version":0,"crm_id":null}`)
	bad.Headers = []kgo.RecordHeader{{Key: "trace", Value: []byte("abc")}, {Key: "trace", Value: nil}}
	broken := &kgo.Record{Topic: topic, Key: []byte(`{"id":78}`), Value: []byte(`{"op":"c","after":{"id`)}
	k.Produce(t, create(topic, 1), bad, create(topic, 2), broken)
	cfg := configure(t, k.Brokers(), "g", topic, a.URL, "")
	if err := start(t, sink.Options{Config: cfg, Log: testLog(t), UntilEnd: true}).until(); err != nil {
		t.Fatal(err)
	}
	letters := k.ReadAll(t, topic+".dead")
	if len(letters) != 2 {
		t.Fatalf("%d dead letters, not 2", len(letters))
	}
	byCode := map[string]*deadletter.Letter{}
	for _, r := range letters {
		l := letter(t, r)
		byCode[l.Reason.Code] = l
	}
	refused := byCode["INVALID_EMAIL_ADDRESS"]
	if refused == nil || refused.Record.Offset != 1 || refused.Route != "customers" || refused.Type != model.Create ||
		refused.Reason.OperationID != "op-7" || string(refused.Record.Value) != string(bad.Value) ||
		fmt.Sprint(refused.Record.Headers) != fmt.Sprint([]model.Header{{Key: "trace", Value: []byte("abc")}, {Key: "trace"}}) {
		t.Errorf("the refused record's letter: %+v", refused)
	}
	if l := byCode["bad_json"]; l == nil || l.Record.Offset != 3 || string(l.Record.Value) != string(broken.Value) {
		t.Errorf("the broken record's letter: %+v", l)
	}
	if sum := committed(t, k.Endpoint, "g", topic); sum != 4 {
		t.Errorf("committed %d, not 4: the last record of the partition was a dead letter", sum)
	}

	// A restart does not read them again.
	if err := start(t, sink.Options{Config: cfg, Log: testLog(t), UntilEnd: true}).until(); err != nil {
		t.Fatal(err)
	}
	if n := len(k.ReadAll(t, topic+".dead")); n != 2 {
		t.Errorf("%d dead letters after a restart, not 2", n)
	}
}
