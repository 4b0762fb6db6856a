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
//
// # What it costs
//
// Every member keeps every row in memory. A row whose key has 20 bytes and whose CRM id
// has 18 costs at most 80 bytes of resident memory, what finds the row and what is rounded up
// included, from ten thousand rows on (66 were measured with ten million). A longer key
// or id costs what it is longer; an id that is a number, half of its digits; a group that rows
// belong to, some 80 bytes once. Growth never needs a second copy of anything but one
// bucket of rows (512 bytes on average), and the memory of a row that is replaced or
// deleted is in use again, or the operating system's, within the same call.
//
// Where the operating system can map memory (on every Unix), rows beyond the first
// 4 MiB lie outside of the heap. The collector neither scans nor counts them: GOGC and
// GOMEMLIMIT speak of the rest of the program alone, and the resident memory is theirs
// and the rows', added.
package ledger
