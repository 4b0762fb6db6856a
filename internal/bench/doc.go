// Package bench measures what docs/performance.md promises: the whole program as a
// child process against a real Kafka, beside a bare loop that does the least a program
// with the same task can do, and the sink in this process against the in-process broker.
// It has benchmarks only:
//
//	AMPERSINK_TEST_KAFKA=java go test ./internal/bench -run '^$' -bench . -benchtime 1x -timeout 30m
//
// Figures are ratios taken in one run where they can be: the machine is shared. No
// test asserts a time.
package bench
