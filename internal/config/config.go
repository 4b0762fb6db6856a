// Package config is the configuration file as types. It promises that what it
// hands out can run: unknown keys, wrong types, missing secrets and impossible
// combinations are refused before anything starts, naming file, line, key and
// the nearest valid spelling.
//
// It is a leaf: every stage takes the part that concerns it.
package config

import (
	"slices"
	"time"
)

// Config is the whole file.
type Config struct {
	Kafka           Kafka         `yaml:"kafka"`
	Ampersand       Ampersand     `yaml:"ampersand"`
	Routes          []Route       `yaml:"routes"`
	Skip            []SkipRule    `yaml:"skip"`
	DeadLetter      DeadLetter    `yaml:"dead_letter"`
	Ledger          Ledger        `yaml:"ledger"`
	Retry           Retry         `yaml:"retry"`
	InDoubt         InDoubt       `yaml:"in_doubt"`
	Flood           Flood         `yaml:"flood"`
	Limits          Limits        `yaml:"limits"`
	ShutdownTimeout time.Duration `yaml:"shutdown_timeout"`
	Admin           Admin         `yaml:"admin"`
	Log             Log           `yaml:"log"`
}

// Kafka is the cluster, the group, and where the group starts.
type Kafka struct {
	Brokers        []string      `yaml:"brokers"`
	Group          string        `yaml:"group"`
	Start          Start         `yaml:"start"`
	OnLostOffset   OnLostOffset  `yaml:"on_lost_offset"`
	SessionTimeout time.Duration `yaml:"session_timeout"`
	InstanceID     string        `yaml:"instance_id"`
	ClientID       string        `yaml:"client_id"`
	// Balancer is the partition assignment strategy of the group.
	Balancer Balancer `yaml:"balancer"`
	TLS      *TLS     `yaml:"tls"`
	SASL     *SASL    `yaml:"sasl"`
	// SchemaRegistry is nil when the file has no such key.
	SchemaRegistry *SchemaRegistry `yaml:"schema_registry"`
}

// TLS is nil when the file has no such key: plain text. An empty section is TLS
// with the system's roots.
type TLS struct {
	CA         string `yaml:"ca"`   // file; empty: the system's roots
	Cert       string `yaml:"cert"` // file; with Key: mutual TLS
	Key        string `yaml:"key"`  // file
	ServerName string `yaml:"server_name"`
}

// SASL is nil when the file has no such key.
type SASL struct {
	Mechanism Mechanism `yaml:"mechanism"`
	User      string    `yaml:"user"`
	Password  Secret    `yaml:"password"`
	// AllowPlaintext accepts that mechanism plain sends the password readable,
	// without TLS.
	AllowPlaintext bool `yaml:"allow_plaintext"`
}

// SchemaRegistry is where the schemas of keys and values are.
type SchemaRegistry struct {
	URL      string `yaml:"url"` // without a slash at its end
	User     string `yaml:"user"`
	Password Secret `yaml:"password"`
	// AllowHTTP accepts that the password travels readable, to a host that is not
	// this machine.
	AllowHTTP bool `yaml:"allow_http"`
	// Timeout bounds one request, its answer included.
	Timeout time.Duration `yaml:"timeout"`
	TLS     *TLS          `yaml:"tls"`
}

// Ampersand is the API and the project that the key belongs to.
type Ampersand struct {
	URL string `yaml:"url"` // without a slash at its end
	// AllowHTTP accepts that the API key travels readable, to a host that is not
	// this machine.
	AllowHTTP bool   `yaml:"allow_http"`
	APIKey    Secret `yaml:"api_key"`
	// APIKeyFile is the file that APIKey was read from, when the configuration
	// says exactly ${file:PATH}; else empty.
	APIKeyFile string `yaml:"-"`
	Project    string `yaml:"project"`
	// SearchURL is where records are searched, without a slash at its end.
	SearchURL string `yaml:"search_url"`
	// OperationsURL is where operations are looked up, without a slash at its end.
	OperationsURL string        `yaml:"api_url"`
	Timeout       time.Duration `yaml:"timeout"`
}

