package mapping

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/ampersink/ampersink/internal/model"
)

// protoMessage is a message of a Protobuf schema, compiled for reading. Messages
// that hold themselves are cycles of pointers.
type protoMessage struct {
	form   protoForm
	typ    *typ
	fields []protoField // in the order of the schema
	byTag  map[protowire.Number]int32
	oneofs int
}

// protoForm is what becomes of a message.
type protoForm uint8

const (
	protoPlain     protoForm = iota // an object
	protoFirst                      // what its first field becomes: wrappers, Struct, ListValue
	protoChosen                     // what the one field that is set becomes: Value
	protoTimestamp                  // text
	protoDuration
	protoDate
	protoTimeOfDay
	protoDecimal // {"scale", "value"}
)

type protoField struct {
	jsonName
	name    string
	kind    protoreflect.Kind
	wire    protowire.Type
	typ     *typ
	message *protoMessage // of a message or group; of a map the entry
	symbols map[protoreflect.EnumNumber][]byte
	oneof   int  // its number, -1: of none
	list    bool // and no map
	mapped  bool
	tells   bool // it tells whether it is set: otherwise its zero value is one
	null    bool // an enum whose only value stands for null
	indexed bool
}

// messageIndexes returns where the path of a message in its schema ends: how many
// numbers there are, and the numbers. None is the path of the first message.
func messageIndexes(b []byte) (end int) {
	count, size := binary.Varint(b)
	if size <= 0 || count < 0 || count > maxMessagePath {
		return -1
	}
	end = size
	for range count {
		_, size := binary.Varint(b[end:])
		if size <= 0 {
			return -1
		}
		end += size
	}
	return end
}

// maxMessagePath bounds how deep messages are declared in one another.
const maxMessagePath = 32

// compileProtobuf compiles the message of a schema that the indexes name, or says why
// it cannot be used.
func compileProtobuf(s *model.Schema, indexes []byte) (m *protoMessage, fault string) {
	file, err := parseProtobuf(s)
	if err != nil {
		return nil, fmt.Sprintf("%s; expected a file of Protobuf", bounded(plainError(err).Error()))
	}
	d := messageAt(file, indexes)
	if d == nil {
		return nil, "it does not hold the message that is named (" + hexExcerpt(indexes, 0) + "); expected the place of one of its messages"
	}
	c := protoCompiler{named: make(map[protoreflect.FullName]*protoMessage)}
	return c.message(d), ""
}

func parseProtobuf(s *model.Schema) (protoreflect.FileDescriptor, error) {
	sources := builtInProtobuf()
	for _, r := range s.References {
		sources[r.Name] = r.Text
	}
	root := "schema.proto"
	for sources[root] != "" {
		root = "_" + root
	}
	sources[root] = s.Text
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(sources)}),
		MaxParallelism: 1,
	}
	files, err := compiler.Compile(context.Background(), root)
	if err != nil {
		return nil, err
	}
	return files[0], nil
}

// messageAt returns the message at a path, nil where there is none.
func messageAt(file protoreflect.FileDescriptor, indexes []byte) protoreflect.MessageDescriptor {
	count, size := binary.Varint(indexes)
	if count == 0 {
		return declared(file.Messages(), 0)
	}
	var d protoreflect.MessageDescriptor
	within := file.Messages()
	for indexes = indexes[size:]; len(indexes) > 0; indexes = indexes[size:] {
		var i int64
		i, size = binary.Varint(indexes)
		if d = declared(within, i); d == nil {
			return nil
		}
		within = d.Messages()
	}
	return d
}

// declared returns the message with that place among those that the schema
// declares; the entries of maps are not declared.
func declared(messages protoreflect.MessageDescriptors, place int64) protoreflect.MessageDescriptor {
	for i := range messages.Len() {
		d := messages.Get(i)
		if d.IsMapEntry() {
			continue
		}
		if place == 0 {
			return d
		}
		place--
	}
	return nil
}

// protoCompiler compiles the messages of one schema.
type protoCompiler struct {
	named map[protoreflect.FullName]*protoMessage
}

func (c *protoCompiler) message(d protoreflect.MessageDescriptor) *protoMessage {
	if m := c.named[d.FullName()]; m != nil {
		return m
	}
	m := &protoMessage{form: formOf(d), typ: &typ{means: meansStruct}, byTag: make(map[protowire.Number]int32), oneofs: d.Oneofs().Len()}
	c.named[d.FullName()] = m
	for i := range d.Fields().Len() {
		f := c.field(d.Fields().Get(i))
		m.byTag[d.Fields().Get(i).Number()] = int32(len(m.fields))
		m.fields = append(m.fields, f)
		m.typ.fields = append(m.typ.fields, typField{f.name, f.typ})
	}
	switch m.form {
	case protoPlain:
		m.typ.asIs = m.typ.isAsIs()
	case protoFirst:
		*m.typ = *m.fields[0].typ
	case protoChosen:
		*m.typ = typ{asIs: true}
	case protoTimestamp:
		*m.typ = typ{means: meansISOTimestamp, logical: string(d.FullName())}
	case protoDuration:
		*m.typ = typ{means: meansISODuration, logical: string(d.FullName())}
	case protoDate:
		*m.typ = typ{means: meansISODate, logical: string(d.FullName())}
	case protoTimeOfDay:
		*m.typ = typ{means: meansISOTime, logical: string(d.FullName())}
	case protoDecimal:
		*m.typ = typ{means: meansVariableDecimal, logical: string(d.FullName())}
	}
	return m
}

