package model

import (
	"encoding/hex"
	"strconv"
)

// SchemaID is how a record names the schema that it was written with: by the
// number that one registry gave it, or by its GUID, which is the same everywhere.
type SchemaID struct {
	Number uint32
	GUID   [16]byte // zero: Number tells
}

// IsGUID reports whether the schema is named by its GUID.
func (s SchemaID) IsGUID() bool { return s.GUID != [16]byte{} }

// String returns the number, or the GUID as registries write it.
func (s SchemaID) String() string {
	if !s.IsGUID() {
		return strconv.FormatUint(uint64(s.Number), 10)
	}
	digits := hex.EncodeToString(s.GUID[:])
	return digits[:8] + "-" + digits[8:12] + "-" + digits[12:16] + "-" + digits[16:20] + "-" + digits[20:]
}

// SchemaType is the language of a schema, as registries call it.
type SchemaType string

// The types of schemas.
const (
	SchemaAvro     SchemaType = "AVRO"
	SchemaProtobuf SchemaType = "PROTOBUF"
	SchemaJSON     SchemaType = "JSON"
)

// Schema is a schema as the registry holds it.
type Schema struct {
	Type SchemaType
	Text string
	// References are what the text names of other schemas. Those come first that others name.
	References []SchemaReference
}

// SchemaReference is a schema that another one names.
type SchemaReference struct {
	Name string // as the other one calls it: a type of Avro, a file that Protobuf imports, a URI
	Text string
}

// Size returns the bytes of all texts.
func (s *Schema) Size() int64 {
	n := int64(len(s.Text))
	for _, r := range s.References {
		n += int64(len(r.Text))
	}
	return n
}

// SchemaState is what is known of a schema that a record names.
type SchemaState uint8

// The states. The zero value is the one that refuses nothing.
const (
	SchemaAwaited SchemaState = iota // not known yet: its records wait
	SchemaKnown
	SchemaMissing // the registry has none of that id
)
