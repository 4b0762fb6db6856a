package config

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// The keys that say which record of the CRM a row is.

// ID says where the CRM id of a row is found: the ways in their order, each at most once.
type ID struct {
	Ways  []IDWay `yaml:"-"`
	Field string  `yaml:"field"` // of the row; with IDField
	Match []Match `yaml:"match"` // with IDMatch
}

// Has reports whether a way is among them.
func (id ID) Has(way IDWay) bool { return slices.Contains(id.Ways, way) }

// Late reports whether the record of a row is found when its write is free to go: the
// ledger knows it then, or a search.
func (id ID) Late() bool { return id.Has(IDLedger) || id.Has(IDMatch) }

// Match is a field of the CRM that a search compares with what the row has.
type Match struct {
	Field string `yaml:"-"` // the CRM's
	From  string `yaml:"-"` // a column, or a path into it
}

// Search is how the CRM is searched for a row's record.
type Search struct {
	IndexLag  time.Duration `yaml:"index_lag"`
	OnSeveral OnSeveral     `yaml:"on_several"`
}

// IDOf says that a value is the CRM id of the row that another route wrote.
type IDOf struct {
	Route string `yaml:"route"`
	// Key is the fields of that route's key, and the columns of this row that hold them.
	Key []KeyPart `yaml:"key"`
}

// Columns names the columns of this row that hold the other row's key: a, b.
func (o *IDOf) Columns() string {
	var names []string
	for _, p := range o.Key {
		names = append(names, p.From)
	}
	return strings.Join(names, ", ")
}

// KeyPart is one field of another row's key.
type KeyPart struct {
	Field string `yaml:"-"` // of the other route's key; empty: its only one
	From  string `yaml:"-"` // the column of this row, or a path into it
}

// Linked is an association with another row's record.
type Linked struct {
	// Before and After are the JSON of the association around the text that is the id.
	Before string `yaml:"-"`
	After  string `yaml:"-"`
	IDOf   IDOf   `yaml:"-"`
}

// Ledger is where what is known of the CRM records of rows is kept.
type Ledger struct {
	// Topic may contain {group}, the consumer group.
	Topic string `yaml:"topic"`
}

// TopicOf returns the topic of a consumer group's ledger.
func (l Ledger) TopicOf(group string) string {
	return strings.ReplaceAll(l.Topic, groupPlaceholder, group)
}

// groupPlaceholder stands for the consumer group in the name of the ledger's topic.
const groupPlaceholder = "{group}"

// id reads one way to find the id, or a list of them.
func (d *decoder) id(n *yaml.Node, id *ID, w where) {
	if n.Kind != yaml.SequenceNode {
		d.idWay(n, id, w)
		return
	}
	if len(n.Content) == 0 {
		d.add(n, w.key, "empty; expected at least one way to find the id")
	}
	for i, item := range n.Content {
		at := where{w.item(i).key, w.ref}
		if d.spend(item, at) {
			d.places[at.key] = item
			d.idWay(aliased(item), id, at)
		}
	}
}

// idWay reads {field}, ledger or {match}.
func (d *decoder) idWay(n *yaml.Node, id *ID, w where) {
	var way IDWay
	switch n.Kind {
	case yaml.ScalarNode:
		way = d.idWord(n, w)
	case yaml.MappingNode:
		way = d.idMember(n, id, w)
	default:
		d.wrong(n, w, "")
	}
	switch {
	case way == "":
	case id.Has(way):
		d.add(n, w.key, "%s is there twice; each way is tried once", way)
	default:
		id.Ways = append(id.Ways, way)
	}
}

// idWord reads the only way that is a word.
func (d *decoder) idWord(n *yaml.Node, w where) IDWay {
	text, ok := d.scalar(n, w)
	if !ok || text == string(IDLedger) {
		return IDWay(text)
	}
	hint := ""
	switch {
	case Nearest(text, []string{string(IDLedger)}) != "":
		hint = `did you mean "ledger"?`
	case n.ShortTag() == "!!str":
		hint = "for the field of that name write {field: " + printable(n.Value) + "}"
	}
	d.wrong(n, w, hint)
	return ""
}

func (d *decoder) idMember(n *yaml.Node, id *ID, w where) IDWay {
	switch {
	case hasKey(n, string(IDLedger)):
		d.add(n, w.key, "the ledger is a word and no key: write ledger, or [ledger, {match: {CRM_FIELD: FIELD}}]")
		return ""
	case hasKey(n, string(IDField)) && hasKey(n, string(IDMatch)):
		d.add(n, w.key, "several ways are a list, in the order in which they are tried: [{field: FIELD}, {match: {CRM_FIELD: FIELD}}]")
		return ""
	}
	name, value, ok := d.only(n, w)
	if !ok {
		return ""
	}
	if way := IDWay(name); way == IDMatch {
		d.value(value, reflect.ValueOf(&id.Match).Elem(), w.child(name))
		return way
	}
	d.value(value, reflect.ValueOf(&id.Field).Elem(), w.child(name))
	return IDField
}

