package sink_test

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/sink"
)

// trial is one batch of n writes with k guilty ones, in a lane of its own.
type trial struct {
	topic     string
	n         int
	create    bool
	allOrNone bool
	guilty    map[string]bool // by email
	refusal   refusal
}

// refusal is how an API says that a batch failed, and how many requests the guilty
// may cost then.
type refusal struct {
	name   string
	answer func(tr *trial, c call, w http.ResponseWriter)
	most   func(n, k int) int
}

func (tr *trial) String() string {
	return fmt.Sprintf("%s, %d guilty of %d, create %v, allOrNone %v", tr.refusal.name, len(tr.guilty), tr.n, tr.create, tr.allOrNone)
}

// failed answers that nothing of a batch was written, with an error for each entry
// or, without entries, one beside them.
func failed(c call, w http.ResponseWriter, entries []any) {
	answer := map[string]any{"operationId": "op", "successCount": 0, "failureCount": len(c.Rows)}
	if entries == nil {
		answer["errors"] = []any{map[string]any{"message": "Property values were not valid", "code": "INVALID_OPTION"}}
	} else {
		answer["results"] = entries
	}
	w.WriteHeader(http.StatusUnprocessableEntity)
	_ = json.NewEncoder(w).Encode(answer)
}

func entry(code, message string) any {
	return map[string]any{"success": false, "errors": []any{map[string]any{"statusCode": code, "message": message}}}
}

const rolledBack = "ALL_OR_NONE_OPERATION_ROLLED_BACK"

// single refuses a batch of one for its own fault.
func single(c call, w http.ResponseWriter) { failed(c, w, []any{entry("INVALID_OPTION", "it is bad")}) }

// byHalving is the price of halving: the first request, and two for each halving on
// the way to each of the guilty.
func byHalving(n, k int) int { return 2*k*bits.Len(uint(n-1)) + 1 }

// naming answers with the first most of the guilty named and all others rolled back.
func naming(most int) func(*trial, call, http.ResponseWriter) {
	return func(tr *trial, c call, w http.ResponseWriter) {
		entries, named := make([]any, len(c.Rows)), 0
		for i, r := range c.Rows {
			email := r["email"].(string)
			if entries[i] = entry(rolledBack, "rolled back"); tr.guilty[email] && named < most {
				named++
				entries[i] = entry("INVALID_EMAIL_ADDRESS", email+" is bad")
			}
		}
		failed(c, w, entries)
	}
}

// copied answers with one and the same entry for each row.
func copied(code, message string) func(*trial, call, http.ResponseWriter) {
	return func(_ *trial, c call, w http.ResponseWriter) {
		if len(c.Rows) == 1 {
			single(c, w)
			return
		}
		entries := make([]any, len(c.Rows))
		for i := range entries {
			entries[i] = entry(code, message)
		}
		failed(c, w, entries)
	}
}

func refusals() []refusal {
	return []refusal{
		{"counts alone", func(_ *trial, c call, w http.ResponseWriter) { failed(c, w, nil) }, byHalving},
		{"400", func(_ *trial, _ call, w http.ResponseWriter) {
			http.Error(w, "a property is bad", http.StatusBadRequest)
		}, byHalving},
		{"one reason for all", copied("INVALID_OPTION", "Property values were not valid"), byHalving},
		{"all rolled back", copied(rolledBack, "rolled back"), byHalving},
		{"all halted", copied("PROCESSING_HALTED", "halted"), byHalving},
		{"others' failures", copied("", "record was not processed due to other records failures"), byHalving},
		{"the guilty are named", naming(100), func(_, _ int) int { return 2 }},
		{"one of the guilty is named", naming(1), func(_, k int) int { return k + 1 }},
	}
}

func newTrials(t *testing.T, k *kafkatest.Fake, random *rand.Rand) []*trial {
	var trials []*trial
	for _, r := range refusals() {
		for i := range 8 {
			tr := &trial{topic: k.NewTopic(t, 1, nil), n: 1 + random.IntN(100), create: i%2 == 0, allOrNone: i/2%2 == 0, refusal: r, guilty: map[string]bool{}}
			most := []int{0, 1, 3, tr.n}[random.IntN(4)]
			for _, id := range random.Perm(tr.n)[:random.IntN(min(most, tr.n)+1)] {
				tr.guilty[fmt.Sprintf("u%d@example.com", id)] = true
			}
			trials = append(trials, tr)
		}
	}
	return trials
}

