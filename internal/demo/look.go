package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink"
	"github.com/ampersink/ampersink/sink/deadletter"
	"github.com/ampersink/ampersink/sink/ledger"
)

// position is where a record is.
type position struct {
	model.TopicPartition
	offset int64
}

func (p position) String() string {
	return fmt.Sprintf("%s/%d offset %d", p.Topic, p.Partition, p.offset)
}

func positionOf(r *model.Record) position { return position{r.TopicPartition, r.Offset} }

// client opens a client of the broker.
func (w *world) client(ctx context.Context, o ...kgo.Opt) (*kgo.Client, context.Context, func(), error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	client, err := kgo.NewClient(append(o, kgo.SeedBrokers(w.cluster.ListenAddrs()...))...)
	if err != nil {
		cancel()
		return nil, nil, nil, err
	}
	return client, ctx, func() { client.Close(); cancel() }, nil
}

// commits returns how many events the group's commits cover.
func (w *world) commits(ctx context.Context) (n int64, err error) {
	client, ctx, end, err := w.client(ctx)
	if err != nil {
		return 0, err
	}
	defer end()
	committed, err := kadm.NewClient(client).FetchOffsets(ctx, group)
	if err == nil {
		err = committed.Error()
	}
	if err != nil {
		return 0, fmt.Errorf("reading the group's commits: %w", err)
	}
	committed.Each(func(o kadm.OffsetResponse) { n += max(0, o.At) })
	return n, nil
}

// letters reads the dead-letter topics: the code of each event's dead letter, and how many
// there are beside those.
func (w *world) letters(ctx context.Context) (codes map[position]string, twice int, err error) {
	codes = make(map[position]string)
	var topics []string
	for _, t := range tables {
		if w.cluster.TopicInfo(t+".dead") != nil {
			topics = append(topics, t+".dead")
		}
	}
	if len(topics) == 0 {
		return codes, 0, nil
	}
	client, ctx, end, err := w.client(ctx, kgo.ConsumeTopics(topics...))
	if err != nil {
		return nil, 0, err
	}
	defer end()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topics...)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the dead-letter topics: %w", err)
	}
	all := 0
	ends.Each(func(o kadm.ListedOffset) { all += int(o.Offset) })
	for left := all; left > 0; {
		fetches := client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return nil, 0, fmt.Errorf("reading the dead-letter topics: %w", err)
		}
		for _, r := range fetches.Records() {
			left--
			l, err := letterOf(r)
			if err != nil {
				return nil, 0, err
			}
			codes[positionOf(&l.Record)] = l.Reason.Code
		}
	}
	return codes, all - len(codes), nil
}

func letterOf(r *kgo.Record) (*deadletter.Letter, error) {
	record := &model.Record{TopicPartition: model.TopicPartition{Topic: r.Topic, Partition: r.Partition}, Offset: r.Offset, Key: r.Key, Value: r.Value}
	for _, h := range r.Headers {
		record.Headers = append(record.Headers, model.Header{Key: h.Key, Value: h.Value})
	}
	return deadletter.Decode(record)
}

// ledger reads the ledger, as `ampersink ledger` does.
func (w *world) ledger(ctx context.Context, look func(*sink.LedgerTool)) error {
	t, err := sink.OpenLedgerTool(ctx, sink.LedgerToolOptions{Options: sink.Options{Config: w.config, Log: w.o.Log}})
	if err != nil {
		return err
	}
	defer t.Close()
	look(t)
	return nil
}

// remembered is what the ledger knows: the CRM id of each row, by table and key, and how many
// creates are announced of which it does not know what became of them.
type remembered struct {
	ids  map[string]string
	open int
}

func (w *world) remembered(ctx context.Context) (r remembered, err error) {
	r.ids = make(map[string]string)
	err = w.ledger(ctx, func(t *sink.LedgerTool) {
		r.open = len(t.Open())
		t.Each(func(e sink.LedgerRow) bool {
			if e.State == ledger.Known {
				r.ids[rowName(e.Space.Name, e.Key)] = e.ID
			}
			return true
		})
	})
	return r, err
}

// killed is what the kill interrupted.
type killed struct {
	totals   sink.Totals
	letters  int                 // on their way
	requests map[string]struct{} // under way
	ledger   remembered
}

// lookAtTheDead says what the killed process has left, which is what is in the topics.
func (w *world) lookAtTheDead(ctx context.Context) (err error) {
	k := &w.killed
	st := w.first.sink.Status()
	k.totals, k.letters = st.Totals, st.LettersInFlight
	k.requests = w.first.interrupted()
	if k.ledger, err = w.remembered(ctx); err != nil {
		return err
	}
	if w.committed, err = w.commits(ctx); err != nil {
		return err
	}
	_, creates := w.witness.doubts(k.requests)
	w.say("KILLED with %d requests under way, among them %d creates that the CRM has applied and that nobody was told of.", len(k.requests), creates.applied)
	w.say("Another process starts and has nothing but the topics: what was committed, %d rows in the ledger, and %d creates", len(k.ledger.ids), k.ledger.open)
	w.say("that were announced and of which nobody has written down what became of them.")
	return nil
}
