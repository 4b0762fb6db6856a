package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// yamlBlocks returns the blocks of a page that are marked as YAML.
func yamlBlocks(page string) []string {
	var blocks []string
	for {
		_, after, ok := strings.Cut(page, "\n```yaml\n")
		if !ok {
			return blocks
		}
		block, rest, _ := strings.Cut(after, "\n```\n")
		blocks, page = append(blocks, block+"\n"), "\n"+rest
	}
}

func document(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestReadmesFirstConfigurationRunsAndHasTwentyLinesAtMost(t *testing.T) {
	t.Parallel()
	blocks := yamlBlocks(document(t, "README.md"))
	if len(blocks) == 0 || !strings.HasPrefix(blocks[0], "kafka:\n") {
		t.Fatalf("README.md does not show a configuration: %q", blocks)
	}
	if n := strings.Count(blocks[0], "\n"); n > 20 {
		t.Errorf("the first configuration has %d lines", n)
	}
	for _, block := range blocks {
		c, err := Parse("README.md", []byte(block), exampleEnv, noFiles)
		if err != nil {
			t.Errorf("%v\n%s", err, block)
			continue
		}
		if c.Ampersand.APIKey.Reveal() != "the-key" || len(c.Routes) == 0 {
			t.Errorf("%s\nhas key %q and %d routes", block, c.Ampersand.APIKey.Reveal(), len(c.Routes))
		}
	}
}

func TestConfigurationsInTheRepositoryRun(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(root, "deploy", "ampersink*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no configuration under deploy: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(file, text, exampleEnv, noFiles); err != nil {
			t.Error(err)
		}
	}
}
