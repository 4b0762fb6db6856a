package mapping

import (
	"cmp"
	"crypto/md5" //nolint:gosec // what Java makes a UUID of; nothing is kept secret by it
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/ampersink/ampersink/internal/config"
)

// shapes is Debezium's unavailable.value.placeholder in all its shapes:
// what stands in an update for a large column that did not change and that
// PostgreSQL therefore did not log. Each shape is the JSON of a kind of column.
type shapes struct {
	plain  string // a key that is not JSON
	text   string // text, json, xml; bytes as hexadecimal
	bytes  string // bytes as base64
	url    string // bytes as the URL's base64
	hstore string // hstore as text
	mapped string // hstore as a map
	texts  string // an array of text
	blobs  string // an array of bytes
	uuids  string // an array of UUIDs: the one that Java makes of the bytes
	ints   string // an array of numbers: the bytes, which are signed in Java
	array  int    // the longest that an array is written as
}

// newShapes makes the shapes of a placeholder; none is Debezium's own.
func newShapes(setting string) (*shapes, error) {
	plain, err := config.PlaceholderText(cmp.Or(setting, config.DefaultPlaceholder))
	if err != nil {
		return nil, fmt.Errorf("placeholder: expected %w", err)
	}
	quoted := func(text string) string { return string(appendQuoted(nil, []byte(text))) }
	p := &shapes{
		plain: plain, text: quoted(plain),
		bytes: quoted(base64.StdEncoding.EncodeToString([]byte(plain))), url: quoted(base64.URLEncoding.EncodeToString([]byte(plain))),
	}
	p.mapped = "{" + p.text + ":" + p.text + "}"
	p.hstore = quoted(p.mapped)
	p.texts, p.blobs, p.uuids = "["+p.text+"]", "["+p.bytes+"]", "["+quoted(nameUUID(plain))+"]"
	var numbers []string
	for _, b := range []byte(plain) {
		numbers = append(numbers, strconv.Itoa(int(int8(b))))
	}
	p.ints = "[" + strings.Join(numbers, ",") + "]"
	p.array = max(maxSpaced(p.ints), maxSpaced(p.texts), maxSpaced(p.blobs), maxSpaced(p.uuids))
	return p, nil
}

// nameUUID is Java's UUID.nameUUIDFromBytes: version 3, without a name space.
func nameUUID(name string) string {
	id := md5.Sum([]byte(name))
	id[6], id[8] = id[6]&0x0f|0x30, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// is reports whether a value is the placeholder, in any shape.
func (p *shapes) is(v value) bool {
	switch v.kind {
	case kindString:
		switch len(v.raw) {
		case len(p.text):
			return string(v.raw) == p.text
		case len(p.bytes): // as long as url
			return string(v.raw) == p.bytes || string(v.raw) == p.url
		}
		return v.escaped && len(v.raw) <= maxSpaced(p.hstore) && equalButSpace(v.raw, p.hstore)
	case kindArray:
		return len(v.raw) <= p.array &&
			(equalButSpace(v.raw, p.texts) || equalButSpace(v.raw, p.ints) || equalButSpace(v.raw, p.blobs) || equalButSpace(v.raw, p.uuids))
	case kindObject:
		return len(v.raw) <= maxSpaced(p.mapped) && equalButSpace(v.raw, p.mapped)
	}
	return false
}

// maxSpaced bounds what is compared: two spaces for each sign of the compact form.
func maxSpaced(compact string) int { return 3 * len(compact) }

// equalButSpace compares a text with a compact one, passing over spaces.
func equalButSpace(raw []byte, compact string) bool {
	for _, c := range raw {
		if compact != "" && c == compact[0] {
			compact = compact[1:]
			continue
		}
		if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return false
		}
	}
	return compact == ""
}
