package sandbox_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ampersink/ampersink/internal/sandbox"
)

// TestFaults looks at every fault over real HTTP and without a network.
func TestFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault   string
		check   func(answer) bool
		applied int
		told    string
	}{
		"status in seconds":  {`{do: status, status: 429, retry_after: 3s}`, func(a answer) bool { return a.status == 429 && a.header.Get("Retry-After") == "3" }, 0, sandbox.TryAgain},
		"status with a date": {`{do: status, status: 503, retry_after: 3s, retry_after_form: date}`, func(a answer) bool { _, err := http.ParseTime(a.header.Get("Retry-After")); return err == nil }, 0, sandbox.TryAgain},
		"status in a problem": {`{do: status, status: 503, retry_after: 3s, retry_after_form: problem}`, func(a answer) bool {
			return strings.Contains(a.header.Get("Content-Type"), "problem+json") && a.json["retryAfter"] != nil
		}, 0, sandbox.TryAgain},
		"a gateway's page":      {`{do: status, status: 502, body: html, apply: yes}`, func(a answer) bool { return a.status == 502 && strings.HasPrefix(a.text, "<html>") }, 2, sandbox.Lost},
		"reset before":          {`{do: reset}`, func(a answer) bool { return a.err != nil }, 0, sandbox.Lost},
		"reset after":           {`{do: reset, apply: yes}`, func(a answer) bool { return a.err != nil }, 2, sandbox.Lost},
		"cut":                   {`{do: cut}`, func(a answer) bool { return a.status == 200 && errors.Is(a.err, io.ErrUnexpectedEOF) && a.json == nil }, 2, sandbox.Lost},
		"short":                 {`{do: short}`, func(a answer) bool { return len(a.json["results"].([]any)) == 1 && a.json["successCount"] == 2.0 }, 2, sandbox.Lost},
		"absent":                {`{do: absent}`, func(a answer) bool { return a.json["results"] == nil && a.json["successCount"] == 2.0 }, 2, sandbox.Lost},
		"miscount":              {`{do: miscount}`, func(a answer) bool { return a.json["successCount"] == 3.0 }, 2, sandbox.Lost},
		"shape":                 {`{do: shape}`, func(a answer) bool { return a.status == 200 && a.json["operationId"] == nil }, 2, sandbox.Lost},
		"quota":                 {`{do: quota}`, func(a answer) bool { return strings.Contains(a.text, "REQUEST_LIMIT_EXCEEDED") }, 0, sandbox.TryAgain},
		"of another object":     {`{do: reset, object: company}`, func(a answer) bool { return a.status == 200 }, 2, sandbox.Told},
		"of a record":           {`{do: reset, field: email, value: b@b.co}`, func(a answer) bool { return a.err != nil }, 0, sandbox.Lost},
		"of every second":       {`{do: reset, every: 2}`, func(a answer) bool { return a.status == 200 }, 2, sandbox.Told},
		"not yet":               {`{do: reset, from: 1h}`, func(a answer) bool { return a.status == 200 }, 2, sandbox.Told},
		"whole batch, no cause": {`{do: whole_batch}`, func(a answer) bool { return a.status == 200 }, 2, sandbox.Told},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			faults, err := sandbox.LoadFaults([]byte("[" + c.fault + "]"))
			if err != nil {
				t.Fatal(err)
			}
			for _, over := range []string{"HTTP", "no network"} {
				var told []string
				s := server(t, sandbox.Options{Faults: faults, Observe: func(e sandbox.Event) { told = append(told, e.Answer) }})
				rt, base := s.Transport(), "http://sandbox"
				if over == "HTTP" {
					web := httptest.NewServer(s)
					t.Cleanup(web.Close)
					transport := &http.Transport{}
					t.Cleanup(transport.CloseIdleConnections)
					rt, base = transport, web.URL
				}
				a := post(t, rt, base, "contact", create(`{"email":"a@b.co"}`, `{"email":"b@b.co"}`))
				if !c.check(a) {
					t.Errorf("over %s: %d %v %s", over, a.status, a.err, a.text)
				}
				if r := s.Records("crm", "g", "contact"); len(r) != c.applied {
					t.Errorf("over %s: %d applied, not %d", over, len(r), c.applied)
				}
				if len(told) != 2 || told[0] != c.told {
					t.Errorf("over %s: the observer heard %q, not %q", over, told, c.told)
				}
			}
		})
	}
}

