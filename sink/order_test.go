package sink_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/sink"
)

// inOrder checks that the API saw the versions of each row in rising order, and
// each row at most once in a request.
func inOrder(t *testing.T, calls []call) {
	t.Helper()
	last := map[any]int{}
	for _, c := range calls {
		seen := map[any]bool{}
		for _, r := range c.Rows {
			id, version := r["email"], int(number(r["version"]))
			if seen[id] {
				t.Fatalf("%v is twice in one request", id)
			}
			seen[id] = true
			if v, ok := last[id]; ok && version < v {
				t.Fatalf("%v: version %d arrived after %d", id, version, v)
			}
			last[id] = version
		}
	}
}

func number(v any) int64 {
	var n int64
	_, _ = fmt.Sscan(fmt.Sprint(v), &n)
	return n
}

func TestHotKeysArriveInOrderWhileTheAPIFails(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	faults := rand.New(rand.NewPCG(seed, 0))
	a.script = func(_ int, c call, w http.ResponseWriter) bool {
		a.mu.Lock()
		p := faults.IntN(10)
		a.mu.Unlock()
		switch {
		case p == 0:
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		case p == 1:
			a.accept(c, discard{}) // written, and the answer is lost
			panic(http.ErrAbortHandler)
		default:
			return false
		}
	}
	topic := k.NewTopic(t, 4, nil)
	random := rand.New(rand.NewPCG(seed, 1))
	versions := map[int]int{}
	var records []*kgo.Record
	for range 3000 {
		id := int(random.ExpFloat64() * 3)
		versions[id]++
		records = append(records, update(topic, id, versions[id]))
	}
	k.Produce(t, records...)
	cfg := configure(t, k.Brokers(), "g", topic, a.URL, "")
	cfg.Routes[0].Batch.InFlight = 4
	s := start(t, sink.Options{Config: cfg, Log: testLog(t).Level(4), UntilEnd: true})
	if err := s.until(); err != nil {
		t.Fatal(err)
	}
	calls := a.taken()
	inOrder(t, calls)
	last := map[any]int64{}
	for _, c := range calls {
		for _, r := range c.Rows {
			last[r["email"]] = number(r["version"])
		}
	}
	for id, v := range versions {
		if got := last[fmt.Sprintf("u%d@example.com", id)]; got != int64(v) {
			t.Errorf("row %d ends at version %d, not %d", id, got, v)
		}
	}
	if n := s.Status().Totals.Written["update"]; n != 3000 {
		t.Errorf("%d updates written, not 3000", n)
	}
}

type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

// A crash between two versions of a row must not show the API the older one
// again after the newer one: the newer one waits until the older one's
// completion is committed.
func TestASuccessorWaitsUntilItsPredecessorIsDurable(t *testing.T) {
	k := kafkatest.NewFake(t)
	a := newAPI(t)
	topic := k.NewTopic(t, 1, nil)
	var held atomic.Bool
	held.Store(true)
	release := make(chan struct{})
	k.Cluster.ControlKey(int16(kmsg.OffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.Cluster.KeepControl()
		if held.Load() {
			k.Cluster.SleepControl(func() { <-release })
		}
		return nil, nil, false
	})
	k.Produce(t, update(topic, 1, 1), update(topic, 1, 2), update(topic, 2, 1))
	s := start(t, sink.Options{Config: configure(t, k.Brokers(), "g", topic, a.URL, ""), Log: testLog(t)})
	waitFor(t, "the first versions", func() bool { return a.rows() >= 2 })
	time.Sleep(300 * time.Millisecond) // long enough for a broken sink to send the second version
	for _, c := range a.taken() {
		for _, r := range c.Rows {
			if number(r["version"]) == 2 {
				t.Fatal("the second version was sent before the first one's completion was committed")
			}
		}
	}
	held.Store(false)
	close(release)
	waitFor(t, "the second version", func() bool { return a.rows() == 3 })
	inOrder(t, a.taken())
	if err := s.drain(); err != nil {
		t.Fatal(err)
	}
	if sum := committed(t, k.Endpoint, "g", topic); sum != 3 {
		t.Errorf("committed %d, not 3", sum)
	}
}

// mostPatience is how long a test waits for what must happen, on a machine that is busy too.
const mostPatience = 2 * time.Minute

// waitFor polls a condition of the outside world.
func waitFor(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(mostPatience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, mostPatience)
		}
		time.Sleep(2 * time.Millisecond)
	}
}
