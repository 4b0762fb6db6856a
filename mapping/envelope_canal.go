package mapping

import "github.com/ampersink/ampersink/internal/model"

// canal reads the flat messages of Alibaba Canal, and TiCDC's canal-json: {type, isDdl, data,
// old, pkNames}, with several rows in one message. The values of a row are text.
type canal struct{}

const canalShape = "a message of Canal {type, isDdl, data, old}"

func (canal) read(in *input, changes []change) ([]change, *model.Reason) {
	if in.null {
		return in.tombstone(changes), nil
	}
	m, root, why := canalOf(in)
	if why != nil {
		return changes, why
	}
	if m.ddl {
		if spelled(m.word, "TRUNCATE") {
			return append(changes, change{op: opTruncate, image: noImage}), nil
		}
		return changes, in.notARow("a schema change", root)
	}
	operation := words{create: "INSERT", update: "UPDATE", delete: "DELETE"}.op(m.word)
	switch {
	case operation != opByID:
		return m.rows(in, operation, changes)
	case spelled(m.word, "TIDB_WATERMARK"):
		return changes, in.notARow("a watermark", root)
	case m.data == 0 || in.value.nodes[m.data].kind == kindNull:
		return changes, in.notARow("a statement", root)
	}
	return changes, refusal(codeOperation, "type", "type is %s; expected INSERT, UPDATE or DELETE", excerpt(m.word, 0))
}

// canalMessage is where the parts of a message stand; 0: absent.
type canalMessage struct {
	word             []byte
	ddl              bool
	data, old, names int32
}

func canalOf(in *input) (m canalMessage, root int32, why *model.Reason) {
	root, at, why := in.parts(canalShape, "type", "isDdl", "data", "old")
	if why != nil {
		return m, root, why
	}
	if m.names, why = in.member(root, "pkNames"); why != nil {
		return m, root, why
	}
	if m.word, why = in.word(at[0], root, "type", canalShape); why != nil {
		return m, root, why
	}
	m.ddl = at[1] != 0 && string(in.value.read(at[1]).raw) == "true"
	m.data, m.old = at[2], at[3]
	return m, root, nil
}

// rows appends the change of each row.
func (m canalMessage) rows(in *input, operation op, changes []change) ([]change, *model.Reason) {
	rows, why := m.list(in, m.data, "data")
	if why == nil && rows == 0 {
		why = needsRow(m.word, "data")
	}
	if why != nil {
		return changes, why
	}
	olds := int32(0)
	if operation == opUpdate {
		if olds, why = m.list(in, m.old, "old"); why != nil {
			return changes, why
		}
	}
	d := in.value
	count, was := len(changes), olds+1
	for i := rows + 1; i < d.nodes[rows].next; i++ {
		c := change{op: operation, image: i}
		if d.nodes[i].kind != kindObject {
			return changes, refusal(codeBadEnvelope, "data", "data holds %s (%s); expected rows as objects", d.nodes[i].kind, in.excerpt(i))
		}
		if olds != 0 {
			if was >= d.nodes[olds].next {
				return changes, refusal(codeBadEnvelope, "old", "old holds fewer rows than data (%s); expected as many", in.excerpt(m.old))
			}
			if d.nodes[was].kind == kindObject {
				c.before, c.changesOnly, c.proven = was, true, true
			}
			was++
		}
		changes = append(changes, c)
	}
	return changes, m.keys(in, changes[count:])
}

// list returns the node whose elements are the rows of an array, 0 where it is null, absent
// or empty.
func (m canalMessage) list(in *input, i int32, name string) (int32, *model.Reason) {
	if i == 0 || in.value.nodes[i].kind == kindNull {
		return 0, nil
	}
	if k := in.value.nodes[i].kind; k != kindArray {
		return 0, refusal(codeBadEnvelope, name, "%s is %s (%s); expected the rows in an array", name, k, in.excerpt(i))
	}
	list := in.value.enter(i)
	switch {
	case list < 0:
		return 0, badJSON(in.value, name, "the list of rows")
	case in.value.nodes[list].next == list+1:
		return 0, nil
	}
	return list, nil
}

// keys gives each row its source key by the names of the primary key: the record's key is mostly
// null, and of several rows it can be no more than one's. The names stand sorted, as in every canonical key.
func (m canalMessage) keys(in *input, changes []change) *model.Reason {
	names, why := m.list(in, m.names, "pkNames")
	if why != nil {
		return why
	}
	if names == 0 {
		if len(changes) > 1 {
			several := in.addKey(ownKey{unkeyed: "the message holds several rows and no pkNames, so that its key is not theirs"})
			for i := range changes {
				changes[i].ownKey = several
			}
		}
		return nil
	}
	for i := range changes {
		text, why := in.keyOf(changes[i].image, names)
		if why != nil {
			return why
		}
		changes[i].ownKey = in.addKey(ownKey{text: text})
	}
	return nil
}

// keyOf returns the canonical key that a row has in the columns that a list names.
func (in *input) keyOf(row, names int32) ([]byte, *model.Reason) {
	const field = "pkNames"
	d := in.value
	mark := len(d.nodes)
	defer d.leave(mark)
	entered := d.enter(row)
	if entered < 0 {
		return nil, badJSON(d, "data", "the row")
	}
	k := recordKey{document: document{text: d.text}}
	k.nodes = append(k.nodes, node{kind: kindObject})
	for i := names + 1; i < d.nodes[names].next; i++ {
		if d.nodes[i].kind != kindString {
			return nil, refusal(codeBadEnvelope, field, "pkNames holds %s (%s); expected names of columns", d.nodes[i].kind, in.excerpt(i))
		}
		name := in.finder.unquoted(d.read(i))
		column := d.find(entered, string(name))
		if column <= 0 || d.nodes[column].kind == kindNull {
			return nil, refusal(codeNoKey, excerpt(name, 0), "the primary key's column is not in the row (%s), or twice or null; expected a value", in.excerpt(row))
		}
		n := d.nodes[column]
		n.next = int32(len(k.nodes)) + 1
		k.nodes = append(k.nodes, n)
	}
	k.nodes[0].next = int32(len(k.nodes))
	k.bytes = d.read(row).raw
	return k.appendWhole(nil, in.finder.placeholders)
}
