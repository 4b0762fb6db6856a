// Package sandbox is the simulated Ampersand API: an http.Handler that takes
// writes and searches as the real one does, keeps the records that they make, and
// can be told to fail.
//
// What it promises:
//
//   - It is strict. A request that breaks the contract, or the table of shapes
//     that the contract leaves unsaid (no batch of deletes, no record beside
//     batch, no update without id), is refused with 400 and kept as a violation.
//   - It refuses what the CRM behind the API refuses, in the CRM's own words, and
//     a batch that the CRM fails as a whole fails as a whole.
//   - A record is applied once or not at all, and what an observer is told is
//     what happened, in the order in which it happened. A request that is
//     answered, cut or left hanging was applied exactly when its fault says so.
//   - Searches see a write IndexLag after it, not before: also where a rule of
//     uniqueness knows it already.
//   - With one random source and one order of requests it always does the same.
//
// Writes are applied when they arrive; latency is spent after that, before the
// answer. A client that gives up waiting has therefore not prevented anything,
// which is the case that a sink must survive. Asynchronous writes are applied at
// once too, and their operation tells what became of them.
//
// The base path of the API, /v1, may be left out.
//
// People look at it under /sandbox/ (records, requests, stats, faults). That part
// asks for no key: what it shows and changes is test data. It is meant for
// loopback and for the networks of tests; whoever listens elsewhere shares it.
package sandbox