// Route says which topics become writes to which object, and how.
type Route struct {
	Name      string    `yaml:"name"`
	Topics    Topics    `yaml:"topics"`
	Format    Formats   `yaml:"format"`
	Envelope  Envelope  `yaml:"envelope"`
	Unwrap    Unwrap    `yaml:"unwrap"`
	Operation Operation `yaml:"operation"` // plain only
	To        To        `yaml:"to"`
	// Key lists the fields of the source key, in order; empty: the whole record key.
	Key []string `yaml:"key"`
	// IdentitySpace is within what a key is one row; empty: the topic.
	IdentitySpace string  `yaml:"identity_space"`
	ID            ID      `yaml:"id"`
	Search        Search  `yaml:"search"`
	Fields        []Field `yaml:"fields"` // a mapping in the file, its order kept

	Associations Associations `yaml:"associations"`
	Headers      []Header     `yaml:"headers"`

	OnCreate    Action   `yaml:"on_create"`
	OnUpdate    Action   `yaml:"on_update"`
	OnDelete    OnDelete `yaml:"on_delete"`
	OnSnapshot  Action   `yaml:"on_snapshot"`
	OnTombstone Action   `yaml:"on_tombstone"`
	// What becomes of records that are no change of one row.
	OnTruncate  OnTruncate  `yaml:"on_truncate"`
	OnKeyChange OnKeyChange `yaml:"on_key_change"`
	OnNoRow     OnNoRow     `yaml:"on_no_row"`

	OnUnknownDelete OnUnknownDelete `yaml:"on_unknown_delete"`
	OnConflict      OnConflict      `yaml:"on_conflict"`
	OnGone          OnGone          `yaml:"on_gone"`
	OnGroupChange   OnGroupChange   `yaml:"on_group_change"`
	OnMissingParent OnMissingParent `yaml:"on_missing_parent"`
	ParentPatience  time.Duration   `yaml:"parent_patience"`

	Before      Before `yaml:"before"`
	Placeholder string `yaml:"placeholder"`
	Update      Update `yaml:"update"`
	When        string `yaml:"when"` // empty: every row
	Nulls       Nulls  `yaml:"nulls"`
	Mode        Mode   `yaml:"mode"`
	Batch       Batch  `yaml:"batch"`
}

// Formats says how keys and values are encoded. The file may say one word for both.
type Formats struct {
	Key   Format `yaml:"key"`
	Value Format `yaml:"value"`
}

// NeedRegistry reports whether what is encoded so can only be read with the
// schemas of a registry.
func (f Formats) NeedRegistry() bool { return f.Key != FormatJSON || f.Value != FormatJSON }

// Registry returns the schema registry that the routes need, and whether they need one.
func (c *Config) Registry() (SchemaRegistry, bool) {
	needs := func(r Route) bool { return r.Format.NeedRegistry() }
	if c.Kafka.SchemaRegistry == nil || !slices.ContainsFunc(c.Routes, needs) {
		return SchemaRegistry{}, false
	}
	return *c.Kafka.SchemaRegistry, true
}

// Topics is a list of names or one regular expression, never both.
type Topics struct {
	Names []string `yaml:"-"`
	// Regex matches a topic's whole name; Pattern says it so.
	Regex string `yaml:"regex"`
}

// Pattern returns the regular expression of the topics, anchored to the whole
// name of a topic: empty when they are a list of names.
func (t Topics) Pattern() string {
	if t.Regex == "" {
		return ""
	}
	return "^(?:" + t.Regex + ")$"
}

// To is the destination of a route. Group may come from the row.
type To struct {
	Integration string `yaml:"integration"`
	Object      string `yaml:"object"`
	Group       Group  `yaml:"group"`
}

// Group is a fixed groupRef, or where the record says it: exactly one is set.
type Group struct {
	Value  string `yaml:"-"`
	Field  string `yaml:"field"`
	Header string `yaml:"header"`
}

// Operation says how a plain row tells what happened to it. At most one of
// Field, Header and Value is set; none: a row that carries a CRM id is an
// update, a row without one a create.
type Operation struct {
	Field  string `yaml:"field"`
	Header string `yaml:"header"`
	Value  string `yaml:"value"` // create, update or delete
}

