package config

// The values of the keys that take one of a few words.
type (
	// Start is where a group without offsets starts.
	Start string
	// OnLostOffset is what happens when the committed offset is gone.
	OnLostOffset string
	// Balancer is the assignment strategy.
	Balancer string
	// Mechanism is the SASL mechanism.
	Mechanism string
	// Format is how a key or a value is encoded.
	Format string
	// Envelope is the dialect of the change events.
	Envelope string
	// Action is what a route does with a kind of change.
	Action string
	// Before says what the source's before images hold.
	Before string
	// Mode is the mode of the writes.
	Mode string
	// InDoubt is what happens to a create whose answer was lost.
	InDoubt string
	// Type is what a value is, where no schema says it.
	Type string
	// As is what the CRM gets of a value.
	As string
	// Nulls is what a null becomes.
	Nulls string
	// Over is what happens to a text that is too long.
	Over string
	// Update is what an update sends.
	Update string
	// Unwrap is what stands around the change events.
	Unwrap string
	// OnTruncate is what happens when a whole table was emptied.
	OnTruncate string
	// OnNoRow is what happens to a record that is about no row.
	OnNoRow string
	// OnKeyChange is what happens when the primary key of a row changed.
	OnKeyChange string
	// IDWay is a way to find the CRM id of a row.
	IDWay string
	// OnSeveral is what happens when a search finds several records.
	OnSeveral string
	// OnUnknownDelete is what happens to a delete of a row that no record is known of.
	OnUnknownDelete string
	// OnConflict is what happens when the CRM refuses a create and names the record that is there.
	OnConflict string
	// OnGone is what happens when the record that is to be updated is not there any more.
	OnGone string
	// OnGroupChange is what happens when a row changes its group.
	OnGroupChange string
	// OnMissingParent is what happens to a row whose parent has no CRM id.
	OnMissingParent string
	// FloodAction is what happens to writes that are refused in a flood.
	FloodAction string
)

// DefaultPlaceholder is Debezium's own unavailable.value.placeholder.
const DefaultPlaceholder = "__debezium_unavailable_value"

