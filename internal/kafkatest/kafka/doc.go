// Package kafka runs Apache Kafka from its published jars, as child processes on
// loopback. It promises real brokers, KRaft, ready when [Start] returns, and
// none left behind: they are killed with the process that started them, however
// that ends (on Linux; elsewhere when it ends in order).
//
// It needs Java 17, and Maven the first time: the jars (43 MB) are kept in the
// user's cache directory. A node takes about 4 s to answer and 350 MB.
package kafka
