//go:build synctests

package sink_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/sink"
	"github.com/ampersink/ampersink/sink/ampersand"
)

// virtual is a sink, its broker and its API in virtual time: real HTTP over
// connections inside the process.
type virtual struct {
	*api
	*running
	kafka *kafkatest.Fake
	cable cable
	topic string
	// options are what the sink was started with, for another one beside it.
	options sink.Options
}

// cable is the way to the brokers, until they are lost.
type cable struct {
	dialer func(ctx context.Context, network, address string) (net.Conn, error)
	mu     sync.Mutex
	conns  []net.Conn
	silent atomic.Bool // connections carry nothing
	hangs  atomic.Bool // dials do not end
}

func (c *cable) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if c.hangs.Load() {
		const patience = 10 * time.Second // of a dialer
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	conn, err := c.dialer(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns = append(c.conns, conn)
	return carried{conn, &c.silent}, nil
}

// cut breaks the connections, and new ones are not made.
func (c *cable) cut() {
	c.hangs.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		_ = conn.Close()
	}
}

// carried is a connection that stays and carries nothing once it is silent, as one to a process
// that is frozen.
type carried struct {
	net.Conn
	silent *atomic.Bool
}

func (c carried) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if err != nil || !c.silent.Load() {
			return n, err
		}
	}
}

func (c carried) Write(b []byte) (int, error) {
	if c.silent.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// pipes is a listener whose connections are pipes.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.IPAddr{} }

// inVirtualTime runs f on a sink whose API is scripted. Its retries are those of the
// defaults.
func inVirtualTime(t *testing.T, script func(n int, c call, w http.ResponseWriter) bool, f func(t *testing.T, v *virtual), edits ...func(*virtual, *sink.Options)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &virtual{api: bareAPI(t), kafka: kafkatest.NewVirtual(t)}
		v.cable.dialer = v.kafka.Dial
		v.api.script = script
		l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		server := &http.Server{Handler: v.api, ReadHeaderTimeout: time.Minute}
		go func() { _ = server.Serve(l) }()
		t.Cleanup(func() { _ = server.Close() })
		transport := ampersand.NewTransport(ampersand.TransportOptions{MaxConns: 8, Dial: l.dial})
		t.Cleanup(transport.CloseIdleConnections)
		v.topic = v.kafka.NewTopic(t, 1, nil)
		cfg := configure(t, v.kafka.Brokers(), "g", v.topic, "http://127.0.0.1:1", "")
		cfg.Retry = config.Retry{Initial: 200 * time.Millisecond, Max: 30 * time.Second, Patience: 5 * time.Minute}
		v.options = sink.Options{Config: cfg, Log: testLog(t), Dial: v.cable.dial, Transport: transport}
		for _, edit := range edits {
			edit(v, &v.options)
		}
		v.running = start(t, v.options)
		f(t, v)
		if err := v.drain(); err != nil {
			t.Error(err)
		}
	})
}

// gaps are the times between the requests of a sink.
func gaps(calls []call) []time.Duration {
	var all []time.Duration
	for i := range calls[1:] {
		all = append(all, calls[i+1].At.Sub(calls[i].At))
	}
	return all
}

