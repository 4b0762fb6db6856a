package ledger

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/ampersink/ampersink/internal/model"
)

// owners are who owns the partitions of the source, as the topic says it.
//
// Each partition of the topic says it for itself: within one, a record of an earlier owner that
// comes behind the later owner's is late, whatever is known of its row. That is not seen by
// the epochs of rows alone: a row that was forgotten has none.
type owners struct {
	at  []map[model.TopicPartition]int64 // by partition of the topic: the owner's epoch
	own map[model.TopicPartition]int64   // of those that are this process's
	// overdue are records that came late and are still in the topic. The owner ends them.
	overdue []Entry
}

func newOwners(partitions int) owners {
	o := owners{at: make([]map[model.TopicPartition]int64, partitions), own: make(map[model.TopicPartition]int64)}
	for i := range o.at {
		o.at[i] = make(map[model.TopicPartition]int64)
	}
	return o
}

// Own makes this process the owner of partitions of the source: when it returns, everything is
// known that an earlier owner had acknowledged, and what such a one still writes is known to be
// late. confirm has the group's coordinator say that the membership stands. The epoch is what
// this owner's rows and announcements carry.
func (l *Ledger) Own(ctx context.Context, ps []model.TopicPartition, confirm func(context.Context) error) (epoch int64, err error) {
	for {
		if epoch, err = l.newEpoch(ctx); err == nil {
			err = confirm(ctx)
		}
		if err != nil {
			return 0, err
		}
		var records []model.Record
		epoch, records = l.ownerRecords(ps, epoch)
		n := l.numbers.Add(1)
		if err = l.readBehind(ctx, l.appendMarks(records, n), n); err != nil {
			return 0, err
		}
		if !l.outbid(ps, epoch) {
			return epoch, nil
		}
		// Somebody has claimed them with a higher epoch meanwhile. That may be this process, for an
		// assignment that ended while it waited; the coordinator knows whether it is another.
	}
}

// outbid reports whether the topic says by now that somebody with a higher epoch owns one of the
// partitions.
func (l *Ledger) outbid(ps []model.TopicPartition, epoch int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range ps {
		for _, at := range l.owners.at {
			if at[p] > epoch && l.owners.own[p] <= epoch {
				return true
			}
		}
	}
	return false
}

// newEpoch returns the offset behind a mark's in the first partition.
func (l *Ledger) newEpoch(ctx context.Context) (int64, error) {
	acknowledged := make(chan int64, 1)
	l.append([]model.Record{l.mark(0, l.numbers.Add(1))}, func(first int64) { acknowledged <- first + 1 })
	select {
	case epoch := <-acknowledged:
		return epoch, nil
	case <-ctx.Done():
		return 0, fmt.Errorf("the ledger topic does not take a mark: %w", context.Cause(ctx))
	}
}

// ownerRecords are the records that say who the owner is from here on. The epoch is a higher
// one where the topic was copied, and its offsets are not what they were; and where this process has
// claimed one of the partitions with a higher one meanwhile: two assignments that follow each
// other at once may both wait for their barriers.
func (l *Ledger) ownerRecords(ps []model.TopicPartition, epoch int64) (at int64, records []model.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range ps {
		for _, at := range l.owners.at {
			if at[p] >= epoch {
				epoch = at[p] + 1
			}
		}
		epoch = max(epoch, l.owners.own[p])
	}
	for _, p := range ps {
		l.owners.own[p] = epoch
		for i := range l.owners.at {
			records = append(records, l.record(int32(i), ownerKey(p), binary.AppendUvarint(nil, uint64(epoch))))
		}
	}
	return epoch, records
}

// Disown says that partitions of the source are not this process's any more.
func (l *Ledger) Disown(ps []model.TopicPartition) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range ps {
		delete(l.owners.own, p)
	}
}

func (l *Ledger) applyOwner(in *reader, r *model.Record) string {
	p := in.source()
	value := reader{rest: r.Value}
	epoch := value.number()
	if in.bad || value.bad || int(r.Partition) >= len(l.owners.at) {
		return "a cut owner"
	}
	at := l.owners.at[r.Partition]
	if epoch > at[p] {
		at[clonePartition(p)] = epoch
		l.endOverdue()
	}
	return ""
}

// owned reports whether this process owns a partition of the source, as far as a
// partition of the topic tells.
func (o *owners) owned(source model.TopicPartition, in int32) bool {
	epoch, ok := o.own[source]
	return ok && o.at[in][source] == epoch
}

// replaced reports whether an owner with that epoch was replaced, as far as a partition of the
// topic tells.
func (o *owners) replaced(source model.TopicPartition, epoch int64, in int32) bool {
	return epoch < o.at[in][source]
}

