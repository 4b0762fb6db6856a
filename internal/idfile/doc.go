// Package idfile reads and writes files that say which CRM record a source row is: what a
// team has from before, and what the ledger exports. It promises that a row is either read exactly
// as it stands, or refused with its line: no key is guessed, and no id is changed.
package idfile
