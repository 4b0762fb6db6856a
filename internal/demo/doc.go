// Package demo shows the program at work on a machine that has nothing else: an
// embedded broker, the sandbox for an API, and a few thousand change events of a
// shop, through the same pipeline that `ampersink run` is.
//
// It believes nothing: what came out is counted at three places that do not know
// of each other (what was produced, what the program says, what the CRM and the
// dead-letter topics hold), and the demo fails when they disagree.
package demo
