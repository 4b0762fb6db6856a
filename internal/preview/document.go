package preview

import (
	"encoding/json"
	"time"
)

// Version is that of the document's form. It changes when a program that reads
// the document would have to.
const Version = 1

// Document is a preview. Its JSON is documented in docs/preview.md.
type Document struct {
	Version  int       `json:"version"`
	Read     Read      `json:"read"`
	Requests []Request `json:"requests"`
	NotSent  []NotSent `json:"not_sent"`
	Summary  Summary   `json:"summary"`
}

// Read says which records the preview is of.
type Read struct {
	File string `json:"file,omitempty"` // empty: from the topics
	// From is the time to begin at; nil: the last records of each topic.
	From    *time.Time  `json:"from,omitempty"`
	Records int         `json:"records"`
	Topics  []ReadTopic `json:"topics"`
	// PassedOver are topics of the file that run would not read.
	PassedOver []ReadTopic `json:"passed_over,omitempty"`
	// Incomplete says why records were left out that had been asked for.
	Incomplete []string `json:"incomplete,omitempty"`
}

// ReadTopic is what was read of a topic.
type ReadTopic struct {
	Topic      string `json:"topic"`
	Partitions int    `json:"partitions,omitempty"` // 0: not known
	Records    int    `json:"records"`
}

// Position is a record as a write or a fate names it.
type Position struct {
	Route     string    `json:"route,omitempty"` // empty: no route takes its topic
	Topic     string    `json:"topic"`
	Partition int32     `json:"partition"`
	Offset    int64     `json:"offset"`
	Timestamp time.Time `json:"timestamp"`
	// Key is the record's key as text, nil for null; KeyBase64 stands in its place where
	// it is not text.
	Key       *string `json:"key"`
	KeyBase64 []byte  `json:"key_base64,omitempty"`
	// Operation is what the change says happened to the row (model.Operation).
	Operation string `json:"operation,omitempty"`
}

// Request is one request to the write API.
type Request struct {
	Method      string      `json:"method"`
	Path        string      `json:"path"`
	Type        string      `json:"type"` // create, update, delete; undecided: by what is known when it is sent
	Destination Destination `json:"destination"`
	Writes      []Write     `json:"writes"`
	// Body is as it would be sent, but for the values of headers, which are hidden. It
	// is absent while the type is undecided.
	Body  json.RawMessage `json:"body,omitempty"`
	Bytes int             `json:"bytes,omitempty"` // of the body as it would be sent

	head string // of the body: what its writes share
}

// Destination is where a request goes.
type Destination struct {
	Integration string `json:"integration"`
	Group       string `json:"group"`
	Object      string `json:"object"`
}

// Write is one write of a request.
type Write struct {
	Position
	Becomes string `json:"becomes"` // the type, or what it can still be
	ID      string `json:"id,omitempty"`
	// Fields is the record without its id, as an object; absent for deletes.
	Fields       json.RawMessage `json:"fields,omitempty"`
	Associations json.RawMessage `json:"associations,omitempty"`
	// Parents are fields and associations besides, whose values are not known before the
	// write goes.
	Parents []Parent `json:"parents,omitempty"`
}

// Parent is a field or an association whose value is the CRM id of another row.
type Parent struct {
	Field  string `json:"field,omitempty"` // the CRM's; empty: it is one of the associations
	Column string `json:"column"`          // the first that holds a part of the other row's key
	// Object and IdentitySpace are those of the other row, Key its source key; nil: there is
	// none any more, and an update clears the field.
	Object        string  `json:"object"`
	IdentitySpace string  `json:"identity_space"`
	Key           *string `json:"key"`
}

// NotSent is a record, as a route sees it, that leads to no request.
type NotSent struct {
	Position
	Fate   string  `json:"fate"`           // dead_lettered, skipped or unchanged
	Rule   string  `json:"rule,omitempty"` // that skipped it
	Reason *Reason `json:"reason,omitempty"`
}

// Reason is why a record would be dead-lettered, in the words of its dead letter
// and of the log.
type Reason struct {
	Stage    string `json:"stage"`
	Code     string `json:"code"`
	Field    string `json:"field,omitempty"`
	Message  string `json:"message"`
	Found    string `json:"found"`
	Expected string `json:"expected,omitempty"`
}

// Summary counts what the records become.
type Summary struct {
	Records      int            `json:"records"`
	Requests     int            `json:"requests"`
	Writes       map[string]int `json:"writes"` // by type
	DeadLettered int            `json:"dead_lettered"`
	Skipped      int            `json:"skipped"`
	Unchanged    int            `json:"unchanged"`
	Refusals     []Refusals     `json:"refusals"`
	Skips        []Skips        `json:"skips"`
	Fields       []Field        `json:"fields"`
}

// Refusals is how many records of a route have one code and field.
type Refusals struct {
	Route   string  `json:"route,omitempty"`
	Code    string  `json:"code"`
	Field   string  `json:"field,omitempty"`
	Count   int     `json:"count"`
	Example Example `json:"example"` // the first of them
}

// Example is a record that is not sent. Of a refused one it says what was found
// and expected.
type Example struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Found     string `json:"found,omitempty"`
	Expected  string `json:"expected,omitempty"`
}

// Skips is how many records a rule skips.
type Skips struct {
	Rule    string  `json:"rule"`
	Count   int     `json:"count"`
	Example Example `json:"example"` // the first of them
}

// Field is what the writes of a route bring for a field of the CRM.
type Field struct {
	Route string `json:"route"`
	Field string `json:"field"`
	From  string `json:"from,omitempty"` // the column (of id_of: columns), or the expression; empty: a constant
	// Values counts the writes that send a value that is neither null nor an empty text, Kinds
	// what these values are in JSON, and Examples are a few different ones: none of the CRM id
	// of another row, which is not known yet.
	Values   int               `json:"values"`
	Nulls    int               `json:"nulls"`
	Empty    int               `json:"empty"`
	Kinds    map[string]int    `json:"kinds,omitempty"`
	Examples []json.RawMessage `json:"examples,omitempty"`
	// Absent counts the rows that lack the column, Placeholder those that hold Debezium's
	// placeholder for an unchanged value: the field is left out of their writes.
	Absent      uint64 `json:"absent"`
	Placeholder uint64 `json:"placeholder"`
}
