package mapping

// scan indexes a text and validates all of it: one JSON value, UTF-8 throughout,
// no unpaired surrogates, bounded depth. Duplicate names pass; whoever uses a
// name asks for that. It reports false, with d.fault set, for any other text.
func (d *document) scan(text []byte, levels int) bool {
	d.text, d.nodes, d.fault, d.schema = text, append(d.nodes[:0], node{}), fault{}, nil
	at := skipSpace(text, 0)
	end := d.indexed(0, at, 0, levels)
	if end < 0 {
		return false
	}
	if end = skipSpace(text, end); end != len(text) {
		d.fail(end, "the end of the text")
		return false
	}
	d.nodes[0].next = int32(len(d.nodes))
	return true
}

// indexed reads the value at text[at:] into nodes[i].
func (d *document) indexed(i, at, depth, levels int) (end int) {
	var k kind
	var escaped bool
	if levels > 0 && at < len(d.text) && d.text[at] == '{' {
		k, end = kindObject, d.index(at, depth+1, levels)
	} else {
		end, k, escaped = d.skip(at, depth)
	}
	if end < 0 {
		return -1
	}
	n := &d.nodes[i]
	n.from, n.to, n.kind, n.escaped, n.next = uint32(at), uint32(end), k, escaped, int32(len(d.nodes))
	return end
}

// index reads the object at text[at:] and indexes its members.
func (d *document) index(at, depth, levels int) (end int) {
	b := d.text
	at = skipSpace(b, at+1)
	if at < len(b) && b[at] == '}' {
		return at + 1
	}
	for {
		if at >= len(b) || b[at] != '"' {
			return d.fail(at, "a member name")
		}
		from := at + 1
		end, escaped := d.str(at)
		if end < 0 {
			return -1
		}
		if len(d.nodes) >= maxMembers {
			return d.fail(at, fewerMembers)
		}
		i := len(d.nodes)
		d.nodes = append(d.nodes, node{name: uint32(from), nameEnd: uint32(end - 1), nameEscaped: escaped})
		if at = d.colon(end); at < 0 {
			return -1
		}
		name := b[from : end-1]
		if escaped {
			name = unquote(nil, b[from-1:end])
		}
		if at = d.member(i, at, depth, levels, name); at < 0 {
			return -1
		}
		var done bool
		if at, done = d.comma(at, '}'); done || at < 0 {
			return at
		}
	}
}

// member reads the value of the member nodes[i].
func (d *document) member(i, at, depth, levels int, name []byte) (end int) {
	below := 0
	switch string(name) {
	case "payload", "after", "before":
		below = levels - 1
	case "schema":
		if depth != 1 || d.schemas == nil {
			break
		}
		if d.schema = d.schemas.recognise(d.text[at:]); d.schema != nil {
			n := &d.nodes[i]
			end = at + len(d.schema.text)
			n.from, n.to, n.kind, n.next = uint32(at), uint32(end), kindObject, int32(i+1)
			return end
		}
	}
	return d.indexed(i, at, depth, below)
}

// skip reads the value at text[at:] without indexing it.
func (d *document) skip(at, depth int) (end int, k kind, escaped bool) {
	if at >= len(d.text) {
		return d.fail(at, "a value"), 0, false
	}
	switch c := d.text[at]; c {
	case '"':
		end, escaped = d.str(at)
		return end, kindString, escaped
	case '{':
		return d.skipObject(at, depth+1), kindObject, false
	case '[':
		return d.skipArray(at, depth+1), kindArray, false
	case 'n':
		return d.literal(at, "null"), kindNull, false
	case 't':
		return d.literal(at, "true"), kindBool, false
	case 'f':
		return d.literal(at, "false"), kindBool, false
	default:
		if c != '-' && c-'0' > 9 {
			return d.fail(at, "a value"), 0, false
		}
		return d.number(at), kindNumber, false
	}
}

func (d *document) skipObject(at, depth int) (end int) {
	if depth > maxDepth {
		return d.fail(at, lessNesting)
	}
	b := d.text
	at = skipSpace(b, at+1)
	if at < len(b) && b[at] == '}' {
		return at + 1
	}
	for {
		if at >= len(b) || b[at] != '"' {
			return d.fail(at, "a member name")
		}
		if at, _ = d.str(at); at < 0 {
			return -1
		}
		if at = d.colon(at); at < 0 {
			return -1
		}
		if at, _, _ = d.skip(at, depth); at < 0 {
			return -1
		}
		var done bool
		if at, done = d.comma(at, '}'); done || at < 0 {
			return at
		}
	}
}

func (d *document) skipArray(at, depth int) (end int) {
	if depth > maxDepth {
		return d.fail(at, lessNesting)
	}
	b := d.text
	at = skipSpace(b, at+1)
	if at < len(b) && b[at] == ']' {
		return at + 1
	}
	for {
		if at, _, _ = d.skip(at, depth); at < 0 {
			return -1
		}
		var done bool
		if at, done = d.comma(at, ']'); done || at < 0 {
			return at
		}
	}
}

// colon reads the colon behind a name and returns where the value starts.
func (d *document) colon(at int) int {
	b := d.text
	at = skipSpace(b, at)
	if at >= len(b) || b[at] != ':' {
		return d.fail(at, "a colon")
	}
	return skipSpace(b, at+1)
}

// comma reads what follows a member or an element: a comma, and at is where the
// next one starts; or the closing bracket, and at is behind it.
func (d *document) comma(at int, closing byte) (next int, done bool) {
	b := d.text
	at = skipSpace(b, at)
	if at < len(b) {
		switch b[at] {
		case ',':
			return skipSpace(b, at+1), false
		case closing:
			return at + 1, true
		}
	}
	if closing == ']' {
		return d.fail(at, "a comma or ]"), false
	}
	return d.fail(at, "a comma or }"), false
}

// fail notes what was expected where, once, and returns -1.
func (d *document) fail(at int, want string) int {
	d.fault = fault{at: at, want: want}
	return -1
}
