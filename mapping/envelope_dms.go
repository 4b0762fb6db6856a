package mapping

import "github.com/ampersink/ampersink/internal/model"

// dms reads the JSON of AWS Database Migration Service: {data, metadata}, and control
// records, which carry no row. What it shows of a deleted row, and of a row before an update, is what the
// source logs: whole only where the route says before: full.
type dms struct{}

const (
	dmsShape = "a record of AWS DMS {data, metadata}"
	// dmsBefore is the name that the documentation gives the before image; the task says it.
	dmsBefore = "before-image"
)

func (dms) read(in *input, changes []change) ([]change, *model.Reason) {
	if in.null {
		return in.tombstone(changes), nil
	}
	root, at, why := in.parts(dmsShape, "metadata", "data", dmsBefore)
	if why != nil {
		return changes, why
	}
	m, why := dmsMetadataOf(in, root, at[0])
	if why != nil {
		return changes, why
	}
	if spelled(m.kind, "control") {
		if spelled(m.operation, "truncate-table", "TruncateTable") {
			return append(changes, change{op: opTruncate, image: noImage}), nil
		}
		return changes, in.notARow("a control record", root)
	}
	c := change{op: words{create: "insert", update: "update", delete: "delete", snapshot: "load"}.op(m.operation)}
	if c.op == opByID { // it has two words for these
		c.op = words{create: "create", snapshot: "read"}.op(m.operation)
	}
	if m.unkeyed != "" {
		c.ownKey = in.addKey(ownKey{unkeyed: m.unkeyed})
	}
	if c.op == opByID {
		return changes, refusal(codeOperation, "metadata.operation", "the operation is %s; expected load, insert, update or delete", excerpt(m.operation, 0))
	}
	if c.image, why = in.row(at[1], "data"); why == nil && c.image == noImage {
		why = needsRow(m.operation, "data")
	}
	if why != nil {
		return changes, why
	}
	c.keysOnly = c.op == opDelete
	if before, why := in.row(at[2], dmsBefore); why != nil {
		return changes, why
	} else if c.op == opUpdate && before != noImage {
		c.before = before
	}
	return append(changes, c), nil
}

// dmsMetadata is what a record says of itself.
type dmsMetadata struct {
	kind, operation []byte
	unkeyed         string
}

func dmsMetadataOf(in *input, root, i int32) (m dmsMetadata, why *model.Reason) {
	if i == 0 || in.value.nodes[i].kind != kindObject {
		return m, refusal(codeBadEnvelope, "metadata", "the value has no metadata (%s); expected %s", in.excerpt(root), dmsShape)
	}
	entered := in.value.enter(i)
	if entered < 0 {
		return m, badJSON(in.value, "metadata", "the metadata")
	}
	at, why := in.members(entered, "record-type", "operation", "partition-key-type")
	if why != nil {
		return m, why
	}
	var ok bool
	if m.operation, ok = in.text(at[1]); at[1] == 0 || !ok {
		return m, refusal(codeOperation, "metadata.operation", "the metadata has no operation (%s); expected load, insert, update or delete", in.excerpt(i))
	}
	m.kind = []byte("data")
	if at[0] != 0 {
		m.kind, _ = in.text(at[0])
	}
	if !spelled(m.kind, "data", "control") {
		return m, refusal(codeBadEnvelope, "metadata.record-type", "the record type is %s; expected data or control", in.excerpt(at[0]))
	}
	// The default key is the name of the table.
	if at[2] != 0 {
		if of, _ := in.text(at[2]); !spelled(of, "primary-key") {
			m.unkeyed = "the record's key is no primary key (partition-key-type " + in.excerpt(at[2]) + ")"
		}
	}
	return m, nil
}
