package mapping

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/twmb/avro"

	"github.com/ampersink/ampersink/internal/model"
)

// avroType is a type of an Avro schema, compiled for reading. Types that refer to
// themselves are cycles of pointers.
type avroType struct {
	kind     avroKind
	typ      *typ
	fields   []avroField // of a record
	items    *avroType   // of an array or a map; what is settled
	branches []*avroType // of a union
	symbols  []jsonName  // of an enum
	size     int         // of a fixed, in bytes
}

type avroKind uint8

const (
	avroNull avroKind = iota
	avroBoolean
	avroInt
	avroLong
	avroFloat
	avroDouble
	avroBytes
	avroString
	avroFixed
	avroEnum
	avroArray
	avroMap
	avroRecord
	avroPair // a record of a key and a value, as Connect writes the maps that Avro has not
	avroUnion
	// avroSettled is a branch of a union of several types: nothing outside says
	// which of them a value is, so it is written as what it is at once.
	avroSettled
	avroUUID     // a fixed that is a UUID
	avroDuration // a fixed of months, days and milliseconds
)

type avroField struct {
	jsonName
	name    string
	typ     *avroType
	indexed bool // the index goes below it
}

// compileAvro compiles a schema of the registry, or says why it cannot be used.
func compileAvro(s *model.Schema) (t *avroType, fault string) {
	root, err := parseAvro(s)
	if err != nil {
		return nil, fmt.Sprintf("%s; expected a schema of Avro", bounded(err.Error()))
	}
	c := &avroCompiler{named: make(map[string]*avroType)}
	if t = c.compile(root, ""); c.fault != "" {
		return nil, c.fault
	}
	return t, ""
}

// avroCompiler compiles the nodes of one schema.
type avroCompiler struct {
	named map[string]*avroType
	fault string
}

func (c *avroCompiler) compile(n *avro.SchemaNode, namespace string) *avroType {
	switch n.Type {
	case "record", "error", "enum", "fixed":
		return c.compileNamed(n)
	case "array":
		return c.compileArray(n, namespace)
	case "map":
		items := c.compile(n.Values, namespace)
		return &avroType{kind: avroMap, items: items, typ: mapOf(&typ{asIs: true}, items.typ)}
	case "union":
		return c.compileUnion(n, namespace)
	}
	kind, primitive := avroPrimitives()[n.Type]
	if !primitive {
		return c.refer(n.Type, namespace)
	}
	return &avroType{kind: kind, typ: c.plain(n, kind)}
}

func avroPrimitives() map[string]avroKind {
	return map[string]avroKind{"null": avroNull, "boolean": avroBoolean, "int": avroInt, "long": avroLong, "float": avroFloat,
		"double": avroDouble, "bytes": avroBytes, "string": avroString}
}

// refer returns the type of a name, which is of the namespace around it unless it
// says another one.
func (c *avroCompiler) refer(name, namespace string) *avroType {
	if t := c.named[inNamespace(name, namespace)]; t != nil {
		return t
	}
	if t := c.named[name]; t != nil {
		return t
	}
	if c.fault == "" {
		c.fault = fmt.Sprintf("it names the type %q, which is not in it; expected its definition, or a reference", bounded(name))
	}
	return &avroType{typ: &typ{asIs: true}}
}

func (c *avroCompiler) compileNamed(n *avro.SchemaNode) *avroType {
	t := &avroType{typ: &typ{}}
	full := inNamespace(n.Name, n.Namespace)
	c.named[full] = t
	switch n.Type {
	case "enum":
		t.kind, t.typ.asIs = avroEnum, true
		for _, symbol := range n.Symbols {
			quoted, escaped, ok := appendString(nil, []byte(symbol))
			c.require(ok, "a symbol")
			t.symbols = append(t.symbols, jsonName{quoted, escaped})
		}
	case "fixed":
		t.kind, t.size = avroFixed, n.Size
		*t.typ = *c.plain(n, avroFixed)
		switch {
		case n.LogicalType == "uuid" && n.Size == 16:
			t.kind = avroUUID
		case n.LogicalType == "duration" && n.Size == 12:
			t.kind = avroDuration
			*t.typ = typ{means: meansISODuration, logical: n.LogicalType}
		}
	default:
		c.compileRecord(n, t, full[:max(strings.LastIndexByte(full, '.'), 0)])
	}
	return t
}

// inNamespace returns the full name of a type.
func inNamespace(name, namespace string) string {
	if namespace == "" || strings.Contains(name, ".") {
		return name
	}
	return namespace + "." + name
}

func (c *avroCompiler) require(ok bool, what string) {
	if !ok && c.fault == "" {
		c.fault = what + " in it is not UTF-8"
	}
}

