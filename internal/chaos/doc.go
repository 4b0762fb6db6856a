// Package chaos runs the real program as child processes against a real Kafka and
// the sandbox, kills, stops and freezes them, lets the API fail, and has the run judged
// by package audit, as package sim does in virtual time. It has tests only, and
// they need a Kafka:
//
//	AMPERSINK_TEST_KAFKA=java go test ./internal/chaos -chaos.seeds 10 -parallel 5 -v
//
// Its runs mostly wait, so several fit at a time (-parallel).
//
// A seed decides what is produced and what is done when. It shows what only the real thing
// does: signals, sockets, a process that stands still while the world goes on.
package chaos
