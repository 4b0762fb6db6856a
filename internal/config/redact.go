package config

import (
	"bytes"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// Redacted returns the configuration as it runs, defaults filled in and without
// secrets, as YAML with the keys of the file. Secrets apart it reads back as the
// same configuration.
func (c Config) Redacted() string {
	n := c.tree()
	escape(n)
	text, err := yaml.Dump(n)
	if err != nil {
		panic("BUG: the configuration cannot be written as YAML: " + err.Error())
	}
	return string(text)
}

// MarshalJSON is Redacted as JSON.
func (c Config) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	appendNode(&b, c.tree())
	return b.Bytes(), nil
}

// MarshalYAML is Redacted as YAML, its references not escaped.
func (c Config) MarshalYAML() (any, error) { return c.tree(), nil }

func (c Config) tree() *yaml.Node {
	w := &writer{ref: newReference()}
	return w.section(reflect.ValueOf(c), "")
}

// writer turns the types of the configuration into nodes: the way back of the
// decoder.
type writer struct{ ref *reference }

func (w *writer) section(v reflect.Value, path string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("yaml")
		if name == "" || name == "-" {
			continue
		}
		if value := w.value(v.Field(i), strings.TrimPrefix(path+"."+name, ".")); value != nil {
			n.Content = append(n.Content, textNode(name), value)
		}
	}
	return n
}

// value returns the node of a value, nil when it is not set.
func (w *writer) value(v reflect.Value, path string) *yaml.Node {
	switch value := v.Interface().(type) {
	case time.Duration:
		return textNode(writeDuration(value))
	case Bytes:
		return bareNode("!!str", value.String())
	case Secret:
		return optional(value.String())
	case Formats:
		if value.Key == value.Value {
			return textNode(string(value.Value))
		}
		return pairs("key", string(value.Key), "value", string(value.Value))
	case Topics:
		if value.Regex != "" {
			return pairs("regex", value.Regex)
		}
		return textsNode(value.Names)
	case Group:
		if value.Value != "" {
			return textNode(value.Value)
		}
		return pairs("field", value.Field, "header", value.Header)
	case Operation:
		return pairs("field", value.Field, "header", value.Header, "value", value.Value)
	case Route:
		return w.route(value, path)
	case ID:
		return idNode(value)
	case []KeyPart:
		return keyPartsNode(value)
	case []Field:
		return w.fields(value, path)
	case []byte:
		if value == nil {
			return nil
		}
		return jsonNode(value)
	case Associations:
		return w.associations(value)
	case OnDelete:
		if len(value.Set) > 0 {
			return w.fields(value.Set, strings.TrimSuffix(path, "on_delete")+"fields")
		}
		return optional(string(value.Action))
	case Header:
		return pairs("key", value.Key, "value", hidden)
	default:
		return w.general(v, path)
	}
}

func (w *writer) general(v reflect.Value, path string) *yaml.Node {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return w.value(v.Elem(), path)
	case reflect.Struct:
		return w.section(v, path)
	case reflect.Slice:
		return w.list(v, path)
	case reflect.String:
		if v.String() == "" && w.ref.row(path).empty {
			return textNode("")
		}
		return optional(v.String())
	case reflect.Int:
		return bareNode("!!int", strconv.FormatInt(v.Int(), 10))
	case reflect.Float64:
		return bareNode("!!float", strconv.FormatFloat(v.Float(), 'g', -1, 64))
	case reflect.Bool:
		return bareNode("!!bool", strconv.FormatBool(v.Bool()))
	default:
		panic("BUG: no form for " + v.Type().String())
	}
}

func (w *writer) list(v reflect.Value, path string) *yaml.Node {
	if v.Len() == 0 {
		return nil
	}
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for i := range v.Len() {
		n.Content = append(n.Content, w.value(v.Index(i), path+"[]"))
	}
	return n
}

func bareNode(tag, text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: text}
}

// textNode is quoted where YAML would take the text for something else.
func textNode(text string) *yaml.Node {
	return bareNode("!!str", text)
}

func optional(text string) *yaml.Node {
	if text == "" {
		return nil
	}
	return textNode(text)
}

func textsNode(texts []string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle}
	for _, t := range texts {
		n.Content = append(n.Content, textNode(t))
	}
	return n
}

// pairs is a mapping of the texts that are set, nil when none is.
func pairs(keysAndTexts ...string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Style: yaml.FlowStyle}
	for i := 0; i < len(keysAndTexts); i += 2 {
		if keysAndTexts[i+1] != "" {
			n.Content = append(n.Content, textNode(keysAndTexts[i]), textNode(keysAndTexts[i+1]))
		}
	}
	if len(n.Content) == 0 {
		return nil
	}
	return n
}

func (w *writer) fields(fields []Field, path string) *yaml.Node {
	if len(fields) == 0 {
		return nil
	}
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, f := range fields {
		n.Content = append(n.Content, textNode(f.To), w.field(f, path+".*"))
	}
	return n
}

// field writes the name of a field where that is all there is.
func (w *writer) field(f Field, path string) *yaml.Node {
	if reflect.DeepEqual(f, Field{To: f.To, From: f.From, Line: f.Line}) {
		return textNode(f.From)
	}
	if f.HasValue {
		return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Style: yaml.FlowStyle,
			Content: []*yaml.Node{textNode("value"), jsonNode(f.Value)}}
	}
	if f.IDOf != nil {
		return w.link(*f.IDOf)
	}
	n := w.section(reflect.ValueOf(f), path)
	n.Style = yaml.FlowStyle
	return n
}

// jsonNode reads JSON as what it also is: YAML in flow style.
func jsonNode(text []byte) *yaml.Node {
	var doc yaml.Node
	if err := yaml.Load(text, &doc); err != nil {
		panic(fmt.Sprintf("BUG: a constant cannot be read back: %v", err))
	}
	return doc.Content[0]
}

// escape protects texts from being expanded when they are read back.
func escape(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		n.Value = strings.ReplaceAll(n.Value, "${", "$${")
	}
	for i, child := range n.Content {
		if n.Kind != yaml.MappingNode || i%2 == 1 {
			escape(child)
		}
	}
}

// appendNode writes a node of the writer as JSON.
func appendNode(b *bytes.Buffer, n *yaml.Node) {
	switch n.Kind {
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			appendNode(b, item)
		}
		b.WriteByte(']')
	case yaml.MappingNode:
		b.WriteByte('{')
		for i := 0; i < len(n.Content); i += 2 {
			if i > 0 {
				b.WriteByte(',')
			}
			b.Write(jsonText(n.Content[i].Value))
			b.WriteByte(':')
			appendNode(b, n.Content[i+1])
		}
		b.WriteByte('}')
	default:
		switch n.ShortTag() {
		case "!!int", "!!float", "!!bool", "!!null":
			b.WriteString(n.Value)
		default:
			b.Write(jsonText(n.Value))
		}
	}
}
