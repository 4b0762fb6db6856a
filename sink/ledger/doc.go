// Package ledger knows which CRM record a source row is. It keeps that in a compacted topic
// which every member reads whole and follows, and it promises:
//
//   - A row is answered as the topic says it up to the barrier of its partition: whatever an
//     earlier owner of the partition had acknowledged is known before the partition's first
//     write is decided.
//   - The rightful record wins. Each record carries the epoch of whoever owned its partition, and
//     the highest wins whatever the order of arrival; as the epoch is also part of the record's
//     key, compaction never drops the new owner's record for the late one of an old owner.
//   - What is announced is known to be possible: an intent is acknowledged before its create is
//     sent, and is found open by whoever comes after, until a record of the row says
//     what became of it or the create is known not to have been applied.
//   - Nothing is forgotten before what replaces it is acknowledged.
//
// # Epochs
//
// A member that is assigned partitions appends a mark to every partition of the topic and reads
// on until it sees its marks again: that is the barrier. The offset of the mark in partition 0 is
// the epoch, which makes epochs unique and rising with nothing to coordinate. It is only
// used if the coordinator confirms the membership after the mark was acknowledged: then every
// later owner's mark, and so its epoch, comes behind it, and a process that was frozen between
// its assignment and its mark gets none.
package ledger
