package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ampersink/ampersink/internal/model"
)

// refusal is why the CRM does not take a record, in its own words.
type refusal struct {
	code     string // Salesforce's status code; HubSpot's code within its category
	category string // HubSpot's
	message  string
	field    string
	existing string // the record that a create collides with
	// whole is the sentence when it fails a batch as a whole, where it says less than
	// message; else empty.
	whole string
}

// refusal returns why the CRM refuses an item, or nil.
func (s *Server) refusal(st *store, k storeKey, q *request, it *item) *refusal {
	if q.typ != model.Create {
		if r := s.gone(st, it); r != nil || q.typ == model.Delete {
			return r
		}
	}
	if st.rules != nil {
		for _, f := range q.of(it) {
			if r := s.refuseField(st, q, it, &f); r != nil {
				return r
			}
		}
		if q.typ == model.Create {
			if r := s.refuseMissing(st.rules, q, it); r != nil {
				return r
			}
		}
	}
	return s.astray(st, k, q, it)
}

// gone: an update or a delete of a record that is not there.
func (s *Server) gone(st *store, it *item) *refusal {
	key, err := st.find(it.id)
	switch {
	case err == nil:
		return nil
	case s.o.CRM == HubSpot:
		return &refusal{code: "OBJECT_NOT_FOUND", category: "OBJECT_NOT_FOUND", message: "Could not get some objects, they may be deleted or not exist. Check that ids are valid."}
	}
	return noRecord(key, st.deleted[key], string(it.id), "")
}

// noRecord is how Salesforce refuses an id that leads to no record: that of the record
// itself, or of one that a field of it names. The codes are the same for both.
func noRecord(key string, deleted bool, id, field string) *refusal {
	switch {
	case key == "":
		return &refusal{code: "MALFORMED_ID", field: field, message: "bad id " + id}
	case deleted:
		return &refusal{code: "ENTITY_IS_DELETED", field: field, message: "entity is deleted"}
	}
	return &refusal{code: "INVALID_CROSS_REFERENCE_KEY", field: field, message: "invalid cross reference id"}
}

func (s *Server) refuseField(st *store, q *request, it *item, f *field) *refusal {
	rule := st.rules.rule(s.o.CRM, f.name)
	if rule == nil {
		return s.unknownField(st.rules, string(f.name))
	}
	value, isText := text(f.value)
	empty := string(f.value) == "null" || isText && value == ""
	switch {
	case empty && rule.required:
		return s.missing(rule.name)
	case empty:
		return nil
	case rule.email && !looksLikeAddress(value):
		return s.invalid(rule.name, "INVALID_EMAIL", "INVALID_EMAIL_ADDRESS", fmt.Sprintf("Email address %s is invalid", value))
	case rule.maxLength > 0 && utf8.RuneCountInString(value) > rule.maxLength:
		return s.invalid(rule.name, "STRING_TOO_LONG", "STRING_TOO_LONG", fmt.Sprintf("%s: data value too large (max length=%d)", rule.name, rule.maxLength))
	case len(rule.allowed) > 0 && !slices.Contains(rule.allowed, value):
		return s.invalid(rule.name, "INVALID_OPTION", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", fmt.Sprintf("%s is not one of the allowed options", value))
	case rule.unique:
		return s.collision(st, q, it, rule, string(f.value))
	}
	return nil
}

// unknownField refuses a field that an object which declares its fields does not have.
func (s *Server) unknownField(rules *ruleSet, name string) *refusal {
	switch {
	case !rules.closed:
		return nil
	case s.o.CRM == HubSpot:
		return &refusal{code: "PROPERTY_DOESNT_EXIST", category: "VALIDATION_ERROR", field: name, message: fmt.Sprintf("Property %q does not exist", name)}
	}
	return &refusal{code: "INVALID_FIELD", field: name, message: fmt.Sprintf("No such column '%s' on the object", name)}
}

func (s *Server) invalid(field, hubspot, salesforce, message string) *refusal {
	if s.o.CRM == HubSpot {
		return &refusal{code: hubspot, category: "VALIDATION_ERROR", field: field, message: "Property values were not valid: " + message}
	}
	return &refusal{code: salesforce, field: field, message: message}
}

func (s *Server) missing(field string) *refusal {
	if s.o.CRM == HubSpot {
		return &refusal{code: "REQUIRED_FIELD", category: "VALIDATION_ERROR", field: field, message: "Property values were not valid: " + field + " is required"}
	}
	return &refusal{code: "REQUIRED_FIELD_MISSING", field: field, message: "Required fields are missing: [" + field + "]"}
}

func (s *Server) refuseMissing(rules *ruleSet, q *request, it *item) *refusal {
	has := func(name string) bool {
		for _, f := range q.of(it) {
			if sameField(s.o.CRM, string(f.name), name) && string(f.value) != "null" && string(f.value) != `""` {
				return true
			}
		}
		return false
	}
	for _, name := range rules.required {
		if !has(name) {
			return s.missing(name)
		}
	}
	if len(rules.anyOf) > 0 && !slices.ContainsFunc(rules.anyOf, has) {
		return s.missing(strings.Join(rules.anyOf, " or "))
	}
	return nil
}

// collision: another record has the value of a unique field.
func (s *Server) collision(st *store, q *request, it *item, rule *fieldRule, value string) *refusal {
	owner, taken := st.unique[rule.name][folded(value)]
	if !taken || st.records[owner] == nil {
		return nil
	}
	if q.typ == model.Update {
		if key, ok := keyOf(s.o.CRM, it.id); ok && string(key) == owner {
			return nil
		}
	}
	if s.o.CRM == HubSpot {
		id := st.records[owner].ID
		exists := existsText(st.records[owner].Object)
		return &refusal{code: "CONFLICT", category: "CONFLICT", message: exists + ". Existing ID: " + id, existing: id, whole: exists}
	}
	// Salesforce names the other record by its short id, which is its key.
	return &refusal{code: "DUPLICATE_VALUE", field: rule.name, existing: owner,
		message: fmt.Sprintf("duplicate value found: %s duplicates value on record with id: %s", rule.name, owner)}
}

// existsText is HubSpot's sentence for a record that exists.
func existsText(object string) string {
	switch strings.ToLower(object) {
	case "contact", "contacts":
		return "Contact already exists"
	}
	return "Object already exists"
}

// text returns a JSON string's text.
func text(value []byte) (string, bool) {
	var v string
	if len(value) == 0 || value[0] != '"' || json.Unmarshal(value, &v) != nil {
		return string(value), false
	}
	return v, true
}

func looksLikeAddress(s string) bool {
	at := strings.IndexByte(s, '@')
	return at > 0 && at == strings.LastIndexByte(s, '@') && strings.Contains(s[at:], ".") && !strings.ContainsAny(s, " \t<>()")
}
