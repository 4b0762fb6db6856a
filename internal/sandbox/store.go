package sandbox

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

// storeKey names the records of one object in one customer's CRM.
type storeKey struct{ integration, group, object string }

// store is the records of an object.
type store struct {
	crm     CRM
	rules   *ruleSet
	records map[string]*Record
	deleted map[string]bool
	unique  map[string]map[string]string // field to value to key of the record
	index   *index                       // nil while searches would see the records as they are
}

// Record is a record of the CRM.
type Record struct {
	Integration string    `json:"integration"`
	Group       string    `json:"group"`
	Object      string    `json:"object"`
	ID          string    `json:"id"`
	Version     int       `json:"version"` // 1 when created; each update adds one
	Created     time.Time `json:"created"`
	Updated     time.Time `json:"updated"`
	// Indexed is the version that searches see; 0: none yet.
	Indexed int                        `json:"indexed"`
	Fields  map[string]json.RawMessage `json:"fields"`
	// Associations is a JSON array, as the create had it.
	Associations json.RawMessage `json:"associations,omitempty"`
}

func (s *Server) store(k storeKey) *store {
	k.object = strings.ToLower(k.object)
	st := s.stores[k]
	if st == nil {
		st = &store{
			crm: s.o.CRM, rules: rulesFor(&s.o, k.object), records: make(map[string]*Record),
			deleted: make(map[string]bool), unique: make(map[string]map[string]string),
		}
		if s.o.IndexLag > 0 {
			st.index = newIndex(s.o.CRM, s.o.IndexLag)
		}
		s.stores[k] = st
	}
	return st
}

// Seed puts records into the CRM and returns their ids. They were there before, so that
// searches see them at once. It refuses what the CRM would refuse.
func (s *Server) Seed(integration, group, object string, rows []map[string]any) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := storeKey{integration, group, object}
	st := s.store(k)
	var ids []string
	for i, row := range rows {
		q, err := seedRequest(row)
		if err != nil {
			return ids, fmt.Errorf("sandbox: record %d: %w", i, err)
		}
		it := &q.items[0]
		if refused := s.refusal(st, k, q, it); refused != nil {
			return ids, fmt.Errorf("sandbox: record %d: %s: %s", i, refused.code, refused.message)
		}
		key := s.create(st, k, q, it)
		ids = append(ids, st.records[key].ID)
		if st.index != nil {
			st.index.show(key, st.records[key].copy())
		}
	}
	return ids, nil
}

func seedRequest(row map[string]any) (*request, error) {
	q := &request{typ: model.Create, items: []item{{}}}
	for name, value := range row {
		if name == "id" {
			return nil, errors.New("id: the CRM gives ids itself")
		}
		data, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		q.fields = append(q.fields, field{name: []byte(name), value: data})
	}
	slices.SortFunc(q.fields, func(a, b field) int { return cmp.Compare(string(a.name), string(b.name)) })
	q.items[0].to = len(q.fields)
	return q, nil
}

// Records returns the records of an object, by id.
func (s *Server) Records(integration, group, object string) []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list(func(k storeKey) bool {
		return k == storeKey{integration, group, strings.ToLower(object)}
	})
}

// list returns copies of the records of the stores that match. The lock is held.
func (s *Server) list(match func(storeKey) bool) []Record {
	all, now := []Record{}, time.Now()
	for k, st := range s.stores {
		if !match(k) {
			continue
		}
		for key, r := range st.records {
			c := r.copy()
			c.Indexed = st.seen(key, now)
			all = append(all, *c)
		}
	}
	slices.SortFunc(all, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.Integration, b.Integration), cmp.Compare(a.Group, b.Group),
			cmp.Compare(a.Object, b.Object), cmp.Compare(len(a.ID), len(b.ID)), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// create makes a record and returns its key.
func (s *Server) create(st *store, k storeKey, q *request, it *item) string {
	id := s.ids.next(k.object)
	key, _ := keyOf(s.o.CRM, []byte(id))
	r := &Record{
		Integration: k.integration, Group: k.group, Object: k.object, ID: id, Created: time.Now(),
		Fields: make(map[string]json.RawMessage, it.to-it.from), Associations: bytes.Clone(it.associations),
	}
	st.records[string(key)] = r
	st.put(r, string(key), q, it)
	return string(key)
}

// put writes the fields of an item into a record.
func (st *store) put(r *Record, key string, q *request, it *item) {
	r.Version++
	r.Updated = time.Now()
	for _, f := range q.of(it) {
		name := string(f.name)
		if st.rules != nil {
			if rule := st.rules.rule(st.crm, f.name); rule != nil {
				name = rule.name
				if rule.unique {
					st.claim(name, string(r.Fields[name]), string(f.value), key)
				}
			}
		}
		r.Fields[name] = json.RawMessage(append([]byte(nil), f.value...))
	}
}

// claim moves a unique value to a record.
func (st *store) claim(field, before, value, key string) {
	values := st.unique[field]
	if values == nil {
		values = make(map[string]string)
		st.unique[field] = values
	}
	if values[folded(before)] == key {
		delete(values, folded(before))
	}
	if value != "null" && value != `""` {
		values[folded(value)] = key
	}
}

func folded(value string) string { return strings.ToLower(value) }

// remove deletes a record.
func (st *store) remove(key string) {
	if r := st.records[key]; r != nil {
		for field, values := range st.unique {
			if v := folded(string(r.Fields[field])); values[v] == key {
				delete(values, v)
			}
		}
	}
	delete(st.records, key)
	st.deleted[key] = true
}

var errNotFound = errors.New("not found")

// find returns the key of a record that is there.
func (st *store) find(id []byte) (string, error) {
	key, ok := keyOf(st.crm, id)
	if !ok || st.records[string(key)] == nil {
		return string(key), errNotFound
	}
	return string(key), nil
}
