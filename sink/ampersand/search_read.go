package ampersand

import (
	"cmp"
	"slices"
	"strconv"
	"unicode/utf8"
)

// found is what an answer to a search lists.
type found struct {
	listed bool // there is a list, if only an empty one
	ids    []string
	more   bool
	astray string // the field in which a match has another value than was searched for
}

// searchMember reads one member of the answer to a search. The published schema calls
// the list result, the service's examples results; where both come, both count.
func (p *parser) searchMember(name string) error {
	switch name {
	case "result", "results":
		return p.matches()
	}
	return p.problemMember(name)
}

// matches reads a list of matches. Null is an empty one: a service in Go writes it so.
func (p *parser) matches() error {
	p.reply.found.listed = true
	if p.null() {
		return p.dec.SkipValue()
	}
	return p.array(p.match)
}

// match reads one match. Its id stands beside its fields; the published schema has it
// only in raw, which is the record in the CRM's own words.
func (p *parser) match() error {
	var id, raw string
	err := p.object(func(name string) error {
		switch {
		case name == "id":
			return p.matchID(&id)
		case name == "raw" && p.dec.PeekKind() == '{':
			return p.rawID(&raw)
		case name == "fields", name == "mappedFields":
			return p.shown()
		}
		return p.dec.SkipValue()
	})
	if err != nil {
		return err
	}
	if id = cmp.Or(id, raw); id == "" {
		return errShape
	}
	p.reply.found.add(id)
	return nil
}

// rawID looks for the id in a record as HubSpot or Salesforce writes it.
func (p *parser) rawID(to *string) error {
	return p.object(func(name string) error {
		switch name {
		case "id", "Id":
			return p.matchID(to)
		case "properties": // HubSpot's
			return p.shown()
		}
		return p.shownMember(name)
	})
}

// matchID reads an id, a string or an integer. One that comes twice and differs, or is
// nothing to put into a request, is errShape: an update would go to whatever it names.
func (p *parser) matchID(to *string) error {
	if p.null() {
		return p.dec.SkipValue()
	}
	raw, err := p.dec.ReadValue()
	if err != nil {
		return err
	}
	var id string
	switch raw.Kind() {
	case '"':
		id = unquote(raw)
	case '0':
		id = string(raw)
	}
	if !p.usable(id, raw.Kind() == '0') || *to != "" && *to != id {
		return errShape
	}
	*to = id
	return nil
}

func (p *parser) usable(id string, number bool) bool {
	if id == "" || len(id) > maxID || !utf8.ValidString(id) || p.tidy.redact(id) != id {
		return false
	}
	for _, r := range id {
		if !strconv.IsPrint(r) || number && (r < '0' || r > '9') {
			return false
		}
	}
	return true
}

// add keeps an id that is not there yet.
func (f *found) add(id string) {
	switch {
	case slices.ContainsFunc(f.ids, func(other string) bool { return sameID(id, other) }):
	case len(f.ids) == MaxMatches:
		f.more = true
	default:
		f.ids = append(f.ids, id)
	}
}
