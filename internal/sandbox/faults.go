package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// Do is what a fault does.
type Do string

// What a fault can do. Where nothing else is said the writes of the request are
// not applied.
const (
	DoStatus     Do = "status"      // answers Status, with Body and RetryAfter
	DoReset      Do = "reset"       // resets the connection, without an answer
	DoHang       Do = "hang"        // gives no answer until the client gives up
	DoCut        Do = "cut"         // applies, and cuts the answer in the middle
	DoShort      Do = "short"       // applies, and leaves half of the results out
	DoAbsent     Do = "absent"      // applies, and leaves the results out
	DoReorder    Do = "reorder"     // applies, and turns the results round, with their ids
	DoMiscount   Do = "miscount"    // applies, and counts one success too many
	DoShape      Do = "shape"       // applies, and answers 200 with JSON of another shape
	DoLock       Do = "lock"        // refuses each record with UNABLE_TO_LOCK_ROW with a chance of a half
	DoQuota      Do = "quota"       // refuses all records with REQUEST_LIMIT_EXCEEDED
	DoWholeBatch Do = "whole_batch" // fails the batch as a whole when one of its records is refused, and names nobody
	DoLatency    Do = "latency"     // answers later, by Delay
	DoResult     Do = "result"      // answers a search under result, the published schema's name, and not under results
)

var allDo = []Do{
	DoStatus, DoReset, DoHang, DoCut, DoShort, DoAbsent, DoReorder, DoMiscount, DoShape, DoLock, DoQuota, DoWholeBatch, DoLatency, DoResult,
}

// What can happen to a search: the others need records to be written. A fault that is
// not for a type does not match its requests.
var searchDo = []Do{DoStatus, DoReset, DoHang, DoCut, DoAbsent, DoShape, DoLatency, DoResult}

// goesWith reports whether it can happen to a request of a type.
func (d Do) goesWith(typ string) bool {
	if typ == searchType {
		return slices.Contains(searchDo, d)
	}
	return d != DoResult
}

// FaultsHelp says how faults are written, for people.
const FaultsHelp = `A list of faults; the first one that matches a request happens to it.
  which  integration, group, object, type (create, update, delete, search); field and
         value (a record or a filter that has it); every (n-th), chance (0 to 1), from
         and until (since they were set), count
  what   do: status        answers status, with body (problem, text, html, json, empty), message,
                           retryable, retry_after and retry_after_form (seconds, date, problem,
                           provider); apply: yes writes first (500, 502, 504), delay answers later
             reset         no answer, the connection is reset; apply: no, yes, late (after delay)
             hang          no answer until the client gives up; apply as with reset
             cut           writes, and cuts the answer in the middle
             short, absent, reorder, miscount, shape     writes, and distorts the answer
             lock, quota   refuses records with UNABLE_TO_LOCK_ROW, REQUEST_LIMIT_EXCEEDED
             whole_batch   fails the batch as a whole when one of its records is refused
             latency       answers later, by delay
             result        answers a search under result instead of results
           a search knows status, reset, hang, cut, absent, shape, latency and result; it
           applies nothing
  name   under which it is counted`

// Faults are looked at in order; the first one that matches a request happens to it.
type Faults []Fault

