// Package ledger knows which CRM record a source row is.
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
