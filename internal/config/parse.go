package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"time"

	"go.yaml.in/yaml/v4"
)

// maxFile bounds a file that is read, in bytes: far above any configuration or
// secret, and low enough that a device or a dump named by mistake is refused.
const maxFile = 1 << 20

// maxValues bounds the values that are read: aliases that stand for aliases
// can make a short file mean billions.
const maxValues = 100_000

// Load reads the configuration from a file. What is wrong with its content comes
// back as Problems.
func Load(path string, env func(string) (string, bool), expressions ...CheckExpression) (*Config, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("the configuration cannot be read: %w", err)
	}
	return Parse(path, data, env, readFile, expressions...)
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	return data, nil
}

// Parse reads the configuration from data, which is called name in messages.
// Environment variables come from env, files that the configuration names from
// readFile. What is wrong comes back as Problems, all at once and in the order
// of the file; expressions are among it where their language is given.
func Parse(name string, data []byte, env func(string) (string, bool), readFile func(string) ([]byte, error), expressions ...CheckExpression) (*Config, error) {
	d := &decoder{
		report: newReport(name), ref: newReference(), left: maxValues,
		expander: expander{env: env, readFile: readFile},
	}
	cfg := new(Config)
	if root, ok := d.document(data); ok {
		d.value(root, reflect.ValueOf(cfg).Elem(), where{})
		d.finish(cfg)
		(&checker{report: d.report, cfg: cfg, readFile: readFile, languages: expressions}).all()
	}
	if problems := d.sorted(); len(problems) > 0 {
		return nil, problems
	}
	return cfg, nil
}

// decoder turns nodes into the types of the configuration, by the reference.
type decoder struct {
	*report
	expander
	ref  *reference
	left int // values that may still be read
}

// document returns the root of the only document in data.
func (d *decoder) document(data []byte) (*yaml.Node, bool) {
	var doc yaml.Node
	err := yaml.Load(data, &doc)
	if err == nil && doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		root := doc.Content[0]
		if root.Kind == yaml.MappingNode || isNull(root) {
			return root, true
		}
		d.add(root, "", "found %s, expected a configuration (key: value)", kindOf(root))
		return nil, false
	}
	var syntax *yaml.LoadError
	switch {
	case err == nil, errors.As(err, &syntax) && syntax.Message == "yaml: no documents in stream":
		// An empty file lacks what is required, which is worth saying key by key.
		return &yaml.Node{Kind: yaml.MappingNode, Line: 1, Column: 1}, true
	case syntax == nil:
		d.add(&yaml.Node{}, "", "not YAML")
	default:
		d.add(&yaml.Node{Line: syntax.Mark.Line, Column: syntax.Mark.Column}, "", "%s", syntaxMessage(syntax))
	}
	return nil, false
}

// syntaxMessage says what the parser found, without the words of the file that a
// few of its messages repeat: a secret that lacks its quotes can be among them.
func syntaxMessage(e *yaml.LoadError) string {
	switch {
	case e.Stage == yaml.ConstructorStage:
		return "a configuration is one YAML document; this file has several"
	case e.Stage == yaml.ComposerStage:
		return "this alias (*name) has no anchor (&name) before it; a text that begins with * needs quotes"
	case e.Stage == yaml.ReaderStage, e.ContextMsg == "":
		return "not YAML: " + e.Message + syntaxHint(e.Message)
	case e.ContextMsg == "while scanning a tag", e.ContextMsg == "while parsing a tag":
		return "not YAML: this is read as a tag; a text that begins with ! needs quotes"
	default:
		return "not YAML: " + e.Message + ", " + e.ContextMsg + syntaxHint(e.Message)
	}
}

// syntaxHint says what people mostly did who get a message of the parser. It
// sees a slip only on the line after it.
func syntaxHint(message string) string {
	switch message {
	case "mapping values are not allowed in this context", "could not find expected ':'":
		return "; look here and at the line above for an indentation that is off or a missing space behind a colon"
	case "found character that cannot start any token":
		return "; YAML is indented by spaces, never by tabs, and a text that begins with @ or % or ` needs quotes"
	default:
		return ""
	}
}

