package mapping

import "github.com/ampersink/ampersink/internal/model"

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
		// A CloudEvent has it beside the data.
		word, ok := in.header(headerEventConnector)
		return ok && in.event.known && string(word) == "mongodb"
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
		out = in.appendID(append(out, shown...))
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
func (in *input) appendID(dst []byte) []byte {
	dst = append(dst, '{')
	if id, ok := in.documentID(); ok {
		dst = appendPlain(append(dst, `"_id":`...), id)
	}
	return append(dst, '}')
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
// fields that were set, null for those that were removed, and a part of each array that was cut, of which
// the rest is not told.
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
	dst = in.appendID(dst)
	dst = dst[:len(dst)-1] // open again
	if updated != 0 && d.nodes[updated].kind == kindString {
		from := len(dst)
		if dst, why = in.plain(dst, updated, "updatedFields"); why != nil {
			return dst, why
		}
		dst = spliced(dst, from)
	}
	if dst, why = in.appendNames(dst, removed, "removedFields", `":null`); why != nil {
		return dst, why
	}
	if dst, why = in.appendNames(dst, truncated, "truncatedArrays", `.length":null`); why != nil {
		return dst, why
	}
	return append(dst, '}'), nil
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

// appendNames appends a member for each name of an array, which stands there as text or
// as the field of an object, with what comes behind the name.
func (in *input) appendNames(dst []byte, i int32, name, behind string) ([]byte, *model.Reason) {
	d := in.value
	if i == 0 || d.nodes[i].kind == kindNull {
		return dst, nil
	}
	list := d.enter(i)
	switch {
	case list < 0:
		return dst, badJSON(d, name, "the list")
	case d.nodes[list].kind != kindArray:
		return dst, refusal(codeBadEnvelope, name, "%s is %s (%s); expected names in an array", name, d.nodes[list].kind, in.excerpt(list))
	}
	for j, end := list+1, d.nodes[list].next; j < end; j++ {
		v := d.read(j)
		if v.kind == kindObject {
			v, _ = v.members("field", "size")
		}
		if v.kind != kindString {
			return dst, refusal(codeBadEnvelope, name, "%s holds %s; expected names", name, in.excerpt(j))
		}
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(append(dst, v.raw[:len(v.raw)-1]...), behind...)
	}
	return dst, nil
}
