//go:build synctests

package sink_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/ampersink/ampersink/internal/sandbox"
	"github.com/ampersink/ampersink/sink"
)

// slow is an API whose answers to searches are under way for a time.
type slow struct {
	http.RoundTripper
	by time.Duration
}

func (s slow) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := s.RoundTripper.RoundTrip(r)
	if err == nil && r.URL.Query().Has("groupRef") {
		time.Sleep(s.by)
	}
	return resp, err
}

// A search finds what the index had when it was sent, however late its answer is read.
func TestASearchThatIsAnsweredLateProvesNothingOfTheTimeItTook(t *testing.T) {
	const timeout, lag, answer = 2 * time.Second, 4 * time.Second, 1950 * time.Millisecond
	var crm *sandbox.Server
	inVirtualTime(t, nil, func(t *testing.T, v *virtual) {
		v.kafka.Produce(t, named(v.topic, "c", 1, "a", 1))
		time.Sleep(time.Minute)
		if n := len(crm.Records("hubspot", "acme", "contact")); n != 1 || v.Status().Totals.Written["update"] != 1 {
			t.Errorf("%d records of one row, totals %+v", n, v.Status().Totals)
		}
	}, remembering(t), func(_ *virtual, o *sink.Options) {
		var err error
		crm, err = sandbox.New(sandbox.Options{
			CRM: sandbox.HubSpot, IndexLag: lag - 10*time.Millisecond, Unique: map[string][]string{"contact": {}},
			Faults: sandbox.Faults{{Type: "create", Count: 1, Do: sandbox.DoReset, Apply: "late", Delay: timeout - 50*time.Millisecond}},
		})
		if err != nil {
			t.Fatal(err)
		}
		r := &o.Config.Routes[0]
		matching(r)
		r.Search.IndexLag, o.Config.Ampersand.Timeout, o.Config.Ampersand.SearchURL = lag, timeout, "http://127.0.0.1:1"
		o.Transport = slow{crm.Transport(), answer}
	})
}
