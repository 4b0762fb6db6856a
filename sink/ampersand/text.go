package ampersand

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxMessage bounds a message in bytes: enough for a CRM's sentence, small enough
// for a header of a dead letter and a line of a log.
const maxMessage = 300

// widestRune is the most bytes that one character of a message takes, escaped.
const widestRune = len(`\U0010ffff`)

// secretShown stands where a server echoed the API key.
const secretShown = "[secret]"

// minSecret is the shortest text that is taken for a key: replacing a shorter one
// would garble ordinary words and protect nothing.
const minSecret = 4

// tidier makes texts of an answer fit for logs and headers.
type tidier struct{ secret string }

// redact takes the API key out of a text.
func (t *tidier) redact(text string) string {
	if len(t.secret) < minSecret {
		return text
	}
	return strings.ReplaceAll(text, t.secret, secretShown)
}

// message is text without the key, without control characters, and bounded.
func (t *tidier) message(text string) string {
	text = strings.TrimSpace(t.redact(text))
	clean := true
	for _, r := range text {
		clean = clean && strconv.IsPrint(r) && r != utf8.RuneError
	}
	if clean && len(text) <= maxMessage {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if b.Len() > maxMessage-widestRune-len("…") {
			b.WriteString("…")
			break
		}
		if strconv.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// join adds a sentence to a message, within its bound.
func (t *tidier) join(message, text string) string {
	text = t.message(text)
	switch {
	case message == "":
		return text
	case text == "" || strings.Contains(message, text) || len(message) > maxMessage/2:
		return message
	}
	return t.message(message + "; " + text)
}

// codeShaped reports whether a text can be a code: upper case letters, digits
// and underscores, 3 to 64 of them, a letter first. Words that stand in status
// members and name nothing are none.
func codeShaped(text string) bool {
	if len(text) < 3 || len(text) > 64 || text == "ERROR" || text == "FAILURE" {
		return false
	}
	for i := range len(text) {
		if !codeByte(text[i]) {
			return false
		}
	}
	return text[0] >= 'A' && text[0] <= 'Z'
}

func codeByte(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || codeByte(c) && c != '_' }

// nextCode returns the first word of a text that is shaped like a code, and what
// follows it; "" when there is none.
func nextCode(text string) (word, rest string) {
	for i := 0; i < len(text); {
		if !codeByte(text[i]) && !letter(text[i]) {
			i++
			continue
		}
		end := i
		for end < len(text) && (codeByte(text[end]) || letter(text[end])) {
			end++
		}
		if w := text[i:end]; codeShaped(w) {
			return w, text[end:]
		}
		i = end
	}
	return "", ""
}

// lowered is text in lower case, byte for byte: some letters beyond ASCII have another length
// there, and what is found in it would stand elsewhere in the text.
func lowered(text string) string {
	b := []byte(text)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}

// existingID finds the id of the record that a create collided with, in the
// words of HubSpot and of Salesforce.
func existingID(text string) string {
	for _, mark := range [...]string{"existing id:", "on record with id:"} {
		at := strings.Index(lowered(text), mark)
		if at < 0 {
			continue
		}
		after := strings.TrimLeft(text[at+len(mark):], " ")
		end := 0
		for end < len(after) && letter(after[end]) {
			end++
		}
		return after[:end]
	}
	return ""
}