func TestTheServersWishIsKeptInEachSpelling(t *testing.T) {
	const wish = 90 * time.Second
	date := func(w http.ResponseWriter, name, layout string) {
		now := time.Now().UTC()
		w.Header().Set("Date", now.Format(http.TimeFormat))
		w.Header().Set(name, now.Add(wish).Format(layout))
	}
	for name, spell := range map[string]func(w http.ResponseWriter) (body string){
		"Retry-After in seconds": func(w http.ResponseWriter) string { w.Header().Set("Retry-After", "90"); return "" },
		"Retry-After as a date":  func(w http.ResponseWriter) string { date(w, "Retry-After", http.TimeFormat); return "" },
		"X-Amp-Retry-After":      func(w http.ResponseWriter) string { w.Header().Set("X-Amp-Retry-After", "90"); return "" },
		"retryAfter of a problem": func(w http.ResponseWriter) string {
			w.Header().Set("Content-Type", "application/problem+json")
			return `{"title":"busy","retryAfter":"` + time.Now().UTC().Add(wish).Format(time.RFC3339Nano) + `"}`
		},
	} {
		for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
			t.Run(fmt.Sprint(name, "/", status), func(t *testing.T) {
				inVirtualTime(t, func(n int, _ call, w http.ResponseWriter) bool {
					if n == 0 {
						body := spell(w)
						w.WriteHeader(status)
						_, _ = fmt.Fprint(w, body)
					}
					return n == 0
				}, func(t *testing.T, v *virtual) {
					v.kafka.Produce(t, create(v.topic, 1))
					time.Sleep(wish / 2)
					if h := v.Status().Holds; len(h) != 1 || h[0].Held {
						t.Errorf("a wish within patience: %+v", h)
					}
					time.Sleep(wish)
					// A date has whole seconds.
					if g := gaps(v.taken()); len(g) != 1 || g[0] < wish-time.Second || g[0] > wish+time.Second {
						t.Errorf("waited %s, the server asked for %s", g, wish)
					}
					if totals := v.Status().Totals; totals.Written["create"] != 1 {
						t.Errorf("%+v", totals)
					}
				})
			})
		}
	}
}

func TestAWishBeyondPatienceHoldsTheLaneAndIsNotShortened(t *testing.T) {
	inVirtualTime(t, func(n int, _ call, w http.ResponseWriter) bool {
		if n == 0 {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		}
		return n == 0
	}, func(t *testing.T, v *virtual) {
		v.kafka.Produce(t, create(v.topic, 1), create(v.topic, 2))
		time.Sleep(time.Minute)
		if st := v.Status(); len(st.Holds) != 1 || !st.Holds[0].Held || st.Holds[0].Code != ampersand.CodeThrottled || st.Ready {
			t.Errorf("ready %v, holds %+v", st.Ready, st.Holds)
		}
		time.Sleep(2 * time.Hour)
		if g := gaps(v.taken()); g[0] < time.Hour || g[0] > time.Hour+time.Minute {
			t.Errorf("waited %s", g[0])
		}
		if totals := v.Status().Totals; totals.Written["create"] != 2 {
			t.Errorf("%+v", totals)
		}
	})
}

// An API that is down for an hour: it is asked less and less often, by one write at a
// time and at uneven times, the lane is held when patience has run out, and no record
// dies of it.
func TestAnOutageOfAnHourHoldsTheLaneAndNoRecordDiesOfIt(t *testing.T) {
	var back atomic.Bool
	inVirtualTime(t, func(_ int, _ call, w http.ResponseWriter) bool {
		if !back.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return !back.Load()
	}, func(t *testing.T, v *virtual) {
		var records []*kgo.Record
		for id := range 250 {
			records = append(records, create(v.topic, id))
		}
		v.kafka.Produce(t, records...)
		began := time.Now()
		time.Sleep(4 * time.Minute)
		if h := v.Status().Holds; len(h) != 1 || h[0].Held {
			t.Errorf("within patience: %+v", h)
		}
		time.Sleep(56 * time.Minute)
		st := v.Status()
		if st.Ready || len(st.Reasons) == 0 || len(st.Holds) != 1 || !st.Holds[0].Held || st.Holds[0].Since.Sub(began) > time.Minute {
			t.Errorf("ready %v (%v), holds %+v", st.Ready, st.Reasons, st.Holds)
		}
		probes := v.taken()[1:]
		if len(probes) > 60*60/15 {
			t.Errorf("%d probes in an hour", len(probes))
		}
		uneven := map[time.Duration]bool{}
		for i, g := range gaps(v.taken()) {
			if len(probes[i].Rows) != 1 {
				t.Errorf("probe %d carries %d writes", i, len(probes[i].Rows))
			}
			if g < 100*time.Millisecond || g > 46*time.Second || i > 20 && g < 14*time.Second {
				t.Errorf("probe %d after %s", i, g)
			}
			uneven[g] = true
		}
		if len(uneven) < len(probes)*9/10 {
			t.Errorf("%d different delays among %d: there is no jitter", len(uneven), len(probes))
		}
		back.Store(true)
		time.Sleep(2 * time.Minute)
		if st := v.Status(); !st.Ready || len(st.Holds) != 0 || st.Totals.Written["create"] != 250 || len(st.Totals.DeadLettered) != 0 {
			t.Errorf("ready %v, holds %+v, totals %+v", st.Ready, st.Holds, st.Totals)
		}
	})
}

