package mapping

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The page of the inputs names the test that proves each row.
func TestEveryTestThatTheInputsPageNamesIsThere(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/inputs.md")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	for _, dir := range []string{".", "../sink", "../sink/ampersand", "../internal/config", "../internal/sim"} {
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", dir, len(files), err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(text)
		}
	}
	names := regexp.MustCompile(`\b(Test|Fuzz)[A-Z]\w+`).FindAllString(string(page), -1)
	if len(names) < 60 {
		t.Fatalf("only %d names were found", len(names))
	}
	for _, name := range names {
		if !strings.Contains(tests.String(), "func "+name+"(") {
			t.Errorf("docs/inputs.md names %s, which is no test", name)
		}
	}
	for envelope := range dialects() {
		if !strings.Contains(string(page), "| `"+string(envelope)+"` |") {
			t.Errorf("docs/inputs.md has no row for envelope %s", envelope)
		}
	}
}
