// Package kafkatest hands brokers to tests. It promises that a test which asks
// for a real Kafka gets one or says why not: it never passes on a substitute,
// and with AMPERSINK_REQUIRE_KAFKA=1 a missing broker is a failure.
//
// [NewFake] and [NewVirtual] start the in-process broker: for unit tests, fault
// injection and virtual time. Groups, rebalances, transactions and compaction
// are proved on a real one.
//
// [Real] takes the first of three:
//
//   - the brokers that AMPERSINK_TEST_BROKERS names (host:port, comma separated),
//   - Docker: the official apache/kafka image,
//   - Java 17 and Maven: Apache Kafka from its published jars.
//
// The last two start only when asked for, so that a plain `go test ./...` neither
// downloads nor starts anything: AMPERSINK_TEST_KAFKA=docker, java or auto, or
// AMPERSINK_REQUIRE_KAFKA=1, which means auto. [RealCluster] starts several nodes
// whose leaders can be made to move; it needs Java and Maven.
package kafkatest