// throttling answers that the rows for which slow is true were throttled, and writes the others.
func throttling(c call, w http.ResponseWriter, code string, slow func(email string) bool) {
	var results []map[string]any
	failed := 0
	for i, r := range c.Rows {
		if email, _ := r["email"].(string); slow(email) {
			failed++
			results = append(results, map[string]any{"success": false, "errors": []any{map[string]any{"message": "slow down", "errorType": code}}})
			continue
		}
		results = append(results, map[string]any{"success": true, "recordId": fmt.Sprint("crm", i)})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"operationId": "op", "successCount": len(results) - failed, "failureCount": failed, "results": results,
	})
}

// A CRM throttles one write of a batch and takes the others: the throttled one is all
// that is sent again, and not at once.
func TestAThrottledEntrySlowsItsLaneAndIsAllThatIsSentAgain(t *testing.T) {
	for _, code := range []string{"RATE_LIMIT", "UNABLE_TO_LOCK_ROW"} {
		t.Run(code, func(t *testing.T) {
			var began time.Time
			inVirtualTime(t, func(_ int, c call, w http.ResponseWriter) bool {
				throttling(c, w, code, func(email string) bool { return email == "u7@example.com" && time.Since(began) < 20*time.Second })
				return true
			}, func(t *testing.T, v *virtual) {
				began = time.Now()
				var records []*kgo.Record
				for id := range 100 {
					records = append(records, create(v.topic, id))
				}
				v.kafka.Produce(t, records...)
				time.Sleep(time.Minute)
				calls := v.taken()
				for i, c := range calls[1:] {
					if len(c.Rows) != 1 || c.Rows[0]["email"] != "u7@example.com" {
						t.Errorf("request %d carries %v", i+1, c.Rows)
					}
				}
				if g := gaps(calls); len(g) < 2 || len(g) > 20 || g[0] < 100*time.Millisecond {
					t.Errorf("sent again after %s", g)
				}
				if totals := v.Status().Totals; totals.Written["create"] != 100 || len(totals.DeadLettered) != 0 {
					t.Errorf("%+v", totals)
				}
			})
		})
	}
}

// lossesOfBrokers are the ways to lose them.
var lossesOfBrokers = map[string]func(*cable){
	"the host is gone":         (*cable).cut,
	"frozen":                   func(c *cable) { c.silent.Store(true) }, // the kernel accepts for it
	"frozen, its backlog full": func(c *cable) { c.silent.Store(true); c.hangs.Store(true) },
}

// Whoever stops the program waits shutdown_timeout and a little, and kills it then: that a
// broker is gone must not make it longer, at whatever point of losing it that happens.
func TestStoppingWaitsForNoBrokerThatIsGone(t *testing.T) {
	type stop struct {
		shutdown      time.Duration
		ledger, write bool // write: there is an offset to commit
		since         time.Duration
	}
	var stops []stop
	for _, shutdown := range []time.Duration{5 * time.Second, 30 * time.Second} { // shorter than a dial, and the default
		for _, since := range []time.Duration{0, time.Second, 5 * time.Second, 20 * time.Second, time.Minute} {
			for i := range 4 {
				stops = append(stops, stop{shutdown, i%2 > 0, i/2 > 0, since})
			}
		}
	}
	for how, lose := range lossesOfBrokers {
		for _, s := range stops {
			t.Run(fmt.Sprintf("%s/%+v", how, s), func(t *testing.T) {
				inVirtualTime(t, nil, func(t *testing.T, v *virtual) {
					time.Sleep(10 * time.Second) // a member by then
					if s.write {
						v.kafka.Produce(t, create(v.topic, 1))
						waitFor(t, "the request", func() bool { return len(v.taken()) == 1 })
					}
					lose(&v.cable)
					time.Sleep(s.since)
					v.stopsWithin(t, s.shutdown)
				}, func(_ *virtual, o *sink.Options) {
					o.Config.ShutdownTimeout = s.shutdown
					if s.ledger {
						late(o.Config)
					}
				})
			})
		}
	}
}