// Field is one member of the write: a constant (HasValue), or what is made of
// From, of Expr, or of both.
type Field struct {
	To       string `yaml:"-"`    // the CRM's field
	From     string `yaml:"from"` // a column, or a path into it: address.city
	HasValue bool   `yaml:"-"`
	Value    []byte `yaml:"value"` // a constant, as JSON
	Line     int    `yaml:"-"`
	IDOf     *IDOf  `yaml:"id_of"` // goes with no other key

	Type       Type   `yaml:"type"`  // empty: what its schema or its JSON says
	Scale      *int   `yaml:"scale"` // of type decimal
	Expr       string `yaml:"expr"`
	As         As     `yaml:"as"` // empty: the default form of what it is
	Separator  string `yaml:"separator"`
	HasDefault bool   `yaml:"-"`
	Default    []byte `yaml:"default"` // as JSON
	// NotFinite is sent in place of NaN, an infinity, and a date that no year from 1
	// to 9999 has, as JSON.
	HasNotFinite bool       `yaml:"-"`
	NotFinite    []byte     `yaml:"not_finite"`
	Required     bool       `yaml:"required"`
	MaxLength    *MaxLength `yaml:"max_length"`
	Nulls        Nulls      `yaml:"nulls"` // empty: as the route says
}

// MaxLength bounds a text.
type MaxLength struct {
	Characters int  `yaml:"characters"`
	Over       Over `yaml:"over"`
}

// Associations are taken from a field of the row that holds the array (Field), or are those of
// the file (Fixed, Linked).
type Associations struct {
	Field string `yaml:"field"`
	Fixed []byte `yaml:"-"` // a JSON array, or nil
	// Linked are further members of that array, each with the id of another row in it.
	Linked []Linked `yaml:"-"`
}

// Header is passed on to the CRM with each request of the route (Salesforce).
type Header struct {
	Key   string `yaml:"key"`
	Value string `yaml:"value"`
}

// OnDelete is an Action, or the fields to set instead of deleting (Set): exactly
// one of them is set. A tombstone that OnTombstone takes for a delete is treated
// as OnDelete says.
type OnDelete struct {
	Action Action  `yaml:"-"`
	Set    []Field `yaml:"-"`
}

// Batch says which writes travel together. Routes that share a destination must
// agree on it.
type Batch struct {
	Size      int           `yaml:"size"`
	Linger    time.Duration `yaml:"linger"`
	AllOrNone bool          `yaml:"all_or_none"`
	InFlight  int           `yaml:"in_flight"`
	// Bytes bounds the body of one request.
	Bytes Bytes `yaml:"bytes"`
}

// SkipRule skips, and counts under its name, the records of topics that have no
// destination.
type SkipRule struct {
	Name   string `yaml:"name"`
	Topics Topics `yaml:"topics"`
}

// DeadLetter is where refused records go.
type DeadLetter struct {
	// Topic may contain {topic}, the source topic.
	Topic  string `yaml:"topic"`
	Create bool   `yaml:"create"`
}

// Retry is the backoff of a request, and how long it lasts before the lane holds.
type Retry struct {
	Initial  time.Duration `yaml:"initial"`
	Max      time.Duration `yaml:"max"`
	Patience time.Duration `yaml:"patience"`
}

// Flood says from when on refusals are taken for a fault of the destination: when
// one code is on more than Share of the last Window writes, and of Keys keys at least.
type Flood struct {
	Window int         `yaml:"window"`
	Share  float64     `yaml:"share"`
	Keys   int         `yaml:"keys"`
	Action FloodAction `yaml:"action"`
}

// Limits bound what the program takes.
type Limits struct {
	Memory    Bytes   `yaml:"memory"`
	LaneShare float64 `yaml:"lane_share"`
	Requests  int     `yaml:"requests"`
	// SearchRate bounds the searches a second of one integration and group.
	SearchRate float64 `yaml:"search_rate"`
}

// Admin is the listener of /healthz, /readyz, /metrics and /status; empty: none.
type Admin struct {
	Listen string `yaml:"listen"`
}

// Log is the level and the form of the log.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn, error
	Format string `yaml:"format"` // auto (console on a terminal), json, console
}

// Bytes is a size; the file writes 32MiB, 512KiB or a plain number.
type Bytes int64
