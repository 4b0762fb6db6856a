//go:build synctests

package sim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/ampersink/ampersink/internal/audit"
)

// crm is the records behind the API, and the index that they are searched by, which lags.
type crm struct {
	stream  *audit.Stream
	lag     time.Duration
	ids     int
	records map[string]*crmRecord // by id, the deleted ones too
}

type crmRecord struct {
	id, name, group  string
	by               string // whose create made it
	version          int64
	created, deleted time.Time
}

// nothing is the number of a write that changes nothing.
const nothing = -1

// take applies what is to be applied of a request. Of what is not there nothing can be
// changed: the CRM says so.
func (c *crm) take(process, typ, group string, rows []row, verdicts []verdict) {
	for i := range rows {
		r, v := &rows[i], &verdicts[i]
		old := c.records[r.id]
		if old != nil && old.group != group {
			old = nil // each group has a CRM of its own
		}
		switch {
		case typ == "create" && v.applied:
			c.create(process, group, r)
		case typ == "create":
		case old == nil:
			*v = verdict{answer: v.answer, code: "NOT_FOUND"}
		case typ == "delete":
			c.delete(r, *v, old)
		case !old.deleted.IsZero() && v.applied:
			v.applied, v.code = false, "NOT_FOUND"
			if v.answer == audit.Accepted {
				v.answer = audit.Denied
			}
		case v.applied:
			old.version = r.number
		}
	}
}

func (c *crm) create(process, group string, r *row) {
	c.ids++
	r.id = fmt.Sprint("crm-", c.ids)
	name, _ := r.fields["external"].(string)
	c.records[r.id] = &crmRecord{id: r.id, name: name, group: group, by: process, version: r.number, created: time.Now()}
}

func (c *crm) delete(r *row, v verdict, old *crmRecord) {
	if !old.deleted.IsZero() {
		r.number = nothing // it changes nothing, whichever event it is of
		return
	}
	if r.number = c.stream.EndOf(old.name, old.group, old.version); r.number == 0 {
		r.number = nothing // it only leaves its group, which its create in the other one tells
	}
	if v.applied {
		old.deleted = time.Now()
	}
}

// search returns the records of a group that the index shows under a name.
func (c *crm) search(group, name string) (ids []string) {
	for n := 1; n <= c.ids; n++ {
		r := c.records[fmt.Sprint("crm-", n)]
		seen := time.Now().Add(-c.lag)
		if r.group == group && r.name == name && r.created.Before(seen) && (r.deleted.IsZero() || r.deleted.After(seen)) {
			ids = append(ids, r.id)
		}
	}
	return ids
}

// left is what the CRM holds.
func (c *crm) left() (left []audit.Record) {
	for _, r := range c.records {
		if r.deleted.IsZero() {
			left = append(left, audit.Record{ID: r.id, Key: r.name, Group: r.group, By: r.by, Version: r.version})
		}
	}
	return left
}

// searched answers a search. It fails as other requests do.
func (a *api) searched(r *http.Request, f fault, wait time.Duration, data []byte) (*http.Response, error) {
	var in struct {
		FieldFilters []struct{ FieldName, Operator, Value string }
	}
	if err := json.Unmarshal(data, &in); err != nil || len(in.FieldFilters) != 1 {
		return nil, fmt.Errorf("BUG: a search that nobody understands: %s", data)
	}
	if !pause(r, wait/2) {
		return nil, r.Context().Err()
	}
	out := answered{status: http.StatusOK, header: header("application/json")}
	switch f {
	case resetBefore, resetAfter:
		out.err = errReset
	case hang, hangApplied, hangLate:
		out.hang = true
	case gateway, server500, busy429, busy503, revoked, nonsense:
		out = a.answer("", f, request{typ: "search"})
	default:
		a.mu.Lock()
		group := r.URL.Query().Get("groupRef")
		ids := a.crm.search(group, in.FieldFilters[0].Value)
		a.trace.add("api: search in %s for %s finds %v", group, in.FieldFilters[0].Value, ids)
		a.mu.Unlock()
		matches := make([]map[string]any, 0, len(ids))
		for _, id := range ids {
			matches = append(matches, map[string]any{"id": id, "fields": map[string]any{}})
		}
		body, _ := json.Marshal(map[string]any{"results": matches})
		out.body = string(body)
	}
	return out.deliver(r, f, wait/2)
}
