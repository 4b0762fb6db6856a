package ampersand

import "strings"

// subject is what a sentence says is not there. Telling a record that is gone
// from a project, an integration or an object that is gone decides between
// "deleted already" and a hold, so whatever is not clear is subjectNone.
type subject uint8

const (
	subjectNone subject = iota
	subjectField
	subjectRecord
	subjectObject
	subjectInstallation
	subjectIntegration
	subjectProject
)

// missing returns what a text says is not there. id is the record's, if known.
//
// A sentence names its subject before the phrase ("integration hubspot of project
// acme was not found") or directly after it ("no such object: contact"). Before
// it, the first noun of the clause is the subject: what follows that says where
// it was looked for.
func missing(text, id string) subject {
	lower, id := strings.ToLower(text), strings.ToLower(id)
	for _, phrase := range [...]string{"not found", "not exist", "n't exist", "been deleted", "is deleted", "was deleted"} {
		if before, _, found := strings.Cut(lower, phrase); found {
			if s := subjectOf(clauseBefore(before), id); s != subjectNone {
				return s
			}
		}
	}
	for _, phrase := range [...]string{"not find ", "n't find ", "no such "} {
		if _, after, found := strings.Cut(lower, phrase); found {
			if s := subjectAhead(after); s != subjectNone {
				return s
			}
		}
	}
	return subjectNone
}

// clauseBefore returns the last clause of a text that has any words.
func clauseBefore(text string) string {
	text = strings.TrimRight(text, " .;:,\n")
	for i := len(text) - 1; i > 0; i-- {
		if c := text[i-1]; c == '\n' || text[i] == ' ' && strings.IndexByte(".;:,", c) >= 0 {
			return text[i:]
		}
	}
	return text
}

// subjectOf returns the first thing that a clause names.
//
// A record is its subject only if no preposition stands before it: "the owner of
// record 7 was not found" is not about record 7, and a delete that took it for
// "gone already" would be lost. An object beside the record's id is the record:
// HubSpot calls its records objects.
func subjectOf(clause, id string) subject {
	hasID := containsWord(clause, id)
	for rest := clause; ; {
		var word string
		if word, rest = nextWord(rest); word == "" {
			return subjectNone
		}
		s := nounOf(word, rest)
		if s == subjectObject && hasID || word == id {
			s = subjectRecord
		}
		switch {
		case s != subjectNone:
			return s
		case preposition(word):
			return subjectOfRest(rest)
		case hasID && strings.HasPrefix(strings.TrimLeft(rest, ` "'#`), id):
			return subjectRecord
		}
	}
}

// subjectOfRest is subjectOf behind a preposition: anything but a record.
func subjectOfRest(clause string) subject {
	for rest := clause; ; {
		var word string
		if word, rest = nextWord(rest); word == "" {
			return subjectNone
		}
		if s := nounOf(word, rest); s != subjectNone && s != subjectRecord {
			return s
		}
	}
}

// subjectAhead returns the thing that a clause begins with.
func subjectAhead(clause string) subject {
	for range 2 { // an article may come before it
		word, rest := nextWord(clause)
		if s := nounOf(word, rest); s != subjectNone {
			return s
		}
		clause = rest
	}
	return subjectNone
}

func nounOf(word, rest string) subject {
	switch word {
	case "field", "fields", "property", "properties", "attribute", "column":
		return subjectField
	case "record", "records":
		if next, _ := nextWord(rest); next == "type" {
			return subjectObject
		}
		return subjectRecord
	case "object", "objects", "sobject":
		return subjectObject
	case "installation", "groupref", "group", "connection":
		return subjectInstallation
	case "integration":
		return subjectIntegration
	case "project":
		return subjectProject
	}
	return subjectNone
}

func preposition(word string) bool {
	switch word {
	case "of", "by", "for", "from", "in", "on", "to", "at":
		return true
	}
	return false
}

// nextWord returns the first word of a text and what follows it; "" at its end.
func nextWord(text string) (word, rest string) {
	for i := 0; i < len(text); i++ {
		if !letter(text[i]) {
			continue
		}
		end := i
		for end < len(text) && letter(text[end]) {
			end++
		}
		return text[i:end], text[end:]
	}
	return "", ""
}

// containsWord reports whether text contains word with nothing grown to it.
func containsWord(text, word string) bool {
	if word == "" {
		return false
	}
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		at, end := from+i, from+i+len(word)
		if (at == 0 || !letter(text[at-1])) && (end == len(text) || !letter(text[end])) {
			return true
		}
		from = at + 1
	}
}
