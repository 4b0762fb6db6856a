package mapping

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/ampersink/ampersink/internal/model"
)

// Records makes CRM records that were found out late members of conflict sets: the same ones as
// the Mapper and its clones do of records whose ids the rows carry. It is for one goroutine.
type Records struct {
	seed        maphash.Seed
	of          model.Destination // whose space it is, the group aside
	space       []byte
	scratch, id []byte
}

// Records returns those of the Mapper.
func (m *Mapper) Records() *Records { return &Records{seed: m.compiled.seed} }

// Conflict is the record of an id in the CRM of a destination.
func (r *Records) Conflict(d model.Destination, id string) (c model.Conflict) {
	if r.space == nil || r.of.Integration != d.Integration || r.of.Object != d.Object {
		r.of, r.space = d, idSpace(d.Integration, d.Object)
	}
	r.id = append(r.id[:0], id...)
	c, r.scratch = recordConflict(r.seed, r.scratch, r.space, d.Group, r.id)
	return c
}

// idSpace is what stands before the group and the CRM id in their hash.
func idSpace(integration, object string) []byte {
	return append(prefixed(integration, object), "id"...)
}

// recordConflict hashes a CRM record. Salesforce shows one id in 15 or in 18 characters, of which
// the last three only guard the case; where another CRM's ids have 18, two of them may wait for
// each other in vain.
func recordConflict(seed maphash.Seed, scratch, space []byte, group string, id []byte) (model.Conflict, []byte) {
	if len(id) == 18 && isAlphanumeric(id) {
		id = id[:15]
	}
	s := append(scratch[:0], space...)
	s = binary.AppendUvarint(s, uint64(len(group)))
	s = append(s, group...)
	s = append(s, id...)
	return model.Conflict(maphash.Bytes(seed, s)), s
}
