package sandbox

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ampersink/ampersink/internal/model"
)

// request is a decoded body. Everything in it aliases the body.
type request struct {
	has       members
	group     string
	typ       model.Type
	async     bool
	allOrNone bool
	// delayMinutes is autoBatchPolicy.maxDelayMinutes.
	delayMinutes int
	headers      []Header
	items        []item
	fields       []field // of all items, one after the other
}

// item is one record of a request.
type item struct {
	id           []byte // unquoted; nil: none
	from, to     int    // its fields in request.fields, without the id
	record       []byte // the JSON object
	associations []byte // a JSON array, or nil
}

// field is one member of a record.
type field struct {
	name   []byte // unquoted
	quoted []byte
	value  []byte // JSON
}

// members is the set of top-level members that a body has.
type members uint16

const (
	hasGroup members = 1 << iota
	hasType
	hasMode
	hasRetryPolicy
	hasAutoBatchPolicy
	hasRecord
	hasBatchPolicy
	hasBatch
	hasAssociations
	hasHeaders
	// hasItemAssociations is set when an item of the batch has associations.
	hasItemAssociations
)

// of returns the fields of an item.
func (q *request) of(it *item) []field { return q.fields[it.from:it.to] }

func (q *request) reset() {
	clear(q.items[:cap(q.items)])
	clear(q.fields[:cap(q.fields)])
	*q = request{items: q.items[:0], fields: q.fields[:0]}
}

// decoder reads one body. It is strict: unknown members, repeated members, other
// types than the contract's and invalid UTF-8 are errors, which read as a
// sentence for the caller of the API.
type decoder struct {
	json *jsontext.Decoder
	src  bytes.Buffer
	body []byte
	q    *request
}

func (d *decoder) decode(body []byte, q *request) error {
	q.reset()
	d.q = q
	return d.whole(body, d.member)
}

// whole reads a body, which is one object.
func (d *decoder) whole(body []byte, member func(name string) error) error {
	d.body = body
	d.src = *bytes.NewBuffer(body)
	d.json.Reset(&d.src)
	if err := d.object("the body", member); err != nil {
		return err
	}
	if _, err := d.json.ReadToken(); err == nil || d.json.InputOffset() != int64(len(body)) && len(d.json.UnreadBuffer()) > 0 && !blank(d.json.UnreadBuffer()) {
		return errors.New("the body goes on behind its JSON object")
	}
	return nil
}

func blank(b []byte) bool { return len(bytes.TrimSpace(b)) == 0 }

// member reads one top-level member.
func (d *decoder) member(name string) error {
	switch name {
	case "groupRef":
		return d.text(name, hasGroup, &d.q.group)
	case "type":
		return d.typ(name)
	case "mode":
		return d.mode(name)
	case "retryPolicy":
		return d.policy(name, hasRetryPolicy, "", d.retryMember)
	case "autoBatchPolicy":
		return d.policy(name, hasAutoBatchPolicy, "maxDelayMinutes", d.autoBatchMember)
	case "batchPolicy":
		return d.policy(name, hasBatchPolicy, "", d.batchPolicyMember)
	case "record":
		d.q.has |= hasRecord
		return d.record("record", d.newItem())
	case "batch":
		d.q.has |= hasBatch
		return d.batch()
	case "associations":
		d.q.has |= hasAssociations
		a, err := d.objects(name)
		if err == nil {
			d.newItem().associations = a
		}
		return err
	case "headers":
		d.q.has |= hasHeaders
		return d.headers()
	}
	return fmt.Errorf("unknown member %q", name)
}

// newItem returns the next item; the single record and its associations, which
// come in either order, share the first.
func (d *decoder) newItem() *item {
	if d.q.has&hasBatch == 0 && len(d.q.items) > 0 {
		return &d.q.items[0]
	}
	d.q.items = append(d.q.items, item{})
	return &d.q.items[len(d.q.items)-1]
}

func (d *decoder) typ(name string) error {
	var text string
	if err := d.text(name, hasType, &text); err != nil {
		return err
	}
	switch text {
	case "create":
		d.q.typ = model.Create
	case "update":
		d.q.typ = model.Update
	case "delete":
		d.q.typ = model.Delete
	default:
		return fmt.Errorf("type is %q, want create, update or delete", text)
	}
	return nil
}

func (d *decoder) mode(name string) error {
	var text string
	if err := d.text(name, hasMode, &text); err != nil {
		return err
	}
	switch text {
	case "synchronous":
	case "asynchronous":
		d.q.async = true
	default:
		return fmt.Errorf("mode is %q, want synchronous or asynchronous", text)
	}
	return nil
}

// The largest values that the contract allows.
const (
	maxDeadlineHours = 48
	maxDelayMinutes  = 1440
	maxBatch         = 100
)

// policy reads an object of settings, of which one may be required.
func (d *decoder) policy(name string, bit members, required string, member func(string) error) error {
	d.q.has |= bit
	missing := required != ""
	err := d.object(name, func(setting string) error {
		missing = missing && setting != required
		if err := member(setting); err != nil {
			return fmt.Errorf("%s.%w", name, err)
		}
		return nil
	})
	if err == nil && missing {
		return fmt.Errorf("%s.%s is missing", name, required)
	}
	return err
}

func (d *decoder) retryMember(name string) error {
	if name != "deadlineHours" {
		return fmt.Errorf("%s is unknown", name)
	}
	return d.count(name, maxDeadlineHours, nil)
}

func (d *decoder) autoBatchMember(name string) error {
	switch name {
	case "maxDelayMinutes":
		return d.count(name, maxDelayMinutes, &d.q.delayMinutes)
	case "retryDeadlineHours":
		return d.count(name, maxDeadlineHours, nil)
	}
	return fmt.Errorf("%s is unknown", name)
}

func (d *decoder) batchPolicyMember(name string) error {
	if name != "allOrNone" {
		return fmt.Errorf("%s is unknown", name)
	}
	v, err := d.json.ReadValue()
	if err != nil {
		return d.syntax(err)
	}
	if k := v.Kind(); k != 't' && k != 'f' {
		return fmt.Errorf("%s must be true or false, not %s", name, kindName(k))
	}
	d.q.allOrNone = v.Kind() == 't'
	return nil
}

func (d *decoder) batch() error {
	if len(d.q.items) > 0 {
		// A single record came before it; the table of shapes says what is wrong, and
		// the items of the batch must not be mixed up with it.
		d.q.items = d.q.items[:0]
	}
	return d.array("batch", func(i int) error {
		if i >= maxBatch {
			return fmt.Errorf("batch has more than %d items", maxBatch)
		}
		return d.item(i)
	})
}

func (d *decoder) item(i int) error {
	it := d.newItem()
	found := false
	if err := d.open('{', "batch[%d]", i); err != nil {
		return err
	}
	for d.json.PeekKind() == '"' {
		name, err := d.json.ReadValue()
		if err != nil {
			return d.syntax(err)
		}
		switch string(name) {
		case `"record"`:
			found = true
			err = d.recordOf(it, i)
		case `"associations"`:
			d.q.has |= hasItemAssociations
			it.associations, err = d.objects("associations")
			err = within(err, i)
		default:
			err = fmt.Errorf("batch[%d] has the unknown member %s", i, name)
		}
		if err != nil {
			return err
		}
	}
	if !found && d.json.PeekKind() == '}' {
		return fmt.Errorf("batch[%d].record is missing", i)
	}
	return d.end()
}

func (d *decoder) recordOf(it *item, i int) error { return within(d.record("record", it), i) }

func within(err error, i int) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("batch[%d].%w", i, err)
}
