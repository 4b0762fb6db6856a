// Package sink assembles the stages and settles writes. It promises that a
// record's offset becomes committable only when every write of the record has its
// one fate: written, skipped by a rule of the configuration, or dead-lettered with
// the dead letter acknowledged by Kafka.
//
// # The path
//
//	Poll -> map -> admit -> [lane] -> pump -> announce, lease, request -> finish -> settle -> commit
//	                   \-> skipped, refused ------------------------------/     \-> dead letter -/
//
// # Goroutines
//
// Run starts and awaits all of them: one that polls, maps and admits (intake.go),
// one that commits (commit.go), one that writes dead letters (letters.go), one
// that wakes the lanes when time alone makes a batch due (dispatch.go), and one
// per request.
//
// # Locks
//
// Sink.mu guards the scheduler, the trackers and the totals: everything that
// says where a write is. It is never held over I/O. committer.mu is held over a
// commit and before Sink.mu; the end of an assignment takes it too, so that no commit of
// a partition is under way when the partition is given up.
package sink