func TestARequestThatIsGivenUpCanBeAppliedLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var late []bool
		s := server(t, sandbox.Options{
			Faults:  sandbox.Faults{{Do: sandbox.DoHang, Apply: "late", Delay: time.Minute}},
			Observe: func(e sandbox.Event) { late = append(late, e.Late && e.Kind == sandbox.Applied) },
		})
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://sandbox/projects/p/integrations/crm/objects/contact", strings.NewReader(create(`{"email":"a@b.co"}`)))
		req.Header.Set("X-Api-Key", "k")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		if _, err := s.Transport().RoundTrip(req.WithContext(ctx)); !errors.Is(err, ctx.Err()) || time.Since(began) != 10*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		if n := len(s.Records("crm", "g", "contact")); n != 0 {
			t.Errorf("%d records before the time", n)
		}
		time.Sleep(time.Minute + time.Second)
		if n := len(s.Records("crm", "g", "contact")); n != 1 || !slices.Equal(late, []bool{false, true}) {
			t.Errorf("%d records, events %v", n, late)
		}
	})
}

func TestABodyThatItsClientWithdrawsIsTheClientsError(t *testing.T) {
	t.Parallel()
	s := server(t, sandbox.Options{})
	withdrawn := errors.New("not released")
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://sandbox/projects/p/integrations/crm/objects/contact", failing{withdrawn})
	req.Header.Set("X-Api-Key", "k")
	if _, err := s.Transport().RoundTrip(req); !errors.Is(err, withdrawn) {
		t.Errorf("%v", err)
	}
	if len(s.Requests()) != 0 {
		t.Errorf("it was taken: %+v", s.Requests())
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestChildrenOfOneParentCollide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := server(t, sandbox.Options{CRM: sandbox.Salesforce, Latency: time.Second})
		body := create(`{"LastName":"A","AccountId":"0015g00000abcde"}`)
		first := make(chan answer)
		go func() { first <- direct(t, s, "contact", body) }()
		synctest.Wait()
		if a := direct(t, s, "contact", body); !strings.Contains(a.text, "UNABLE_TO_LOCK_ROW") {
			t.Errorf("the second: %s", a.text)
		}
		if a := <-first; a.status != 200 {
			t.Errorf("the first: %d %s", a.status, a.text)
		}
		if a := direct(t, s, "contact", body); a.status != 200 {
			t.Errorf("after it: %d %s", a.status, a.text)
		}
	})
}

func TestFaultsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`[{do: explode}]`, `[{do: status}]`, `[{do: status, status: 99}]`, `[{do: reset, chance: 2}]`, `[{do: reset, colour: red}]`,
		`[{do: reset, field: email}]`, `[{do: hang, apply: perhaps}]`, `[{do: reset, type: upsert}]`, `do: reset`, `[{do: status, status: 503, retry_after_form: soon}]`,
	} {
		if _, err := sandbox.LoadFaults([]byte(text)); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}

func TestAConnectionThatIsResetLooksLikeOne(t *testing.T) {
	t.Parallel()
	s := server(t, sandbox.Options{Faults: sandbox.Faults{{Do: sandbox.DoReset}}})
	if a := direct(t, s, "contact", create(`{"email":"a@b.co"}`)); !errors.Is(a.err, syscall.ECONNRESET) {
		t.Errorf("%v", a.err)
	}
}
