package mapping

import (
	"encoding/binary"
	"testing"

	"github.com/twmb/avro"

	"github.com/ampersink/ampersink/internal/captures"
	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// registered is a registry that has everything at once.
type registered map[model.SchemaID]*model.Schema

func (r registered) Schema(id model.SchemaID) (*model.Schema, model.SchemaState) {
	if s := r[id]; s != nil {
		return s, model.SchemaKnown
	}
	return nil, model.SchemaMissing
}

// numbered registers schemas of a type as 1, 2, 3.
func numbered(t model.SchemaType, texts ...string) registered {
	r := make(registered)
	for i, text := range texts {
		r[model.SchemaID{Number: uint32(i + 1)}] = &model.Schema{Type: t, Text: text}
	}
	return r
}

// framedAs puts the number of a schema before bytes, as serializers do.
func framedAs(number uint32, b []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{magicNumber}, number), b...)
}

func both(f config.Format) config.Formats { return config.Formats{Key: f, Value: f} }

func formatted(f config.Format) func(*config.Route) {
	return func(r *config.Route) { r.Format = both(f) }
}

// captureSchemas are the schemas that the Avro of the captures was written with.
func captureSchemas(t testing.TB) registered {
	t.Helper()
	return captures.Schemas(t)
}

// plainJSON is a key or a value of a capture as JSON, read by another reader of Avro.
func (r registered) plainJSON(t testing.TB, b []byte) []byte {
	t.Helper()
	if b == nil {
		return nil
	}
	s, err := avro.Parse(r[model.SchemaID{Number: binary.BigEndian.Uint32(b[1:])}].Text)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if _, err := s.Decode(b[5:], &v); err != nil {
		t.Fatal(err)
	}
	text, err := s.EncodeJSON(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
