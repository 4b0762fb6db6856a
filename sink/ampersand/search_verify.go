package ampersand

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// delicate returns the filters whose values can change the query that is made of them, their
// values as texts. The service hands them to the CRM in the CRM's query language, and not each
// of its connectors escapes them: such a search can find other records than those that have the
// value, and an update would go to one of them. What it finds is believed only as far as the
// answer does not show another value.
func delicate(filters []Filter) (some []Filter) {
	for _, f := range filters {
		v := jsontext.Value(f.Value)
		if v.Kind() != '"' {
			continue
		}
		if text := unquote(v); strings.ContainsAny(text, `'"\`) {
			some = append(some, Filter{f.Field, text})
		}
	}
	return some
}

// shown compares the members of a record that the answer shows with what was searched for.
func (p *parser) shown() error {
	if len(p.delicate) == 0 || p.dec.PeekKind() != '{' {
		return p.dec.SkipValue()
	}
	return p.object(p.shownMember)
}

func (p *parser) shownMember(name string) error {
	for _, f := range p.delicate {
		if !strings.EqualFold(f.Field, name) {
			continue
		}
		raw, err := p.dec.ReadValue()
		if err != nil {
			return err
		}
		text := string(raw)
		if raw.Kind() == '"' {
			text = unquote(raw)
		}
		// CRMs compare without regard to case and to space around a text.
		if !strings.EqualFold(strings.TrimSpace(text), strings.TrimSpace(f.Value)) {
			p.reply.found.astray = f.Field
		}
		return nil
	}
	return p.dec.SkipValue()
}
