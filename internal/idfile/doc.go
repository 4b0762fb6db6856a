// Package idfile reads and writes files that say which CRM record a source row is: what a
// team has from before, and what the ledger exports. It promises:
//
//   - A row is read exactly as it stands, or refused with its line: no key is guessed, no
//     id is changed, and what is not understood is not passed over.
//   - What Writer writes as JSON lines, Read returns.
//   - A file takes no memory but for its longest line, which is bounded.
package idfile
