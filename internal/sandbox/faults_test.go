package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ampersink/ampersink/internal/sandbox"
)

// faulty reads faults, without the brackets of their list.
func faulty(t *testing.T, text string) sandbox.Faults {
	t.Helper()
	faults, err := sandbox.LoadFaults([]byte("[" + text + "]"))
	if err != nil {
		t.Fatal(err)
	}
	return faults
}

func TestEachFaultLooksAsItDoesOnANetwork(t *testing.T) {
	t.Parallel()
	for name, c := range faultCases() {
		if c.body == "" {
			c.body = create(`{"email":"a@b.co"}`, `{"email":"b@b.co"}`)
		}
		for way, run := range ways() {
			t.Run(name+" over "+way, func(t *testing.T) {
				t.Parallel()
				run(t, func(t *testing.T, reach func(*sandbox.Server) (http.RoundTripper, string)) {
					var told []string
					s := server(t, sandbox.Options{CRM: c.crm, Faults: faulty(t, c.fault), Observe: func(e sandbox.Event) { told = append(told, e.Answer) }})
					rt, base := reach(s)
					if a := post(t, rt, base, "contact", c.body); !c.check(a) {
						t.Errorf("%d %v %s", a.status, a.err, a.text)
					}
					if r := s.Records("crm", "g", "contact"); len(r) != c.applied {
						t.Errorf("%d applied, not %d", len(r), c.applied)
					}
					for _, one := range told {
						if one != c.told {
							t.Errorf("the observer heard %q, not %q", told, c.told)
						}
					}
					if want := strings.Count(c.body, `"email"`); len(told) != want {
						t.Errorf("the observer heard %d times, not %d", len(told), want)
					}
				})
			})
		}
	}
}

func TestAFaultIsCountedUnderItsName(t *testing.T) {
	t.Parallel()
	var heard []string
	s := server(t, sandbox.Options{
		Faults:  sandbox.Faults{{Name: "a slow day", Do: sandbox.DoLatency, Delay: time.Nanosecond, Every: 2}, {Do: sandbox.DoStatus, Status: 503, Count: 1}},
		Observe: func(e sandbox.Event) { heard = append(heard, e.Fault+"/"+e.Client) },
	})
	for i := range 4 {
		direct(t, s, "thing", create(fmt.Sprintf(`{"n":%d}`, i)))
	}
	if got := s.Stats().Faults; got["a slow day"] != 2 || got["503"] != 1 || len(got) != 2 {
		t.Errorf("%v", got)
	}
	if want := []string{"503/", "a slow day/", "/", "a slow day/"}; !slices.Equal(heard, want) {
		t.Errorf("%q, not %q", heard, want)
	}
}

// TestAnOutageLastsAsLongAsItIsSaidTo also replaces the faults of a server that runs.
func TestAnOutageLastsAsLongAsItIsSaidTo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := server(t, sandbox.Options{})
		time.Sleep(time.Hour)
		if err := s.SetFaults(sandbox.Faults{{Do: sandbox.DoReset, From: time.Minute, Until: 3 * time.Minute}}); err != nil {
			t.Fatal(err)
		}
		var fails []bool
		for range 4 {
			fails = append(fails, direct(t, s, "thing", create(`{}`)).err != nil)
			time.Sleep(time.Minute)
		}
		if !slices.Equal(fails, []bool{false, true, true, false}) {
			t.Errorf("%v", fails)
		}
	})
}

// TestALockRefusesSomeAndTheRestIsWritten: the refused ones are not the records' fault.
func TestALockRefusesSomeAndTheRestIsWritten(t *testing.T) {
	t.Parallel()
	var kinds, codes []string
	s := server(t, sandbox.Options{
		CRM: sandbox.Salesforce, Faults: sandbox.Faults{{Do: sandbox.DoLock}},
		Observe: func(e sandbox.Event) { kinds, codes = append(kinds, e.Kind+" "+e.Answer), append(codes, e.Code) },
	})
	a := direct(t, s, "contact", create(slices.Repeat([]string{`{"LastName":"A"}`}, 20)...))
	locked := strings.Count(a.text, "UNABLE_TO_LOCK_ROW")
	if n := len(s.Records("crm", "g", "contact")); a.status != 200 || n+locked != 20 || n == 0 || locked == 0 {
		t.Errorf("%d written, %d locked: %d %s", n, locked, a.status, a.text)
	}
	for i, k := range kinds {
		if k != "applied told" && k != "not_applied try_again" || codes[i] != "" {
			t.Errorf("record %d: %s %s", i, k, codes[i])
		}
	}
}

func TestAHangEndsWithTheClientOrTheServer(t *testing.T) {
	t.Parallel()
	for way, run := range ways() {
		for apply, want := range map[string]int{"no": 0, "yes": 1} {
			t.Run(way+", applied: "+apply, func(t *testing.T) {
				t.Parallel()
				run(t, func(t *testing.T, reach func(*sandbox.Server) (http.RoundTripper, string)) {
					taken := make(chan struct{}, 2)
					s := server(t, sandbox.Options{
						Faults:  sandbox.Faults{{Do: sandbox.DoHang, Apply: apply}},
						Observe: func(sandbox.Event) { taken <- struct{}{} },
					})
					rt, base := reach(s)
					why := errors.New("waited long enough")
					ctx, cancel := context.WithCancelCause(t.Context())
					go func() {
						<-taken
						cancel(why)
					}()
					if a := exchangeWithin(ctx, rt, base, "contact", one); !errors.Is(a.err, why) {
						t.Errorf("%d %v", a.status, a.err)
					}
					if n := len(s.Records("crm", "g", "contact")); n != want {
						t.Errorf("%d records", n)
					}
					hung := make(chan answer)
					go func() { hung <- post(t, rt, base, "contact", strings.Replace(one, "a@", "b@", 1)) }()
					<-taken
					s.Close()
					if a := <-hung; !isReset(a) {
						t.Errorf("after Close: %d %v", a.status, a.err)
					}
				})
			})
		}
	}
}

