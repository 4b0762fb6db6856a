package idfile

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Row is one line of a file.
type Row struct {
	Line int // from 1; of a row of CSV over several lines, the first
	// Key is the key that the row's records have. It is valid until the next row is read.
	Key   []byte
	ID    string
	Group string // empty: the file does not say it
	// Exported is set for a line of an export, whose Key is canonical.
	Exported *Exported
}

// Exported is a line of an export.
type Exported struct {
	Integration string `json:"integration"`
	Object      string `json:"object"`
	Space       string `json:"space"`
	Key         string `json:"key"` // canonical
	State       string `json:"state"`
	Group       string `json:"group"`
	ID          string `json:"id"`
	Topic       string `json:"topic"` // of the write that said so; empty for ids that somebody had
	Partition   int32  `json:"partition"`
	Offset      int64  `json:"offset"`
}

// The states of a line of an export.
const (
	StateKnown  = "known"
	StateExists = "exists" // it is in the CRM, nobody knows under which id
	StateDoubt  = "doubt"  // a create of it may have been applied
)

// Options say how a file is to be read.
type Options struct {
	// KeyFields are the fields of the route's key; empty: the key is that of the record.
	KeyFields []string
	// TextKeys: a key of a CSV file that is digits is a text, not a number.
	TextKeys bool
	// Unrouted, if it is there, is why nobody knows whose keys a file says: only the lines of an
	// export are read then.
	Unrouted error
}

const (
	// maxLine bounds a line: a key and an id, with room.
	maxLine = 1 << 20
	// maxWord bounds an id and a group, far above what any CRM has.
	maxWord = 1 << 10
)

// checkWord refuses an id or a group that no CRM has: it would be sent as it is.
func checkWord(what, word string) error {
	switch {
	case word == "":
		return fmt.Errorf("%s: empty", what)
	case len(word) > maxWord:
		return fmt.Errorf("%s: it has %d bytes; expected at most %d", what, len(word), maxWord)
	case !utf8.ValidString(word):
		return fmt.Errorf("%s: found %q; expected UTF-8", what, word)
	case strings.TrimSpace(word) != word:
		return fmt.Errorf("%s: found %q; expected no space around it", what, word)
	case strings.ContainsFunc(word, unicode.IsControl):
		return fmt.Errorf("%s: found %q; expected no control characters", what, word)
	}
	return nil
}

// isWhole reports whether a text is written as JSON writes a whole number: digits of any
// length, without a zero in front of others.
func isWhole(text string) bool {
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return false
	}
	return digits[0] != '0' || text == "0"
}
