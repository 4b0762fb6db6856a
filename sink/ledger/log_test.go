package ledger

import (
	"context"
	"slices"
	"sync"

	"github.com/ampersink/ampersink/internal/model"
)

// memoryLog is a compacted topic in memory. Readers follow it record by record, each at its
// own pace; appends are acknowledged when they are let through.
type memoryLog struct {
	mu      sync.Mutex
	parts   [][]model.Record
	changed chan struct{}
	held    bool // appends wait to be let through
	waiting []func()
	stalled map[int]bool // partitions that nobody can read
}

func newMemoryLog(partitions int) *memoryLog {
	return &memoryLog{parts: make([][]model.Record, partitions), changed: make(chan struct{})}
}

func (m *memoryLog) Partitions() int { return len(m.parts) }

func (m *memoryLog) Append(records []model.Record, done func(int64)) {
	records = slices.Clone(records)
	m.mu.Lock()
	write := func() {
		m.mu.Lock()
		first := int64(len(m.parts[records[0].Partition]))
		for _, r := range records {
			r.Offset = int64(len(m.parts[r.Partition]))
			m.parts[r.Partition] = append(m.parts[r.Partition], r)
		}
		close(m.changed)
		m.changed = make(chan struct{})
		m.mu.Unlock()
		done(first)
	}
	if m.held {
		m.waiting = append(m.waiting, write)
		m.mu.Unlock()
		return
	}
	m.mu.Unlock()
	write()
}

// hold keeps appends back, and lets those that wait through when it ends.
func (m *memoryLog) hold(held bool) {
	if !held {
		m.letGo()()
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held = true
}

// letGo ends that, and returns what lets those that wait through.
func (m *memoryLog) letGo() (release func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	waiting := m.waiting
	m.waiting, m.held = nil, false
	return func() {
		for _, write := range waiting {
			write()
		}
	}
}

// detain keeps back what is appended by a call, until it is released, and nothing else.
func (m *memoryLog) detain(call func()) (release func()) {
	m.hold(true)
	call()
	return m.letGo()
}

// stallAll is stall for every partition.
func (m *memoryLog) stallAll(stalled bool) {
	for p := range m.parts {
		m.stall(p, stalled)
	}
}

// stall keeps a partition from being read, or lets it be read again.
func (m *memoryLog) stall(partition int, stalled bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stalled == nil {
		m.stalled = make(map[int]bool)
	}
	m.stalled[partition] = stalled
	close(m.changed)
	m.changed = make(chan struct{})
}

// compact drops what a later record of the same key has replaced, and ends; offsets stay as
// they are.
func (m *memoryLog) compact() { m.drop(true) }

// compactOnce leaves the ends, as is done before delete.retention.ms is over.
func (m *memoryLog) compactOnce() { m.drop(false) }

func (m *memoryLog) drop(ends bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p, records := range m.parts {
		last := make(map[string]int64)
		for _, r := range records {
			last[string(r.Key)] = r.Offset
		}
		for i := range records {
			if r := &records[i]; last[string(r.Key)] != r.Offset || ends && r.Value == nil {
				m.parts[p][i].Key = nil // a gap
			}
		}
	}
}

// last returns the last record of a row with an epoch.
func (m *memoryLog) last(k RowKey, epoch int64) (last model.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.parts[partitionOf(k, len(m.parts))] {
		if string(r.Key) == string(appendRowKey(nil, k, epoch)) {
			last = r
		}
	}
	return last
}

func (m *memoryLog) Hurry(bool) {}

func (m *memoryLog) Follow(ctx context.Context, apply func(*model.Record)) {
	at := make([]int, len(m.parts))
	for {
		m.mu.Lock()
		changed := m.changed
		var next []model.Record
		for p := range m.parts {
			if m.stalled[p] {
				continue
			}
			next = append(next, m.parts[p][at[p]:]...)
			at[p] = len(m.parts[p])
		}
		m.mu.Unlock()
		for i := range next {
			if next[i].Key != nil {
				apply(&next[i])
			}
		}
		if len(next) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}
