package mapping

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

// SourceKey returns what the ledger knows a row of a route by: its identity space and its
// source key in the canonical form, from the key that its records have. A key that is not
// JSON on the wire is given as the JSON that it stands for. topic is the one that the row is
// in; it may be empty where the route takes one topic, or names an identity space.
func (m *Mapper) SourceKey(name, topic string, recordKey []byte) (space model.Space, key string, err error) {
	i := slices.IndexFunc(m.compiled.routes, func(r *route) bool { return r.name == name })
	if i < 0 {
		return space, "", fmt.Errorf("there is no route %q", name)
	}
	r := m.compiled.routes[i]
	if topic, err = r.rowTopic(topic); err != nil {
		return space, "", err
	}
	if m.key.decode(recordKey, new(schemas)); m.key.isRaw && r.format.Key != config.FormatJSON {
		return space, "", refusal(codeNoKey, "", "the key is no JSON (%s); expected what the key of format %s stands for, a text in quotes", m.key.excerpt(), r.format.Key)
	}
	space = model.Space{Integration: r.integration, Object: r.object, Name: cmp.Or(r.space, topic)}
	b := &bound{route: r, space: &space, keySpace: keySpace(&space)}
	m.finder.placeholders = b.placeholders
	defer m.finder.reset()
	if why := m.locate(b, noImage); why != nil {
		return space, "", why
	}
	text, why := m.keyText(b, change{op: opTombstone, image: noImage})
	if why != nil {
		return space, "", why
	}
	if text = text[len(b.keySpace):]; len(text) > maxKey {
		return space, "", longKey("the source key", text)
	}
	return space, string(text), nil
}

// rowTopic returns the topic that a row is in, from what was said of it. Where the route
// names an identity space it does not matter.
func (r *route) rowTopic(said string) (string, error) {
	takes := "the topics of a pattern"
	if len(r.topics.names) > 0 {
		takes = strings.Join(r.topics.names, ", ")
	}
	switch {
	case said != "" && !r.topics.take(said):
		return "", fmt.Errorf("route %q does not take topic %q; it takes %s", r.name, said, takes)
	case said != "" || r.space != "":
		return said, nil
	case len(r.topics.names) == 1:
		return r.topics.names[0], nil
	}
	return "", fmt.Errorf("route %q takes %s and names no identity_space: a key may be a row in each topic, so say which one", r.name, takes)
}

func longKey(what string, text []byte) *model.Reason {
	return refusal(codeNoKey, "", "%s has %d bytes (%s); expected at most %d, which the ledger keeps of each row", what, len(text), excerpt(text, 0), maxKey)
}

// maxKey bounds a source key that the ledger keeps: every member has all of them in memory.
const maxKey = 8 << 10

// keySpace is what stands before a source key in its hash.
func keySpace(s *model.Space) []byte {
	return append(prefixed(s.Integration, s.Object, s.Name), "key"...)
}

// prefixed joins strings so that no two lists read the same.
func prefixed(parts ...string) []byte {
	var b []byte
	for _, s := range parts {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}
