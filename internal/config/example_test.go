package config

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// exampleEnv has the variables that the example names.
func exampleEnv(name string) (string, bool) {
	value, ok := map[string]string{"AMPERSAND_API_KEY": "the-key", "HOSTNAME": "pod-0", "POD_NAME": "pod-0"}[name]
	return value, ok
}

func exampleReadFile(string) ([]byte, error) { return []byte("content\n"), nil }

var (
	offLine = regexp.MustCompile(`^( *)#([^# ].*)$`)
	onLine  = regexp.MustCompile(`^( *)(?:- )?([a-z_]+):`)
)

// switched returns the example with its commented keys switched on, except the
// alternatives: keys that their section has already. Then come the variants in
// which one alternative replaces what stands above it.
func switched(example string) (all string, variants []string) {
	lines := strings.Split(strings.TrimRight(example, "\n"), "\n")
	var alternatives []int
	taken := make(map[string]int) // indent and key: line
	replaces := make(map[int]int)
	for i, line := range lines {
		off := offLine.FindStringSubmatch(line)
		if off != nil {
			line = off[1] + off[2]
		}
		on := onLine.FindStringSubmatch(line)
		if on == nil {
			continue
		}
		for at := range taken {
			if strings.Count(at, " ") > len(on[1]) || strings.Contains(line, "- ") && strings.Count(at, " ") == len(on[1])+2 {
				delete(taken, at)
			}
		}
		at := on[1] + strings.Repeat(" ", strings.Count(line[:len(on[0])], "- ")*2) + on[2]
		if first, ok := taken[at]; ok && off != nil {
			alternatives, replaces[i] = append(alternatives, i), first
			continue
		}
		taken[at] = i
		lines[i] = line
	}
	for _, i := range alternatives {
		variant := slices.Clone(lines)
		variant[replaces[i]] = offLine.ReplaceAllString(lines[i], "$1$2")
		variants = append(variants, strings.Join(variant, "\n"))
	}
	return strings.Join(lines, "\n"), variants
}

func readExample(t *testing.T) string {
	t.Helper()
	example, err := os.ReadFile(filepath.Join(root, "config.example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(example)
}

func TestReferenceExampleRunsAsItIsAndWithEverySwitchedOn(t *testing.T) {
	t.Parallel()
	example := readExample(t)
	all, variants := switched(example)
	if len(variants) < 6 {
		t.Errorf("found only %d alternatives in the example", len(variants))
	}
	for _, text := range append([]string{example, all}, variants...) {
		if _, err := Parse("config.example.yaml", []byte(text), exampleEnv, exampleReadFile); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
}

// What the example shows in comments are the defaults, so switching them on
// changes nothing.
func TestReferenceExampleShowsTheDefaults(t *testing.T) {
	t.Parallel()
	ref := newReference()
	plain, err := Parse("example", []byte(readExample(t)), exampleEnv, exampleReadFile)
	if err != nil {
		t.Fatal(err)
	}
	all, _ := switched(readExample(t))
	on, err := Parse("example", []byte(all), exampleEnv, exampleReadFile)
	if err != nil {
		t.Fatal(err)
	}
	// What has no default is there to show its form.
	on.Kafka.InstanceID, on.Kafka.TLS, on.Kafka.SASL, on.Kafka.SchemaRegistry = "", nil, nil, nil
	on.Routes[0].Key, on.Routes[0].Associations, on.Routes[0].When = nil, Associations{}, ""
	for _, c := range []*Config{plain, on} {
		for i := range c.Routes {
			for j := range c.Routes[i].Fields {
				c.Routes[i].Fields[j].Line = 0
			}
		}
	}
	if !reflect.DeepEqual(plain, on) {
		t.Errorf("switched on, the example is\n%s\nand not\n%s", on.Redacted(), plain.Redacted())
	}
	for _, path := range []string{"kafka.instance_id", "kafka.tls", "kafka.sasl", "kafka.schema_registry", "routes[].key", "routes[].associations", "routes[].when"} {
		if row := ref.row(path); row.fallback != "" || row.form == "" {
			t.Errorf("%s has a default and was taken out of the comparison", path)
		}
	}
}

func TestReferenceExampleHasEveryKey(t *testing.T) {
	t.Parallel()
	all, variants := switched(readExample(t))
	seen := make(map[string]bool)
	index, target := regexp.MustCompile(`\[\d+\]`), regexp.MustCompile(`^(routes\[\]\.(?:fields\.\*\.id_of\.key|fields|id\.match))\.[^.]+`)
	for _, text := range append(variants, all) {
		var doc yaml.Node
		if err := yaml.Load([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		walkKeys(doc.Content[0], "", func(key string) {
			key = strings.Replace(index.ReplaceAllString(key, "[]"), "].id[].", "].id.", 1) // one of a list of ways
			for range 2 {
				key = target.ReplaceAllString(key, "$1.*")
			}
			seen[key] = true
		})
	}
	for _, row := range newReference().rows {
		if !seen[row.path] {
			t.Errorf("%s is not in config.example.yaml", row.path)
		}
	}
}

func walkKeys(n *yaml.Node, path string, visit func(string)) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			child := strings.TrimPrefix(path+"."+n.Content[i].Value, ".")
			visit(child)
			walkKeys(n.Content[i+1], child, visit)
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			walkKeys(item, path+"[0]", visit)
		}
	}
}