// match reads the CRM's fields to search by, in the order of the file.
func (d *decoder) match(n *yaml.Node, match *[]Match, w where) {
	switch {
	case n.Kind != yaml.MappingNode:
		d.wrong(n, w, "")
	case len(n.Content) == 0:
		d.add(n, w.key, "empty; expected at least one field")
	}
	d.entries(n, w, func(field string, key, value *yaml.Node, at where) {
		if field == "id" {
			d.add(key, at.key, "the CRM's own id is not searched for: the field of the row that holds it is {field: FIELD}")
			return
		}
		*match = append(*match, Match{Field: field, From: d.path(value, at)})
	})
}

// keyParts reads the column that is another row's key, or the column of each field of it.
func (d *decoder) keyParts(n *yaml.Node, parts *[]KeyPart, w where) {
	switch {
	case n.Kind == yaml.ScalarNode:
		*parts = []KeyPart{{From: d.path(n, w)}}
		return
	case n.Kind != yaml.MappingNode:
		d.wrong(n, w, "")
	case len(n.Content) == 0:
		d.add(n, w.key, "empty; expected at least one field")
	}
	d.entries(n, w, func(field string, _, value *yaml.Node, at where) {
		*parts = append(*parts, KeyPart{Field: field, From: d.path(value, at)})
	})
}

// associations reads {field} or a list, which becomes a JSON array and the associations
// with other rows.
func (d *decoder) associations(n *yaml.Node, a *Associations, w where) {
	if n.Kind != yaml.SequenceNode {
		d.member(n, w, map[string]*string{"field": &a.Field})
		return
	}
	var fixed []byte
	before := len(d.problems)
	for i, item := range n.Content {
		at := w.item(i)
		one := aliased(item)
		if one.Kind != yaml.MappingNode {
			d.add(one, at.key, "found %s, expected an association: {to: ..., types: [...]}", kindOf(one))
			continue
		}
		var text string
		if isLinked(one) {
			link := d.linked(one, at)
			a.Linked = append(a.Linked, link)
			text = link.Before + link.After
		} else {
			text = string(d.constant(item, at))
			fixed = append(append(fixed, ','), text...)
		}
		// A quote within a text is escaped, so what is found is a key.
		if strings.Contains(text, `"id_of":`) {
			d.add(one, at.key, "id_of belongs at to.id: {to: {id: {id_of: {route: ROUTE, key: FIELD}}}, types: [...]}")
		}
	}
	switch {
	case len(d.problems) > before:
	case len(fixed) > 0:
		fixed[0] = '['
		a.Fixed = append(fixed, ']')
	case len(a.Linked) == 0:
		a.Fixed = []byte("[]")
	}
}

// linked reads an association whose id is that of another row.
func (d *decoder) linked(n *yaml.Node, w where) (l Linked) {
	var b bytes.Buffer
	hole := 0
	d.appendMembers(&b, n, w, func(name string, value *yaml.Node, at where) {
		if name != "to" {
			d.appendJSON(&b, value, at, 1)
			return
		}
		d.appendMembers(&b, aliased(value), at, func(name string, value *yaml.Node, at where) {
			if name != "id" {
				d.appendJSON(&b, value, at, 2)
				return
			}
			b.WriteString(`""`)
			hole = b.Len() - 1
			d.link(aliased(value), &l.IDOf, at)
		})
	})
	l.Before, l.After = b.String()[:hole], b.String()[hole:]
	return l
}

// idOfPath is where the reference describes id_of, of associations too.
const idOfPath = "routes[].fields.*.id_of"

// link reads {id_of} in the place of an id.
func (d *decoder) link(n *yaml.Node, of *IDOf, w where) {
	if len(n.Content) > 2 {
		d.add(n, w.key, "the id of another row (id_of) goes with no other key")
		return
	}
	d.value(memberOf(n, "id_of"), reflect.ValueOf(of).Elem(), where{w.key + ".id_of", idOfPath})
}

// isLinked reports whether the id of an association is that of another row.
func isLinked(n *yaml.Node) bool {
	to := memberOf(n, "to")
	if to == nil {
		return false
	}
	id := memberOf(aliased(to), "id")
	return id != nil && memberOf(aliased(id), "id_of") != nil
}

// memberOf returns the value of a key, nil where there is no such key or no mapping.
func memberOf(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
