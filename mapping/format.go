package mapping

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// Schemas hands out the schemas that records name. It answers from what it knows
// and never waits; what is awaited it is asked for again.
type Schemas interface {
	Schema(id model.SchemaID) (*model.Schema, model.SchemaState)
}

// WithSchemas makes the Mapper and its later clones read formats that need
// schemas, and returns it. It is called before the first record.
func (m *Mapper) WithSchemas(s Schemas) *Mapper {
	m.compiled.schemas = s
	return m
}

// Awaits returns the schemas that the last record needs and that are not known
// yet. Then Map refused the record, and whoever can wait maps it again when they
// are known, instead of taking the refusals. It is valid until the next record.
func (m *Mapper) Awaits() []model.SchemaID { return m.awaits }

// The first byte of what names a schema, and what follows it.
const (
	magicNumber = 0 // the number of the schema
	magicGUID   = 1 // its GUID
	numberSize  = 4
	guidSize    = 16
)

// part is the key or the value of a record.
type part struct {
	name   string
	header string // where serializers put the schema's name if not before the bytes
}

func keyPart() part   { return part{"key", "__key_schema_id"} }
func valuePart() part { return part{"value", "__value_schema_id"} }

// framed is a key or a value apart from what says how it was written.
type framed struct {
	id      model.SchemaID
	indexes []byte // which message of the schema, as it is encoded; only Protobuf
	body    []byte
}

// unframe takes apart what a serializer of the registry wrote: the name of the
// schema stands in the header, or before the bytes.
func unframe(b []byte, header []byte, inHeader bool, f config.Format) (framed, bool) {
	from := b
	if inHeader {
		from = header
	}
	var out framed
	switch {
	case len(from) >= 1+numberSize && from[0] == magicNumber:
		out.id.Number = binary.BigEndian.Uint32(from[1:])
		from = from[1+numberSize:]
	case len(from) >= 1+guidSize && from[0] == magicGUID:
		copy(out.id.GUID[:], from[1:])
		if from = from[1+guidSize:]; !out.id.IsGUID() {
			return out, false
		}
	default:
		return out, false
	}
	if f == config.FormatProtobuf {
		end := messageIndexes(from)
		if end < 0 {
			return out, false
		}
		out.indexes, from = from[:end], from[end:]
	}
	if !inHeader {
		out.body = from
		return out, true
	}
	out.body = b
	return out, len(from) == 0
}

// writerKey names a writer.
type writerKey struct {
	id      model.SchemaID
	format  config.Format
	indexes string
}

// writer is a schema of the registry, compiled: it reads what was written with it.
type writer struct {
	schema schema
	avro   *avroType
	proto  *protoMessage
	fault  string // why it cannot be used; empty: it can
}

// memo is the writer that a part of a topic was last written with.
type memo struct {
	key    writerKey
	writer *writer
}

// maxWriters bounds the bytes of the schemas that are kept compiled: more than the
// tables of a database have, and the next ones make room by beginning anew.
const maxWriters = 16 << 20

// decode reads a key or a value that is written in a format of the registry.
func (m *Mapper) decode(d *document, p part, f config.Format, b []byte, last *memo) *model.Reason {
	header, inHeader := m.in.record.Header(p.header)
	in, ok := unframe(b, header, inHeader && header != nil, f)
	if !ok {
		return m.unnamed(p, f, b, header)
	}
	w, why := m.writer(in, p, f, last)
	if why != nil {
		return why
	}
	d.schemas = nil
	switch f {
	case config.FormatAvro:
		// On the stack: its buffer is written to with every field, which the collector
		// would want to know of each time.
		r := avroReader{finder: &m.finder, scratch: m.unsettled}
		ok = r.read(d, w.avro, in.body)
		m.unsettled = recycled(r.scratch)
	case config.FormatProtobuf:
		r := protoReader{protoScratch: &m.collected}
		ok = r.read(d, w.proto, in.body)
		m.collected.recycle()
	default:
		ok = d.scan(in.body, indexLevels)
	}
	if d.schema = &w.schema; ok {
		return nil
	}
	return badFormat(d, p, f, in)
}

