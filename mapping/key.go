package mapping

import (
	"bytes"
	"hash/maphash"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// recordKey is the key of a record, decoded.
type recordKey struct {
	document
	bytes []byte
	root  int32 // the node that holds the data; 0 also when isRaw
	isRaw bool  // not JSON: any bytes
	null  bool  // Kafka's null, or a JSON null in its place
	order []int32
}

func (k *recordKey) decode(b []byte, known *schemas) {
	k.bytes, k.root, k.isRaw, k.null = b, 0, false, b == nil
	if k.null {
		return
	}
	k.schemas = known
	if k.isRaw = !k.scan(b, indexLevels); k.isRaw {
		return
	}
	k.root = k.payload()
	if !k.learn(k.root) {
		k.schema = nil
	}
	k.null = k.nodes[k.root].kind == kindNull
}

// decodeKey decodes a key that is written in a format of the registry.
func (m *Mapper) decodeKey(b []byte, f config.Format, last *memo) *model.Reason {
	k := &m.key
	k.bytes, k.root, k.isRaw, k.null = b, 0, false, b == nil
	if k.isRaw = len(b) == 0; k.isRaw {
		return nil // null, or empty: refused where a key is needed
	}
	why := m.decode(&k.document, keyPart(), f, b, last)
	k.isRaw = why != nil
	k.null = why == nil && k.nodes[0].kind == kindNull
	return why
}

func (k *recordKey) isObject() bool { return !k.isRaw && !k.null && k.nodes[k.root].kind == kindObject }

// find returns the value at a path of a key that is an object.
func (k *recordKey) find(f *finder, path string) (value, status) {
	if !k.isObject() {
		return value{}, absent
	}
	return f.find(&k.document, k.root, path)
}

// typ returns what the key's schema says of the value at a path.
func (k *recordKey) typ(path string) *typ {
	return k.typeOf(k.root, k.root).at(path)
}

func (k *recordKey) excerpt() string {
	switch {
	case k.null:
		return "null"
	case k.isRaw:
		return excerpt(k.bytes, 0)
	}
	return excerpt(k.read(k.root).raw, 0)
}

// keyConflict is the source key as a member of a conflict set.
func (m *Mapper) keyConflict(b *bound, c change) (model.Conflict, *model.Reason) {
	key, why := m.keyText(b, c)
	if why != nil {
		return 0, why
	}
	return model.Conflict(maphash.Bytes(m.compiled.seed, key)), nil
}

// keyText returns the source key in its canonical form, behind the route's keySpace. It is
// valid until scratch is used again.
func (m *Mapper) keyText(b *bound, c change) (key []byte, why *model.Reason) {
	key, why = m.sourceKey(append(m.scratch[:0], b.keySpace...), b, c, &m.key)
	m.scratch = key
	return key, why
}

// sourceKey appends the canonical source key of a change: the route's fields of it,
// the key that the event names, or the whole record key.
func (m *Mapper) sourceKey(key []byte, b *bound, c change, k *recordKey) ([]byte, *model.Reason) {
	switch {
	case len(b.key) > 0:
		return m.appendKeyFields(key, b, c, k, false)
	case c.ownKey != 0:
		own := &m.in.keys[c.ownKey-1]
		if own.unkeyed != "" {
			return key, refusal(codeNoKey, "", "%s; expected key: [...] with fields of the row", own.unkeyed)
		}
		return append(key, own.text...), nil
	}
	return k.appendWhole(key, b.placeholders)
}

// appendKeyFields appends the canonical source key of a route that names its
// fields: each is taken from the record key, else from the row; before, from the row
// before the update, where that holds it.
func (m *Mapper) appendKeyFields(key []byte, b *bound, c change, k *recordKey, before bool) ([]byte, *model.Reason) {
	key = append(key, '{')
	for i := range b.key {
		f := &b.key[i]
		var v value
		var st status
		if before {
			v, st = m.resolveBefore(f.source)
		}
		if st == absent || isEmpty(v, st) {
			v, st = k.find(&m.finder, f.source.path)
		}
		if st == absent || isEmpty(v, st) {
			// Where the record key is an object without this field, the field is no part of
			// the source's own key, and such columns of a before image are made up.
			if c.keysOnly && !b.beforeFull && k.isObject() {
				return key, refusal(codeNoKey, f.source.path, "the record key (%s) does not hold the field, and the before image of a delete"+
					" proves only what the key holds; expected the field in the key, or before: full", k.excerpt())
			}
			v, st = m.resolve(f.source)
		}
		switch {
		case st == placeholder:
			return key, placeholderKey(f.source.path)
		case st == duplicate:
			return key, twice(f.source.path)
		case st == absent || isEmpty(v, st):
			return key, refusal(codeNoKey, f.source.path, "neither the record key (%s) nor the row holds the field; expected a value", k.excerpt())
		}
		if i > 0 {
			key = append(key, ',')
		}
		key = append(append(key, f.quoted...), ':')
		key = appendCanonical(key, v)
	}
	return append(key, '}'), nil
}

// appendWhole appends the canonical record key: JSON without space and with its
// members sorted, so that producers which order or wrap them differently agree.
func (k *recordKey) appendWhole(key []byte, p *shapes) ([]byte, *model.Reason) {
	switch {
	case k.null:
		return key, refusal(codeNoKey, "", "the record key is null; expected a key, or key: [...] with fields of the row")
	case len(k.bytes) == 0:
		return key, refusal(codeNoKey, "", "the record key is empty; expected a key, or key: [...] with fields of the row")
	case k.isRaw:
		if string(k.bytes) == p.plain {
			return key, placeholderKey("")
		}
		return append(key, k.bytes...), nil
	case k.nodes[k.root].kind != kindObject:
		v := k.read(k.root)
		if p.is(v) {
			return key, placeholderKey("")
		}
		return appendCanonical(key, v), nil
	}
	key = append(key, '{')
	for n, i := range k.sorted() {
		node := &k.nodes[i]
		v := k.read(i)
		if p.is(v) {
			return key, placeholderKey(string(k.name(node)))
		}
		if n > 0 {
			key = append(key, ',')
		}
		name := value{raw: k.text[node.name-1 : node.nameEnd+1], kind: kindString, escaped: node.nameEscaped}
		key = append(appendCanonical(key, name), ':')
		key = appendCanonical(key, v)
	}
	return append(key, '}'), nil
}

// sorted returns the members of the key by name.
func (k *recordKey) sorted() []int32 {
	k.order = k.order[:0]
	for i := k.root + 1; i < k.nodes[k.root].next; i = k.nodes[i].next {
		k.order = append(k.order, i)
	}
	if len(k.order) > 1 {
		slices.SortStableFunc(k.order, func(a, b int32) int {
			return bytes.Compare(k.name(&k.nodes[a]), k.name(&k.nodes[b]))
		})
	}
	return k.order
}

// appendCanonical appends a value so that equal values read the same: strings
// minimally escaped, objects sorted, no space. Numbers stay as they are
// written: as floats, two large integers could become one.
func appendCanonical(dst []byte, v value) []byte {
	switch {
	case v.kind == kindString && v.escaped:
		quoted, err := jsontext.AppendQuote(dst, unquote(nil, v.raw))
		if err != nil {
			panic("BUG: text that was unquoted does not quote: " + err.Error())
		}
		return quoted
	case v.kind == kindObject || v.kind == kindArray:
		canonical := jsontext.Value(bytes.Clone(v.raw))
		if canonical.Canonicalize(jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false)) == nil {
			return append(dst, canonical...)
		}
	}
	return append(dst, v.raw...)
}

func placeholderKey(field string) *model.Reason {
	return refusal(codePlaceholderKey, field, "the key is Debezium's placeholder for an unchanged value; expected the value itself")
}
