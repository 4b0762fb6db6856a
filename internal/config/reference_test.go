package config

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write config.example.yaml and docs/config.md")

const root = "../.."

// The example file and the reference page say what the code does, because they
// are made of what the code reads.
//
// Not parallel: with -update it writes what the others read.
func TestReferenceFilesAreWhatTheReferenceSays(t *testing.T) {
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
	reflect.TypeFor[Formats]():       {formFormats},
	reflect.TypeFor[Topics]():        {formTopics},
	reflect.TypeFor[Group]():         {formGroup},
	reflect.TypeFor[Operation]():     {formOperation},
	reflect.TypeFor[ID]():            {formID},
	reflect.TypeFor[[]Match]():       {formMatch},
	reflect.TypeFor[[]KeyPart]():     {formKeyParts},
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
	case typ == reflect.TypeFor[[]Match](), typ == reflect.TypeFor[[]KeyPart]():
		keys[path+".*"] = reflect.TypeFor[string]()
	case typ.Kind() == reflect.Pointer:
		typeKeys(typ.Elem(), path, keys)
	case typ.Kind() == reflect.Slice && typ.Elem().Kind() == reflect.Struct:
		typeKeys(typ.Elem(), path+"[]", keys)
	case typ.Kind() == reflect.Struct:
		for field := range typ.Fields() {
			name := field.Tag.Get("yaml")
			if name == "-" || name == "" {
				continue
			}
			child := strings.TrimPrefix(path+"."+name, ".")
			keys[child] = field.Type
			typeKeys(field.Type, child, keys)
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
		if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[Secret]() {
			return
		}
		for field := range typ.Fields() {
			if field.Tag.Get("yaml") == "" {
				t.Errorf("%s.%s has no yaml tag: name its key, or say - if it has none", typ, field.Name)
			}
			walk(field.Type)
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
