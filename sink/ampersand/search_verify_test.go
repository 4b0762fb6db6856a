package ampersand

import (
	"strings"
	"testing"
)

// TestAMatchThatShowsAnotherValueIsNotBelieved: a quote can end the text of a query, and what
// comes behind it is then a query of the row's own.
func TestAMatchThatShowsAnotherValueIsNotBelieved(t *testing.T) {
	t.Parallel()
	const quote = `"x' OR Name != '"`
	for name, x := range map[string]struct {
		value, match string
		astray       bool
	}{
		"nothing is shown":               {quote, `{"id":"7"}`, false},
		"another field is shown":         {quote, `{"id":"7","fields":{"name":"Ann"},"raw":{"Name":"Ann"}}`, false},
		"the value is shown":             {`"O'Hara"`, `{"id":"7","fields":{"email":"O'Hara"},"raw":{"Email":"O'Hara","Id":"7"}}`, false},
		"in another case, with space":    {`"O'Hara"`, `{"id":"7","fields":{"email":" o'hara "}}`, false},
		"escaped":                        {`"O'Hara \"x\""`, `{"id":"7","fields":{"email":"O\u0027Hara \u0022x\u0022"}}`, false},
		"another value, in fields":       {quote, `{"id":"7","fields":{"email":"bob@example.com"}}`, true},
		"another value, mapped":          {quote, `{"id":"7","mappedFields":{"email":"bob@example.com"}}`, true},
		"another value, HubSpot":         {quote, `{"id":"7","raw":{"id":"7","properties":{"email":"bob@example.com"}}}`, true},
		"another value, Salesforce":      {quote, `{"raw":{"Id":"7","Email":"bob@example.com"}}`, true},
		"no value":                       {quote, `{"id":"7","fields":{"email":null}}`, true},
		"a backslash":                    {`"a\\b"`, `{"id":"7","fields":{"email":"ab"}}`, true},
		"a double quote":                 {`"a\"b"`, `{"id":"7","fields":{"email":"ab"}}`, true},
		"one of two":                     {`"O'Hara"`, `{"id":"7","fields":{"email":"O'Hara"}},{"id":"8","fields":{"email":"bob@example.com"}}`, true},
		"what the CRM takes for equal":   {`"+1 234"`, `{"id":"7","fields":{"email":"+1234"}}`, false},
		"a number that is shown as text": {`5`, `{"id":"7","fields":{"email":"6"}}`, false},
	} {
		m := searched(t, searchFor("email", x.value), said{status: 200, body: `{"results":[` + x.match + `]}`})
		if astray := m.Kind == SearchRefused && m.Code == CodeAstray && m.IDs == nil && strings.Contains(m.Message, "field email"); astray != x.astray || !astray && m.Kind != SearchDone {
			t.Errorf("%s: %+v", name, m)
		}
	}
}
