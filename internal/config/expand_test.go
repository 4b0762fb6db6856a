package config

import (
	"fmt"
	"testing"
)

func expanderOfTests() expander {
	return expander{
		env: func(name string) (string, bool) {
			v, ok := map[string]string{"A": "a", "REF": "${A}", "EMPTY": "", "BAD": "\xff", "_x1": "under"}[name]
			return v, ok
		},
		readFile: func(path string) ([]byte, error) {
			text, ok := map[string]string{"/s": "secret\n", "/crlf": "two\nlines\r\n\n", "/bad": "\xff"}[path]
			if !ok {
				return nil, fmt.Errorf("open %s: none", path)
			}
			return []byte(text), nil
		},
	}
}

func TestExpandReplacesReferencesOnce(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "plain": "plain", "$A": "$A", "$": "$", "${A}": "a", "x${A}y${A}": "xaya", "${_x1}": "under", "${EMPTY}": "",
		"${file:/s}": "secret", "${file:/crlf}": "two\nlines", "$${A}": "${A}", "$$${A}": "$${A}", "a$${": "a${",
		// What a reference stands for is not looked at again.
		"${REF}": "${A}",
	} {
		if got, err := expanderOfTests().expand(text); err != nil || got != want {
			t.Errorf("%q became %q, want %q (%v)", text, got, want, err)
		}
	}
}

func TestExpandRefusesWhatIsNoReference(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"${NONE}":       "the environment variable NONE is not set",
		"${BAD}":        "the environment variable BAD is not UTF-8",
		"${file:/none}": "the file cannot be read: open /none: none",
		"${file:/bad}":  "the file /bad is not UTF-8",
		"${":            errReference.Error(), "${A": errReference.Error(), "${}": errReference.Error(), "${A-x}": errReference.Error(),
		"${1A}": errReference.Error(), "${file:}": errReference.Error(), "${ A }": errReference.Error(),
	} {
		if got, err := expanderOfTests().expand(text); err == nil || err.Error() != want || got != "" {
			t.Errorf("%q: %q, %v; want %s", text, got, err, want)
		}
	}
}

func TestNearestKnowsSlipsAndNotOtherWords(t *testing.T) {
	t.Parallel()
	words := []string{"brokers", "group", "session_timeout", "on_create", "on_update", "id", "key"}
	for word, want := range map[string]string{
		"broker": "brokers", "gruop": "group", "GROUP": "group", "sessionTimeout": "session_timeout", "session-timeout": "session_timeout",
		"onCreate": "on_create", "on_crate": "on_create", "kye": "key", "whatever": "", "xy": "", "": "", "bootstrap": "",
	} {
		if got := Nearest(word, words); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}