// Fault says which requests go wrong, and how. Empty members match everything.
type Fault struct {
	Name        string `yaml:"name,omitempty" json:"name,omitempty"` // as counted; empty: what it does
	Integration string `yaml:"integration,omitempty" json:"integration,omitempty"`
	Group       string `yaml:"group,omitempty" json:"group,omitempty"`
	Object      string `yaml:"object,omitempty" json:"object,omitempty"`
	// Type is create, update, delete or search.
	Type string `yaml:"type,omitempty" json:"type,omitempty"`
	// Field and Value match requests with a record that has that text in that field
	// (or id), or that JSON where it is no text; and searches for it.
	Field string `yaml:"field,omitempty" json:"field,omitempty"`
	Value string `yaml:"value,omitempty" json:"value,omitempty"`
	// Every takes the n-th of the requests that match, Chance a part of them.
	Every  int     `yaml:"every,omitempty" json:"every,omitempty"`
	Chance float64 `yaml:"chance,omitempty" json:"chance,omitempty"`
	// From and Until bound the time since the faults were set; Count the times that it happens.
	From  time.Duration `yaml:"from,omitempty" json:"from,omitempty"`
	Until time.Duration `yaml:"until,omitempty" json:"until,omitempty"`
	Count int           `yaml:"count,omitempty" json:"count,omitempty"`

	Do     Do  `yaml:"do" json:"do"`
	Status int `yaml:"status,omitempty" json:"status,omitempty"`
	// Body is problem (the default), text, html, json or empty. Message is what the
	// first, the second and the fourth of them say.
	Body    string `yaml:"body,omitempty" json:"body,omitempty"`
	Message string `yaml:"message,omitempty" json:"message,omitempty"`
	// Retryable is what the problem says; nil: true for 429 and from 500 on.
	Retryable *bool `yaml:"retryable,omitempty" json:"retryable,omitempty"`
	// RetryAfter is told in seconds, as a date, in the problem (retryAfter) or by
	// the provider (X-Amp-Retry-After), as RetryAfterForm says: seconds, date, problem, provider.
	RetryAfter     time.Duration `yaml:"retry_after,omitempty" json:"retry_after,omitempty"`
	RetryAfterForm string        `yaml:"retry_after_form,omitempty" json:"retry_after_form,omitempty"`
	// Apply says whether the writes are applied although the client is not told: no, yes, or
	// late (Delay after the request ended; with reset and hang).
	Apply string        `yaml:"apply,omitempty" json:"apply,omitempty"`
	Delay time.Duration `yaml:"delay,omitempty" json:"delay,omitempty"`
}

// LoadFaults reads faults as YAML (or JSON, which is YAML): a list of Fault.
func LoadFaults(data []byte) (Faults, error) {
	var f Faults
	if err := yaml.Load(data, &f, yaml.WithKnownFields()); err != nil {
		return nil, fmt.Errorf("faults: %w", err)
	}
	return f, f.check()
}

func (fs Faults) check() error {
	for i := range fs {
		if err := fs[i].check(); err != nil {
			return fmt.Errorf("faults[%d]%w", i, err)
		}
	}
	return nil
}

// check returns an error that begins with the key at fault, or with a space.
func (f *Fault) check() error {
	for _, word := range []struct {
		key, value string
		words      []string
	}{
		{"type", f.Type, []string{"", "create", "update", "delete", searchType}},
		{"body", f.Body, []string{"", "problem", "text", "html", "json", "empty"}},
		{"retry_after_form", f.RetryAfterForm, []string{"", "seconds", "date", "problem", "provider"}},
		{"apply", f.Apply, []string{"", "no", "yes", "late"}},
	} {
		if !slices.Contains(word.words, word.value) {
			return fmt.Errorf(".%s is %q, want one of %s", word.key, word.value, strings.Join(word.words[1:], ", "))
		}
	}
	switch {
	case !slices.Contains(allDo, f.Do):
		return fmt.Errorf(".do is %q, want one of %v", f.Do, allDo)
	case f.Chance < 0 || f.Chance > 1:
		return fmt.Errorf(".chance is %v, want 0 to 1", f.Chance)
	case f.Every < 0 || f.Count < 0 || f.From < 0 || f.Until < 0 || f.Delay < 0 || f.RetryAfter < 0:
		return errors.New(" has a number that is negative")
	case f.Until > 0 && f.Until <= f.From:
		return fmt.Errorf(".until is %s, which is not after from, %s", f.Until, f.From)
	case (f.Field == "") != (f.Value == ""):
		return errors.New(" needs field and value together")
	}
	return f.checkDo()
}

