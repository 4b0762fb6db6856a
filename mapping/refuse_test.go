package mapping

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/ampersink/ampersink/internal/model"
)

// checkReason checks what holds for every refusal: it can be counted, read, and
// put into a log or a header.
func checkReason(t testing.TB, r *model.Reason) {
	t.Helper()
	switch {
	case r.Code == "" || r.Stage != model.StageMapping:
		t.Errorf("reason without code or stage: %+v", r)
	case r.Found() == "" || r.Expected() == "":
		t.Errorf("a message that does not say what was found and what was expected: %q", r.Message)
	case len(r.Message) > 600:
		t.Errorf("a message of %d bytes", len(r.Message))
	case !utf8.ValidString(r.Message):
		t.Errorf("a message that is not UTF-8: %q", r.Message)
	case strings.ContainsFunc(r.Message, unicode.IsControl):
		t.Errorf("a message with control characters: %q", r.Message)
	}
}

func TestExcerptsAreBoundedAndHarmless(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 200)
	for _, c := range []struct {
		text string
		at   int
		want string
	}{
		{"", 0, ``},
		{`{"a":"\n"}`, 1, `{"a":"\n"}`},
		{"abc", 99, `abc`},
		{"a\x00\n\x1b[31m\xff", 0, `"a\x00\n\x1b[31m\xff"`},
		{strings.Repeat("x", 100), 50, `…` + strings.Repeat("x", 48) + `…`},
		{long, 3, strings.Repeat("é", 24) + `…`},
		{strings.Repeat("\x80", 100), 50, `…"` + strings.Repeat(`\x80`, 42) + `"…`},
	} {
		if got := excerpt([]byte(c.text), c.at); got != c.want {
			t.Errorf("excerpt(%q, %d) = %s, want %s", c.text, c.at, got, c.want)
		}
	}
}