// The words.
const (
	StartEarliest Start = "earliest"
	StartLatest   Start = "latest"

	LostStop     OnLostOffset = "stop"
	LostEarliest OnLostOffset = "earliest"
	LostLatest   OnLostOffset = "latest"

	CooperativeSticky Balancer = "cooperative-sticky"
	Range             Balancer = "range"

	SASLPlain       Mechanism = "plain"
	SASLScramSHA256 Mechanism = "scram-sha-256"
	SASLScramSHA512 Mechanism = "scram-sha-512"

	FormatJSON       Format = "json"
	FormatAvro       Format = "avro"
	FormatProtobuf   Format = "protobuf"
	FormatJSONSchema Format = "json_schema"

	EnvelopePlain        Envelope = "plain"
	EnvelopeDebezium     Envelope = "debezium"
	EnvelopeDebeziumFlat Envelope = "debezium_flat"
	EnvelopeMaxwell      Envelope = "maxwell"
	EnvelopeCanal        Envelope = "canal"
	EnvelopeCockroach    Envelope = "cockroach"
	EnvelopeDMS          Envelope = "dms"
	EnvelopeSequin       Envelope = "sequin"

	UnwrapNone        Unwrap = "none"
	UnwrapCloudEvents Unwrap = "cloudevents"

	TruncateIgnore     OnTruncate = "ignore"
	TruncateStop       OnTruncate = "stop"
	TruncateDeadLetter OnTruncate = "dead_letter"

	NoRowIgnore     OnNoRow = "ignore"
	NoRowDeadLetter OnNoRow = "dead_letter"

	KeyChangeMove       OnKeyChange = "move"
	KeyChangeRecreate   OnKeyChange = "recreate"
	KeyChangeDeadLetter OnKeyChange = "dead_letter"

	ActionCreate Action = "create"
	ActionUpdate Action = "update"
	ActionDelete Action = "delete"
	ActionIgnore Action = "ignore"
	ActionUpsert Action = "upsert"

	IDField  IDWay = "field"
	IDLedger IDWay = "ledger"
	IDMatch  IDWay = "match"

	SeveralDeadLetter OnSeveral = "dead_letter"
	SeveralFirst      OnSeveral = "first"

	UnknownDeleteIgnore     OnUnknownDelete = "ignore"
	UnknownDeleteDeadLetter OnUnknownDelete = "dead_letter"

	ConflictDeadLetter OnConflict = "dead_letter"
	ConflictUpdate     OnConflict = "update"

	GoneDeadLetter OnGone = "dead_letter"
	GoneRecreate   OnGone = "recreate"
	GoneIgnore     OnGone = "ignore"

	GroupChangeDeadLetter OnGroupChange = "dead_letter"
	GroupChangeMove       OnGroupChange = "move"

	MissingParentWait       OnMissingParent = "wait"
	MissingParentOmit       OnMissingParent = "omit"
	MissingParentDeadLetter OnMissingParent = "dead_letter"

	BeforeKeys Before = "keys"
	BeforeFull Before = "full"

	TypeDecimal         Type = "decimal"
	TypeDecimalVariable Type = "decimal_variable"
	TypeNumber          Type = "number"
	TypeBoolean         Type = "boolean"
	TypeDateDays        Type = "date_days"
	TypeTimeMS          Type = "time_ms"
	TypeTimeUS          Type = "time_us"
	TypeTimeNS          Type = "time_ns"
	TypeTimestampS      Type = "timestamp_s"
	TypeTimestampMS     Type = "timestamp_ms"
	TypeTimestampUS     Type = "timestamp_us"
	TypeTimestampNS     Type = "timestamp_ns"
	TypeISODate         Type = "iso_date"
	TypeISOTime         Type = "iso_time"
	TypeISOZonedTime    Type = "iso_zoned_time"
	TypeISOTimestamp    Type = "iso_timestamp"
	TypeDurationUS      Type = "duration_us"
	TypeDurationNS      Type = "duration_ns"
	TypeISODuration     Type = "iso_duration"
	TypeStructured      Type = "structured"
	TypeBytesBase64     Type = "bytes_base64"
	TypeBytesBase64URL  Type = "bytes_base64_url"
	TypeBytesHex        Type = "bytes_hex"
	TypeSet             Type = "set"
	TypeJSON            Type = "json"

	AsDate     As = "date"
	AsDatetime As = "datetime"
	AsTime     As = "time"
	AsEpochMS  As = "epoch_ms"
	AsNumber   As = "number"
	AsBoolean  As = "boolean"
	AsString   As = "string"
	AsList     As = "list"
	AsJSON     As = "json"

	NullsSend  Nulls = "send"
	NullsOmit  Nulls = "omit"
	NullsEmpty Nulls = "empty"

	OverReject Over = "reject"
	OverCut    Over = "cut"

	UpdateAll     Update = "all"
	UpdateChanged Update = "changed"

	ModeSynchronous Mode = "synchronous"

	InDoubtPark   InDoubt = "park"
	InDoubtResend InDoubt = "resend"

	FloodHold       FloodAction = "hold"
	FloodDeadLetter FloodAction = "dead_letter"
)

// Envelopes returns every Envelope.
func Envelopes() []Envelope {
	return []Envelope{EnvelopePlain, EnvelopeDebezium, EnvelopeDebeziumFlat, EnvelopeMaxwell, EnvelopeCanal,
		EnvelopeCockroach, EnvelopeDMS, EnvelopeSequin}
}

// Types returns every Type.
func Types() []Type {
	return []Type{
		TypeDecimal, TypeDecimalVariable, TypeNumber, TypeBoolean, TypeDateDays, TypeTimeMS, TypeTimeUS, TypeTimeNS,
		TypeTimestampS, TypeTimestampMS, TypeTimestampUS, TypeTimestampNS, TypeISODate, TypeISOTime, TypeISOZonedTime,
		TypeISOTimestamp, TypeDurationUS, TypeDurationNS, TypeISODuration, TypeStructured, TypeBytesBase64, TypeBytesBase64URL,
		TypeBytesHex, TypeSet, TypeJSON,
	}
}

// AllAs returns every As.
func AllAs() []As {
	return []As{AsDate, AsDatetime, AsTime, AsEpochMS, AsNumber, AsBoolean, AsString, AsList, AsJSON}
}

// AllFormats returns every Format.
func AllFormats() []Format {
	return []Format{FormatJSON, FormatAvro, FormatProtobuf, FormatJSONSchema}
}

// texts returns words as plain texts.
func texts[T ~string](words []T) []string {
	plain := make([]string, len(words))
	for i, w := range words {
		plain[i] = string(w)
	}
	return plain
}
