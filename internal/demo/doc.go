// Package demo shows the program at work on a machine that has nothing else: an
// embedded broker, the sandbox for an API, and a few thousand change events of a
// shop whose rows know nothing of the CRM, through the same pipeline that `ampersink
// run` is. In the middle the process is killed, and another one goes on with nothing
// but the topics.
//
// It believes nothing. What each event must become is known as it is made; what came
// out is looked up at places that do not know of each other: what the two processes
// say, what Kafka has committed, the dead-letter topics, the ledger, and every record
// of the CRM beside the row that it is. The demo fails when they disagree. The CRM's
// rules against duplicates are switched off, so that they do not save anybody.
package demo
