package mapping

import "github.com/go-json-experiment/json/jsontext"

// kind is the kind of a JSON value.
type kind uint8

const (
	kindNone kind = iota
	kindNull
	kindBool
	kindNumber
	kindString
	kindArray
	kindObject
)

var kindNames = [...]string{"nothing", "null", "a boolean", "a number", "a string", "an array", "an object"}

func (k kind) String() string { return kindNames[k] }

const (
	// maxDepth bounds the nesting that is read: far above what a row holds (a JSON
	// column rarely passes 10), and low enough that recursion costs kilobytes.
	maxDepth = 512
	// maxMembers bounds the index of one document, at 24 bytes a member. The widest
	// tables (MySQL's 4096 columns, twice in an envelope) need half of it.
	maxMembers = 16 << 10
	// indexLevels is how deep members are indexed: payload, image, column.
	indexLevels = 3

	// What a text that passes these bounds is refused with.
	lessNesting  = "less nesting"
	fewerMembers = "fewer members"
)

// document is a decoded key or value: its JSON text and an index of its members.
// The index holds the root and the root's members, and goes below only where
// readers look (payload, before, after). It is reused from record to record.
type document struct {
	text  []byte
	own   []byte // what text is where it was not the record's: reused
	nodes []node // in the order of the text; nodes[0] is the root
	fault fault

	schemas *schemas // of the topic; nil: none are looked for
	schema  *schema  // the schema part of this text; nil: none, or not parsed yet
}

// node is one value of the text, with its name when it is a member. Offsets and
// no pointers, so that an index of thousands is nothing to the garbage collector.
type node struct {
	name, nameEnd uint32 // between the quotes
	from, to      uint32
	next          int32 // the index behind the node and all that it holds
	kind          kind
	nameEscaped   bool
	escaped       bool // a string that contains escapes
}

// value is a piece of JSON text.
type value struct {
	raw     []byte
	kind    kind
	escaped bool
}

// fault says where a text stops being JSON, or bytes stop being what their schema
// says.
type fault struct {
	at    int
	want  string
	names []string // of the fields around it
}

// read returns the value of nodes[i].
func (d *document) read(i int32) value {
	n := &d.nodes[i]
	return value{raw: d.text[n.from:n.to], kind: n.kind, escaped: n.escaped}
}

// name returns the name of a member, unescaped.
func (d *document) name(n *node) []byte {
	raw := d.text[n.name:n.nameEnd]
	if !n.nameEscaped {
		return raw
	}
	return unquote(nil, d.text[n.name-1:n.nameEnd+1])
}

// find returns the member of the indexed object nodes[object] with that name.
// It returns 0 when there is none and -1 when there are several.
func (d *document) find(object int32, name string) (member int32) {
	for i := object + 1; i < d.nodes[object].next; i = d.nodes[i].next {
		if string(d.name(&d.nodes[i])) == name {
			if member != 0 {
				return -1
			}
			member = i
		}
	}
	return member
}

// enter indexes the members of an object that the scan passed over, or the
// elements of an array, and returns its node: itself where that was done already. New
// nodes stand behind all others; whoever has many objects to enter, one after the other,
// leaves each again. It returns -1, with d.fault set, for more members than a
// document may have.
func (d *document) enter(i int32) int32 {
	n := d.nodes[i]
	if n.next > i+1 || n.kind != kindObject && n.kind != kindArray {
		return i
	}
	entered := int32(len(d.nodes))
	d.nodes = append(d.nodes, node{})
	if n.kind == kindArray {
		if d.elements(int(n.from)) < 0 {
			return -1
		}
		d.nodes[entered] = node{from: n.from, to: n.to, next: int32(len(d.nodes)), kind: kindArray}
		return entered
	}
	if d.indexed(int(entered), int(n.from), 1, 1) < 0 {
		return -1
	}
	return entered
}

// elements appends a node for each element of the array at text[at:].
func (d *document) elements(at int) (end int) {
	at = skipSpace(d.text, at+1)
	for done := d.text[at] == ']'; !done; {
		if len(d.nodes) >= maxMembers {
			return d.fail(at, fewerMembers)
		}
		i := len(d.nodes)
		d.nodes = append(d.nodes, node{})
		if at = d.indexed(i, at, 1, 0); at < 0 {
			return -1
		}
		at, done = d.comma(at, ']')
	}
	return at
}

// leave forgets what was entered since the index had that many nodes.
func (d *document) leave(nodes int) { d.nodes = d.nodes[:nodes] }

// payload returns the node that holds the data: the payload of Connect's
// {"schema", "payload"}, which has exactly those two members and whose schema is an object
// or null, or else the root. A row with two columns of these names has text
// where the schema would stand.
func (d *document) payload() int32 {
	root := &d.nodes[0]
	if root.kind != kindObject {
		return 0
	}
	var schema, payload int32
	members := 0
	for i := int32(1); i < root.next; i = d.nodes[i].next {
		n := &d.nodes[i]
		switch string(d.name(n)) {
		case "schema":
			schema = i
		case "payload":
			payload = i
		default:
			return 0
		}
		if members++; members > 2 {
			return 0
		}
	}
	if schema == 0 || payload == 0 || members != 2 {
		return 0
	}
	if k := d.nodes[schema].kind; k != kindObject && k != kindNull {
		return 0
	}
	return payload
}

// learn makes the schema part of a document with that payload known. It reports
// false for one that is no schema.
func (d *document) learn(payload int32) bool {
	if payload == 0 {
		d.schema = nil // the members of a row that is called so
		return true
	}
	if d.schema != nil || d.schemas == nil {
		return true
	}
	part, ok := d.read(d.find(0, "schema")), true
	if part.kind == kindObject {
		d.schema, ok = d.schemas.learn(part.raw)
	}
	return ok
}

// unquote appends the text of a JSON string that a scan has validated.
func unquote(dst, raw []byte) []byte {
	dst, err := jsontext.AppendUnquote(dst, raw)
	if err != nil {
		panic("BUG: a validated string does not unquote: " + err.Error())
	}
	return dst
}

// maxScratch bounds what is kept between records, in bytes, so that one large
// record does not stay resident.
const maxScratch = 1 << 20

func recycled(b []byte) []byte {
	if cap(b) > maxScratch {
		return nil
	}
	return b[:0]
}
