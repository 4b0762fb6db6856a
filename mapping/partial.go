package mapping

import (
	"bytes"

	"github.com/ampersink/ampersink/internal/model"
)

// isUntold reports whether an update that shows only what changed does not touch a
// field. A field of which it shows a part is refused: the other part is in the CRM alone,
// made one with what was sent before. A constant is never touched.
func (m *Mapper) isUntold(f *field, c change) (bool, *model.Reason) {
	told, lacking := false, ""
	look := func(s *source) *model.Reason {
		_, st := m.resolve(s)
		if st != absent {
			told = true
			return nil
		}
		lacking = s.path
		return m.partOf(s.path, c)
	}
	if f.source != nil {
		if why := look(f.source); why != nil {
			return false, why
		}
	}
	if f.treat != nil && f.treat.expr != nil {
		for i := range f.treat.expr.columns {
			if why := look(f.treat.expr.columns[i].source); why != nil {
				return false, why
			}
		}
	}
	if told && lacking != "" {
		return false, refusal(codeExpression, lacking, "the update shows only what changed, and the expression for the CRM's field %q needs this column too;"+
			" expected the whole document (capture.mode: change_streams_update_full)", f.to)
	}
	return !told, nil
}

// partOf refuses a path of which the update shows a part: address.city of address.
func (m *Mapper) partOf(path string, c change) *model.Reason {
	d := m.in.value
	image := d.enter(c.image)
	if image < 0 {
		return badJSON(d, "", "the row")
	}
	for i := image + 1; i < d.nodes[image].next; i = d.nodes[i].next {
		name := d.name(&d.nodes[i])
		if rest, ok := bytes.CutPrefix(name, []byte(path)); ok && len(rest) > 0 && rest[0] == '.' {
			return refusal(codeBadEnvelope, path, "the update shows a part of the value (%s) and not all of it;"+
				" expected the whole document (capture.mode: change_streams_update_full), or a field that is taken from that part", excerpt(name, 0))
		}
	}
	return nil
}
