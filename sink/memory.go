package sink

// budget counts the bytes that wait between the poll and their fates, and what is left of
// them until those are durable. It is guarded by Sink.mu.
type budget struct {
	limit  int64
	used   int64
	peak   int64
	closed bool
	mean   int64 // bytes that a record has retained lately
}

const (
	// fetchShare is the part of the limit that may be fetched ahead: what is fetched
	// is unpacked before it can be counted, so it has a part of its own.
	fetchShare = 4
	// resumeAt is the part of the limit, in quarters, at which intake resumes: low
	// enough not to flap with every batch.
	resumeAt = 3
	// firstMean is what a record is taken to retain before any was seen.
	firstMean = 4 << 10
)

func newBudget(limit int64) budget { return budget{limit: limit, mean: firstMean} }

// fetchAhead is the bound of what the client fetches ahead.
func (b *budget) fetchAhead() int64 { return b.limit / fetchShare }

// high is where intake stops; the client's share and one poll stay below the limit.
func (b *budget) high() int64 { return b.limit - b.limit/fetchShare }

// take counts a record.
func (b *budget) take(n int64) {
	b.mean += (n - b.mean) / 32
	b.hold(n)
}

// hold counts what is no record.
func (b *budget) hold(n int64) {
	b.used += n
	b.peak = max(b.peak, b.used)
}

func (b *budget) release(n int64) {
	if b.used -= n; b.used < 0 {
		panic("BUG: more memory is released than was taken")
	}
}

// open reports whether intake may go on, with a low mark to resume at. What the client
// holds beyond its share counts against ours. still is the part that lanes hold which do not
// move: the low mark lies above it, or the intake would wait for them.
func (b *budget) open(fetched, still int64) bool {
	used := b.used + max(0, fetched-b.fetchAhead())
	if b.closed {
		b.closed = used > still+(b.high()-still)*resumeAt/4
	} else {
		b.closed = used >= b.high()
	}
	return !b.closed || b.used == 0
}

// pollShare is the part of the limit that one poll may bring, so that one lane cannot
// pass its share by much before that is looked at.
const pollShare = 16

// room is how many records may be polled before the marks are surely looked at again.
func (b *budget) room(most int) int {
	left := min(b.high()-b.used, b.limit/pollShare) / max(b.mean, 1)
	return int(max(1, min(int64(most), left)))
}
