package mapping

import (
	"unicode/utf8"

	"github.com/ampersink/ampersink/internal/model"
)

// told returns what a record says of its CRM id or group. A row is asked for a
// create or an update. A delete has the record key, and behind it only an image
// whose other columns are true; what is empty is not told.
func (m *Mapper) told(b *bound, c change, s *source) fieldInput {
	if c.op == opDelete || c.op == opTombstone {
		if v, st := m.key.find(&m.finder, s.path); st != absent && !isEmpty(v, st) {
			return fieldInput{v, m.key.typ(s.path), st}
		}
		if c.keysOnly && !b.beforeFull {
			return fieldInput{}
		}
	}
	in := m.typed(s)
	if isEmpty(in.value, in.status) {
		return fieldInput{}
	}
	return in
}

func isEmpty(v value, st status) bool {
	return st == found && (v.kind == kindNull || string(v.raw) == `""`)
}

// word returns the text of a value that is a string or an integer. A value that
// the schema says to be something else in its bytes is read as that.
func (m *Mapper) word(in fieldInput) (text []byte, ok bool) {
	v := in.value
	if in.typ != nil && !in.typ.asIs {
		d, want := m.finder.understand(v, in.typ)
		switch {
		case want != "" || d.kind != datumText && d.kind != datumNumber:
			return nil, false
		case d.kind == datumText:
			return d.text, true
		}
		v = value{raw: d.text, kind: kindNumber}
	}
	switch v.kind {
	case kindString:
		return m.finder.unquoted(v), true
	case kindNumber:
		for i, c := range v.raw {
			if c-'0' > 9 && (i > 0 || c != '-') {
				return nil, false
			}
		}
		return v.raw, true
	}
	return nil, false
}

// id returns the CRM id of a change, empty when it has none.
func (m *Mapper) id(b *bound, c change) ([]byte, *model.Reason) {
	if b.route.id == nil {
		return nil, nil
	}
	in := m.told(b, c, b.route.id)
	switch in.status {
	case absent, placeholder:
		return nil, nil
	case duplicate:
		return nil, twice(b.route.id.path)
	}
	id, ok := m.word(in)
	if !ok {
		return nil, refusal(codeBadID, b.route.id.path, "the CRM id is %s (%s); expected a string or an integer", in.value.kind, excerpt(in.value.raw, 0))
	}
	return id, nil
}

// noID says why an update or a delete has no CRM id.
func (m *Mapper) noID(b *bound, c change) *model.Reason {
	s := b.route.id
	switch {
	case s == nil:
		return refusal(codeNoID, "", "the route names no field that holds the CRM id; expected id: {field: ...}")
	case c.op == opTombstone:
		return refusal(codeNoID, s.path, "the record has no value and its key (%s) does not hold the CRM id; expected it there", m.key.excerpt())
	case c.op == opDelete && c.keysOnly && !b.beforeFull:
		return refusal(codeNoID, s.path, "the key (%s) of the delete does not hold the CRM id, and its before image proves only the key;"+
			" expected the id in the key, or an image that is declared full (before: full)", m.key.excerpt())
	}
	v, st := m.resolve(s)
	what := excerpt(v.raw, 0)
	switch st {
	case absent:
		what = "absent"
	case placeholder:
		what = "Debezium's placeholder for an unchanged value"
	}
	switch {
	case c.partial && st == absent:
		return refusal(codeNoID, s.path, "the update shows only what changed, and the CRM id is not among it; expected an id that is the key,"+
			" or the whole document (capture.mode: change_streams_update_full)")
	case c.rekeyed == keyNew:
		return refusal(codeNoID, s.path, "the row's primary key changed, on_key_change: move updates its CRM record under its id, and the CRM id is %s;"+
			" expected a string or an integer", what)
	}
	return refusal(codeNoID, s.path, "the CRM id is %s; expected a string or an integer", what)
}

// group returns the group of a change.
func (m *Mapper) group(b *bound, c change) (string, *model.Reason) {
	var text []byte
	var from string
	switch {
	case b.groupField != nil:
		from = b.groupField.path
		in := m.told(b, c, b.groupField)
		if in.status == duplicate {
			return "", twice(from)
		}
		if in.status == found {
			var ok bool
			if text, ok = m.word(in); !ok {
				return "", refusal(codeBadGroup, from, "the group is %s (%s); expected a string or an integer", in.value.kind, excerpt(in.value.raw, 0))
			}
		}
	case b.groupHeader != "":
		from = b.groupHeader
		text, _ = m.in.header(from)
		if !utf8.Valid(text) {
			return "", refusal(codeBadGroup, from, "the group header is %s; expected UTF-8 text", excerpt(text, 0))
		}
	default:
		return b.route.group, nil
	}
	if len(text) == 0 {
		return "", m.noGroup(b, c, from)
	}
	return m.intern(text), nil
}

func (m *Mapper) noGroup(b *bound, c change, from string) *model.Reason {
	switch {
	case b.groupField == nil:
		return refusal(codeNoGroup, from, "the record has no such header, or it is empty; expected the group in it")
	case c.op == opTombstone:
		return refusal(codeNoGroup, from, "the record has no value and its key (%s) does not hold the group; expected it there", m.key.excerpt())
	case c.op == opDelete && c.keysOnly && !b.beforeFull:
		return refusal(codeNoGroup, from, "the key (%s) of the delete does not hold the group, and its before image proves only the key;"+
			" expected the group in the key, or an image that is declared full (before: full)", m.key.excerpt())
	}
	return refusal(codeNoGroup, from, "the row has no group, or it is empty; expected a string or an integer")
}

// maxGroups bounds the groups that are remembered: more tenants than a sink
// serves at one time, at about 64 bytes each.
const maxGroups = 32 << 10

// intern returns the text as a string that is shared by all records of a group,
// and so pins none of them.
func (m *Mapper) intern(text []byte) string {
	if s, ok := m.groups[string(text)]; ok {
		return s
	}
	if len(m.groups) >= maxGroups {
		clear(m.groups)
	}
	s := string(text)
	m.groups[s] = s
	return s
}

// idConflict is the CRM record that a row carries the id of as a member of a conflict set.
func (m *Mapper) idConflict(b *bound, group string, id []byte) (c model.Conflict) {
	c, m.scratch = recordConflict(m.compiled.seed, m.scratch, b.idSpace, group, id)
	return c
}

func isAlphanumeric(b []byte) bool {
	for _, c := range b {
		if c-'0' > 9 && c|0x20-'a' > 25 {
			return false
		}
	}
	return true
}

func twice(field string) *model.Reason {
	return refusal(codeBadJSON, field, "the name stands twice in its object; expected it once")
}
