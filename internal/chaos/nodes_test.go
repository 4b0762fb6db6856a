package chaos_test

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ampersink/ampersink/internal/kafkatest"
)

var nodeSeeds = flag.Int("chaos.nodes.seeds", 3, "how many runs on three nodes, which all share")

// TestChaosOnThreeNodes runs seeds while one node at a time is stopped, killed, or gone for
// a minute. Of three replicas two must acknowledge, so that nothing that was said to be
// written may be missing.
func TestChaosOnThreeNodes(t *testing.T) {
	nodes := kafkatest.RealCluster(t, 3)
	s := &suite{binary: build(t), kafka: nodes.Endpoint, long: true}
	over := make(chan struct{})
	go func() {
		defer close(over)
		s.run(t, *first, *nodeSeeds)
	}()
	defer func() { <-over }() // also when a node does not come back
	b := &brokers{nodes: nodes, random: rand.New(rand.NewPCG(*first, 4)), over: over}
	for n := 0; b.rest(5 * time.Second); n++ {
		b.takeAway(t, n)
	}
	t.Logf("nodes: %d stopped, %d killed, %d of them gone for a minute", b.stopped, b.killed, b.minutes)
	if b.minutes == 0 {
		t.Error("no node was gone for a minute: the runs are too short to show anything")
	}
}

// brokers takes nodes away and puts them back, one at a time, until the runs are over.
type brokers struct {
	nodes  *kafkatest.Nodes
	random *rand.Rand
	over   <-chan struct{}

	stopped, killed, minutes int
}

// rest lets some time pass, and reports false when the runs are over.
func (b *brokers) rest(d time.Duration) bool {
	select {
	case <-b.over:
		return false
	case <-time.After(d):
		return true
	}
}

// takeAway takes a node away for some seconds, the second one for a minute: then each
// of its leaders and coordinators has moved, and its replicas are far behind.
func (b *brokers) takeAway(t *testing.T, n int) {
	i := b.random.IntN(3)
	away := time.Duration(1+b.random.IntN(8)) * time.Second
	if n == 1 {
		away = time.Minute
		b.minutes++
	}
	if b.random.IntN(2) == 0 {
		b.stopped++
		b.nodes.Stop(i)
	} else {
		b.killed++
		b.nodes.Kill(i)
	}
	t.Logf("node %d is away for %s", i, away)
	b.rest(away)
	b.nodes.Start(t, i)
	t.Logf("node %d is back", i)
}
