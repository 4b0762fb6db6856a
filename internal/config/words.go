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
	// Format is how keys and values are encoded.
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
	// FloodAction is what happens to writes that are refused in a flood.
	FloodAction string
)

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

	FormatJSON Format = "json"

	EnvelopePlain        Envelope = "plain"
	EnvelopeDebezium     Envelope = "debezium"
	EnvelopeDebeziumFlat Envelope = "debezium_flat"

	ActionCreate Action = "create"
	ActionUpdate Action = "update"
	ActionDelete Action = "delete"
	ActionIgnore Action = "ignore"
	ActionUpsert Action = "upsert" // known, and refused until identity lands

	BeforeKeys Before = "keys"
	BeforeFull Before = "full"

	ModeSynchronous Mode = "synchronous"

	InDoubtPark   InDoubt = "park"
	InDoubtResend InDoubt = "resend"

	FloodHold       FloodAction = "hold"
	FloodDeadLetter FloodAction = "dead_letter"
)