func TestARequestThatEndedCanBeAppliedLate(t *testing.T) {
	t.Parallel()
	for do, takes := range map[sandbox.Do]time.Duration{sandbox.DoHang: 10 * time.Second, sandbox.DoReset: 0} {
		synctest.Test(t, func(t *testing.T) {
			var late []bool
			s := server(t, sandbox.Options{
				Faults:  sandbox.Faults{{Do: do, Apply: "late", Delay: time.Minute, Count: 1}},
				Observe: func(e sandbox.Event) { late = append(late, e.Late && e.Kind == sandbox.Applied) },
			})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			began := time.Now()
			if a := exchangeWithin(ctx, s.Transport(), "http://sandbox", "contact", one); a.err == nil || time.Since(began) != takes {
				t.Errorf("%s: %v after %s", do, a.err, time.Since(began))
			}
			// The scratch of the request is used again before it is applied.
			direct(t, s, "contact", create(`{"email":"zzzzzzzzzzzzz@z.zz","firstname":"zzzzzzzzzzzz"}`))
			time.Sleep(time.Minute - time.Nanosecond)
			if n := len(s.Records("crm", "g", "contact")); n != 1 {
				t.Errorf("%s: %d records before the time", do, n)
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			r := s.Records("crm", "g", "contact")
			if len(r) != 2 || string(r[1].Fields["email"]) != `"a@b.co"` || !slices.Equal(late, []bool{false, false, true}) {
				t.Errorf("%s: %+v, events %v", do, r, late)
			}
		})
	}
}

func TestNothingIsAppliedAfterClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := server(t, sandbox.Options{Faults: sandbox.Faults{{Do: sandbox.DoReset, Apply: "late", Delay: time.Minute}}})
		direct(t, s, "contact", one)
		s.Close()
		s.Close()
		time.Sleep(time.Hour)
		if r := s.Records("crm", "g", "contact"); len(r) > 0 {
			t.Errorf("%+v", r)
		}
	})
}

func TestABodyThatItsClientWithdrawsIsTheClientsError(t *testing.T) {
	t.Parallel()
	s := server(t, sandbox.Options{})
	withdrawn := errors.New("not released")
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://sandbox/projects/p/integrations/crm/objects/contact", failing{withdrawn})
	req.Header.Set("X-Api-Key", "k")
	req.Header.Set("Content-Type", "application/json")
	if _, err := s.Transport().RoundTrip(req); !errors.Is(err, withdrawn) { //nolint:bodyclose // there is no answer
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
		`[{do: reset, status: 500}]`, `[{do: cut, apply: yes}]`, `[{do: status, status: 504, apply: late}]`, `[{do: status, status: 503, apply: yes}]`,
		`[{do: reset, delay: 1s}]`, `[{do: latency}]`, `[{do: reset, from: 2s, until: 1s}]`, `[{do: status, status: 503, retry_after_form: date}]`,
		`[{do: status, status: 503, body: xml}]`, `[{do: reset, until: soon}]`,
		`[{type: search, do: lock}]`, `[{type: create, do: result}]`, `[{type: search, do: reset, apply: late}]`, `[{type: search, do: status, status: 500, apply: yes}]`,
		`[{do: reset, field: email}]`, `[{do: hang, apply: perhaps}]`, `[{do: reset, type: upsert}]`, `do: reset`, `[{do: status, status: 503, retry_after_form: soon}]`,
	} {
		if _, err := sandbox.LoadFaults([]byte(text)); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}

// TestFaultsAreReplacedWhileItRuns also reads back what was set, and sets that.
func TestFaultsAreReplacedWhileItRuns(t *testing.T) {
	t.Parallel()
	s := server(t, sandbox.Options{})
	call := func(method, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://sandbox/sandbox/faults", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := s.Transport().RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		data, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(data)
	}
	set := "- {do: status, status: 503, retry_after: 90s, until: 1h, retryable: false}\n- {do: hang, apply: late, delay: 1m30s}\n"
	if code, text := call(http.MethodPut, set); code != http.StatusOK {
		t.Fatalf("%d %s", code, text)
	}
	_, first := call(http.MethodGet, "")
	if a := direct(t, s, "thing", create(`{}`)); a.status != 503 || a.header.Get("Retry-After") != "90" {
		t.Errorf("%d %v", a.status, a.header)
	}
	if code, text := call(http.MethodPut, "- {do: status, status: 9}"); code != http.StatusBadRequest || !strings.Contains(text, "faults[0].status is 9") {
		t.Errorf("%d %s", code, text)
	}
	if code, text := call(http.MethodPost, first); code != http.StatusOK {
		t.Errorf("what was read cannot be set: %d %s", code, text)
	}
	if _, second := call(http.MethodGet, ""); first != second || !strings.Contains(first, `"retry_after":"1m30s"`) {
		t.Errorf("%s, then %s", first, second)
	}
	if code, _ := call(http.MethodPut, "[]"); code != http.StatusOK {
		t.Errorf("%d", code)
	}
	if a := direct(t, s, "thing", create(`{}`)); a.status != 200 {
		t.Errorf("%d %s", a.status, a.text)
	}
}
