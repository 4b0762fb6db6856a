package bench_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/kafkatest"
)

func TestLabBig(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("LAB_ROWS"))
	if n == 0 {
		t.Skip()
	}
	k := kafkatest.Real(t)
	a := newResponder(t, 0)
	topic := k.NewTopic(t, 8, nil)
	random := rand.New(rand.NewPCG(1, 1))
	t.Logf("written within %s", fillLedger(t, k.Endpoint, "g-"+topic, topic, 0, n))
	os.Setenv("GODEBUG", "gctrace=1")
	for round := range 3 {
		fill(t, k.Endpoint, topic, 300_000, func(j int) (string, int) {
			if j%2 == 0 {
				return "c", firstRow + n + (round*300_000+j)/2
			}
			return "u", firstRow + random.IntN(n)
		})
		for _, p := range strings.Split(os.Getenv("LAB_PROGRAMS"), ",") {
			r := start(t, p, strings.Replace(lateSettings(k.Brokers(), topic, a.URL, "linger: 5ms, in_flight: 4"), "admin:", "limits: {memory: "+os.Getenv("LAB_MEM")+"}\nadmin:", 1), "--until-end")
			read := r.says(1, "the ledger is read")
			before := r.used()
			u := r.wait()
			gcs, gcAfter, last, after := 0, 0, "", false
			for _, l := range r.lines {
				if strings.HasPrefix(l.text, "gc ") {
					gcs++
					if after {
						gcAfter++
						last = l.text
					}
				}
				if l.Message == "the ledger is read" {
					after = true
				}
			}
			t.Logf("read %v cpu to read %s; then %.2f us/record, peak %d MiB, %d gcs, %d after: %s", read.Took, before, float64((u.cpu-before).Microseconds())/300_000, u.rss>>20, gcs, gcAfter, last)
		}
	}
}
