package sandbox_test

import (
	"os"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/sandbox"
)

// TestTheFaultsInTheDocumentationAreTaken as they stand there.
func TestTheFaultsInTheDocumentationAreTaken(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/sandbox.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "/sandbox/faults -d '\n")
	faults, _, ends := strings.Cut(after, "'\n```")
	if !found || !ends {
		t.Fatal("docs/sandbox.md has no faults to try")
	}
	if f, err := sandbox.LoadFaults([]byte(faults)); err != nil || len(f) != 4 {
		t.Errorf("%d faults, %v", len(f), err)
	}
}
