package config

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

var update = flag.Bool("update", false, "write config.example.yaml and docs/config.md")

const root = "../.."

// The example file and the reference page say what the code does, because they
// are made of what the code reads.
func TestReferenceFilesAreWhatTheReferenceSays(t *testing.T) {
	t.Parallel()
	skeleton, err := os.ReadFile("testdata/skeleton.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"config.example.yaml": exampleFile(newReference(), string(skeleton)),
		"docs/config.md":      referencePage(newReference()),
	} {
		file := filepath.Join(root, path)
		if *update {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s is not what the reference says; run: go test ./internal/config -run TestReference -update", path)
		}
	}
}

// forms says which forms the reference may give to a Go type.
var forms = map[reflect.Type][]form{
	reflect.TypeFor[time.Duration](): {formDuration},
	reflect.TypeFor[Bytes]():         {formBytes},
	reflect.TypeFor[Secret]():        {formSecret},
	reflect.TypeFor[Topics]():        {formTopics},
	reflect.TypeFor[Group]():         {formGroup},
	reflect.TypeFor[Operation]():     {formOperation},
	reflect.TypeFor[ID]():            {formID},
	reflect.TypeFor[[]Field]():       {formFields},
	reflect.TypeFor[Field]():         {formField},
	reflect.TypeFor[Associations]():  {formAssociations},
	reflect.TypeFor[OnDelete]():      {formOnDelete},
	reflect.TypeFor[[]byte]():        {formConstant},
	reflect.TypeFor[[]string]():      {formTexts},
	reflect.TypeFor[int]():           {formNumber},
	reflect.TypeFor[float64]():       {formShare},
	reflect.TypeFor[bool]():          {formBool},
	reflect.TypeFor[string]():        {formText, formWord, formFile, formPath},
}

func formsOf(typ reflect.Type) []form {
	switch found := forms[typ]; {
	case found != nil:
		return found
	case typ.Kind() == reflect.Slice:
		return []form{formSections}
	case typ.Kind() == reflect.String:
		return []form{formWord}
	default:
		return []form{formSection}
	}
}

// typeKeys walks the types of the configuration: the type of each key, by path.
func typeKeys(typ reflect.Type, path string, keys map[string]reflect.Type) {
	switch {
	case typ == reflect.TypeFor[[]Field]():
		keys[path+".*"] = reflect.TypeFor[Field]()
		typeKeys(reflect.TypeFor[Field](), path+".*", keys)
	case typ.Kind() == reflect.Pointer:
		typeKeys(typ.Elem(), path, keys)
	case typ.Kind() == reflect.Slice && typ.Elem().Kind() == reflect.Struct:
		typeKeys(typ.Elem(), path+"[]", keys)
	case typ.Kind() == reflect.Struct:
		for i := range typ.NumField() {
			name := typ.Field(i).Tag.Get("yaml")
			if name == "-" || name == "" {
				continue
			}
			child := strings.TrimPrefix(path+"."+name, ".")
			keys[child] = typ.Field(i).Type
			typeKeys(typ.Field(i).Type, child, keys)
		}
	}
}

func TestReferenceHasEveryKeyOfTheTypesAndNoOther(t *testing.T) {
	t.Parallel()
	keys := make(map[string]reflect.Type)
	typeKeys(reflect.TypeFor[Config](), "", keys)
	if len(keys) < 80 {
		t.Fatalf("the walk found only %d keys", len(keys))
	}
	ref := newReference()
	for path, typ := range keys {
		row, ok := ref.byPath[path]
		if !ok {
			t.Errorf("%s is read by the code and not in the reference", path)
			continue
		}
		for typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		if !slices.Contains(formsOf(typ), row.form) {
			t.Errorf("%s is a %v, which the reference calls %q", path, typ, row.form)
		}
	}
	seen := make(map[string]bool)
	for _, row := range ref.rows {
		if _, ok := keys[row.path]; !ok {
			t.Errorf("%s is in the reference and not read by the code", row.path)
		}
		if seen[row.path] {
			t.Errorf("%s is in the reference twice", row.path)
		}
		seen[row.path] = true
	}
}

func TestReferenceFieldsWithoutAKeyAreMeant(t *testing.T) {
	t.Parallel()
	var walk func(typ reflect.Type)
	walk = func(typ reflect.Type) {
		for typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct {
			return
		}
		for i := range typ.NumField() {
			if typ.Field(i).Tag.Get("yaml") == "" {
				t.Errorf("%s.%s has no yaml tag: name its key, or say - if it has none", typ, typ.Field(i).Name)
			}
			walk(typ.Field(i).Type)
		}
	}
	walk(reflect.TypeFor[Config]())
}

func TestReferenceRowsAreComplete(t *testing.T) {
	t.Parallel()
	for _, row := range newReference().rows {
		for what, text := range map[string]string{"what": row.what, "why": row.why} {
			if text != "" && !strings.HasSuffix(text, ".") || what == "what" && text == "" {
				t.Errorf("%s: %s is no sentence: %q", row.path, what, text)
			}
		}
		switch row.form {
		case formWord:
			if len(row.words) == 0 {
				t.Errorf("%s is a word without words", row.path)
			}
		case formNumber, formShare, formDuration, formBytes:
			if row.span == "" {
				t.Errorf("%s is a number without a range", row.path)
			}
			if row.why == "" {
				t.Errorf("%s has no reason for its default or range", row.path)
			}
		}
		if row.required && (row.fallback != "" || row.derived != "") {
			t.Errorf("%s is required and has a default", row.path)
		}
	}
}

// exampleEnv has the variables that the example names.
func exampleEnv(name string) (string, bool) {
	value, ok := map[string]string{"AMPERSAND_API_KEY": "the-key", "HOSTNAME": "pod-0"}[name]
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
	on.Kafka.InstanceID, on.Kafka.TLS, on.Kafka.SASL = "", nil, nil
	on.Routes[0].Key, on.Routes[0].Associations = nil, Associations{}
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
	for _, path := range []string{"kafka.instance_id", "kafka.tls", "kafka.sasl", "routes[].key", "routes[].associations"} {
		if row := ref.row(path); row.fallback != "" || row.form == "" {
			t.Errorf("%s has a default and was taken out of the comparison", path)
		}
	}
}

func TestReferenceExampleHasEveryKey(t *testing.T) {
	t.Parallel()
	all, variants := switched(readExample(t))
	seen := make(map[string]bool)
	index, target := regexp.MustCompile(`\[\d+\]`), regexp.MustCompile(`^(routes\[\]\.fields)\.[^.]+`)
	for _, text := range append(variants, all) {
		var doc yaml.Node
		if err := yaml.Load([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		walkKeys(doc.Content[0], "", func(key string) {
			seen[target.ReplaceAllString(index.ReplaceAllString(key, "[]"), "$1.*")] = true
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