// For random batches, both settings of allOrNone and every way to refuse: the
// innocent are written once, the guilty dead-lettered alone, at a bounded price.
func TestTheInnocentOfABatchAreWrittenForABoundedNumberOfRequests(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	k, a := kafkatest.NewFake(t), newAPI(t)
	trials := newTrials(t, k, rand.New(rand.NewPCG(seed, 1)))
	byObject, writes := map[string]*trial{}, int64(0)
	// The guard against floods would take many guilty for a fault of the destination.
	cfg := configure(t, k.Brokers(), "g", trials[0].topic, a.URL, "flood: {action: dead_letter}")
	route := cfg.Routes[0]
	cfg.Routes = nil
	for _, tr := range trials {
		byObject[tr.topic] = tr
		writes += int64(tr.n)
		cfg.Routes = append(cfg.Routes, tr.route(route))
		k.Produce(t, tr.records()...)
	}
	a.script = func(_ int, c call, w http.ResponseWriter) bool {
		tr := byObject[c.Object]
		bad := slices.ContainsFunc(c.Rows, func(r map[string]any) bool { return tr.guilty[r["email"].(string)] })
		if bad {
			tr.refusal.answer(tr, c, w)
		}
		return bad
	}
	s := start(t, sink.Options{Config: cfg, Log: testLog(t)})
	waitFor(t, "a request", func() bool { return len(a.taken()) > 0 })
	waitFor(t, "a fate for each write", func() bool {
		totals := s.Status().Totals
		return totals.Settled() == writes
	})
	if err := s.drain(); err != nil {
		t.Fatal(err)
	}
	for _, tr := range trials {
		tr.check(t, k, a.taken())
	}
}

// route is the trial's own: its batch is full when all of its writes are there.
func (tr *trial) route(r config.Route) config.Route {
	r.Name, r.Topics.Names, r.To.Object = tr.topic, []string{tr.topic}, tr.topic
	r.Batch.Size, r.Batch.Linger, r.Batch.AllOrNone = tr.n, time.Hour, tr.allOrNone
	return r
}

func (tr *trial) records() []*kgo.Record {
	var records []*kgo.Record
	for id := range tr.n {
		if tr.create {
			records = append(records, create(tr.topic, id))
		} else {
			records = append(records, update(tr.topic, id, 1))
		}
	}
	return records
}

func (tr *trial) check(t *testing.T, k *kafkatest.Fake, calls []call) {
	t.Helper()
	requests, written := 0, map[string]int{}
	for _, c := range calls {
		if c.Object != tr.topic {
			continue
		}
		if requests++; c.Policy.AllOrNone != tr.allOrNone {
			t.Errorf("%s: request %d has allOrNone %v", tr, requests, c.Policy.AllOrNone)
		}
		if slices.ContainsFunc(c.Rows, func(r map[string]any) bool { return tr.guilty[r["email"].(string)] }) {
			continue
		}
		for _, r := range c.Rows {
			written[r["email"].(string)]++
		}
	}
	for id := range tr.n {
		email := fmt.Sprintf("u%d@example.com", id)
		if want := map[bool]int{false: 1}[tr.guilty[email]]; written[email] != want {
			t.Errorf("%s: %s was written %d times", tr, email, written[email])
		}
	}
	if most := tr.refusal.most(tr.n, len(tr.guilty)); requests > most {
		t.Errorf("%s: %d requests, at most %d", tr, requests, most)
	}
	if len(tr.guilty) == 0 {
		return
	}
	letters := k.ReadAll(t, tr.topic+".dead")
	for _, r := range letters {
		l := letter(t, r)
		var after struct{ After struct{ Email string } }
		if err := json.Unmarshal(r.Value, &after); err != nil || !tr.guilty[after.After.Email] || l.InDoubt || l.Reason.Code == rolledBack {
			t.Errorf("%s: %s is dead-lettered with %s (%v)", tr, after.After.Email, l.Reason.Code, err)
		}
	}
	if len(letters) != len(tr.guilty) {
		t.Errorf("%s: %d dead letters", tr, len(letters))
	}
}

// An API that answers every write with "others failed", alone or not, for a while.
func TestCollateralCodesNeverDeadLetter(t *testing.T) {
	t.Parallel()
	for _, code := range []string{rolledBack, "PROCESSING_HALTED"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			k, a := kafkatest.NewFake(t), newAPI(t)
			a.script = func(n int, c call, w http.ResponseWriter) bool {
				if n >= 12 {
					return false
				}
				entries := make([]any, len(c.Rows))
				for i := range entries {
					entries[i] = entry(code, "because of others")
				}
				failed(c, w, entries)
				return true
			}
			topic := k.NewTopic(t, 1, nil)
			k.Produce(t, create(topic, 1), create(topic, 2), create(topic, 3))
			s := start(t, sink.Options{Config: configure(t, k.Brokers(), "g", topic, a.URL, ""), Log: testLog(t), UntilEnd: true})
			if err := s.until(); err != nil {
				t.Fatal(err)
			}
			if totals := s.Status().Totals; totals.Written["create"] != 3 || len(totals.DeadLettered) != 0 {
				t.Errorf("%+v", totals)
			}
		})
	}
}
