package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"

	"go.yaml.in/yaml/v4"
)

// maxDepth bounds how deep a constant nests: an alias may contain itself.
const maxDepth = 100

// constant returns a value of the file as JSON, its texts expanded and its
// mappings in the order of the file.
func (d *decoder) constant(n *yaml.Node, w where) []byte {
	d.places[w.key] = n
	var b bytes.Buffer
	d.appendJSON(&b, n, w, 0)
	return b.Bytes()
}

// spend counts a value, and reports whether there may be more.
func (d *decoder) spend(n *yaml.Node, w where) bool {
	if d.left--; d.left == 0 {
		d.add(n, w.key, "the file means more than %d values, its aliases resolved", maxValues)
	}
	return d.left > 0
}

func (d *decoder) appendJSON(b *bytes.Buffer, n *yaml.Node, w where, depth int) {
	if !d.spend(n, w) {
		return
	}
	if depth > maxDepth {
		d.add(n, w.key, "nested deeper than %d levels", maxDepth)
		d.left = 0
		return
	}
	switch n.Kind {
	case yaml.AliasNode:
		d.appendJSON(b, n.Alias, w, depth+1)
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			d.appendJSON(b, item, w.item(i), depth+1)
		}
		b.WriteByte(']')
	case yaml.MappingNode:
		d.appendObject(b, n, w, depth)
	default:
		d.appendScalar(b, n, w)
	}
}

func (d *decoder) appendObject(b *bytes.Buffer, n *yaml.Node, w where, depth int) {
	d.appendMembers(b, n, w, func(_ string, value *yaml.Node, at where) { d.appendJSON(b, value, at, depth+1) })
}

// appendMembers writes an object, the value of each member by a call.
func (d *decoder) appendMembers(b *bytes.Buffer, n *yaml.Node, w where, write func(name string, value *yaml.Node, at where)) {
	seen := make(map[string]bool)
	b.WriteByte('{')
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, ok := d.keyText(n.Content[i], w)
		if !ok {
			continue
		}
		if seen[name] {
			d.add(n.Content[i], w.entry(name).key, "the key is there twice")
			continue
		}
		if len(seen) > 0 {
			b.WriteByte(',')
		}
		seen[name] = true
		b.Write(jsonText(name))
		b.WriteByte(':')
		write(name, n.Content[i+1], w.entry(name))
	}
	b.WriteByte('}')
}

func (d *decoder) appendScalar(b *bytes.Buffer, n *yaml.Node, w where) {
	if isNull(n) {
		b.WriteString("null")
		return
	}
	text, ok := d.scalar(n, w)
	if !ok {
		return
	}
	switch n.ShortTag() {
	case "!!bool", "!!int", "!!float":
		number, err := plainJSON(n)
		if err != nil {
			d.add(n, w.key, "%s cannot be written as JSON: put it in quotes", describe(n))
			return
		}
		b.Write(number)
	default:
		b.Write(jsonText(text))
	}
}

// plainJSON returns a number, true or false as JSON: with the digits of
// the file where JSON can have them, because a detour through a float would round
// a long id.
func plainJSON(n *yaml.Node) ([]byte, error) {
	if json.Valid([]byte(n.Value)) {
		return []byte(n.Value), nil
	}
	var v any
	if err := n.Decode(&v); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case bool, int, int64, uint64:
		return json.Marshal(v)
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, fmt.Errorf("%v is no number of JSON", v)
		}
		return json.Marshal(v)
	default:
		return nil, fmt.Errorf("%T is no number of JSON", v)
	}
}

// jsonText writes a text as JSON, its &, < and > as they are.
func jsonText(text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		panic("BUG: a string cannot be written as JSON: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
