package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
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

func TestTheConfigurationOfTheIdentityPageRuns(t *testing.T) {
	t.Parallel()
	blocks := yamlBlocks(document(t, "docs/identity.md"))
	if len(blocks) != 1 {
		t.Fatalf("the page shows %d configurations", len(blocks))
	}
	if _, err := Parse("docs/identity.md", []byte(blocks[0]), exampleEnv, noFiles); err != nil {
		t.Error(err)
	}
}

// A promise whose test was renamed or removed is none.
func TestEveryTestThatThePagesNameIsThere(t *testing.T) {
	t.Parallel()
	there := make(map[string]bool)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, found := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`).FindAllSubmatch(text, -1) {
			there[string(found[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z]\w+`).FindAllString(document(t, "docs/guarantees.md"), -1) {
		if !there[name] {
			t.Errorf("docs/guarantees.md names %s, and there is no such test", name)
		}
	}
}

func TestConfigurationsInTheRepositoryRun(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"deploy/ampersink.yaml", "deploy/kubernetes/config.yaml"} {
		deployed(t, file)
	}
}

// deployed returns a configuration of the repository, or fails the test.
func deployed(t *testing.T, file string) *Config {
	t.Helper()
	c, err := Parse(file, []byte(document(t, file)), exampleEnv, exampleReadFile)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Whoever ends the program gives it the time that it takes to drain, and to say good-bye
// after that: else it is killed in the middle of what it promised to finish.
func TestWhoeverStopsItWaitsForItsDrain(t *testing.T) {
	t.Parallel()
	const goodbye = 10 * time.Second
	var compose struct {
		Services map[string]struct {
			Grace string `yaml:"stop_grace_period"`
		}
	}
	parse(t, document(t, "docker-compose.yml"), &compose)
	grace, err := time.ParseDuration(compose.Services["ampersink"].Grace)
	if least := deployed(t, "deploy/ampersink.yaml").ShutdownTimeout + goodbye; err != nil || grace < least {
		t.Errorf("docker-compose.yml waits %v (%v), want at least %v", grace, err, least)
	}
	var pod struct {
		Spec struct {
			Template struct {
				Spec struct {
					Grace int `yaml:"terminationGracePeriodSeconds"`
				}
			}
		}
	}
	parse(t, statefulSet(t), &pod)
	grace = time.Duration(pod.Spec.Template.Spec.Grace) * time.Second
	if least := deployed(t, "deploy/kubernetes/config.yaml").ShutdownTimeout + goodbye; grace < least {
		t.Errorf("Kubernetes waits %v, want at least %v", grace, least)
	}
}

func statefulSet(t *testing.T) string {
	t.Helper()
	const file = "deploy/kubernetes/ampersink.yaml"
	for part := range strings.SplitSeq(document(t, file), "\n---\n") {
		if strings.Contains(part, "\nkind: StatefulSet\n") {
			return part
		}
	}
	t.Fatalf("%s has no StatefulSet", file)
	return ""
}

func parse(t *testing.T, text string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}
