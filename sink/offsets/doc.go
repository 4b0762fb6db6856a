// Package offsets knows, for one partition during one assignment, what was
// handed out and what is done, by (offset, write). It promises:
//
//   - The offset that it offers for commit is the lowest one with an open write,
//     or the one behind the last record when none is open. It never offers an
//     offset above an open write, whatever the order of completion.
//   - Contiguity is by what was polled: offsets have gaps (transactions,
//     compaction) and a gap is nothing to wait for.
//   - What is done above the low mark goes into the commit's metadata, so that a
//     restart or a new owner does not send it again. What does not fit is
//     reported as not covered, never silently left out.
//   - A mark survives an edit of the routes: a write is named by its route and
//     row, not by its number.
//
// It knows nothing of Kafka's client, of time or of goroutines; calls must be
// serialised.
package offsets
