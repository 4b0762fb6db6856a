package kafka

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/ampersink/ampersink/internal/model"
)

// ReadToEnd calls apply for every record that is in the topic now, those of a partition in
// their order, and returns when it has shown all of them: an error says that some were not. A
// record is valid until apply returns. progress, if there is one, is told of the offsets that
// were read and of how many there are; it is called often.
//
// It fetches by hand, for the same reason as Look: that nothing is behind the last record
// which compaction has left, only an answer to a fetch tells.
func (l *Compacted) ReadToEnd(ctx context.Context, apply func(*model.Record), progress func(read, all int64)) error {
	topic := l.options.Topic
	r := &looker{client: l.kgo, admin: kadm.NewClient(l.kgo)}
	if err := r.open(ctx, []string{topic}); err != nil {
		return err
	}
	var all int64
	parts := make([]*lookPartition, len(r.ends[topic]))
	for i := range parts {
		parts[i] = r.partition(model.TopicPartition{Topic: topic, Partition: int32(i)})
		all += parts[i].end - parts[i].start
	}
	var read atomic.Int64
	var applying sync.Mutex
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(looks)
	for _, p := range parts {
		group.Go(func() error {
			var scratch model.Record
			at := p.start
			return p.walk(within, p.start, p.end, func(records []*kgo.Record) (more bool) {
				if len(records) == 0 {
					return true
				}
				applying.Lock()
				defer applying.Unlock()
				for _, k := range records {
					fill(&scratch, p.TopicPartition, k)
					apply(&scratch)
				}
				next := records[len(records)-1].Offset + 1
				if read.Add(next - at); progress != nil {
					progress(read.Load(), all)
				}
				at = next
				return true
			})
		})
	}
	err := group.Wait()
	if err == nil && progress != nil {
		progress(all, all) // compaction may have taken what stood last
	}
	return err
}
