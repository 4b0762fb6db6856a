// Package kafka is the only importer of the Kafka client: the consumer group,
// the producer of dead letters, commits, and the lease. It promises:
//
//   - A position is never reset in silence: a group without offsets starts where
//     the configuration says, and an offset that is gone is a *LostOffset.
//   - Records are handed out only between Poll and Allow, and no assignment
//     changes in that time.
//   - A commit carries its metadata and answers per partition.
//   - The lease holds only while the coordinator's last errorless answer is
//     younger than the session timeout, counted from when it was asked.
//   - What the client fetches ahead stays inside its share of the memory limit, in
//     unpacked bytes.
//   - Look reads without a group, changes nothing in the cluster, and ends: at the end
//     offsets of when it began, at its bounds, or at its deadline.
package kafka