// value reads one value into v. A value that cannot be read leaves v as it is,
// and a problem.
func (d *decoder) value(n *yaml.Node, v reflect.Value, w where) {
	if !d.spend(n, w) {
		return
	}
	d.places[w.key] = n
	n = aliased(n)
	switch target := v.Addr().Interface().(type) {
	case *time.Duration:
		measure(d, n, target, w, time.ParseDuration)
	case *Bytes:
		measure(d, n, target, w, parseBytes)
	case *int:
		measure(d, n, target, w, parseInt)
	case *float64:
		measure(d, n, target, w, parseFloat)
	case *bool:
		d.truth(n, target, w)
	case *Secret:
		if text, ok := d.text(n, w); ok {
			*target = NewSecret(text)
		}
	case *Formats:
		d.formats(n, target, w)
	case *Topics:
		d.topics(n, target, w)
	case *Group:
		d.group(n, target, w)
	case *Operation:
		d.operation(n, target, w)
	case *ID:
		d.id(n, target, w)
	case *[]Match:
		d.match(n, target, w)
	case *[]KeyPart:
		d.keyParts(n, target, w)
	case *[]Field:
		d.fields(n, target, w)
	case *[]byte:
		*target = d.constant(n, w)
	case *Associations:
		d.associations(n, target, w)
	case *OnDelete:
		d.onDelete(n, target, w)
	default:
		d.general(n, v, w)
	}
}

// general reads what its kind says enough about.
func (d *decoder) general(n *yaml.Node, v reflect.Value, w where) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), w)
	case reflect.Struct:
		d.section(n, v, w)
	case reflect.Slice:
		d.list(n, v, w)
	case reflect.String:
		if d.ref.row(w.ref).form == formPath {
			v.SetString(d.path(n, w))
		} else if text, ok := d.text(n, w); ok {
			v.SetString(text)
		}
	default:
		panic("BUG: no form for " + v.Type().String())
	}
}

// section reads a mapping into a struct, filling in what is absent.
func (d *decoder) section(n *yaml.Node, v reflect.Value, w where) {
	members, ok := d.members(n, w)
	if !ok {
		return
	}
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("yaml")
		if name == "" || name == "-" {
			continue
		}
		if node, ok := members[name]; ok {
			d.value(node, v.Field(i), w.child(name))
		} else {
			d.absent(n, v.Field(i), w.child(name))
		}
	}
}

// absent fills in a key that the file does not have.
func (d *decoder) absent(n *yaml.Node, v reflect.Value, w where) {
	row := d.ref.row(w.ref)
	switch {
	case row.fallback != "":
		var doc yaml.Node
		if err := yaml.Load([]byte(row.fallback), &doc); err != nil {
			panic(fmt.Sprintf("BUG: the reference has the default %q for %s: %v", row.fallback, row.path, err))
		}
		d.value(doc.Content[0], v, w)
		delete(d.places, w.key)
	case row.form == formSection && v.Kind() == reflect.Struct:
		d.section(&yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Column: n.Column}, v, w)
	case row.required && d.sound(w.key):
		d.add(n, w.key, "missing, and required: %s", lowerFirst(row.what))
	}
}

// list reads a sequence into a slice.
func (d *decoder) list(n *yaml.Node, v reflect.Value, w where) {
	row := d.ref.row(w.ref)
	switch {
	case n.Kind == yaml.ScalarNode && row.form == formTexts && !isNull(n):
		d.wrong(n, w, "put it in brackets: [...]")
		return
	case n.Kind != yaml.SequenceNode:
		d.wrong(n, w, "")
		return
	case len(n.Content) == 0 && row.required:
		d.add(n, w.key, "empty; expected at least one")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		d.value(item, v.Index(i), w.item(i))
	}
}

// finish derives the defaults that other keys decide.
func (d *decoder) finish(cfg *Config) {
	if n, ok := d.places["ampersand.api_key"]; ok {
		cfg.Ampersand.APIKeyFile = onlyFile(n)
	}
	for i := range cfg.Routes {
		r := &cfg.Routes[i]
		if r.OnSnapshot == "" {
			r.OnSnapshot = r.OnCreate
		}
		if r.OnTombstone == "" {
			r.OnTombstone = ActionDelete
			if r.Envelope == EnvelopeDebezium || r.Envelope == EnvelopeCockroach {
				r.OnTombstone = ActionIgnore
			}
		}
		r.deriveIdentity()
	}
}
