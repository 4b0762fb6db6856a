package preview

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

func TestWrappedTextFitsAndIsWhole(t *testing.T) {
	t.Parallel()
	word := rapid.OneOf(rapid.StringMatching(`[a-z]{1,12}`), rapid.StringMatching(`[a-zé日本語👍]{1,40}`))
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(word, 0, 30).Draw(t, "words"), rapid.SampledFrom([]string{" ", "  "}).Draw(t, "space"))
		first, rest := rapid.IntRange(2, 60).Draw(t, "first"), rapid.IntRange(2, 60).Draw(t, "rest")
		lines := wrap(text, first, rest)
		for i, line := range lines {
			room := rest
			if i == 0 {
				room = first
			}
			if columns(line) > room || line == "" && text != "" {
				t.Fatalf("line %d, %q, has %d columns of %d", i, line, columns(line), room)
			}
		}
		whole := func(s string) string { return strings.ReplaceAll(s, " ", "") }
		if got := whole(strings.Join(lines, "")); got != whole(text) {
			t.Fatalf("%q became %q", text, got)
		}
	})
}

// A table fits every terminal, loses nothing but the ends of long values, and says where
// it does.
func TestATableFitsItsTerminal(t *testing.T) {
	t.Parallel()
	doc := captured(t, "crm-pg-envelope", config.EnvelopeDebezium)
	whole := func(s string) map[string]bool {
		all := make(map[string]bool)
		for _, word := range []string{"9007199254740993", "c7@example.com", "acme-inc", "external_id", "customers.on_tombstone", "frist_name", "lead"} {
			all[word] = strings.Contains(strings.Join(strings.Fields(s), ""), word)
		}
		return all
	}
	for width := 40; width <= 240; width += 7 {
		got := table(t, doc, width)
		for line := range strings.Lines(got) {
			if n := columns(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("width %d: %d columns: %s", width, n, line)
			}
		}
		for word, there := range whole(got) {
			if !there {
				t.Errorf("width %d: %s is lost", width, word)
			}
		}
	}
}

func TestLongValuesAreCutOnATerminalAlone(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 1000)
	doc := previewed(t, configured(t, contacts), captureOf(t, row(0, `{"id":1}`, `{"email":"`+long+`"}`)))
	if got := table(t, doc, 120); strings.Contains(got, strings.Repeat("é", 200)) || !strings.Contains(strings.Join(strings.Fields(got), ""), "…(2002bytes)") {
		t.Error(got)
	}
	if got := table(t, doc, 0); !strings.Contains(got, long) {
		t.Error("it is cut in a pipe")
	}
	if got := jsonOf(t, doc); strings.Count(got, long) != 2 {
		t.Error("it is cut in JSON")
	}
}

// Whatever the bytes of a record are: no panic, JSON that can be read, and one place
// for the record.
func FuzzPreview(f *testing.F) {
	f.Add([]byte(`{"id":1}`), []byte(`{"email":"a@b.c","name":{"a":[1,null]}}`))
	f.Add([]byte(`{"schema":{},"payload":{"id":1}}`), []byte(`{"email":"","name":"`+"\u009b"+`"}`))
	f.Add([]byte("\xff\x00"), []byte(nil))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		r := row(0, "", "")
		r.Key, r.Value = key, value
		doc := previewed(t, configured(t, contacts), captureOf(t, r))
		if n := len(doc.NotSent) + len(doc.Requests); n != 1 {
			t.Errorf("the record is shown %d times", n)
		}
		for _, width := range []int{0, 60} {
			_ = table(t, doc, width)
		}
		if got := jsonOf(t, doc); !json.Valid([]byte(got)) || model.Harmless(strings.ReplaceAll(got, "\n", "")) != strings.ReplaceAll(got, "\n", "") {
			t.Errorf("%q", got)
		}
	})
}
