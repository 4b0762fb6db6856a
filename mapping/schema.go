package mapping

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// schema is a schema part of Connect's JSON, parsed.
type schema struct {
	text []byte
	root *typ
}

const (
	// maxKnown bounds a schema part that is kept for comparison: it is kept per
	// topic. A table of a thousand columns stays below it.
	maxKnown = 256 << 10
	// maxSchemas is how many are kept of a topic: while a column is being added the
	// old and the new one alternate.
	maxSchemas = 2
)

// schemas are the schema parts that a topic was last seen with. Connect's
// converters repeat them in every record at several times the size of the row,
// so each is parsed once and then recognised by its bytes.
type schemas struct {
	known []*schema // the last one first
}

// recognise returns the known schema that a text begins with, or nil.
func (s *schemas) recognise(text []byte) *schema {
	for i, one := range s.known {
		if bytes.HasPrefix(text, one.text) {
			if i > 0 {
				s.known[0], s.known[i] = one, s.known[0]
			}
			return one
		}
	}
	return nil
}

// learn parses a schema part that a scan has validated. It reports false for an
// object that is none.
func (s *schemas) learn(text []byte) (*schema, bool) {
	var c connectSchema
	if json.Unmarshal(text, &c, jsontext.AllowDuplicateNames(true)) != nil {
		return nil, false
	}
	one := &schema{root: c.typ()}
	if len(text) <= maxKnown {
		one.text = bytes.Clone(text)
		s.known = slices.Insert(s.known, 0, one)
		s.known = s.known[:min(len(s.known), maxSchemas)]
	}
	return one, true
}

// connectSchema is a schema as Connect's JSON converter writes it.
type connectSchema struct {
	Type       string                    `json:"type"`
	Name       string                    `json:"name"`
	Field      string                    `json:"field"`
	Parameters map[string]jsontext.Value `json:"parameters"`
	Fields     []connectSchema           `json:"fields"`
	Items      *connectSchema            `json:"items"`
	Keys       *connectSchema            `json:"keys"`
	Values     *connectSchema            `json:"values"`
}

// parameter returns a whole number from the parameters, which are texts.
func (c *connectSchema) parameter(name string) (int, bool) {
	n, err := strconv.Atoi(string(bytes.Trim(c.Parameters[name], `"`)))
	return n, err == nil
}

func (c *connectSchema) typ() *typ {
	t := &typ{logical: c.Name}
	for i := range c.Fields {
		t.fields = append(t.fields, typField{c.Fields[i].Field, c.Fields[i].typ()})
	}
	if means, known := logicalTypes()[c.Name]; known {
		t.means = means
		switch means {
		case meansDecimal:
			t.scale, t.scaled = c.parameter("scale")
		case meansBits:
			t.scale, t.scaled = c.parameter("length")
		}
		return t
	}
	switch c.Type {
	case "float", "double":
		t.means = meansFloat
	case "array":
		t.means = meansArray
		t.items = c.Items.orAny()
	case "map":
		t = mapOf(c.Keys.orAny(), c.Values.orAny())
		t.logical = c.Name
	case "struct":
		t.means = meansStruct
	}
	t.asIs = t.isAsIs()
	return t
}

func (c *connectSchema) orAny() *typ {
	if c == nil {
		return &typ{asIs: true}
	}
	return c.typ()
}

// mapOf returns the type of a map.
func mapOf(keys, values *typ) *typ {
	t := &typ{means: meansMap, items: values, entry: &typ{means: meansArray, tuple: []*typ{keys, values}}}
	t.entry.asIs = keys.asIs && values.asIs
	t.asIs = t.entry.asIs
	return t
}

// isAsIs reports whether the JSON of such values is already what is sent.
func (t *typ) isAsIs() bool {
	switch t.means {
	case meansJSON:
		return true
	case meansArray:
		return t.items.asIs
	case meansMap:
		return t.entry.asIs
	case meansStruct:
		for _, f := range t.fields {
			if !f.typ.asIs {
				return false
			}
		}
		return true
	}
	return false
}

// at returns the type at a path into a value of the type, nil where it is not
// known: text that holds JSON has no schema.
func (t *typ) at(path string) *typ {
	if t == nil || path == "" {
		return t
	}
	if t.means == meansMap {
		return t.items
	}
	for name, rest := range splits(path) {
		if below := t.field(name); below != nil {
			return below.at(rest)
		}
	}
	return nil
}

func (t *typ) field(name string) *typ {
	if t == nil {
		return nil
	}
	for i := range t.fields {
		if t.fields[i].name == name {
			return t.fields[i].typ
		}
	}
	return nil
}

// typeOf returns the type of an indexed node at or below the payload, nil where
// no schema says it.
func (d *document) typeOf(payload, node int32) *typ {
	if d.schema == nil {
		return nil
	}
	t, at := d.schema.root, payload
	for at != node && t != nil {
		i := at + 1
		for i < d.nodes[at].next && node >= d.nodes[i].next {
			i = d.nodes[i].next
		}
		if i >= d.nodes[at].next || node < i {
			return nil
		}
		t, at = t.field(string(d.name(&d.nodes[i]))), i
	}
	return t
}

// binding is what a schema says of the sources of a route, by the slots of their
// tries.
type binding struct {
	row   *typ
	slots []*typ
}

// bind returns the types of the route's sources in rows of a type, nil when it is
// not known. Before and after image have a type each.
func (b *bound) bind(row *typ) []*typ {
	if row == nil {
		return nil
	}
	for i := range b.bindings {
		if b.bindings[i].row == row {
			return b.bindings[i].slots
		}
	}
	slots := make([]*typ, b.slots)
	for _, s := range b.sources {
		for _, t := range s.tries {
			slots[t.slot] = row.field(t.name).at(t.rest)
		}
	}
	b.bindings[1] = b.bindings[0]
	b.bindings[0] = binding{row, slots}
	return slots
}
