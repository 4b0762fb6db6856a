package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/kafkatest"
)

// compressions notes how what is read was compressed.
type compressions struct {
	mu   sync.Mutex
	seen map[uint8]bool
}

func (c *compressions) OnFetchBatchRead(_ kgo.BrokerMetadata, _ string, _ int32, m kgo.FetchBatchMetrics) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[m.CompressionType] = true
}

func TestEachCompressionIsRead(t *testing.T) {
	t.Parallel()
	const topic = "shop.customers"
	crm, api := newCRM(t)
	k := kafkatest.NewFake(t)
	k.CreateTopic(t, topic, 1, nil)
	codecs := []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()}
	const each = 3
	for i, codec := range codecs {
		producer := k.Client(t, kgo.ProducerBatchCompression(codec))
		for n := range each {
			value := fmt.Sprintf(`{"email":"row%d.%d@example.com","padding":%q}`, i, n, strings.Repeat("compress me ", 50))
			if err := producer.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Key: fmt.Appendf(nil, `{"id":"%d.%d"}`, i, n), Value: []byte(value)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	packed := &compressions{seen: make(map[uint8]bool)}
	reader := k.Client(t, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.WithHooks(packed))
	for read := 0; read < each*len(codecs); {
		fetches := reader.PollFetches(context.WithoutCancel(t.Context()))
		read += fetches.NumRecords()
	}
	packed.mu.Lock()
	if len(packed.seen) != len(codecs) {
		t.Errorf("the topic holds the compressions %v, not %d", packed.seen, len(codecs))
	}
	packed.mu.Unlock()

	if code, _, stderr := call("run", "--until-end", "--config", running(t, k.Brokers()[0], api, "")); code != exitDone {
		t.Fatal(stderr)
	}
	written := make(map[string]bool)
	for _, r := range crm.Records("hubspot", "acme", "contact") {
		written[string(r.Fields["email"])] = true
	}
	for i := range codecs {
		for n := range each {
			if email := fmt.Sprintf(`"row%d.%d@example.com"`, i, n); !written[email] {
				t.Errorf("%s is not in the CRM", email)
			}
		}
	}
}
