// Package model holds the words of the program as types: Record, Write,
// Outcome and Fate. It is the leaf that every stage shares and imports nothing
// of ours.
//
// The promise it carries: fates belong to writes. A record leads to one Item
// per route and row that it concerns, each with a WriteName that stays the same
// across restarts, and a record is finished when every one of its items has its
// one final Fate.
package model
