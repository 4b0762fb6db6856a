package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// searchType is what a search is called where writes have their type.
const searchType = "search"

// query is a decoded search. Its filters alias the body.
type query struct {
	group   string
	object  string
	filters []field
}

// search is the endpoint of the search API.
func (s *Server) search(w http.ResponseWriter, r *http.Request) {
	k := storeKey{integration: r.PathValue("integration")}
	if status, why := s.admit(r); status != 0 {
		s.turnAway(w, r, Request{Integration: k.integration, Type: searchType}, status, why)
		return
	}
	sc := s.pool.Get().(*scratch)
	defer s.pool.Put(sc)
	if err := sc.read(r, s.o.MaxBody); err != nil {
		if errors.Is(err, errTooLarge) {
			s.turnAway(w, r, Request{Integration: k.integration, Type: searchType}, http.StatusRequestEntityTooLarge, tooLarge(s.o.MaxBody))
			return
		}
		panic(http.ErrAbortHandler) // the client went away in the middle of its body
	}
	s.deliver(w, r, s.look(r, k, sc))
}

// look answers a search, and writes it down.
func (s *Server) look(r *http.Request, k storeKey, sc *scratch) plan {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.number++
	s.stats.Searches++
	q, err := sc.decoder.query(sc.body, r.URL.RawQuery)
	if typ := r.Header.Get("Content-Type"); !isJSON(typ) {
		err = fmt.Errorf("the Content-Type is %q, want application/json", typ)
	}
	k.group, k.object = q.group, q.object
	line := Request{
		Number: s.number, At: time.Now(), Client: client(r),
		Integration: k.integration, Group: k.group, Object: k.object, Type: searchType,
	}
	if s.o.KeepBodies {
		line.Body = json.RawMessage(bytes.Clone(sc.body))
	}
	var p plan
	if err != nil {
		s.violate(s.number, r.URL.Path, err.Error(), sc.body)
		p = s.badSearch(err.Error(), nil)
	} else {
		p = s.searched(k, q.filters, &line)
		p.wait += s.o.Latency
	}
	if p.do == "" {
		line.Status = p.status
	}
	s.remember(line)
	return p
}

// searched plans the answer to a search that keeps the contract.
func (s *Server) searched(k storeKey, filters []field, line *Request) plan {
	f := s.draw(k, searchType, nil, filters, line.At)
	if f == nil {
		return s.matches(k, filters, line)
	}
	line.Fault = f.Name
	switch f.Do {
	case DoStatus:
		return s.failed(f)
	case DoReset, DoHang:
		return plan{do: f.Do}
	}
	p := s.matches(k, filters, line)
	if f.Do == DoLatency {
		p.wait = f.Delay
	}
	if p.status != http.StatusOK {
		return p
	}
	switch f.Do {
	case DoCut:
		p.do = DoCut
	case DoShape:
		p.body = encode(map[string]any{"ok": "maybe"})
	case DoAbsent:
		p.body = []byte(`{}`)
	case DoResult:
		p.body = append([]byte(`{"result"`), bytes.TrimPrefix(p.body, []byte(`{"results"`))...)
	}
	return p
}

// matches is the answer without a fault.
func (s *Server) matches(k storeKey, filters []field, line *Request) plan {
	if why := s.place(k.integration, k.object); why != "" {
		return s.problemPlan(http.StatusNotFound, "application/problem+json", why, nil)
	}
	if slices.ContainsFunc(s.o.Unsearchable, func(o string) bool { return strings.EqualFold(o, k.object) }) {
		return s.badSearch("object "+k.object+" is not readable in integration "+k.integration+", so it cannot be searched", nil)
	}
	st := s.store(k)
	for _, f := range filters {
		if st.rules == nil || st.rules.rule(s.o.CRM, f.name) != nil {
			continue
		}
		if r := s.unknownField(st.rules, string(f.name)); r != nil {
			return s.badSearch("the search was refused by the provider", r)
		}
	}
	found := st.indexed().find(filters, line.At)
	found = found[:min(len(found), s.o.SearchPage)]
	line.Found = len(found)
	results := make([]any, len(found))
	for i, r := range found {
		results[i] = s.match(r)
	}
	return plan{status: http.StatusOK, header: contentType("application/json"), body: encode(map[string]any{"results": results})}
}

