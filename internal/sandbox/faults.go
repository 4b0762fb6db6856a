package sandbox

import (
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
	DoReset      Do = "reset"       // ends the connection without an answer
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
)

var allDo = []Do{
	DoStatus, DoReset, DoHang, DoCut, DoShort, DoAbsent, DoReorder, DoMiscount, DoShape, DoLock, DoQuota, DoWholeBatch, DoLatency,
}

// Faults are looked at in order; the first one that matches a request happens to it.
type Faults []Fault

// Fault says which requests go wrong, and how. Empty members match everything.
type Fault struct {
	Name        string `yaml:"name" json:"name"` // as counted; empty: what it does
	Integration string `yaml:"integration,omitempty" json:"integration,omitempty"`
	Group       string `yaml:"group,omitempty" json:"group,omitempty"`
	Object      string `yaml:"object,omitempty" json:"object,omitempty"`
	Type        string `yaml:"type,omitempty" json:"type,omitempty"`
	// Field and Value match requests with a record that has that text in that field.
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
	// Body is problem (the default), text, html, json or empty.
	Body string `yaml:"body,omitempty" json:"body,omitempty"`
	// RetryAfter is told in seconds, as a date, in the problem (retryAfter) or by
	// the provider (X-Amp-Retry-After), as RetryAfterForm says: seconds, date, problem, provider.
	RetryAfter     time.Duration `yaml:"retry_after,omitempty" json:"retry_after,omitempty"`
	RetryAfterForm string        `yaml:"retry_after_form,omitempty" json:"retry_after_form,omitempty"`
	// Apply says whether the writes are applied although the client is not told: no, yes, or
	// late (Delay after the client gave up; with hang).
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
	oneOf := func(i int, key, value string, words ...string) error {
		if slices.Contains(words, value) {
			return nil
		}
		return fmt.Errorf("faults[%d].%s is %q, want one of %s", i, key, value, strings.Join(words, ", "))
	}
	for i, f := range fs {
		switch {
		case !slices.Contains(allDo, f.Do):
			return fmt.Errorf("faults[%d].do is %q, want one of %v", i, f.Do, allDo)
		case f.Do == DoStatus && (f.Status < 200 || f.Status > 599):
			return fmt.Errorf("faults[%d].status is %d, want an HTTP status", i, f.Status)
		case f.Chance < 0 || f.Chance > 1 || f.Every < 0 || f.Count < 0 || f.From < 0 || f.Until < 0 || f.Delay < 0 || f.RetryAfter < 0:
			return fmt.Errorf("faults[%d] has a number that is negative, or a chance above 1", i)
		case (f.Field == "") != (f.Value == ""):
			return fmt.Errorf("faults[%d] needs field and value together", i)
		}
		for _, err := range []error{
			oneOf(i, "type", f.Type, "", "create", "update", "delete"),
			oneOf(i, "body", f.Body, "", "problem", "text", "html", "json", "empty"),
			oneOf(i, "retry_after_form", f.RetryAfterForm, "", "seconds", "date", "problem", "provider"),
			oneOf(i, "apply", f.Apply, "", "no", "yes", "late"),
		} {
			if err != nil {
				return err
			}
		}
	}
	return nil
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
func (s *Server) draw(k storeKey, q *request, now time.Time) *Fault {
	for _, r := range s.faults {
		if !r.matches(s.o.CRM, k, q) {
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

func (r *rule) matches(crm CRM, k storeKey, q *request) bool {
	match := func(want, have string) bool { return want == "" || strings.EqualFold(want, have) }
	if !match(r.Integration, k.integration) || !match(r.Group, k.group) || !match(r.Object, k.object) || !match(r.Type, q.typ.String()) {
		return false
	}
	if r.Field == "" {
		return true
	}
	for _, f := range q.fields {
		if value, _ := text(f.value); sameField(crm, string(f.name), r.Field) && value == r.Value {
			return true
		}
	}
	return false
}
