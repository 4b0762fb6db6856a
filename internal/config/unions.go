package config

import (
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// The keys whose value has several forms.

// topics reads a list of names or {regex}.
func (d *decoder) topics(n *yaml.Node, t *Topics, w where) {
	switch n.Kind {
	case yaml.SequenceNode:
		if len(n.Content) == 0 {
			d.add(n, w.key, "empty; expected at least one topic")
			return
		}
		d.list(n, reflect.ValueOf(&t.Names).Elem(), w)
	case yaml.MappingNode:
		if _, value, ok := d.only(n, w); ok {
			d.value(value, reflect.ValueOf(&t.Regex).Elem(), w.child("regex"))
		}
	default:
		d.wrong(n, w, "")
	}
}

// formats reads a word for both, or {key, value}.
func (d *decoder) formats(n *yaml.Node, f *Formats, w where) {
	if n.Kind == yaml.MappingNode {
		d.section(n, reflect.ValueOf(f).Elem(), w)
		return
	}
	if text, ok := d.text(n, w); ok {
		f.Key, f.Value = Format(text), Format(text)
	}
}

// group reads a fixed groupRef, {field} or {header}.
func (d *decoder) group(n *yaml.Node, g *Group, w where) {
	if n.Kind != yaml.MappingNode {
		if text, ok := d.text(n, w); ok {
			g.Value = text
		}
		return
	}
	d.member(n, w, map[string]*string{"field": &g.Field, "header": &g.Header})
}

// operation reads {field}, {header} or {value}.
func (d *decoder) operation(n *yaml.Node, o *Operation, w where) {
	d.member(n, w, map[string]*string{"field": &o.Field, "header": &o.Header, "value": &o.Value})
}

// onDelete reads a word, or the fields to set instead.
func (d *decoder) onDelete(n *yaml.Node, o *OnDelete, w where) {
	if n.Kind == yaml.MappingNode {
		// The fields to set are described where fields are.
		d.fields(n, &o.Set, where{w.key, strings.TrimSuffix(w.ref, "on_delete") + "fields"})
		for _, f := range o.Set {
			if key := w.entry(f.To).key + ".id_of"; f.IDOf != nil {
				d.add(d.places[key], key, "a deleted row proves only its key, so it is linked to nothing: set a constant or a column")
			}
		}
		return
	}
	if text, ok := d.text(n, w); ok {
		o.Action = Action(text)
	}
}

// member reads the one member of a mapping that is there into its target.
func (d *decoder) member(n *yaml.Node, w where, targets map[string]*string) {
	if n.Kind != yaml.MappingNode {
		d.wrong(n, w, "")
		return
	}
	if name, value, ok := d.only(n, w); ok {
		d.value(value, reflect.ValueOf(targets[name]).Elem(), w.child(name))
	}
}

// fields reads the mapping of the CRM's fields, its order kept.
func (d *decoder) fields(n *yaml.Node, fields *[]Field, w where) {
	if n.Kind != yaml.MappingNode {
		d.wrong(n, w, "")
		return
	}
	if len(n.Content) == 0 {
		d.add(n, w.key, "empty; expected at least one field")
	}
	d.entries(n, w, func(to string, key, value *yaml.Node, at where) {
		if to == "id" {
			d.add(key, at.key, "the CRM's own id is not written as a field: say where it is found with id: {field: FIELD}")
			return
		}
		f := Field{To: to, Line: key.Line}
		d.field(value, &f, at)
		*fields = append(*fields, f)
	})
}

// entries calls read for each member of a mapping whose names the user chose, in the
// order of the file; what is no mapping has none.
func (d *decoder) entries(n *yaml.Node, w where, read func(name string, key, value *yaml.Node, at where)) {
	if n.Kind != yaml.MappingNode {
		return
	}
	seen := make(map[string]bool)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name, ok := d.keyText(key, w)
		if !ok || !d.spend(key, w) {
			continue
		}
		at := w.entry(name)
		switch {
		case name == "":
			d.add(key, at.key, "a field has a name")
		case seen[name]:
			d.add(key, at.key, "the field is there twice")
		default:
			seen[name] = true
			read(name, key, value, at)
		}
	}
}

// field reads the name of a field, or what is made of it.
func (d *decoder) field(n *yaml.Node, f *Field, w where) {
	d.places[w.key] = n
	if n = aliased(n); n.Kind != yaml.MappingNode {
		f.From = d.path(n, w)
		return
	}
	before := len(d.problems)
	d.section(n, reflect.ValueOf(f).Elem(), w)
	f.HasValue, f.HasDefault, f.HasNotFinite = hasKey(n, "value"), hasKey(n, "default"), hasKey(n, "not_finite")
	if len(d.problems) == before {
		d.fieldTogether(n, f, w)
	}
}

// fieldTogether refuses keys of a field that do not go together.
func (d *decoder) fieldTogether(n *yaml.Node, f *Field, w where) {
	refuse := func(name, message string) {
		key := w.child(name).key
		d.add(d.places[key], key, "%s", message)
	}
	switch decimal := f.Type == TypeDecimal; {
	case f.HasValue && len(n.Content) > 2:
		d.add(n, w.key, "a constant (value) is sent as it is and goes with no other key")
	case f.IDOf != nil:
		if len(n.Content) > 2 {
			d.add(n, w.key, "the id of another row (id_of) goes with no other key")
		}
	case !f.HasValue && f.From == "" && f.Expr == "":
		d.add(n, w.key, "expected from, value, expr or id_of")
	case f.Type != "" && f.From == "":
		refuse("type", "says what the value of from is, and there is no from")
	case decimal && f.Scale == nil:
		refuse("type", "a decimal needs its scale: how many digits stand behind the point")
	case !decimal && f.Scale != nil:
		refuse("scale", "only type decimal has one")
	case f.As == AsList && f.Separator == "":
		refuse("as", "a list needs a separator")
	case f.As != AsList && f.Separator != "":
		refuse("separator", "only as list has one")
	}
}

// path reads the name of a column or a path into it.
func (d *decoder) path(n *yaml.Node, w where) string {
	if n.Kind == yaml.ScalarNode && !isNull(n) && n.ShortTag() != "!!str" && d.ref.row(w.ref).form == formField {
		d.wrong(n, w, "a constant is written {value: "+printable(n.Value)+"}")
		return ""
	}
	d.places[w.key] = n
	text, ok := d.text(aliased(n), w)
	if ok && !isPath(text) {
		d.add(n, w.key, "%s is not a field or a path into one (address.city)", quote(n.Value))
	}
	return text
}

// isPath reports whether every part of a path has a name.
func isPath(text string) bool {
	return !slices.Contains(strings.Split(text, "."), "")
}

func hasKey(n *yaml.Node, key string) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return true
		}
	}
	return false
}