// formOf knows the messages that stand for a value by their names.
func formOf(d protoreflect.MessageDescriptor) protoForm {
	form, known := map[protoreflect.FullName]protoForm{
		"google.protobuf.DoubleValue": protoFirst, "google.protobuf.FloatValue": protoFirst, "google.protobuf.Int64Value": protoFirst,
		"google.protobuf.UInt64Value": protoFirst, "google.protobuf.Int32Value": protoFirst, "google.protobuf.UInt32Value": protoFirst,
		"google.protobuf.BoolValue": protoFirst, "google.protobuf.StringValue": protoFirst, "google.protobuf.BytesValue": protoFirst,
		"google.protobuf.Struct": protoFirst, "google.protobuf.ListValue": protoFirst, "google.protobuf.Value": protoChosen,
		"google.protobuf.Timestamp": protoTimestamp, "google.protobuf.Duration": protoDuration,
		"google.type.Date": protoDate, "google.type.TimeOfDay": protoTimeOfDay, "confluent.type.Decimal": protoDecimal,
	}[d.FullName()]
	if !known || !hasShape(d, form) {
		return protoPlain
	}
	return form
}

// hasShape reports whether a message has the fields that its name promises: a
// schema may have one of its own by that name.
func hasShape(d protoreflect.MessageDescriptor, form protoForm) bool {
	want := map[protoForm][]protoreflect.Kind{
		protoTimestamp: {protoreflect.Int64Kind, protoreflect.Int32Kind}, protoDuration: {protoreflect.Int64Kind, protoreflect.Int32Kind},
		protoDate:      {protoreflect.Int32Kind, protoreflect.Int32Kind, protoreflect.Int32Kind},
		protoTimeOfDay: {protoreflect.Int32Kind, protoreflect.Int32Kind, protoreflect.Int32Kind, protoreflect.Int32Kind},
		protoDecimal:   {protoreflect.BytesKind, protoreflect.Uint32Kind, protoreflect.Int32Kind},
	}[form]
	fields := d.Fields()
	switch {
	case form == protoFirst:
		return fields.Len() == 1 && (fields.Get(0).IsList() || fields.Get(0).IsMap() || fields.Get(0).Message() == nil)
	case form == protoChosen:
		return d.Oneofs().Len() == 1 && d.Oneofs().Get(0).Fields().Len() == fields.Len()
	case fields.Len() != len(want):
		return false
	}
	for i, kind := range want {
		if f := fields.Get(i); f.Kind() != kind || f.IsList() || int(f.Number()) != i+1 {
			return false
		}
	}
	return true
}

func (c *protoCompiler) field(d protoreflect.FieldDescriptor) protoField {
	prefix, escaped, _ := namePrefix(string(d.Name()))
	f := protoField{jsonName: jsonName{prefix, escaped}, name: string(d.Name()), kind: d.Kind(), wire: wireOf(d.Kind()), typ: &typ{asIs: true}, oneof: -1,
		list: d.IsList(), tells: d.HasPresence(), indexed: isIndexed(string(d.Name()))}
	if o := d.ContainingOneof(); o != nil && !o.IsSynthetic() {
		f.oneof = o.Index()
	}
	switch d.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		f.message = c.message(d.Message())
		f.typ = f.message.typ
		if f.mapped = isProtoMap(d); f.mapped {
			f.list = false
			f.typ = mapOf(&typ{asIs: true}, f.message.fields[1].typ)
		}
	case protoreflect.EnumKind:
		f.null = d.Enum().FullName() == "google.protobuf.NullValue"
		f.symbols = make(map[protoreflect.EnumNumber][]byte)
		for i := d.Enum().Values().Len() - 1; i >= 0; i-- { // the first of several names stays
			v := d.Enum().Values().Get(i)
			f.symbols[v.Number()], _, _ = appendString(nil, []byte(v.Name()))
		}
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		f.typ = &typ{means: meansFloat}
	}
	if f.list {
		f.typ = &typ{means: meansArray, items: f.typ}
		f.typ.asIs = f.typ.isAsIs()
	}
	return f
}

// isProtoMap reports whether a field is a map, also as Connect's converters declare
// one: without the word, as entries of a key and a value.
func isProtoMap(d protoreflect.FieldDescriptor) bool {
	if d.IsMap() {
		return true
	}
	const suffix = "Entry"
	entry := d.Message()
	name, fields := entry.Name(), entry.Fields()
	if !d.IsList() || len(name) <= len(suffix) || name[len(name)-len(suffix):] != suffix || fields.Len() != 2 {
		return false
	}
	key, value := fields.Get(0), fields.Get(1)
	isKey := key.Kind() != protoreflect.MessageKind && key.Kind() != protoreflect.GroupKind && key.Kind() != protoreflect.FloatKind &&
		key.Kind() != protoreflect.DoubleKind && key.Kind() != protoreflect.BytesKind
	return isKey && key.Name() == "key" && key.Number() == 1 && !key.IsList() && value.Name() == "value" && value.Number() == 2 && !value.IsList()
}

func wireOf(k protoreflect.Kind) protowire.Type {
	switch k {
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	case protoreflect.GroupKind:
		return protowire.StartGroupType
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type
	}
	return protowire.VarintType
}
