package kafka

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// maxFetches is how many answers to fetches the client may hold at a time:
	// two, so that one broker's is unpacked while another's is worked on.
	maxFetches = 2
	// maxBatchBytes is the largest unpacked batch that is accepted: far above what
	// producers make (1 MiB packed by default), far below what would kill a sidecar.
	maxBatchBytes = 64 << 20
	// firstRatio is the packing assumed before anything was seen: what CDC reaches.
	firstRatio = 6
	// minFetch keeps a fetch worth its round trip, and at least one ordinary batch
	// of a producer (16 KiB).
	minFetch = 32 << 10
)

// fetchBudget keeps the unpacked bytes that are fetched ahead inside a bound.
// Kafka's own limits count packed bytes, so they are set from the packing that is
// seen.
type fetchBudget struct {
	bound int64

	mu     sync.Mutex
	ratio  float64
	update func(fetch, partition int32)
}

func newFetchBudget(bound int64) *fetchBudget { return &fetchBudget{bound: bound, ratio: firstRatio} }

// apply makes a client follow the budget.
func (f *fetchBudget) apply(update func(fetch, partition int32)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.update = update
	f.update(f.sizes())
}

// sizes returns the packed bytes to ask for, per fetch and per partition.
func (f *fetchBudget) sizes() (fetch, partition int32) {
	n := float64(f.bound) / maxFetches / f.ratio
	fetch = int32(max(minFetch, min(n, 50<<20)))
	return fetch, max(minFetch, fetch/2)
}

// OnFetchBatchRead implements kgo.HookFetchBatchRead.
func (f *fetchBudget) OnFetchBatchRead(_ kgo.BrokerMetadata, _ string, _ int32, m kgo.FetchBatchMetrics) {
	if m.CompressedBytes < minFetch/8 {
		return // too little to tell
	}
	seen := max(1, float64(m.UncompressedBytes)/float64(m.CompressedBytes))
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.ratio
	// Up at once, because the bound is a promise; down slowly.
	if seen > f.ratio {
		f.ratio = seen
	} else {
		f.ratio += (seen - f.ratio) / 64
	}
	if f.update != nil && (f.ratio > before || f.ratio < before*0.999) {
		f.update(f.sizes())
	}
}

var _ kgo.HookFetchBatchRead = (*fetchBudget)(nil)
