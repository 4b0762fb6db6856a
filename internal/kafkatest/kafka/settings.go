package kafka

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
)

const loopback = "127.0.0.1"

// ports of one node.
type ports struct{ broker, controller int }

// settings returns the server.properties of node i (from 0) of a cluster.
func settings(i int, dataDir string, nodes []ports, extra map[string]string) []byte {
	voters := make([]string, len(nodes))
	for n, p := range nodes {
		voters[n] = fmt.Sprintf("%d@%s", n+1, address(p.controller))
	}
	replicas := strconv.Itoa(min(len(nodes), 3))
	inSync := strconv.Itoa(min(len(nodes), 2)) // one of three may be gone
	all := map[string]string{
		"process.roles":                  "broker,controller",
		"node.id":                        strconv.Itoa(i + 1),
		"controller.quorum.voters":       strings.Join(voters, ","),
		"controller.listener.names":      "CONTROLLER",
		"listeners":                      "PLAINTEXT://" + address(nodes[i].broker) + ",CONTROLLER://" + address(nodes[i].controller),
		"advertised.listeners":           "PLAINTEXT://" + address(nodes[i].broker),
		"inter.broker.listener.name":     "PLAINTEXT",
		"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"log.dirs":                       dataDir,

		"default.replication.factor":                       replicas,
		"min.insync.replicas":                              inSync,
		"offsets.topic.replication.factor":                 replicas,
		"transaction.state.log.replication.factor":         replicas,
		"transaction.state.log.min.isr":                    inSync,
		"share.coordinator.state.topic.replication.factor": replicas,
		"share.coordinator.state.topic.min.isr":            inSync,

		// Internal topics appear with the first group or transaction: fewer
		// partitions (50 each) make that first test seconds faster.
		"offsets.topic.num.partitions":         "8",
		"transaction.state.log.num.partitions": "4",
		// A group with one member starts at once instead of waiting 3 s for more.
		"group.initial.rebalance.delay.ms": "0",
		// Tests of expelled members should not take Kafka's 6 s.
		"group.min.session.timeout.ms": "1000",
		// A topic that a test forgot to create is an error, not a surprise.
		"auto.create.topics.enable": "false",
		// A node that was killed is replaced as leader after 3 s instead of 9 s.
		"broker.session.timeout.ms":    "3000",
		"broker.heartbeat.interval.ms": "500",
		// Compaction is waited for in tests; its buffer is 128 MiB by default.
		"log.cleaner.backoff.ms":         "500",
		"log.cleaner.dedupe.buffer.size": strconv.Itoa(16 << 20),
	}
	maps.Copy(all, extra)
	var file bytes.Buffer
	for _, key := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&file, "%s=%s\n", key, strings.ReplaceAll(all[key], `\`, `\\`))
	}
	return file.Bytes()
}

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

// freePorts returns n ports that nothing listens on. They lie below the range
// that systems give to outgoing connections, so that none is taken away between
// a node's stop and its next start.
func freePorts(n int) ([]int, error) {
	const (
		low, high = 20000, 32000
		tries     = 1000
	)
	var found []int
	for range tries {
		port := low + rand.IntN(high-low)
		listener, err := net.Listen("tcp", address(port))
		if err != nil {
			continue
		}
		// Kept open until all are found: no port is found twice.
		defer listener.Close()
		if found = append(found, port); len(found) == n {
			return found, nil
		}
	}
	return nil, fmt.Errorf("no %d free ports between %d and %d on %s", n, low, high, loopback)
}
