package mapping

import (
	"bytes"

	"github.com/ampersink/ampersink/internal/model"
)

// knowsChanges reports whether the event proves what an update changed, and the
// route wants to send no more than that. It does not where the CRM record that is
// written is another one than before: of that nothing is known.
func (m *Mapper) knowsChanges(b *bound, c change) bool {
	if !b.onChange || !provesBefore(b, c) {
		return false
	}
	return m.locateBefore(b, c) == nil && m.isSame(b.route.id, c) && m.isSame(b.groupField, c)
}

// provesBefore reports whether a change shows what the row was before an update, and that can be believed.
func provesBefore(b *bound, c change) bool {
	return c.op == opUpdate && c.before != 0 && (c.proven || b.beforeFull)
}

// locateBefore finds the columns of a route in the row before the update.
func (m *Mapper) locateBefore(b *bound, c change) *model.Reason {
	m.at, m.was = m.was, m.at
	types := m.types
	why := m.locate(b, c.before)
	m.at, m.was, m.types = m.was, m.at, types
	return why
}

// resolveBefore is resolve in the row before the update.
func (m *Mapper) resolveBefore(s *source) (value, status) {
	m.at, m.was = m.was, m.at
	v, st := m.resolve(s)
	m.at, m.was = m.was, m.at
	return v, st
}

// isUnchanged reports whether nothing that a field is made of changed. A constant
// never does.
func (m *Mapper) isUnchanged(f *field, c change) bool {
	if !m.isSame(f.source, c) {
		return false
	}
	if f.treat != nil && f.treat.expr != nil {
		for i := range f.treat.expr.columns {
			if !m.isSame(f.treat.expr.columns[i].source, c) {
				return false
			}
		}
	}
	return true
}

// isSame reports whether a source is byte for byte what it was before the update.
func (m *Mapper) isSame(s *source, c change) bool {
	if s == nil {
		return true
	}
	before, st := m.resolveBefore(s)
	if st == absent && c.changesOnly {
		return true
	}
	after, now := m.resolve(s)
	return st == now && (st == absent || st == found && bytes.Equal(before.raw, after.raw))
}
