// Package sim runs the whole program, several members of it, in one process and in
// virtual time, against everything that can go wrong around it, and has the run
// judged by package audit. It has tests only; they are built with the tag
// synctests:
//
//	go test -tags synctests ./internal/sim -sim.seeds 500
//	go test -tags synctests ./internal/sim -sim.first 4711 -sim.seeds 1 -v
//
// A seed decides everything that happens from outside: what is produced and when,
// which members crash, freeze, join and leave, what the brokers and the API refuse, lose and
// delay. It does not decide how goroutines interleave, so a failing run writes its
// trace: what happened, in the order in which it happened, with the program's own log.
//
//   - A crash cuts every connection of a member at once; what it thinks afterwards
//     reaches nobody. A new one starts in its place with nothing but the brokers' memory.
//   - A freeze blocks every call of a member at its boundary, in both directions, as
//     a stopped process or a paused virtual machine does; its requests under way go on at the API.
//   - Members come and go in groups of one to five, eager and cooperative, static and not.
//   - The API answers late, not at all, wrongly, partly; it applies what it then loses
//     the answer to, and applies what was given up.
//
// TestCapturesConverge replays in the same way what a real Debezium wrote of two real databases, with the
// sandbox as the CRM, and compares what the CRM holds at the end with the database's rows (package captures).
//
// TestRelationsConverge plays tables whose rows name rows of other tables, and a topic that feeds two routes, in
// the simulation's world with the sandbox as the CRM, and has a judge of its own:
//
//	go test -tags synctests ./internal/sim -run 'TestRelationsConverge$' -sim.seeds 500
package sim
