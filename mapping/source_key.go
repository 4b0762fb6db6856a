package mapping

import (
	"fmt"
	"slices"

	"github.com/ampersink/ampersink/internal/model"
)

// SourceKey returns what the ledger knows a row of a route by: its identity space and its
// source key in the canonical form, from the key that its records have in a topic. The
// topic does not matter where the route names an identity space.
func (m *Mapper) SourceKey(route, topic string, recordKey []byte) (space model.Space, key string, err error) {
	p := m.plan(topic)
	i := slices.IndexFunc(p.routes, func(b bound) bool { return b.name == route })
	if i < 0 {
		return space, "", fmt.Errorf("route %q does not take topic %q", route, topic)
	}
	b := &p.routes[i]
	m.key.decode(recordKey, &p.keySchemas)
	m.finder.placeholders = b.placeholders
	if why := m.locate(b, noImage); why != nil {
		return space, "", why
	}
	text, why := m.keyText(b, change{op: opTombstone, image: noImage})
	if why != nil {
		return space, "", why
	}
	defer m.finder.reset()
	return *b.space, string(text[len(b.keySpace):]), nil
}