func (c *avroCompiler) compileRecord(n *avro.SchemaNode, t *avroType, namespace string) {
	t.kind = avroRecord
	for i := range n.Fields {
		f := &n.Fields[i]
		prefix, escaped, ok := namePrefix(f.Name)
		c.require(ok, "the name of a field")
		below := c.compile(&f.Type, namespace)
		t.fields = append(t.fields, avroField{jsonName{prefix, escaped}, f.Name, below, isIndexed(f.Name)})
		t.typ.fields = append(t.typ.fields, typField{f.Name, below.typ})
	}
	t.typ.means, t.typ.logical = meansStruct, connectName(n)
	if means, known := logicalTypes()[t.typ.logical]; known {
		t.typ.means = means
		return
	}
	t.typ.asIs = t.typ.isAsIs()
}

// compileArray compiles an array, or the map that Connect writes as one because
// its keys are not texts.
func (c *avroCompiler) compileArray(n *avro.SchemaNode, namespace string) *avroType {
	items := c.compile(n.Items, namespace)
	if items.kind == avroRecord && isMapEntry(n.Items) && len(items.fields) == 2 && items.fields[0].name == "key" && items.fields[1].name == "value" {
		pair := &avroType{kind: avroPair, fields: items.fields}
		t := mapOf(items.fields[0].typ.typ, items.fields[1].typ.typ)
		return &avroType{kind: avroArray, items: pair, typ: t}
	}
	t := &typ{means: meansArray, items: items.typ}
	t.asIs = t.isAsIs()
	return &avroType{kind: avroArray, items: items, typ: t}
}

// isMapEntry reports whether a record is what Connect's converters make of the
// entry of a map.
func isMapEntry(n *avro.SchemaNode) bool {
	internal, _ := n.Props["connect.internal.type"].(string)
	return internal == "MapEntry" || n.Name == "MapEntry" && n.Namespace == "io.confluent.connect.avro"
}

// compileUnion compiles a union. Of null and one other type that one is known;
// of several none is.
func (c *avroCompiler) compileUnion(n *avro.SchemaNode, namespace string) *avroType {
	t := &avroType{kind: avroUnion}
	var only *avroType
	several := 0
	for i := range n.Branches {
		branch := c.compile(&n.Branches[i], namespace)
		t.branches = append(t.branches, branch)
		if branch.kind != avroNull {
			only, several = branch, several+1
		}
	}
	switch several {
	case 0:
		t.typ = &typ{asIs: true}
	case 1:
		t.typ = only.typ
	default:
		t.typ = &typ{asIs: true}
		for i, branch := range t.branches {
			if !branch.typ.asIs {
				t.branches[i] = &avroType{kind: avroSettled, items: branch, typ: t.typ}
			}
		}
	}
	return t
}

// plain returns what is said of a type that holds no others.
func (c *avroCompiler) plain(n *avro.SchemaNode, kind avroKind) *typ {
	t := &typ{logical: connectName(n)}
	means, known := logicalTypes()[t.logical]
	if !known {
		if means, known = avroLogical(n.LogicalType, kind); known {
			t.logical = n.LogicalType
		}
	}
	switch {
	case known:
		t.means = means
		switch means {
		case meansDecimal:
			t.scale, t.scaled = avroScale(n)
		case meansBits:
			t.scale, t.scaled = connectParameter(n, "length")
		}
	case kind == avroFloat || kind == avroDouble:
		t.means = meansFloat
	default:
		t.asIs = true
	}
	return t
}

// avroLogical reads Avro's own names of logical types; one that does not go with
// its type is ignored, as Avro says.
func avroLogical(name string, kind avroKind) (meaning, bool) {
	switch kind {
	case avroInt:
		switch name {
		case "date":
			return meansDateDays, true
		case "time-millis":
			return meansTimeMS, true
		}
	case avroLong:
		switch name {
		case "time-micros":
			return meansTimeUS, true
		case "timestamp-millis", "local-timestamp-millis":
			return meansTimestampMS, true
		case "timestamp-micros", "local-timestamp-micros":
			return meansTimestampUS, true
		case "timestamp-nanos", "local-timestamp-nanos":
			return meansTimestampNS, true
		}
	case avroBytes, avroFixed:
		return meansDecimal, name == "decimal"
	}
	return meansJSON, false
}

// connectName is the name that Connect's schema had, empty for none.
func connectName(n *avro.SchemaNode) string {
	name, _ := n.Props["connect.name"].(string)
	return name
}

// avroScale returns the scale of a decimal: Avro's own, or that of Connect's schema.
func avroScale(n *avro.SchemaNode) (int, bool) {
	if n.LogicalType == "decimal" && n.Precision > 0 {
		return n.Scale, true
	}
	if scale, ok := connectParameter(n, "scale"); ok {
		return scale, true
	}
	scale, ok := n.Props["scale"].(int64)
	return int(scale), ok
}

func connectParameter(n *avro.SchemaNode, name string) (int, bool) {
	parameters, _ := n.Props["connect.parameters"].(map[string]any)
	text, _ := parameters[name].(string)
	v, err := strconv.Atoi(text)
	return v, err == nil
}