// badSearch is the contract's answer to a search that cannot be made: a problem, which
// for searches is called plain JSON. cause is what the CRM said, if it was the CRM.
func (s *Server) badSearch(detail string, cause *refusal) plan {
	return s.problemPlan(http.StatusBadRequest, "application/json", detail, cause)
}

func (s *Server) problemPlan(status int, media, detail string, cause *refusal) plan {
	body := problemBody(s.ids.uuid(), status, detail, false)
	if cause != nil {
		body["causes"] = []string{cause.line()}
	}
	return plan{status: status, header: contentType(media), body: encode(body)}
}

// match is what an answer says of a record: its fields under lower-case names, and the
// record as the CRM itself writes it. Nobody has mapped fields here.
func (s *Server) match(r *Record) map[string]any {
	fields := map[string]any{"id": r.ID}
	for name, value := range r.Fields {
		fields[strings.ToLower(name)] = value
	}
	return map[string]any{"id": r.ID, "fields": fields, "mappedFields": map[string]any{}, "raw": s.raw(r)}
}

func (s *Server) raw(r *Record) map[string]any {
	if s.o.CRM == HubSpot {
		return map[string]any{
			"id": r.ID, "properties": r.Fields, "archived": false,
			"createdAt": r.Created.UTC().Format(time.RFC3339Nano), "updatedAt": r.Updated.UTC().Format(time.RFC3339Nano),
		}
	}
	raw := map[string]any{
		"attributes": map[string]any{"type": r.Object, "url": "/services/data/v60.0/sobjects/" + r.Object + "/" + r.ID},
	}
	for name, value := range r.Fields {
		raw[name] = value
	}
	raw["Id"] = r.ID
	return raw
}

// query reads a search: its body, and the group, which is in the address.
func (d *decoder) query(body []byte, address string) (query, error) {
	var q query
	err := d.whole(body, func(name string) (err error) {
		switch name {
		case "objectName":
			return d.text(name, 0, &q.object)
		case "fieldFilters":
			q.filters, err = d.filters()
			return err
		}
		return fmt.Errorf("unknown member %q", name)
	})
	switch {
	case err != nil:
	case q.object == "":
		err = errors.New("objectName is missing")
	case len(q.filters) == 0:
		err = errors.New("fieldFilters is missing or empty: that would find every record")
	default:
		q.group, err = groupOf(address)
	}
	return q, err
}

// groupOf reads groupRef out of the address; there is nothing else in it.
func groupOf(address string) (string, error) {
	values, err := url.ParseQuery(address)
	if err != nil {
		return "", fmt.Errorf("the query of the address cannot be read: %w", err)
	}
	groups := values["groupRef"]
	switch {
	case len(groups) != 1 || groups[0] == "":
		return "", errors.New("groupRef is missing in the address, or is there twice")
	case len(values) > 1:
		return "", errors.New("the address has something beside groupRef")
	}
	return groups[0], nil
}

func (d *decoder) filters() ([]field, error) {
	var filters []field
	err := d.array("fieldFilters", func(i int) error {
		f, err := d.filter()
		if err != nil {
			return fmt.Errorf("fieldFilters[%d]: %w", i, err)
		}
		filters = append(filters, f)
		return nil
	})
	return filters, err
}

func (d *decoder) filter() (field, error) {
	var name, operator string
	var value []byte
	err := d.object("a filter", func(member string) (err error) {
		switch member {
		case "fieldName":
			return d.text(member, 0, &name)
		case "operator":
			return d.text(member, 0, &operator)
		case "value":
			value, err = d.value()
			return err
		}
		return fmt.Errorf("%s is unknown", member)
	})
	switch {
	case err != nil:
	case name == "":
		err = errors.New("fieldName is missing")
	case operator != "eq":
		err = fmt.Errorf("operator is %q, want eq", operator)
	case value == nil:
		err = errors.New("value is missing")
	case !strings.ContainsRune(`"0tf`, rune(jsontext.Value(value).Kind())):
		err = fmt.Errorf("value must be a string, a number or a boolean, not %s", kindName(jsontext.Value(value).Kind()))
	}
	return field{name: []byte(name), value: value}, err
}
