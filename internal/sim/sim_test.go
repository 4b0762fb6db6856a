//go:build synctests

package sim_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ampersink/ampersink/internal/audit"
)

// TestSimulation runs the seeds and sums what came out.
func TestSimulation(t *testing.T) {
	var (
		mu     sync.Mutex
		sum    audit.Report
		faults = make(map[fault]int)
	)
	happened := eachSeed(t, func(t *testing.T, seed uint64) (*world, []string) {
		w := newWorld(t, seed)
		report := w.run()
		mu.Lock()
		defer mu.Unlock()
		if w.void {
			return w, nil
		}
		sum.Add(report)
		for f, n := range w.api.faults {
			faults[f] += n
		}
		if !report.OK() {
			t.Errorf("seed %d: %s", seed, report)
		}
		return w, report.Faults
	})
	t.Logf("%s; API faults %v\n%s", happened, faults, &sum)
}

// run lets everything happen, then lets it end, and judges it.
func (w *world) run() *audit.Report {
	for range 1 + w.random.IntN(3) {
		w.join()
	}
	for range 6 + w.random.IntN(10) {
		w.act()
		time.Sleep(time.Duration(w.random.IntN(8000)) * time.Millisecond)
	}
	w.rest()
	return w.judge()
}

// rest lets everything come to its end.
func (w *world) rest() {
	w.calm()
	w.settle()
	w.held.Wait()
	time.Sleep(2 * session) // whoever is up reads what was written late, and judges it
	w.supervise()
	w.settle()
}

// settle waits until the group is at the end of its topics.
func (w *world) settle() {
	deadline, nudge := time.Now().Add(w.limit), time.Now().Add(w.limit/4)
	pause := 5 * time.Second
	for len(w.behind()) > 0 && time.Now().Before(deadline) {
		time.Sleep(pause)
		pause += pause / 50 // hours are passed in fewer looks
		w.supervise()
		if time.Now().After(nudge) {
			// The in-process broker never expires a member that died while its join was
			// pending, as Kafka does: a rebalance is what rids the group of it.
			nudge = deadline
			w.join()
		}
	}
	if len(w.behind()) > 0 {
		for _, m := range w.members {
			status, _ := json.Marshal(m.sink.Status())
			w.trace.add("%s does not come to the end: %s", m.name, status)
		}
	}
	info := w.kafka.Cluster.GroupInfo(group)
	w.void = len(w.behind()) > 0 && info != nil && info.State == "PreparingRebalance"
}

// act does one thing to the world.
func (w *world) act() {
	w.supervise()
	if len(w.stream.Events()) > 0 && w.random.IntN(100) < *ambushes {
		w.ambush(w.anyone())
		return
	}
	switch p := w.random.IntN(100); {
	case p < 30 || len(w.stream.Events()) == 0:
		w.produce(1 + w.random.IntN(120))
	case p < 75:
		w.upset(p)
	case p < 79:
		w.grow()
	case p < 83:
		w.lull()
	default:
		w.worsen()
	}
}

// anyone is one of the members that are up.
func (w *world) anyone() *member { return w.members[w.random.IntN(len(w.members))] }

// upset does something to a member or to the brokers; p, from 30 to 74, says what.
func (w *world) upset(p int) {
	switch {
	case p < 42:
		w.counts.crashes++
		w.crash(w.anyone())
		if len(w.members) == 0 || w.random.IntN(3) > 0 {
			w.join()
		}
	case p < 48:
		w.counts.freezes++
		w.freeze(w.anyone(), time.Duration(w.random.IntN(40))*time.Second)
	case p < 53:
		// In the middle of its work, for longer than its session: what it had begun to
		// send is another member's when it wakes.
		w.produce(60 + w.random.IntN(120))
		time.Sleep(time.Duration(w.random.IntN(500)) * time.Millisecond)
		w.counts.freezes++
		w.freeze(w.anyone(), session+time.Duration(5+w.random.IntN(40))*time.Second)
	case p < 58:
		if len(w.members) < 5 {
			w.counts.joins++
			w.join()
		}
	case p < 64:
		if len(w.members) > 1 {
			w.counts.leaves++
			w.leave(w.anyone())
		}
	case p < 71:
		w.brokerFault()
	default:
		w.trace.add("leaders move")
		w.kafka.Cluster.ShufflePartitionLeaders()
	}
}

// grow gives a topic more partitions.
func (w *world) grow() {
	i := w.random.IntN(len(w.topics))
	w.partitions[i] += int32(1 + w.random.IntN(2))
	w.trace.add("%s gets %d partitions", w.topics[i], w.partitions[i])
	w.kafka.Grow(w.t, w.topics[i], int(w.partitions[i]))
	w.stream.Grow(i, w.partitions[i])
	w.counts.grown++
}

