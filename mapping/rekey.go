package mapping

import (
	"bytes"
	"encoding/base64"
	"hash/maphash"
	"math/big"
	"slices"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// rekeyed says what part an event has in a change of a row's primary key. Debezium
// writes a delete of the old key, its tombstone, and a create of the new one.
type rekeyed uint8

const (
	keyKept rekeyed = iota
	keyOld          // the delete or the tombstone of the old key
	keyNew          // the row under its new key
)

// The headers by which Debezium marks those records; their values are the other
// key as JSON.
const (
	headerNewKey = "__debezium.newkey"
	headerOldKey = "__debezium.oldkey"
)

// rekeying reads the headers of a record with that operation.
func (in *input) rekeying(o op) rekeyed {
	switch o {
	case opDelete, opTombstone:
		if _, ok := in.record.Header(headerNewKey); ok {
			return keyOld
		}
	case opCreate, opByID:
		if _, ok := in.record.Header(headerOldKey); ok {
			return keyNew
		}
	}
	return keyKept
}

func (m *Mapper) moves(b *bound) bool { return b.onKeyChange == config.KeyChangeMove }

// rekey decides about the records of a changed primary key: the fate that ends
// this one, or what it becomes. Moved, the row is one update of its CRM record, which
// keeps its history, its owner and its links.
func (m *Mapper) rekey(b *bound, c *change) (fate model.Fate, ends bool) {
	switch {
	case b.onKeyChange == config.KeyChangeDeadLetter:
		return refused(m.keyChange(*c)), true
	case !m.moves(b):
		if c.op == opByID {
			c.op = opCreate
		}
		return fate, false
	case c.rekeyed == keyOld:
		return b.skipKeyChange, true
	}
	c.op = opUpdate
	if why := m.decodeOld(len(b.key) == 0); why != nil {
		return refused(why), true
	}
	return fate, false
}

// keyBefore makes the source key that the row of a change had a member of its conflict
// set, and reports whether that is another one than it has now. In other dialects than Debezium's, and
// where the source's table has no key or another one than the route, the change of a key is an update
// whose before image holds the old one, which is seen where the route names the key's fields.
func (m *Mapper) keyBefore(b *bound, c change, now model.Conflict) (was model.Conflict, moved bool, why *model.Reason) {
	inPlace := keyInImages(b, c)
	switch {
	case c.rekeyed == keyNew && m.moves(b):
		m.wasKey, why = m.sourceKey(m.wasKey[:0], b, c, &m.old)
	case inPlace:
		if moved, why = m.keyDiffers(b, c); why == nil {
			if !moved {
				return 0, false, nil
			}
			m.wasKey, why = m.appendKeyFields(m.wasKey[:0], b, c, &m.key, true)
		}
	default:
		return 0, false, nil
	}
	if why != nil {
		return 0, false, why
	}
	m.scratch = append(append(m.scratch[:0], b.keySpace...), m.wasKey...)
	if was = model.Conflict(maphash.Bytes(m.compiled.seed, m.scratch)); was == now {
		return 0, false, nil // the route's key may leave out what changed
	}
	if inPlace && b.onKeyChange == config.KeyChangeDeadLetter {
		return 0, false, refusal(codeKeyChange, b.key[0].source.path, "the update changed the row's key, which was %s, and the route dead-letters that;"+
			" expected a key that stays, or on_key_change: move", excerpt(m.wasKey, 0))
	}
	return was, true, nil
}

// keyInImages reports whether the images of a change prove which key the row had.
func keyInImages(b *bound, c change) bool {
	return c.rekeyed == keyKept && len(b.key) > 0 && provesBefore(b, c)
}

// keyDiffers compares the key's fields in the images: the record's key may write a value otherwise
// than the row does.
func (m *Mapper) keyDiffers(b *bound, c change) (bool, *model.Reason) {
	if why := m.locateBefore(b, c); why != nil {
		return false, why
	}
	return slices.ContainsFunc(b.key, func(f keyField) bool { return !m.isSame(f.source, c) }), nil
}

// carries makes the draft of a change that has its fate already one that ends with it when both keys
// of the row are free, and reports whether the row has two: unless the ledger takes the CRM record along to
// the new key, the row's next update creates a second one, and its delete finds none. A change whose
// keys cannot be made keeps its fate alone.
func (m *Mapper) carries(d *draft, b *bound, c change, fate model.Fate) bool {
	if b.late == nil || !b.late.rules.Ledger {
		return false
	}
	if d.key.Empty() && !m.keyed(d, b, c) || d.former.Empty() {
		return false
	}
	ends := fate // here, so that nothing is allocated for the others
	*d = draft{
		item: d.item, name: d.name, route: b.route, kind: model.Update, space: b.space, group: d.group, key: d.key, former: d.former,
		conflicts: d.conflicts, conflict: 2, ends: &ends,
	}
	return true
}

// keyed packs the keys of a change that got its fate before, if it may have changed them.
func (m *Mapper) keyed(d *draft, b *bound, c change) bool {
	inPlace := keyInImages(b, c)
	if !inPlace && (c.rekeyed != keyNew || !m.moves(b)) || m.locate(b, c.image) != nil {
		return false
	}
	if inPlace {
		if differs, why := m.keyDiffers(b, c); why != nil || !differs {
			return false
		}
	} else if c.op = opUpdate; m.decodeOld(len(b.key) == 0) != nil {
		return false
	}
	d.group, _ = m.lateGroup(b, c)
	return m.addKey(d, b, c) == nil
}

// keyChange refuses a record of a changed primary key.
func (m *Mapper) keyChange(c change) *model.Reason {
	if c.rekeyed == keyOld {
		other, _ := m.in.record.Header(headerNewKey)
		return refusal(codeKeyChange, headerNewKey, "the row's primary key changed from %s to %s, and the route dead-letters that;"+
			" expected a key that stays, or on_key_change: move or recreate", m.key.excerpt(), excerpt(other, 0))
	}
	other, _ := m.in.record.Header(headerOldKey)
	return refusal(codeKeyChange, headerOldKey, "the row's primary key changed from %s to %s, and the route dead-letters that;"+
		" expected a key that stays, or on_key_change: move or recreate", excerpt(other, 0), m.key.excerpt())
}

// decodeOld reads the key that the row had; whole: all of it is the source key.
func (m *Mapper) decodeOld(whole bool) *model.Reason {
	raw, _ := m.in.record.Header(headerOldKey)
	m.old.decode(raw, nil)
	if m.old.isRaw || m.old.null {
		return refusal(codeKeyChange, headerOldKey, "the header is %s; expected the key before the change as JSON", m.old.excerpt())
	}
	alike := m.oldAsKey()
	if whole && !m.key.null && !m.key.isObject() {
		alike = m.oldAsValue()
	}
	if alike != nil {
		m.old.decode(alike, nil)
	}
	return nil
}

// oldAsValue returns the one member of the old key where the record's key is a value and no
// object: ExtractField takes it out of the key, and leaves the header as it is. It returns nil
// where there is no such member.
func (m *Mapper) oldAsValue() []byte {
	if !m.old.isObject() {
		return nil
	}
	first, end := m.old.root+1, m.old.nodes[m.old.root].next
	if first == end || m.old.nodes[first].next != end {
		return nil
	}
	quoted := !m.key.isRaw && m.key.nodes[m.key.root].kind == kindString
	switch v := m.old.read(first); {
	case v.kind == kindNumber && quoted:
		return unscaledOf(v.raw)
	case v.kind == kindString && !quoted: // StringConverter's
		return unquote(nil, v.raw)
	default:
		return v.raw
	}
}

// oldAsKey returns the old key as the record's key has it: the converter of headers writes
// a decimal as the number that it is, that of keys its unscaled value in base64. It returns nil
// where they agree.
func (m *Mapper) oldAsKey() []byte {
	if !m.old.isObject() || !m.key.isObject() {
		return nil
	}
	alike, differs := []byte{'{'}, false
	for i := m.old.root + 1; i < m.old.nodes[m.old.root].next; i = m.old.nodes[i].next {
		node := &m.old.nodes[i]
		raw := m.old.read(i).raw
		if at := m.key.document.find(m.key.root, string(m.old.name(node))); node.kind == kindNumber && at > 0 && m.key.nodes[at].kind == kindString {
			raw, differs = unscaledOf(raw), true
		}
		if len(alike) > 1 {
			alike = append(alike, ',')
		}
		alike = append(append(alike, m.old.text[node.name-1:node.nameEnd+1]...), ':')
		alike = append(alike, raw...)
	}
	if !differs {
		return nil
	}
	return append(alike, '}')
}

// unscaledOf returns the unscaled value of a number as Connect writes it, in base64:
// of 1.530 that of 1530.
func unscaledOf(number []byte) []byte {
	digits, _, _ := bytes.Cut(bytes.ToUpper(number), []byte{'E'})
	if len(digits) > maxKey {
		return number
	}
	n, ok := new(big.Int).SetString(string(bytes.ReplaceAll(digits, []byte{'.'}, nil)), 10)
	if !ok {
		panic("BUG: a number of JSON has no digits: " + string(number))
	}
	size := n.BitLen()/8 + 1 // with a bit for the sign
	if n.Sign() < 0 {
		size = new(big.Int).Not(n).BitLen()/8 + 1
		n.Add(n, new(big.Int).Lsh(big.NewInt(1), uint(8*size)))
	}
	text := base64.StdEncoding.EncodeToString(n.FillBytes(make([]byte, size)))
	return appendQuoted(nil, []byte(text))
}
