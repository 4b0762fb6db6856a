package bench_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ampersink/ampersink/internal/kafkatest"
)

// BenchmarkCPUAgainstABareLoop runs both programs in turn over the same backlog.
func BenchmarkCPUAgainstABareLoop(b *testing.B) {
	k := kafkatest.Real(b)
	const n, rounds = 300_000, 3
	program, bare := build(b, "../../cmd/ampersink", ""), build(b, "./bareloop", "")
	a := newResponder(b, 0)
	for b.Loop() {
		ours, theirs, ratio := inTurn(b, rounds, func() (float64, float64) {
			topic := backlog(b, k.Endpoint, n, func(i int) (string, int) { return "u", i })
			text := settings(k.Brokers(), topic, a.URL, "size: 100, linger: 5ms")
			x := child(b, program, "run", "--until-end", "--config", write(b, text))
			y := child(b, bare, k.Brokers()[0], topic, a.URL, strconv.Itoa(n))
			return float64(x.cpu.Nanoseconds()) / n, float64(y.cpu.Nanoseconds()) / n
		})
		b.ReportMetric(ours, "ns-cpu/record")
		b.ReportMetric(theirs, "ns-cpu/record-bare")
		b.ReportMetric(ratio, "ratio")
	}
}

// BenchmarkResidentMemory reads a backlog of a million records with the default limits.
func BenchmarkResidentMemory(b *testing.B) {
	k := kafkatest.Real(b)
	const n = 1_000_000
	program := build(b, "../../cmd/ampersink", "")
	a := newResponder(b, 5*time.Millisecond)
	topic := backlog(b, k.Endpoint, n, func(i int) (string, int) { return "u", i })
	for b.Loop() {
		u := child(b, program, "run", "--until-end", "--config", write(b, settings(k.Brokers(), topic, a.URL, "in_flight: 4")))
		b.ReportMetric(float64(u.rss)/(1<<20), "MiB-peak")
		b.ReportMetric(float64(n)/u.wall.Seconds(), "records/s")
		b.ReportMetric(idle(b, program, settings(k.Brokers(), topic, a.URL, "")), "MiB-idle")
	}
}

// idle is what the program holds when there is nothing to do.
func idle(b *testing.B, program, text string) float64 {
	cmd := exec.Command(program, "run", "--config", write(b, text))
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	time.Sleep(10 * time.Second)
	held := resident(cmd.Process.Pid, "VmRSS:")
	_ = cmd.Process.Signal(os.Interrupt)
	_ = cmd.Wait()
	if held == 0 {
		b.Skip("there is no /proc here")
	}
	return float64(held) / (1 << 20)
}

// BenchmarkDurabilityOnHotKeys compares a stream with hot keys (Zipf) with the same
// program that lets a key's next write go before the one before it is durable: on the brokers as
// they are set, and on ones whose group coordinator does not hold commits back to write
// several at once (Kafka 4.0 and 4.1 do so for 5 ms, those before and after them do not).
func BenchmarkDurabilityOnHotKeys(b *testing.B) {
	sound, broken := build(b, "../../cmd/ampersink", ""), build(b, "../../cmd/ampersink", careless(b))
	b.Run("broker's own linger", func(b *testing.B) {
		durability(b, kafkatest.Real(b).Endpoint, sound, broken)
	})
	b.Run("no linger", func(b *testing.B) {
		k := kafkatest.RealClusterWith(b, 1, map[string]string{"group.coordinator.append.linger.ms": "0"})
		durability(b, k.Endpoint, sound, broken)
	})
}

func durability(b *testing.B, k *kafkatest.Endpoint, sound, broken string) {
	const n, rounds = 20_000, 3
	a := newResponder(b, 50*time.Millisecond)
	random := rand.New(rand.NewPCG(1, 1))
	zipf := rand.NewZipf(random, 1.1, 50, 20_000)
	for b.Loop() {
		_, _, ratio := inTurn(b, rounds, func() (float64, float64) {
			topic := backlog(b, k, n, func(int) (string, int) { return "u", int(zipf.Uint64()) })
			text := settings(k.Brokers(), topic, a.URL, "linger: 10ms, in_flight: 4")
			// From the first request to the last: the start and the end of a process are not the rule's.
			child(b, sound, "run", "--until-end", "--config", write(b, text))
			with := n / a.span().Seconds()
			child(b, broken, "run", "--until-end", "--config", write(b, strings.Replace(text, `"g-`, `"h-`, 1)))
			return with, n / a.span().Seconds()
		})
		b.ReportMetric(ratio, "records/s-ratio")
	}
}

// careless is an overlay of the program without the durable rule.
func careless(b *testing.B) string {
	path, err := filepath.Abs("../../sink/settle.go")
	if err != nil {
		b.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	const rule = "s.commits.settled(p, w)"
	if strings.Count(string(text), rule) != 1 {
		b.Fatalf("%s does not hold %q once: bring this benchmark up to date", path, rule)
	}
	dir := b.TempDir()
	replaced, overlay := filepath.Join(dir, "settle.go"), filepath.Join(dir, "overlay.json")
	list, _ := json.Marshal(map[string]any{"Replace": map[string]string{path: replaced}})
	for name, data := range map[string][]byte{
		replaced: []byte(strings.Replace(string(text), rule, "s.sched.Durable(w.Conflicts, time.Now())", 1)), overlay: list,
	} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	return overlay
}