// checkDo refuses what has no effect together, since it would not be noticed.
func (f *Fault) checkDo() error {
	status, applies := f.Do == DoStatus, f.Apply == "yes" || f.Apply == "late"
	switch {
	case status && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf(".status is %d, want an HTTP status from 200 to 599", f.Status)
	case !status && (f.Status != 0 || f.Body != "" || f.Message != "" || f.Retryable != nil || f.RetryAfter != 0):
		return errors.New(" has status, body, message, retryable or retry_after, which go with do: status")
	case f.RetryAfterForm != "" && f.RetryAfter == 0:
		return errors.New(".retry_after_form needs retry_after")
	case f.Apply != "" && !status && f.Do != DoReset && f.Do != DoHang:
		return errors.New(".apply goes with do: status, reset and hang")
	case f.Apply == "late" && status:
		return errors.New(".apply: late goes with do: reset and hang")
	case applies && status && saysNotApplied(f.Status):
		return fmt.Errorf(".apply is %s, but %d says that nothing was applied", f.Apply, f.Status)
	case f.Delay != 0 && f.Apply != "late" && !status && f.Do != DoLatency:
		return errors.New(".delay goes with do: latency, do: status and apply: late")
	case f.Do == DoLatency && f.Delay == 0:
		return errors.New(".delay is missing")
	}
	return f.checkType()
}

// checkType refuses what cannot happen to the requests that it is for.
func (f *Fault) checkType() error {
	switch {
	case f.Type == "":
		return nil
	case !f.Do.goesWith(f.Type):
		return fmt.Errorf(".do is %s, which cannot happen to a %s", f.Do, f.Type)
	case f.Type == searchType && (f.Apply == "yes" || f.Apply == "late"):
		return fmt.Errorf(".apply is %s, but a search applies nothing", f.Apply)
	}
	return nil
}

// MarshalJSON writes durations as LoadFaults reads them.
func (f Fault) MarshalJSON() ([]byte, error) {
	type plain Fault
	text := func(d time.Duration) string {
		if d == 0 {
			return ""
		}
		return d.String()
	}
	return json.Marshal(struct {
		plain
		From       string `json:"from,omitempty"`
		Until      string `json:"until,omitempty"`
		RetryAfter string `json:"retry_after,omitempty"`
		Delay      string `json:"delay,omitempty"`
	}{plain(f), text(f.From), text(f.Until), text(f.RetryAfter), text(f.Delay)})
}

// rule is a fault with its counts.
type rule struct {
	Fault
	set   time.Time
	seen  int
	times int
}

// SetFaults replaces the faults. Their times count from now.
func (s *Server) SetFaults(f Faults) error {
	if err := f.check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set = slices.Clone(f)
	if len(f) > 0 || len(s.faults) > 0 {
		s.o.Log.Info().Int("faults", len(f)).Msg("faults are set")
	}
	s.faults = nil
	now := time.Now()
	for _, one := range f {
		if one.Name == "" {
			one.Name = string(one.Do)
			if one.Do == DoStatus {
				one.Name = fmt.Sprint(one.Status)
			}
		}
		s.faults = append(s.faults, &rule{Fault: one, set: now})
	}
	return nil
}

// draw returns the fault that happens to a request, or nil. The lock is held.
func (s *Server) draw(k storeKey, typ string, items []item, fields []field, now time.Time) *Fault {
	for _, r := range s.faults {
		if !r.Do.goesWith(typ) || !r.matches(s.o.CRM, k, typ, items, fields) {
			continue
		}
		r.seen++
		age := now.Sub(r.set)
		switch {
		case r.Count > 0 && r.times >= r.Count, age < r.From, r.Until > 0 && age >= r.Until,
			r.Every > 1 && r.seen%r.Every != 0, r.Chance > 0 && s.o.Rand.Float64() >= r.Chance:
			continue
		}
		r.times++
		s.stats.Faults[r.Name]++
		return &r.Fault
	}
	return nil
}

func (r *rule) matches(crm CRM, k storeKey, typ string, items []item, fields []field) bool {
	match := func(want, have string) bool { return want == "" || strings.EqualFold(want, have) }
	if !match(r.Integration, k.integration) || !match(r.Group, k.group) || !match(r.Object, k.object) || !match(r.Type, typ) {
		return false
	}
	if r.Field == "" {
		return true
	}
	for i := range items {
		if r.Field == "id" && string(items[i].id) == r.Value {
			return true
		}
	}
	for _, f := range fields {
		if value, _ := text(f.value); sameField(crm, string(f.name), r.Field) && value == r.Value {
			return true
		}
	}
	return false
}
