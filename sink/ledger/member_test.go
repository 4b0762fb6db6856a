package ledger

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/rs/zerolog"

	"github.com/ampersink/ampersink/internal/model"
)

var testSpace = model.Space{Integration: "hubspot", Object: "contact", Name: "shop.contacts"}

func rk(key string) RowKey { return RowKey{testSpace, key} }

// member is a process with its ledger.
type member struct {
	*Ledger
	t     *testing.T
	epoch int64
}

// join starts a process in a synctest bubble; it ends with the test.
func join(t *testing.T, log *memoryLog, writer uint64) *member {
	ctx, stop := context.WithCancel(t.Context())
	l := New(Options{Log: log, Writer: writer, Changed: func() {}, Logger: zerolog.Nop()})
	var following sync.WaitGroup
	following.Go(func() { l.Follow(ctx) })
	t.Cleanup(func() { stop(); following.Wait() })
	m := &member{Ledger: l, t: t}
	var err error
	if m.epoch, err = l.newEpoch(t.Context()); err == nil {
		err = l.Barrier(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// own makes the member the owner of the source.
func (m *member) own() {
	m.t.Helper()
	confirm := func(context.Context) error { return nil }
	var err error
	if m.epoch, err = m.Own(m.t.Context(), []model.TopicPartition{testSource}, confirm); err != nil {
		m.t.Fatal(err)
	}
}

var testSource = model.TopicPartition{Topic: "shop.contacts", Partition: 3}

func known(id string, offset, epoch int64) Row {
	return Row{State: Known, Group: "acme", ID: id, Source: testSource, Offset: offset, Epoch: epoch}
}

// forgotten is what an owner says of a row that is not in the CRM any more.
func forgotten(epoch int64) Row { return Row{Source: testSource, Epoch: epoch} }

// set puts a row and waits for its acknowledgement.
func (m *member) set(key string, r Row) {
	done := make(chan struct{})
	m.Put([]Entry{{RowKey: rk(key), Row: r}}, func(end End) { end(nil, true); close(done) })
	<-done
}

// report puts a row as one that may have been replaced.
func (m *member) report(key string, r Row) {
	done := make(chan struct{})
	m.Report([]Entry{{RowKey: rk(key), Row: r}}, func() { close(done) })
	<-done
}

func (m *member) want(key string, state State, id string) {
	m.t.Helper()
	synctest.Wait()
	if a := m.Lookup(rk(key)); a.State != state || a.ID != id {
		m.t.Errorf("row %s is %s %q; expected %s %q", key, a.State, a.ID, state, id)
	}
}

func (m *member) wantOpen(key string, open bool) {
	m.t.Helper()
	synctest.Wait()
	if a := m.Lookup(rk(key)); (a.Open != nil) != open {
		m.t.Errorf("the intent of row %s: open %v, expected %v", key, a.Open != nil, open)
	}
}

func inBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// creating are creates of rows, from an offset on.
func creating(epoch, offset int64, keys ...string) (creates []Creating) {
	for i, k := range keys {
		w := &model.Write{
			Name: 1, Source: &model.Kept{TopicPartition: testSource, Offset: offset + int64(i)},
			Identity: &model.Identity{Space: &testSpace, Key: k},
		}
		creates = append(creates, Creating{w, epoch})
	}
	return creates
}

func announce(t *testing.T, m *member, keys ...string) *Announcement {
	t.Helper()
	a, err := m.Announce(t.Context(), creating(m.epoch, 10, keys...))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// overtaken is an owner, a, whose put of row k waits for a broker, and the one that has replaced it
// meanwhile.
func overtaken(t *testing.T) (log *memoryLog, a, b *member, release func()) {
	log = newMemoryLog(4)
	a, b = join(t, log, 1), join(t, log, 2)
	a.own()
	release = log.detain(func() { a.Put([]Entry{{RowKey: rk("k"), Row: known("7", 1, a.epoch)}}, func(End) {}) })
	b.own()
	return log, a, b, release
}

// aside returns a key whose row lies in another partition than the announcements of a writer.
func aside(log *memoryLog, writer uint64) (key string, partition int) {
	for i := 0; ; i++ {
		key = fmt.Sprint("k", i)
		if p := int(partitionOf(rk(key), log.Partitions())); p != int(writer)%log.Partitions() {
			return key, p
		}
	}
}

// handedOver is a source whose old owner has announced a create and was replaced before its answer.
type handedOver struct {
	log        *memoryLog
	old, owner *member
	create     Create
	key        string // of its row
	partition  int    // of the log, that has the row
}

func handOver(t *testing.T) (h handedOver) {
	h.log = newMemoryLog(2)
	h.old, h.owner = join(t, h.log, 1), join(t, h.log, 2)
	h.key, h.partition = aside(h.log, 1)
	h.create = announce(t, h.old, h.key).Create(0)
	h.owner.own()
	return h
}
