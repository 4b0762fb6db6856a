package mapping

// unavailable is Debezium's default unavailable.value.placeholder: what stands
// in an update for a large column that did not change and that PostgreSQL
// therefore did not log. The other texts are its shapes in columns that are not
// text: bytes, hstore as text, hstore as a map, arrays of text, arrays of numbers.
const (
	unavailable       = `__debezium_unavailable_value`
	unavailableString = `"` + unavailable + `"`
	unavailableBytes  = `"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="`
	unavailableHstore = `"{\"` + unavailable + `\":\"` + unavailable + `\"}"`
	unavailableMap    = `{"` + unavailable + `":"` + unavailable + `"}`
	unavailableTexts  = `["` + unavailable + `"]`
	unavailableInts   = `[95,95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,108,97,98,108,101,95,118,97,108,117,101]`
)

// isPlaceholder reports whether a value is the placeholder, in any shape.
func isPlaceholder(v value) bool {
	switch v.kind {
	case kindString:
		switch len(v.raw) {
		case len(unavailableString):
			return string(v.raw) == unavailableString
		case len(unavailableBytes):
			return string(v.raw) == unavailableBytes
		}
		return v.escaped && len(v.raw) <= maxSpaced(unavailableHstore) && equalButSpace(v.raw, unavailableHstore)
	case kindArray:
		return len(v.raw) <= maxSpaced(unavailableInts) &&
			(equalButSpace(v.raw, unavailableTexts) || equalButSpace(v.raw, unavailableInts))
	case kindObject:
		return len(v.raw) <= maxSpaced(unavailableMap) && equalButSpace(v.raw, unavailableMap)
	}
	return false
}

// maxSpaced bounds what is compared: two spaces for each sign of the compact form.
func maxSpaced(compact string) int { return 3 * len(compact) }

// equalButSpace compares a text with a compact one, passing over spaces.
func equalButSpace(raw []byte, compact string) bool {
	for _, c := range raw {
		if c == ' ' || c == '\n' || c == '\t' || c == '\r' {
			continue
		}
		if compact == "" || c != compact[0] {
			return false
		}
		compact = compact[1:]
	}
	return compact == ""
}
