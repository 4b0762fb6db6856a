package config

import (
	"reflect"

	"go.yaml.in/yaml/v4"
)

// The way back of what identity.go reads.

// route leaves out what means nothing on a route: written, it would be refused.
func (w *writer) route(r Route, path string) *yaml.Node {
	n := w.section(reflect.ValueOf(r), path)
	for _, idle := range r.idle() {
		for i := 0; i < len(n.Content); i += 2 {
			if n.Content[i].Value == idle.key {
				n.Content = append(n.Content[:i], n.Content[i+2:]...)
				break
			}
		}
	}
	return n
}

func idNode(id ID) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle}
	for _, way := range id.Ways {
		switch way {
		case IDField:
			n.Content = append(n.Content, pairs("field", id.Field))
		case IDLedger:
			n.Content = append(n.Content, textNode(string(way)))
		case IDMatch:
			match := flow()
			for _, m := range id.Match {
				match.Content = append(match.Content, textNode(m.Field), textNode(m.From))
			}
			n.Content = append(n.Content, flow(textNode("match"), match))
		}
	}
	switch len(n.Content) {
	case 0:
		return nil
	case 1:
		return n.Content[0]
	default:
		return n
	}
}

func keyPartsNode(parts []KeyPart) *yaml.Node {
	n := flow()
	for _, p := range parts {
		if p.Field == "" {
			return textNode(p.From)
		}
		n.Content = append(n.Content, textNode(p.Field), textNode(p.From))
	}
	return n
}

// associations writes those with other rows behind the others: their order means nothing.
func (w *writer) associations(a Associations) *yaml.Node {
	if a.Fixed == nil && len(a.Linked) == 0 {
		return pairs("field", a.Field)
	}
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle}
	if a.Fixed != nil {
		n = jsonNode(a.Fixed)
	}
	for _, l := range a.Linked {
		association := jsonNode([]byte(l.Before + l.After))
		*memberOf(memberOf(association, "to"), "id") = *w.link(l.IDOf)
		n.Content = append(n.Content, association)
	}
	return n
}

func (w *writer) link(of IDOf) *yaml.Node {
	n := w.section(reflect.ValueOf(of), idOfPath)
	n.Style = yaml.FlowStyle
	return flow(textNode("id_of"), n)
}

// flow is a mapping of keys and values, on one line.
func flow(keysAndValues ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Style: yaml.FlowStyle, Content: keysAndValues}
}
