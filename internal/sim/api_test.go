//go:build synctests

package sim_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/ampersink/ampersink/internal/audit"
	"github.com/ampersink/ampersink/internal/sandbox"
)

// fault is how a request goes wrong.
type fault string

// The faults. What each does to the CRM and what it tells the sender is in api.answer.
const (
	none        fault = ""
	refused     fault = "connection refused"
	resetBefore fault = "reset before it was applied"
	resetAfter  fault = "reset after it was applied"
	hang        fault = "hang, never applied"
	hangApplied fault = "hang, applied"
	hangLate    fault = "hang, applied after it was given up"
	truncated   fault = "answer cut in the middle"
	gateway     fault = "HTML from a gateway"
	server500   fault = "500"
	busy429     fault = "429"
	busy503     fault = "503"
	revoked     fault = "401"
	quota       fault = "daily quota spent"
	short       fault = "results too short"
	absent      fault = "no results"
	lock        fault = "row locks"
	wholeBatch  fault = "whole batch refused, nobody named"
	nonsense    fault = "200 of an unknown shape"
)

var allFaults = []fault{
	refused, resetBefore, resetAfter, hang, hangApplied, hangLate, truncated, gateway, server500, busy429, busy503,
	revoked, quota, short, absent, lock, wholeBatch, nonsense,
}

// weather is how often requests go wrong, and how.
type weather struct {
	chance float64
	faults []fault
}

// request is a request with writes.
type request struct {
	typ, group string
	rows       []row
}

// row is a record of a request.
type row struct {
	number int64 // of its event
	id     string
	fields map[string]any
	guilty bool
}

// api is the simulated write API with its CRM: it keeps what arrives, in order.
type api struct {
	trace *trace

	mu      sync.Mutex
	random  *rand.Rand
	weather weather
	latency time.Duration
	ids     int
	strict  *sandbox.Server  // judges every request by the contract; its answers are not used
	deletes map[string]int64 // by CRM id: the event that deletes it
	calls   []audit.Call
	faults  map[fault]int
	crm     *crm // of a source without CRM ids; else nil: whatever is sent is there
}

func (a *api) setWeather(w weather) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.weather = w
}

// answered is what goes back.
type answered struct {
	status int
	header http.Header
	body   string
	err    error // instead of an answer
	hang   bool  // no answer before the sender gives up
}

// roundTrip takes a request of a process and answers it.
func (a *api) roundTrip(process string, r *http.Request) (*http.Response, error) {
	f, wait := a.draw()
	if f == refused {
		_ = r.Body.Close()
		return nil, errors.New("dial: connection refused")
	}
	data, err := io.ReadAll(r.Body) // asks the release check, as a real transport does
	_ = r.Body.Close()
	if err != nil {
		return nil, err
	}
	again := r.Clone(r.Context())
	again.Body = io.NopCloser(bytes.NewReader(data))
	a.strict.ServeHTTP(httptest.NewRecorder(), again)
	if !strings.Contains(r.URL.Path, "/objects/") {
		return a.searched(r, f, wait, data)
	}
	in, err := a.read(data)
	if err != nil {
		return nil, err
	}
	if !pause(r, wait/2) {
		return nil, r.Context().Err() // given up on the way there: it never arrived
	}
	out := a.answer(process, f, in)
	if f == hangLate {
		late := a.late(process, in)
		go func() {
			<-r.Context().Done()
			time.Sleep(wait)
			late()
		}()
	}
	return out.deliver(r, f, wait/2)
}

// deliver brings an answer to whoever waits for it.
func (out answered) deliver(r *http.Request, f fault, wait time.Duration) (*http.Response, error) {
	if out.hang {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if !pause(r, wait) {
		return nil, r.Context().Err()
	}
	if out.err != nil {
		return nil, out.err
	}
	resp := &http.Response{
		StatusCode: out.status, Status: http.StatusText(out.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: out.header, Body: io.NopCloser(strings.NewReader(out.body)), Request: r,
	}
	if resp.Header == nil {
		resp.Header = http.Header{}
	}
	if f == truncated {
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(out.body[:len(out.body)/2]), cutOff{}))
	}
	return resp, nil
}

// cutOff is the end of a connection in the middle of a body.
type cutOff struct{}

func (cutOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func pause(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-r.Context().Done():
		return false
	case <-timer.C:
		return true
	}
}

func (a *api) draw() (fault, time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f := none
	if len(a.weather.faults) > 0 && a.random.Float64() < a.weather.chance {
		f = a.weather.faults[a.random.IntN(len(a.weather.faults))]
		a.faults[f]++
	}
	return f, a.latency/2 + time.Duration(a.random.Int64N(int64(a.latency)))
}

func (a *api) read(data []byte) (request, error) {
	var in struct {
		Type, GroupRef string
		Record         map[string]any
		Batch          []struct{ Record map[string]any }
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&in); err != nil {
		return request{}, fmt.Errorf("BUG: a body that is no JSON: %w", err)
	}
	out := request{typ: in.Type, group: in.GroupRef}
	add := func(fields map[string]any) {
		r := row{fields: fields, guilty: fields["email"] == audit.BadEmail}
		r.id, _ = fields["id"].(string)
		if n, ok := fields["version"].(json.Number); ok {
			r.number, _ = n.Int64()
		} else {
			r.number = a.deletes[r.id]
		}
		out.rows = append(out.rows, r)
	}
	for _, b := range in.Batch {
		add(b.Record)
	}
	if in.Record != nil {
		add(in.Record)
	}
	return out, nil
}