// stopsWithin stops the sink, which must not take longer.
func (v *virtual) stopsWithin(t *testing.T, most time.Duration) {
	t.Helper()
	began := time.Now()
	if err := v.drain(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > most {
		t.Errorf("took %s, want %s at most", took, most)
	}
}

// A program that is stopped before it has begun waits for no broker either.
func TestStoppingDuringTheStartWaitsForNoBroker(t *testing.T) {
	for how, lose := range lossesOfBrokers {
		for _, since := range []time.Duration{0, time.Second, 8 * time.Second, 25 * time.Second} {
			t.Run(how+"/"+since.String(), func(t *testing.T) {
				inVirtualTime(t, nil, func(t *testing.T, v *virtual) {
					time.Sleep(since)
					v.stopsWithin(t, 5*time.Second)
				}, func(v *virtual, _ *sink.Options) { lose(&v.cable) })
			})
		}
	}
}

// The time to stop runs from the moment when it is asked for, also when a rebalance, which
// waits for requests too, holds the intake up then. What was in them is parked all the same.
func TestStoppingDuringARevocationTakesNoLonger(t *testing.T) {
	const shutdown, keys = 30 * time.Second, 16
	hang := func(int, call, http.ResponseWriter) bool { time.Sleep(time.Hour); return true }
	inVirtualTime(t, hang, func(t *testing.T, v *virtual) {
		v.kafka.Grow(t, v.topic, 2)
		time.Sleep(2 * time.Minute) // a member of both by then
		var records []*kgo.Record
		for i := range keys {
			records = append(records, create(v.topic, i))
		}
		v.kafka.Produce(t, records...)
		time.Sleep(time.Second)
		second := start(t, v.options)
		time.Sleep(5 * time.Second)
		began := time.Now()
		if err := v.drain(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > shutdown+time.Second {
			t.Errorf("took %s, want %s at most", took, shutdown)
		}
		if totals := v.Status().Totals; totals.InDoubt != keys || totals.DeadLettered["in_doubt"] != keys {
			t.Errorf("%+v, want %d creates in doubt, parked", totals, keys)
		}
		if err := second.drain(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour) // the API's handler is still there
	})
}

// A drain that was not clean is a fault that says what is left, and loses nothing.
func TestStoppingWithUnwrittenDeadLettersIsAFaultThatNamesThem(t *testing.T) {
	inVirtualTime(t, nil, func(t *testing.T, v *virtual) {
		dead := v.topic + ".dead"
		v.kafka.CreateTopic(t, dead, 1, nil)
		relent := v.kafka.RefuseTopic(dead, kerr.TopicAuthorizationFailed, kmsg.Produce)
		v.kafka.Produce(t, create(v.topic, 1), broken(v.topic), create(v.topic, 2), broken(v.topic))
		time.Sleep(time.Minute)
		if err := v.drain(); err == nil || !strings.Contains(err.Error(), "2 to topic "+dead) {
			t.Errorf("ends with %v", err)
		}
		if sum := committed(t, v.kafka.Endpoint, "g", v.topic); sum != 1 {
			t.Errorf("committed %d, want 1: up to the first record whose dead letter is not written", sum)
		}
		relent()
		v.running = start(t, v.options)
		time.Sleep(time.Minute)
		if err := v.drain(); err != nil {
			t.Error(err)
		}
		if sum := committed(t, v.kafka.Endpoint, "g", v.topic); sum != 4 || v.Status().Totals.DeadLettered["bad_json"] != 2 {
			t.Errorf("started again: committed %d, %+v", sum, v.Status().Totals)
		}
	})
}
