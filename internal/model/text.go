package model

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Harmless quotes text that holds control characters, invisible ones or broken
// UTF-8, so that a row can do nothing to the terminal, the log or the header
// that it is shown in. Other text it returns as it is.
func Harmless(s string) string {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsGraphic(r) }) {
		return strconv.QuoteToGraphic(s)
	}
	return s
}
