package sandbox

import (
	"encoding/json"

	"github.com/ampersink/ampersink/internal/model"
)

// astray refuses an item that names a record which is not there: the parent of a
// Salesforce record, the target of a HubSpot association. It is looked at only with
// Options.References: the ids of a real CRM lead nowhere here.
func (s *Server) astray(st *store, k storeKey, q *request, it *item) *refusal {
	switch {
	case !s.o.References:
		return nil
	case s.o.CRM == Salesforce:
		return s.orphan(st, k, q, it)
	case q.typ != model.Create || it.associations == nil:
		return nil
	}
	var associations []struct {
		To struct {
			ID json.RawMessage `json:"id"`
		} `json:"to"`
	}
	if err := json.Unmarshal(it.associations, &associations); err != nil {
		return invalidAssociation("no association: " + err.Error())
	}
	for _, a := range associations {
		id, _ := text(a.To.ID)
		if _, there, _ := s.anyRecord(k, id); !there {
			return invalidAssociation("there is no record " + id + " to associate with")
		}
	}
	return nil
}

// invalidAssociation is in our words: HubSpot's are not published.
func invalidAssociation(message string) *refusal {
	return &refusal{code: "INVALID_ASSOCIATION", category: "VALIDATION_ERROR", field: "associations", message: message}
}

// orphan refuses an item whose parent is not there.
func (s *Server) orphan(st *store, k storeKey, q *request, it *item) *refusal {
	if st.rules == nil || st.rules.parent == "" {
		return nil
	}
	for _, f := range q.of(it) {
		id, ok := text(f.value)
		if !ok || id == "" || !sameField(s.o.CRM, string(f.name), st.rules.parent) {
			continue
		}
		if key, there, deleted := s.anyRecord(k, id); !there {
			return noRecord(key, deleted, id, st.rules.parent)
		}
	}
	return nil
}

// anyRecord looks for a record of any object in one customer's CRM. The key is empty for
// what is no id.
func (s *Server) anyRecord(k storeKey, id string) (key string, there, deleted bool) {
	short, _ := keyOf(s.o.CRM, []byte(id))
	key = string(short)
	for at, st := range s.stores {
		if at.integration == k.integration && at.group == k.group {
			there = there || st.records[key] != nil
			deleted = deleted || st.deleted[key]
		}
	}
	return key, there, deleted
}
