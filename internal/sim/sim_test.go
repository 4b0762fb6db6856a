//go:build synctests

package sim_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ampersink/ampersink/internal/audit"
)

var (
	seeds    = flag.Int("sim.seeds", 50, "how many runs")
	first    = flag.Uint64("sim.first", 1, "the first seed; the others follow it")
	folder   = flag.String("sim.trace", "", "where the traces of failed runs go; a temporary folder unless set")
	live     = flag.Bool("sim.live", false, "print the trace as it grows: for a run that never comes to its end")
	ambushes = flag.Int("sim.ambushes", 7, "how many of a hundred things that happen catch a member between two steps of its work")
	until    = flag.String("sim.until", "", "start no more runs after a fault that says this")
	workers  = flag.Int("sim.workers", runtime.GOMAXPROCS(0), "how many runs at a time")
)

// TestSimulation runs the seeds and sums what came out.
func TestSimulation(t *testing.T) {
	var (
		mu      sync.Mutex
		sum     audit.Report
		all     counts
		faults  = make(map[fault]int)
		failed  []string
		void    int
		turn    atomic.Uint64
		told    atomic.Bool
		running sync.WaitGroup
	)
	began := time.Now()
	for range *workers {
		running.Go(func() {
			for n := turn.Add(1) - 1; n < uint64(*seeds) && !told.Load(); n = turn.Add(1) - 1 {
				seed := *first + n
				var w *world
				var report *audit.Report
				ok := t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						w = newWorld(t, seed)
						report = w.run()
						if w.void {
							report = nil
							t.Logf("seed %d is void: the in-process broker has not answered a join for hours", seed)
							return
						}
						told.CompareAndSwap(false, *until != "" && strings.Contains(strings.Join(report.Faults, "\n"), *until))
						if !report.OK() {
							t.Errorf("seed %d: %s\nthe trace is in %s", seed, report, w.write(t))
						}
					})
				})
				mu.Lock()
				if !ok {
					failed = append(failed, fmt.Sprint(seed))
				}
				if w != nil && w.void {
					void++
				}
				if report != nil {
					sum.Add(report)
					all.add(w.counts)
					for f, n := range w.api.faults {
						faults[f] += n
					}
				}
				mu.Unlock()
			}
		})
	}
	running.Wait()
	t.Logf("%d runs in %s from seed %d, %d of them void: %d crashes, %d freezes, %d joins, %d leaves, %d topics grown, %d broker faults; API faults %v\n%s",
		*seeds, time.Since(began).Round(time.Second), *first, void, all.crashes, all.freezes, all.joins, all.leaves, all.grown, all.brokerFaults, faults, &sum)
	if void > 1+*seeds/50 {
		t.Errorf("%d of %d runs are void", void, *seeds)
	}
	if len(failed) > 0 {
		t.Errorf("%d of %d runs failed: %s", len(failed), *seeds, strings.Join(failed, " "))
	}
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
	w.calm()
	w.settle()
	w.held.Wait()
	time.Sleep(2 * session) // whoever is up reads what was written late, and judges it
	w.supervise()
	w.settle()
	return w.judge()
}

// settle waits until the group is at the end of its topics.
func (w *world) settle() {
	deadline, nudge := time.Now().Add(settling), time.Now().Add(settling/4)
	for len(w.behind()) > 0 && time.Now().Before(deadline) {
		time.Sleep(5 * time.Second)
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
	m := func() *member { return w.members[w.random.IntN(len(w.members))] }
	if len(w.stream.Events()) > 0 && w.random.IntN(100) < *ambushes {
		w.ambush(m())
		return
	}
	switch p := w.random.IntN(100); {
	case p < 30 || len(w.stream.Events()) == 0:
		w.produce(1 + w.random.IntN(120))
	case p < 42:
		w.counts.crashes++
		w.crash(m())
		if len(w.members) == 0 || w.random.IntN(3) > 0 {
			w.join()
		}
	case p < 48:
		w.counts.freezes++
		w.freeze(m(), time.Duration(w.random.IntN(40))*time.Second)
	case p < 53:
		// In the middle of its work, for longer than its session: what it had begun to
		// send is another member's when it wakes.
		w.produce(60 + w.random.IntN(120))
		time.Sleep(time.Duration(w.random.IntN(500)) * time.Millisecond)
		w.counts.freezes++
		w.freeze(m(), session+time.Duration(5+w.random.IntN(40))*time.Second)
	case p < 58:
		if len(w.members) < 5 {
			w.counts.joins++
			w.join()
		}
	case p < 64:
		if len(w.members) > 1 {
			w.counts.leaves++
			w.leave(m())
		}
	case p < 71:
		w.brokerFault()
	case p < 75:
		w.trace.add("leaders move")
		w.kafka.Cluster.ShufflePartitionLeaders()
	case p < 79:
		w.grow()
	case p < 83:
		w.lull()
	default:
		w.worsen()
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
	w.api.setWeather(weather{})
	if len(w.members) == 0 {
		w.join()
	}
}

// judge stops everybody and judges what is left.
func (w *world) judge() *audit.Report {
	run := &audit.Run{Events: w.stream.Events(), Behind: w.behind()}
	for _, m := range w.members {
		m.stop()
	}
	w.ended.Wait()
	for _, m := range w.members {
		if err := <-m.done; err != nil {
			run.Behind = append(run.Behind, fmt.Sprintf("%s ended with %v", m.name, err))
		}
	}
	for process, at := range w.trace.cut { // which had no time to write an answer down
		w.disturb(process, at, at.Add(time.Second))
	}
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

// write writes the trace and returns where.
func (w *world) write(t *testing.T) string {
	dir := *folder
	if dir == "" {
		dir = filepath.Join(os.TempDir(), "ampersink-sim") //nolint:usetesting // outlives the test
	}
	path := filepath.Join(dir, fmt.Sprintf("seed-%d.txt", w.seed))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(w.trace.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
