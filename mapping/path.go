package mapping

import "strings"

// status is what looking for a column came to.
type status uint8

const (
	absent      status = iota
	found              // maybe null
	placeholder        // Debezium's word for "unchanged and not read"
	duplicate          // the name stands twice: which one counts cannot be told
)

// finder finds values by path: the name of a column, or names joined by dots
// that lead into a column that holds an object, as JSON or as text (Debezium
// writes json and jsonb as text). A name that literally contains the dots wins
// over the way it spells. Its scratch is reused; what it returns is valid until
// the next record.
type finder struct {
	nested       document
	arena        []byte
	placeholders *shapes // of the route
	infinite     []byte  // of the field: what is sent in place of elements that are not finite
}

// find returns the value at a path below the indexed object nodes[object].
func (f *finder) find(d *document, object int32, path string) (value, status) {
	for name, rest := range splits(path) {
		i := d.find(object, name)
		if i == 0 {
			continue
		}
		if i < 0 {
			return value{}, duplicate
		}
		if v, st := f.below(d.read(i), rest); st != absent {
			return v, st
		}
	}
	return value{}, absent
}

// below returns the value at a path into v; the empty path is v itself. Below
// null everything is null, as it is in SQL.
func (f *finder) below(v value, path string) (value, status) {
	if f.placeholders.is(v) {
		return value{}, placeholder
	}
	if path == "" || v.kind == kindNull {
		return v, found
	}
	text := v.raw
	if v.kind == kindString {
		text = f.unquoted(v)
	}
	for name, rest := range splits(path) {
		// Indexed again for each name: below this call the index is overwritten.
		if !f.nested.scan(text, 1) {
			return value{}, absent
		}
		i := f.nested.find(0, name)
		if i == 0 {
			continue
		}
		if i < 0 {
			return value{}, duplicate
		}
		if v, st := f.below(f.nested.read(i), rest); st != absent {
			return v, st
		}
	}
	return value{}, absent
}

// unquoted returns the text of a string value.
func (f *finder) unquoted(v value) []byte {
	if !v.escaped {
		return v.raw[1 : len(v.raw)-1]
	}
	from := len(f.arena)
	f.arena = unquote(f.arena, v.raw)
	return f.arena[from:]
}

// reset frees the scratch of the previous record.
func (f *finder) reset() {
	f.arena = recycled(f.arena)
	f.nested.text = nil
}

// splits yields the ways to read a path as a name and a rest, the longest name
// first.
func splits(path string) func(func(name, rest string) bool) {
	return func(yield func(name, rest string) bool) {
		if !yield(path, "") {
			return
		}
		for cut := strings.LastIndexByte(path, '.'); cut > 0; cut = strings.LastIndexByte(path[:cut], '.') {
			if !yield(path[:cut], path[cut+1:]) {
				return
			}
		}
	}
}
