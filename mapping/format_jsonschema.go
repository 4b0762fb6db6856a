package mapping

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ampersink/ampersink/internal/model"
)

// jsonSchemaTyp returns what a JSON Schema says of values, as far as it names
// types as Connect's converter does. The values are JSON anyway: of what the schema says
// otherwise, or in a way that is not understood, their JSON is all that is known.
func jsonSchemaTyp(s *model.Schema) *typ {
	c := &jsonSchemaCompiler{schema: s, files: make(map[string]any), known: make(map[string]*typ)}
	return c.typ(c.file(""), "", 0)
}

// jsonSchemaCompiler compiles one schema.
type jsonSchemaCompiler struct {
	schema *model.Schema
	files  map[string]any  // parsed, by the name of the reference; "" is the schema itself
	known  map[string]*typ // by what refers to them
}

// file returns a schema by the name that others call it by.
func (c *jsonSchemaCompiler) file(name string) any {
	if parsed, ok := c.files[name]; ok {
		return parsed
	}
	text := c.schema.Text
	if name != "" {
		i := slices.IndexFunc(c.schema.References, func(r model.SchemaReference) bool { return r.Name == name })
		if i < 0 {
			return nil
		}
		text = c.schema.References[i].Text
	}
	var parsed any
	if json.Unmarshal([]byte(text), &parsed) != nil {
		parsed = nil
	}
	c.files[name] = parsed
	return parsed
}

// typ returns the type of what a schema describes; file is where it stands.
func (c *jsonSchemaCompiler) typ(schema any, file string, depth int) *typ {
	s, ok := schema.(map[string]any)
	if !ok || depth > maxDepth {
		return &typ{asIs: true}
	}
	if ref, ok := s["$ref"].(string); ok {
		return c.refer(ref, file, depth)
	}
	for _, word := range []string{"oneOf", "anyOf", "allOf"} {
		if list, ok := s[word].([]any); ok {
			return c.only(list, file, depth)
		}
	}
	title, _ := s["title"].(string)
	if means, known := logicalTypes()[title]; known {
		t := &typ{means: means, logical: title}
		switch means {
		case meansDecimal:
			t.scale, t.scaled = jsonSchemaParameter(s, "scale")
		case meansBits:
			t.scale, t.scaled = jsonSchemaParameter(s, "length")
		case meansVariableDecimal:
			t.fields = c.fields(s, file, depth)
		}
		return t
	}
	return c.plain(s, file, depth)
}

func (c *jsonSchemaCompiler) plain(s map[string]any, file string, depth int) *typ {
	t := &typ{}
	properties, isStruct := s["properties"].(map[string]any)
	switch {
	case isStruct && len(properties) > 0:
		t.means, t.fields = meansStruct, c.fields(s, file, depth)
	case s["items"] != nil:
		t.means, t.items = meansArray, c.typ(s["items"], file, depth+1)
	case isObject(s["additionalProperties"]):
		return mapOf(&typ{asIs: true}, c.typ(s["additionalProperties"], file, depth+1))
	case s["type"] == "number" && s["connect.type"] != "bytes":
		t.means = meansFloat
		return t
	}
	t.asIs = t.isAsIs()
	return t
}

func isObject(schema any) bool {
	_, ok := schema.(map[string]any)
	return ok
}

func (c *jsonSchemaCompiler) fields(s map[string]any, file string, depth int) (fields []typField) {
	properties, _ := s["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		fields = append(fields, typField{name, c.typ(properties[name], file, depth+1)})
	}
	return fields
}

// only returns the type of the one schema of a list that is not null's; of several
// it cannot be told which one a value has.
func (c *jsonSchemaCompiler) only(list []any, file string, depth int) *typ {
	var only any
	several := 0
	for _, one := range list {
		if s, ok := one.(map[string]any); !ok || s["type"] != "null" {
			only, several = one, several+1
		}
	}
	if several != 1 {
		return &typ{asIs: true}
	}
	return c.typ(only, file, depth+1)
}

// refer returns the type that another schema, or a part of one, describes.
func (c *jsonSchemaCompiler) refer(ref, file string, depth int) *typ {
	name, pointer, _ := strings.Cut(ref, "#")
	if name == "" {
		name = file
	}
	place := name + "#" + pointer
	if t := c.known[place]; t != nil {
		return t
	}
	// Known before it is compiled: a schema may refer to itself.
	t := &typ{}
	c.known[place] = t
	*t = *c.typ(partOf(c.file(name), pointer), name, depth+1)
	return t
}

// partOf returns the part of a schema that a JSON pointer names, nil for none.
func partOf(schema any, pointer string) any {
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if step == "" {
			continue
		}
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		switch s := schema.(type) {
		case map[string]any:
			schema = s[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(s) {
				return nil
			}
			schema = s[i]
		default:
			return nil
		}
	}
	return schema
}

// jsonSchemaParameter returns a whole number of the parameters of Connect's schema,
// which are texts.
func jsonSchemaParameter(s map[string]any, name string) (int, bool) {
	parameters, _ := s["connect.parameters"].(map[string]any)
	text, _ := parameters[name].(string)
	n, err := strconv.Atoi(text)
	return n, err == nil
}
