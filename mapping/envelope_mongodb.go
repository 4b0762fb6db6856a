package mapping

import (
	"bytes"

	"github.com/ampersink/ampersink/internal/model"
)

// Debezium's connector for MongoDB writes documents as text that holds Extended JSON.
// They are read into one document of plain JSON, which has them under the names of the
// envelope.

// isDocument reports whether an envelope is one of MongoDB's.
func (e envelope) isDocument(in *input, operation op) bool {
	is := func(i int32, k kind) bool { return i != 0 && in.value.nodes[i].kind == k }
	if !is(e.after, kindString) && !is(e.before, kindString) && !is(e.description, kindObject) &&
		(operation != opDelete || is(e.before, kindObject)) {
		return false
	}
	if !is(e.source, kindObject) {
		return false
	}
	v, st := in.finder.below(in.value.read(e.source), "connector")
	return st == found && string(v.raw) == `"mongodb"`
}

// document reads the change of a document.
func (e envelope) document(in *input, operation op, word []byte) (c change, why *model.Reason) {
	const shown = `"after":`
	d := in.value
	out := append(in.inner.text[:0], '{')
	c = change{op: operation, image: noImage}
	hasBefore := e.before != 0 && d.nodes[e.before].kind == kindString
	if hasBefore {
		if out, why = in.plain(append(out, `"before":`...), e.before, "before"); why != nil {
			return c, why
		}
		out = append(out, ',')
	}
	switch hasAfter := e.after != 0 && d.nodes[e.after].kind == kindString; {
	case hasAfter:
		out, why = in.plain(append(out, shown...), e.after, "after")
	case operation == opDelete:
		out, why = in.appendID(append(out, shown...))
	case operation == opUpdate && e.description != 0 && d.nodes[e.description].kind == kindObject:
		c.partial = true
		out, why = in.appendUpdate(append(out, shown...), e.description)
	case operation == opCreate || operation == opUpdate || operation == opSnapshot:
		why = needsRow(word, "after")
	default:
		why = refusal(codeOperation, "op", "op is %s; expected %s", excerpt(word, 0), debeziumOps)
	}
	if why != nil {
		return c, why
	}
	in.inner.text = append(out, '}')
	if !in.descend(in.inner.text, nil) {
		return c, badJSON(&in.inner.document, "", "the document")
	}
	after, before := in.value.find(0, "after"), in.value.find(0, "before")
	switch c.image = after; {
	case !hasBefore:
	case operation == opDelete:
		c.image = before // a pre-image is the whole document
	case operation == opUpdate:
		c.before, c.proven = before, true
	}
	return c, nil
}

// plain appends the document that a string node holds, as plain JSON.
func (in *input) plain(dst []byte, i int32, name string) ([]byte, *model.Reason) {
	text := in.finder.unquoted(in.value.read(i))
	nested := &in.finder.nested
	if !nested.scan(text, 0) {
		return dst, badJSON(nested, name, "the text in "+name)
	}
	if k := nested.nodes[0].kind; k != kindObject {
		return dst, refusal(codeBadEnvelope, name, "the text in %s holds %s (%s); expected a document of Extended JSON", name, k, excerpt(text, 0))
	}
	return appendPlain(dst, nested.read(0)), nil
}

// appendID appends a document of which only the id is known: what the record's key
// says. Without one the document is empty.
func (in *input) appendID(dst []byte) ([]byte, *model.Reason) {
	dst = append(dst, '{')
	if id, ok := in.documentID(); ok {
		dst = appendPlain(append(dst, `"_id":`...), id)
	}
	return append(dst, '}'), nil
}

// documentID returns the id from the record's key, whose field is text that holds
// Extended JSON.
func (in *input) documentID() (value, bool) {
	v, st := in.key.find(in.finder, "id")
	if st != found || v.kind != kindString {
		return value{}, false
	}
	nested := &in.finder.nested
	if !nested.scan(in.finder.unquoted(v), 0) {
		return value{}, false
	}
	return nested.read(0), true
}

// appendUpdate appends what an update's description says of the document: the id, the
// fields that were set, and null for those that were removed. An array that was cut is not among
// them, because what is left of it is not told.
func (in *input) appendUpdate(dst []byte, description int32) ([]byte, *model.Reason) {
	const field = "updateDescription"
	d := in.value
	entered := d.enter(description)
	if entered < 0 {
		return dst, badJSON(d, field, "the description")
	}
	at, why := in.members(entered, "updatedFields", "removedFields", "truncatedArrays")
	if why != nil {
		return dst, why
	}
	updated, removed, truncated := at[0], at[1], at[2]
	if truncated != 0 && d.nodes[truncated].kind == kindArray && len(bytes.TrimSpace(d.read(truncated).raw)) > len("[]") {
		return dst, refusal(codeBadEnvelope, field, "the update cut an array (%s) and does not show what is left;"+
			" expected the whole document (capture.mode: change_streams_update_full)", in.excerpt(truncated))
	}
	dst, why = in.appendID(dst)
	if why != nil {
		return dst, why
	}
	dst = dst[:len(dst)-1] // open again
	if updated != 0 && d.nodes[updated].kind == kindString {
		from := len(dst)
		if dst, why = in.plain(dst, updated, "updatedFields"); why != nil {
			return dst, why
		}
		dst = spliced(dst, from)
	}
	return in.appendRemoved(dst, removed)
}

// spliced makes the object at dst[from:] members of the one that it stands in.
func spliced(dst []byte, from int) []byte {
	if len(dst)-from <= len("{}") {
		return dst[:from]
	}
	if dst[from-1] == '{' {
		dst = append(dst[:from], dst[from+1:]...)
	} else {
		dst[from] = ','
	}
	return dst[:len(dst)-1]
}

// appendRemoved appends null for each name of an array, and closes the object.
func (in *input) appendRemoved(dst []byte, removed int32) ([]byte, *model.Reason) {
	const name = "removedFields"
	d := in.value
	if removed == 0 || d.nodes[removed].kind == kindNull {
		return append(dst, '}'), nil
	}
	list := d.enter(removed)
	if list < 0 {
		return dst, badJSON(d, name, "the list")
	}
	if d.nodes[list].kind != kindArray {
		return dst, refusal(codeBadEnvelope, name, "removedFields is %s (%s); expected names in an array", d.nodes[list].kind, in.excerpt(list))
	}
	for i := list + 1; i < d.nodes[list].next; i = d.nodes[i].next {
		if d.nodes[i].kind != kindString {
			return dst, refusal(codeBadEnvelope, name, "removedFields holds %s (%s); expected names", d.nodes[i].kind, in.excerpt(i))
		}
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(append(dst, d.read(i).raw...), ":null"...)
	}
	return append(dst, '}'), nil
}
