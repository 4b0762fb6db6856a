package mapping

// builtInProtobuf returns the files that schemas import without a registry having
// them, beside those of google/protobuf: Confluent's registry knows these itself.
// Of google/type it has those that Connect's converter uses.
func builtInProtobuf() map[string]string {
	const date = `syntax = "proto3"; package google.type;
		message Date { int32 year = 1; int32 month = 2; int32 day = 3; }`
	const timeOfDay = `syntax = "proto3"; package google.type;
		message TimeOfDay { int32 hours = 1; int32 minutes = 2; int32 seconds = 3; int32 nanos = 4; }`
	const decimal = `syntax = "proto3"; package confluent.type;
		message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }`
	const meta = `syntax = "proto3"; package confluent; import "google/protobuf/descriptor.proto";
		message Meta { string doc = 1; map<string, string> params = 2; repeated string tags = 3; }
		extend google.protobuf.FileOptions { Meta file_meta = 1088; }
		extend google.protobuf.MessageOptions { Meta message_meta = 1088; }
		extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
		extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }
		extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }`
	return map[string]string{"google/type/date.proto": date, "google/type/timeofday.proto": timeOfDay,
		"confluent/type/decimal.proto": decimal, "confluent/meta.proto": meta}
}