// lull waits for everything to be settled, and heard of by all members, if that does not take
// long: rows may go to other partitions then.
func (w *world) lull() {
	for range 20 {
		if len(w.behind()) == 0 && w.lagging.Load() == 0 {
			w.trace.add("all is settled")
			w.stream.Settled()
			return
		}
		time.Sleep(time.Second)
	}
}

// worsen changes the weather.
func (w *world) worsen() {
	weather := weather{chance: w.random.Float64() * w.random.Float64()}
	if w.random.IntN(6) == 0 {
		weather.chance = 1 // an outage
	}
	for range 1 + w.random.IntN(4) {
		weather.faults = append(weather.faults, allFaults[w.random.IntN(len(allFaults))])
	}
	w.trace.add("weather: %.2f %v", weather.chance, weather.faults)
	w.api.setWeather(weather)
}

// brokerFaults are what brokers answer in bad times, by request.
var brokerFaults = []struct {
	key kmsg.Key
	err *kerr.Error
}{
	{kmsg.OffsetCommit, kerr.CoordinatorNotAvailable},
	{kmsg.OffsetCommit, kerr.CoordinatorLoadInProgress},
	{kmsg.OffsetCommit, kerr.RequestTimedOut},
	{kmsg.OffsetFetch, kerr.CoordinatorLoadInProgress},
	{kmsg.Heartbeat, kerr.CoordinatorNotAvailable},
	{kmsg.Heartbeat, kerr.NotCoordinator},
	{kmsg.JoinGroup, kerr.CoordinatorLoadInProgress},
	{kmsg.Fetch, kerr.NotLeaderForPartition},
	{kmsg.Produce, kerr.NotLeaderForPartition},
	{kmsg.Produce, kerr.NotEnoughReplicas},
	{kmsg.Produce, kerr.NotEnoughReplicasAfterAppend},
	{kmsg.ListOffsets, kerr.LeaderNotAvailable},
}

func (w *world) brokerFault() {
	f := brokerFaults[w.random.IntN(len(brokerFaults))]
	n := 1 + w.random.IntN(8)
	w.counts.brokerFaults++
	w.trace.add("brokers: %d times %s for %s", n, f.err.Message, f.key.Name())
	fault := kfake.Fault{Keys: []kmsg.Key{f.key}, Err: f.err, Count: n, Group: groupOf(f.key)}
	if f.key == kmsg.Produce {
		fault.Topic = w.topics[0] + ".dead" // the source's own producer is not what is tested
		if w.late && w.random.IntN(2) == 0 {
			fault.Topic = group + ".ledger"
		}
	}
	w.brokers = append(w.brokers, w.kafka.Cluster.Fault(fault))
	w.disturbAll(time.Minute)
}

// groupOf keeps a fault of a group's requests to the group under test.
func groupOf(k kmsg.Key) string {
	switch k {
	case kmsg.OffsetCommit, kmsg.OffsetFetch, kmsg.Heartbeat, kmsg.JoinGroup:
		return group
	}
	return ""
}

// calm ends everything that was done to the world.
func (w *world) calm() {
	w.trace.add("calm")
	for _, f := range w.brokers {
		f.Remove()
	}
	w.fair()
	if len(w.members) == 0 {
		w.join()
	}
}

// stop stops everybody, and says what was not done by then.
func (w *world) stop() (behind []string) {
	behind = w.behind()
	for _, m := range w.members {
		m.stop()
	}
	w.ended.Wait()
	for _, m := range w.members {
		if err := <-m.done; err != nil {
			behind = append(behind, fmt.Sprintf("%s ended with %v", m.name, err))
		}
	}
	for process, at := range w.trace.cut { // which had no time to write an answer down
		w.disturb(process, at, at.Add(time.Second))
	}
	return behind
}

// judge stops everybody and judges what is left.
func (w *world) judge() *audit.Report {
	run := &audit.Run{Events: w.stream.Events(), Behind: w.stop()}
	time.Sleep(time.Minute) // what was given up and is applied late
	for _, topic := range w.topics {
		if w.kafka.Cluster.TopicInfo(topic+".dead") != nil {
			letters, err := audit.ReadLetters(w.kafka.ReadAll(w.t, topic+".dead"))
			if err != nil {
				w.t.Errorf("a dead letter that cannot be read: %v", err)
			}
			run.Letters = append(run.Letters, letters...)
		}
	}
	for _, v := range w.api.strict.Violations() {
		run.Behind = append(run.Behind, fmt.Sprintf("a request breaks the contract: %+v", v))
	}
	if w.late {
		run.Ledger = audit.ReadLedger(len(w.kafka.EndOffsets(w.t, group+".ledger")), w.kafka.ReadAll(w.t, group+".ledger"))
	}
	w.api.mu.Lock()
	defer w.api.mu.Unlock()
	run.Calls, run.Disturbances = w.api.calls, w.disturbed
	if run.Late, run.Match = w.late, w.match; w.late {
		run.Records = w.api.crm.left()
	}
	return audit.Check(run)
}
