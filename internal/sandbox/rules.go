package sandbox

import (
	"maps"
	"slices"
	"strings"
)

// ObjectRules is what a CRM demands of the records of an object. Field names are
// the CRM's; Salesforce does not tell upper from lower case in them.
type ObjectRules struct {
	Required []string // must be there and not empty
	AnyOf    []string // one of them must be there in a create
	Email    []string // must look like an address when not empty
	Unique   []string // no two records may share a value
	// MaxLength is the longest text of a field, in characters.
	MaxLength map[string]int
	// Allowed are the values of a field that takes no others.
	Allowed map[string][]string
	// Declared are the fields that the object has besides those named above;
	// empty: every field.
	Declared []string
	// Parent is the field with the id of the record above it (Salesforce). Two
	// requests that write children of one parent at the same time collide: the
	// later one's records are refused with UNABLE_TO_LOCK_ROW.
	Parent string
}

// defaultRules are the rules of the objects that most people begin with: what a
// new account of the CRM demands, of which every object name has its singular
// and its plural form in HubSpot. Objects without rules take everything.
func defaultRules(crm CRM) map[string]ObjectRules {
	if crm == Salesforce {
		return salesforceRules()
	}
	contact := ObjectRules{
		AnyOf: []string{"email", "firstname", "lastname"}, Email: []string{"email"}, Unique: []string{"email"},
		Allowed: map[string][]string{"lifecyclestage": {
			"subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead",
			"opportunity", "customer", "evangelist", "other",
		}},
	}
	company := ObjectRules{AnyOf: []string{"name", "domain"}}
	deal := ObjectRules{Required: []string{"dealname", "dealstage"}}
	ticket := ObjectRules{Required: []string{"subject", "hs_pipeline_stage"}}
	lead := ObjectRules{Required: []string{"hs_lead_name"}}
	return map[string]ObjectRules{
		"contact": contact, "contacts": contact, "company": company, "companies": company,
		"deal": deal, "deals": deal, "ticket": ticket, "tickets": ticket, "lead": lead, "leads": lead,
	}
}

func salesforceRules() map[string]ObjectRules {
	const name, person, email, phone = 255, 80, 80, 40
	return map[string]ObjectRules{
		"account": {
			Required: []string{"Name"}, Unique: []string{"External_Id__c"},
			MaxLength: map[string]int{"Name": name, "Phone": phone, "Website": name},
		},
		"contact": {
			Required: []string{"LastName"}, Email: []string{"Email"}, Unique: []string{"External_Id__c"}, Parent: "AccountId",
			MaxLength: map[string]int{"LastName": person, "FirstName": 40, "Email": email, "Phone": phone},
		},
		"lead": {
			Required: []string{"LastName", "Company"}, Email: []string{"Email"}, Unique: []string{"External_Id__c"},
			MaxLength: map[string]int{"LastName": person, "FirstName": 40, "Company": name, "Email": email, "Phone": phone},
			Allowed:   map[string][]string{"Status": {"Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted"}},
		},
		"opportunity": {
			Required: []string{"Name", "StageName", "CloseDate"}, Unique: []string{"External_Id__c"}, Parent: "AccountId",
			MaxLength: map[string]int{"Name": 120},
		},
	}
}

// ruleSet is the rules of one object, made for being asked per field.
type ruleSet struct {
	fields   map[string]*fieldRule // by folded name
	required []string
	anyOf    []string
	parent   string
	closed   bool // fields that are not in fields do not exist
}

type fieldRule struct {
	name      string
	required  bool
	email     bool
	unique    bool
	maxLength int // 0: any
	allowed   []string
}

func newRuleSet(crm CRM, r ObjectRules) *ruleSet {
	set := &ruleSet{
		fields: make(map[string]*fieldRule), required: r.Required, anyOf: r.AnyOf,
		parent: r.Parent, closed: len(r.Declared) > 0,
	}
	rule := func(name string) *fieldRule {
		folded := name
		if crm == Salesforce {
			folded = strings.ToLower(name)
		}
		if set.fields[folded] == nil {
			set.fields[folded] = &fieldRule{name: name}
		}
		return set.fields[folded]
	}
	for _, name := range slices.Concat(r.Declared, r.AnyOf) {
		rule(name)
	}
	for _, name := range r.Required {
		rule(name).required = true
	}
	for _, name := range r.Email {
		rule(name).email = true
	}
	for _, name := range r.Unique {
		rule(name).unique = true
	}
	for name, n := range r.MaxLength {
		rule(name).maxLength = n
	}
	for name, values := range r.Allowed {
		rule(name).allowed = values
	}
	if r.Parent != "" {
		rule(r.Parent)
	}
	return set
}

// rulesFor returns the rules of an object, or nil when it takes everything.
func rulesFor(o *Options, object string) *ruleSet {
	all := defaultRules(o.CRM)
	maps.Copy(all, foldNames(o.Objects))
	object = strings.ToLower(object)
	r, ok := all[object]
	if unique, set := foldNames(o.Unique)[object]; set {
		r.Unique, ok = unique, ok || len(unique) > 0
	}
	if !ok {
		return nil
	}
	return newRuleSet(o.CRM, r)
}

func foldNames[V any](m map[string]V) map[string]V {
	folded := make(map[string]V, len(m))
	for name, v := range m {
		folded[strings.ToLower(name)] = v
	}
	return folded
}

// rule returns the rule of a field, or nil.
func (s *ruleSet) rule(crm CRM, name []byte) *fieldRule {
	if crm == HubSpot {
		return s.fields[string(name)]
	}
	var folded [64]byte // longer than a Salesforce field name may be
	if len(name) > len(folded) {
		return nil
	}
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		folded[i] = c
	}
	return s.fields[string(folded[:len(name)])]
}

// sameField reports whether two names are one field.
func sameField(crm CRM, a, b string) bool {
	return a == b || crm == Salesforce && strings.EqualFold(a, b)
}