// writer returns the compiled schema that a key or a value was written with.
func (m *Mapper) writer(in framed, p part, f config.Format, last *memo) (*writer, *model.Reason) {
	if k := &last.key; last.writer == nil || k.id != in.id || k.format != f || k.indexes != string(in.indexes) {
		key := writerKey{in.id, f, string(in.indexes)}
		w := m.writers[key]
		if w == nil {
			var why *model.Reason
			if w, why = m.compileWriter(key, p); why != nil {
				return nil, why
			}
		}
		last.key, last.writer = key, w
	}
	if fault := last.writer.fault; fault != "" {
		return nil, refusal(codeBadSchema, "", "schema %s, with which the %s was written, cannot be used: %s", in.id, p.name, fault)
	}
	return last.writer, nil
}

func (m *Mapper) compileWriter(key writerKey, p part) (*writer, *model.Reason) {
	var s *model.Schema
	state := model.SchemaMissing
	if m.compiled.schemas != nil {
		s, state = m.compiled.schemas.Schema(key.id)
	}
	switch state {
	case model.SchemaAwaited:
		m.awaits = append(m.awaits, key.id)
		return nil, refusal(codeAwaitedSchema, "", "schema %s, with which the %s was written, is not known yet; expected the registry to hand it out", key.id, p.name)
	case model.SchemaMissing:
		return nil, refusal(codeUnknownSchema, "", "the %s of topic %q was written with schema %s, which the registry does not have;"+
			" expected a schema that is registered there (kafka.schema_registry must be the one that the producer uses)", p.name, m.in.record.Topic, key.id)
	}
	w := &writer{schema: schema{root: &typ{}}}
	switch want := schemaType(key.format); {
	case s.Type != want:
		w.fault = "it is a schema of " + string(s.Type) + "; expected one of " + string(want) + ", as the route's format says"
	case key.format == config.FormatAvro:
		w.avro, w.fault = compileAvro(s)
	case key.format == config.FormatProtobuf:
		w.proto, w.fault = compileProtobuf(s, []byte(key.indexes))
	default:
		w.schema.root = jsonSchemaTyp(s)
	}
	switch {
	case w.avro != nil:
		w.schema.root = w.avro.typ
	case w.proto != nil:
		w.schema.root = w.proto.typ
	}
	m.keepWriter(key, w, s.Size())
	return w, nil
}

func (m *Mapper) keepWriter(key writerKey, w *writer, size int64) {
	if m.writerBytes += size; m.writerBytes > maxWriters || m.writers == nil {
		m.writers, m.writerBytes = make(map[writerKey]*writer), size
	}
	m.writers[key] = w
}

func schemaType(f config.Format) model.SchemaType {
	switch f {
	case config.FormatAvro:
		return model.SchemaAvro
	case config.FormatProtobuf:
		return model.SchemaProtobuf
	}
	return model.SchemaJSON
}

// unnamed refuses bytes that do not say which schema they were written with.
func (m *Mapper) unnamed(p part, f config.Format, b, header []byte) *model.Reason {
	const way = "expected a schema's name as a serializer of a schema registry writes it: a zero byte and its number before the bytes, or the header %s;" +
		" a %s without one is read with format: {%s: json}"
	if header != nil {
		return refusal(codeNoSchemaID, p.header, "the header is %s, and names no schema; "+way, hexExcerpt(header, 0), p.header, p.name, p.name)
	}
	if len(b) == 0 {
		return refusal(codeNoSchemaID, "", "the %s is empty (zero bytes, not null), and names no schema; "+way, p.name, p.header, p.name, p.name)
	}
	return refusal(codeNoSchemaID, "", "the %s begins with %s, and names no schema of %s; "+way, p.name, hexExcerpt(b, 0), f, p.header, p.name, p.name)
}

// badFormat refuses bytes that are not what their schema says.
func badFormat(d *document, p part, f config.Format, in framed) *model.Reason {
	if f == config.FormatJSONSchema {
		return badJSON(d, "", "the "+p.name+" behind the name of its schema")
	}
	code := codeBadAvro
	if f == config.FormatProtobuf {
		code = codeBadProtobuf
	}
	return refusal(code, d.fault.path(), "the %s cannot be read with its schema (%s) at byte %d of %d, at %s; expected %s there",
		p.name, in.id, d.fault.at, len(in.body), hexExcerpt(in.body, d.fault.at), d.fault.want)
}

// maxHex bounds the bytes that a message shows.
const maxHex = 8

// hexExcerpt shows the bytes at an offset.
func hexExcerpt(b []byte, at int) string {
	if at >= len(b) {
		return "the end"
	}
	to := min(len(b), at+maxHex)
	s := "0x" + hex.EncodeToString(b[at:to])
	if to < len(b) {
		s += "…"
	}
	return s
}
