package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// members returns the values of a section by key, refusing keys that the
// reference does not have. Nothing (a section whose keys are all commented out)
// is an empty section.
func (d *decoder) members(n *yaml.Node, w where) (map[string]*yaml.Node, bool) {
	if isNull(n) {
		return nil, true
	}
	if n.Kind != yaml.MappingNode || n.ShortTag() != "!!map" {
		d.wrong(n, w, d.instead(n, w))
		return nil, false
	}
	known := d.ref.children[w.ref]
	members := make(map[string]*yaml.Node, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name, ok := d.keyText(key, w)
		if !ok {
			continue
		}
		if _, twice := members[name]; twice {
			d.add(key, w.child(printable(name)).key, "the key is there twice")
			continue
		}
		members[name] = value
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i]; key.Kind == yaml.ScalarNode && key.ShortTag() != "!!merge" && !slices.Contains(known, key.Value) {
			d.unknown(key, w, known)
		}
	}
	return members, true
}

// instead writes a text where a section is expected as the section that it is taken to mean.
func (d *decoder) instead(n *yaml.Node, w where) string {
	meant := d.ref.row(w.ref).meant
	if meant == "" || n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" || n.Value == "" {
		return ""
	}
	text := n.Value
	if strings.ContainsAny(text, ":{}[]#&*!|>'\"%@`, ") || utf8.RuneCountInString(text) > maxPrinted {
		text = quote(text)
	}
	return fmt.Sprintf("write %s: {%s: %s}", w.key, meant, text)
}

// keyText returns the name that a key of a mapping is.
func (d *decoder) keyText(key *yaml.Node, w where) (string, bool) {
	switch {
	case key.Kind != yaml.ScalarNode:
		d.add(key, w.key, "a key must be a plain word, found %s", kindOf(key))
	case key.ShortTag() == "!!merge":
		d.add(key, w.key, "merge keys (<<) are not read; write the keys, or reuse a whole value with *name")
	default:
		return key.Value, true
	}
	return "", false
}

// unknown reports a key that the reference does not have, and what was meant.
func (d *decoder) unknown(key *yaml.Node, w where, known []string) {
	name := printable(key.Value)
	child := w.child(name).key
	before, _, joined := strings.Cut(key.Value, ":")
	switch meant, home := Nearest(key.Value, known), d.ref.home(key.Value); {
	case joined && slices.Contains(known, before):
		d.add(key, w.child(before).key, "unknown key; a space is missing behind its colon")
	case meant != "":
		d.add(key, child, "unknown key; did you mean %q?", meant)
		d.unsound[w.child(meant).key] = true
	case home != "":
		d.add(key, child, "unknown key here; it belongs in %q", home)
	default:
		d.add(key, child, "unknown key; expected %s", list(known))
	}
}

// only returns the one member of a mapping that holds exactly one of those that
// the reference names for it.
func (d *decoder) only(n *yaml.Node, w where) (name string, value *yaml.Node, ok bool) {
	members, ok := d.members(n, w)
	if !ok || !d.sound(w.key) {
		return "", nil, false
	}
	if len(members) != 1 {
		d.add(n, w.key, "expected exactly one of %s, found %d", list(d.ref.children[w.ref]), len(members))
		return "", nil, false
	}
	for name, value = range members {
	}
	return name, value, true
}

// wrong reports a value that is not of its key's form.
func (d *decoder) wrong(n *yaml.Node, w where, hint string) {
	row := d.ref.row(w.ref)
	found := kindOf(n)
	if n.Kind == yaml.ScalarNode && row.form != formSecret && row.form != formSection && row.form != formSections {
		found = describe(n)
	}
	if hint != "" {
		hint = "; " + hint
	}
	d.add(n, w.key, "found %s, expected %s%s", found, row.expects(), hint)
}

// describe says what a scalar is as the file writes it: never what a reference
// in it stands for.
func describe(n *yaml.Node) string {
	shown := quote(n.Value)
	switch {
	case n.ShortTag() == "!!int", n.ShortTag() == "!!float":
		return "the number " + strings.Trim(shown, `"`)
	case n.ShortTag() == "!!bool":
		return n.Value
	case isNull(n):
		return "nothing"
	case strings.Contains(n.Value, "${"):
		return shown + " (whose value is not shown)"
	default:
		return shown
	}
}

// kindOf says what a node is and nothing of what it holds.
func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "nothing"
	case n.ShortTag() == "!!int", n.ShortTag() == "!!float":
		return "a number"
	case n.ShortTag() == "!!bool":
		return n.Value
	default:
		return "a text"
	}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// aliased returns the node that an alias stands for.
func aliased(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func lowerFirst(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if second, _ := utf8.DecodeRuneInString(s[size:]); unicode.IsUpper(second) {
		return s // TLS
	}
	return string(unicode.ToLower(first)) + s[size:]
}