// overdue reports whether a record of a row was written by an owner that had been replaced.
// Only the rightful owner works in what it says.
func (l *Ledger) overdue(k RowKey, row *Row, r *model.Record) bool {
	by, epoch := ownerOf(r, row)
	if !l.owners.replaced(by, epoch, r.Partition) {
		return false
	}
	late := Entry{RowKey: RowKey{cloneSpace(k.Space), strings.Clone(k.Key)}, Row: *row, By: clonePartition(by)}
	late.Group, late.ID, late.Source = strings.Clone(row.Group), strings.Clone(row.ID), clonePartition(row.Source)
	l.owners.overdue = append(l.owners.overdue, late)
	l.endOverdue()
	return true
}

// endOverdue works in late records that are this process's to end, and ends them.
func (l *Ledger) endOverdue() {
	left := l.owners.overdue[:0]
	for i := range l.owners.overdue {
		r := &l.owners.overdue[i]
		if !l.owners.owned(r.By, partitionOf(r.RowKey, len(l.marks))) {
			left = append(left, *r)
			continue
		}
		if l.judge(r) != r.Epoch {
			l.obsolete(r.RowKey, r.Epoch)
		}
	}
	clear(l.owners.overdue[len(left):])
	l.owners.overdue = left
}

// judge works a late record in: the answer that the earlier owner got after all counts where
// its create is still in doubt. What was known of the row before was under the same key in the
// topic, if it had the same epoch: it is put once more. The epoch is that of what was put; 0: nothing.
func (l *Ledger) judge(r *Entry) int64 {
	key := l.key(r.RowKey)
	var now Row
	known, n := l.rows.get(key, &now), l.intents[key]
	old := now
	same := func(source model.TopicPartition, offset int64) bool { return source == r.Source && offset == r.Offset }
	switch {
	case r.State == Known && known && (now.State == Exists || now.State == Doubt) && same(now.Source, now.Offset),
		r.State == Known && n != nil && same(n.source, n.offset) && (!known || now.Epoch <= r.Epoch):
		now.State, now.Group, now.ID, now.Source, now.Offset = Known, r.Group, r.ID, r.Source, r.Offset
	case !known || now.Epoch != r.Epoch:
		return 0
	}
	own := l.owners.own[r.By]
	now.Epoch = max(now.Epoch, own)
	others := l.closing
	l.closing = nil
	l.change(key, &now, &old, known, false)
	l.adopted = append(l.adopted, l.closing...)
	l.closing = others
	l.late = append(l.late, l.rowRecord(r.RowKey, &now, r.By, own))
	if known && old.Epoch < now.Epoch && old.Epoch != r.Epoch { // that one is ended with the late record
		l.late = append(l.late, l.rowRecord(r.RowKey, &Row{Epoch: old.Epoch}, r.By, own))
	}
	return now.Epoch
}

// forgetOverdue is told that a record has ended.
func (l *Ledger) forgetOverdue(k RowKey, epoch int64) {
	if len(l.owners.overdue) > 0 {
		l.owners.overdue = slices.DeleteFunc(l.owners.overdue, func(r Entry) bool { return r.RowKey == k && r.Epoch == epoch })
	}
}

// ownerHeader says of a record that does not say it in its key and value by which owner it is: of
// which partition of the source, and with which epoch.
const ownerHeader = "s"

// by adds it to the headers of a record.
func by(headers []model.Header, source model.TopicPartition, epoch int64) []model.Header {
	value := binary.AppendUvarint(appendSource(nil, source), uint64(epoch))
	return append(slices.Clip(headers), model.Header{Key: ownerHeader, Value: value})
}

// ownerOf returns it; of what is written by whoever comes across something there is none.
func ownerOf(r *model.Record, row *Row) (source model.TopicPartition, epoch int64) {
	value, ok := r.Header(ownerHeader)
	if !ok {
		return row.Source, row.Epoch
	}
	in := reader{rest: value}
	return in.source(), in.number()
}

// EpochFor returns the epoch with which a partition's owner, whose own it gives, speaks of a
// row. Mostly that is its own. Epochs rise within a partition of the source, though, and a row can
// come from several: its topic has grown, its key has changed, or two topics share its space. So that
// the latest one counts, its epoch is above what is known of the row.
func (l *Ledger) EpochFor(k RowKey, owner int64) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := l.key(k)
	var known Row
	l.rows.glance(key, &known)
	if n := l.intents[key]; n != nil {
		known.Epoch = max(known.Epoch, n.epoch)
	}
	if owner < known.Epoch {
		return known.Epoch + 1
	}
	return owner
}
