package kafkatest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"testing"

	"github.com/ampersink/ampersink/internal/kafkatest/kafka"
)

// Nodes is a real Kafka whose nodes can be stopped, killed and started again:
// leaders and coordinators move. With three, topics have three replicas, two of
// which must acknowledge, and one node may be gone.
type Nodes struct {
	Cluster
	nodes *kafka.Cluster
}

// RealCluster starts a cluster of its own for the test, by Java and Maven, when
// the environment lets it: AMPERSINK_TEST_KAFKA=java or auto, or
// AMPERSINK_REQUIRE_KAFKA=1. Three nodes take about 7 s to start, on 2 cores, and
// 700 MB.
func RealCluster(tb testing.TB, nodes int) *Nodes {
	tb.Helper()
	return RealClusterWith(tb, nodes, nil)
}

// RealClusterWith is RealCluster with settings of the brokers that win over ours.
func RealClusterWith(tb testing.TB, nodes int, settings map[string]string) *Nodes {
	tb.Helper()
	NeedJava(tb)
	cluster, err := startNodes(tb.Context(), nodes, settings)
	if err != nil {
		unavailable(tb, err)
	}
	tb.Cleanup(cluster.Close)
	tb.Cleanup(func() { showLogs(tb, cluster) })
	tb.Logf("kafkatest: %d nodes of Apache Kafka %s from its jars at %v", nodes, kafka.Version, cluster.Brokers())
	var dialer net.Dialer
	return &Nodes{Cluster: Cluster{&Endpoint{brokers: cluster.Brokers(), dial: dialer.DialContext}}, nodes: cluster}
}

// NeedJava skips the test unless the environment lets it start brokers by Java.
func NeedJava(tb testing.TB) {
	tb.Helper()
	if way := way(); way != "java" && way != "auto" && !required() {
		unavailable(tb, fmt.Errorf("%w by Java alone, and %s is %q", errNotAsked, envWay, way))
	}
}

// showLogs says what the brokers said when the test has failed.
func showLogs(tb testing.TB, cluster *kafka.Cluster) {
	const lines = 40
	if !tb.Failed() {
		return
	}
	for i := range cluster.Brokers() {
		content, err := os.ReadFile(cluster.Log(i))
		if err != nil {
			tb.Logf("kafkatest: log of node %d: %v", i, err)
			continue
		}
		all := bytes.Split(bytes.TrimSpace(content), []byte("\n"))
		tb.Logf("kafkatest: the log of node %d ends:\n%s", i, bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
	}
}

// Stop stops node i (from 0) in order: it hands its leaderships over first.
func (n *Nodes) Stop(i int) { n.nodes.Stop(i) }

// Kill kills node i, as a power cut does.
func (n *Nodes) Kill(i int) { n.nodes.Kill(i) }

// Start starts node i again and returns when the cluster counts it in.
func (n *Nodes) Start(tb testing.TB, i int) {
	tb.Helper()
	ctx, cancel := callContext(tb)
	defer cancel()
	if err := n.nodes.Start(ctx, i); err != nil {
		tb.Fatalf("kafkatest: start node %d: %v", i, err)
	}
}
