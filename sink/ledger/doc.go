// Package ledger knows which CRM record a source row is. It keeps that in a compacted topic
// which every member reads whole and follows, and it promises:
//
//   - A row is answered as the topic says it up to the barrier of its partition: whatever an
//     earlier owner of the partition had acknowledged is known before the partition's first
//     write is decided.
//   - The rightful record wins. Each record carries the epoch of whoever owned its partition; of
//     records of a row the highest counts, whatever the order of arrival, and as the epoch is also
//     part of the record's key, compaction never drops the new owner's record for the late one of
//     an old owner. What an owner that was replaced still writes is the new owner's to judge.
//   - What is announced is known to be possible: an intent is acknowledged before its create is
//     sent, and is found open by whoever comes after, until a record of the row says
//     what became of it or the create is known not to have been applied.
//   - Nothing is forgotten before what replaces it is acknowledged.
//
// # Epochs and owners
//
// A member that is assigned partitions appends a mark: its offset in partition 0 of the topic is
// the epoch, which makes epochs unique and rising with nothing to coordinate. It is only used if
// the coordinator confirms the membership after the mark was acknowledged: then every later owner's
// mark, and so its epoch, comes behind it, and a process that was frozen between its assignment
// and its mark gets none. Then the member writes down in every partition of the topic that it is the
// owner, and reads on until it sees that: this is the barrier.
//
// Behind an owner's record, one of a row with the epoch of an earlier owner is late, also where
// nothing is known of the row that it could be older than: a row that was forgotten has no epoch.
// A late record counts for nobody. The owner, who alone knows what it has decided by then, takes
// the id out of it if it is the answer to the very create that is in doubt, puts what it may have
// covered once more, and ends it.
//
// A row can come from several partitions of the source: its key has changed, its topic has
// grown, two topics share its space. Its epoch is then above what is known of the row, whoever
// said that.
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
