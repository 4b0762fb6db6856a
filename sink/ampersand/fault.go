package ampersand

import (
	"slices"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// fault is a reason that an answer gives, gathered from however many error
// objects and sentences it is spread over.
type fault struct {
	class   class
	code    string
	message string
	// existing is the record that a create collided with.
	existing string
	// collateral is set when the reason is that others of the batch failed.
	collateral bool
	// wordless is set by an error without content: what the service's own "others
	// failed" becomes when it is written as JSON.
	wordless bool
	texts    []string
	settled  bool
}

// said reports whether there is any reason in it.
func (f *fault) said() bool {
	return f.code != "" || len(f.texts) > 0 || f.class != unclassed || f.collateral || f.wordless
}

// explained reports whether the reason says anything about its write.
func (f *fault) explained() bool {
	if f == nil {
		return false
	}
	return f.class != unclassed || !f.wordless && (f.code != "" || len(f.texts) > 0)
}

// guilty reports whether the reason is its write's own. A spent quota is told
// apart before: it is nobody's fault, but no neighbour's either.
func (f *fault) guilty() bool {
	return f.explained() && (!f.collateral || f.class == held)
}

// maxDepth bounds how deep a reason is followed; real ones nest three deep.
const maxDepth = 8

// maxTexts bounds the sentences of a reason that are kept: one answer can carry
// thousands, and the first ones name the cause.
const maxTexts = 8

// fault gathers the value of a member called name into f.
func (p *parser) fault(f *fault, name string, depth int) error {
	switch k := p.dec.PeekKind(); {
	case depth >= maxDepth:
		return p.dec.SkipValue()
	case k == '{':
		return p.faultObject(f, depth)
	case k == '[':
		return p.array(func() error { return p.fault(f, name, depth+1) })
	case k == '"', k == '0':
		raw, err := p.dec.ReadValue()
		if err != nil {
			return err
		}
		p.note(f, name, raw)
		return nil
	default:
		return p.dec.SkipValue()
	}
}

func (p *parser) faultObject(f *fault, depth int) error {
	empty, before := true, f.class
	around := p.ofField
	p.ofField = false
	err := p.object(func(name string) error {
		empty = false
		return p.fault(f, name, depth+1)
	})
	f.wordless = f.wordless || empty
	if p.ofField && f.class == gone && before < gone {
		f.class = max(before, refused) // what a field refers to is gone, the record is there
	}
	p.ofField = around
	return err
}

// note takes one string or number of a reason.
func (p *parser) note(f *fault, name string, raw jsontext.Value) {
	if raw.Kind() == '0' {
		if codeMember(name) {
			f.noteCode(string(raw))
		}
		return
	}
	text := p.tidy.redact(unquote(raw))
	switch {
	case text == "":
	case name == "fields" && !strings.EqualFold(text, "id"):
		p.ofField = true
		f.noteText(text)
	case name == "existingId" || name == "existingRecordId":
		f.noteExisting(text)
	case name == "policyName":
		// HubSpot tells its daily limit from the one of ten seconds only here.
		if strings.EqualFold(text, "DAILY") {
			f.class, f.code = held, CodeQuota
		}
	case codeMember(name) && f.noteCode(text):
	default:
		f.noteText(text)
		if messageMember(name) {
			f.message = p.tidy.join(f.message, text)
		}
	}
}

func (f *fault) noteText(text string) {
	if len(f.texts) < maxTexts {
		f.texts = append(f.texts, text)
	}
}

// noteCode takes a value that stands where codes do, and reports whether it is one.
func (f *fault) noteCode(text string) bool {
	code := strings.ToUpper(text)
	if collateralCode(code) {
		f.collateral = true
		return true
	}
	if c := classOf(code); c != unclassed {
		f.take(c, code)
		return true
	}
	if !codeShaped(text) {
		return false
	}
	if f.code == "" {
		f.code = text
	}
	return true
}

func (f *fault) noteExisting(id string) {
	if len(id) <= maxID {
		f.existing = id
	}
}

// take keeps the class that wins.
func (f *fault) take(c class, code string) {
	if c > f.class {
		f.class, f.code = c, code
	}
}

// settle looks for codes in the sentences, where the error objects had none that
// is precise, and fills what is still missing. id is the record's, if the write
// has one. It is done once the write is known that the reason belongs to.
func (f *fault) settle(id string) {
	if f == nil || f.settled {
		return
	}
	f.settled = true
	precise := f.class > vague
	for _, text := range f.texts {
		if strings.Contains(strings.ToLower(text), collateralPhrase) {
			f.collateral = true
		}
		if f.existing == "" {
			f.noteExisting(existingID(text))
		}
		if precise {
			continue
		}
		f.scan(text)
	}
	f.settleExisting()
	f.settleMissing(id)
}

// settleExisting takes a sentence for a record that exists as the code that it stands
// for: one that names the record, or HubSpot's, which is all that is left where a batch
// fails as a whole.
func (f *fault) settleExisting() {
	if f.class != unclassed || f.collateral || f.code != "" {
		return
	}
	exists := func(text string) bool {
		return strings.HasSuffix(strings.ToLower(strings.TrimRight(text, " .\n")), "already exists")
	}
	if f.existing != "" || slices.ContainsFunc(f.texts, exists) {
		f.take(conflict, codeConflict)
	}
}

// settleMissing looks for what the sentences say is not there. They say "gone" of
// the record where nothing has a code, and take it back where the code is the one
// that everything missing has: a delete that took a missing integration for its
// record would be lost.
func (f *fault) settleMissing(id string) {
	bare := f.class == unclassed && !f.collateral && f.code == ""
	if !bare && f.code != codeNotFound {
		return
	}
	for _, text := range f.texts {
		switch what := missing(text, id); {
		case bare && what == subjectRecord:
			f.take(gone, codeNotFound)
		case !bare && what != subjectRecord && what != subjectNone:
			f.class = unclassed
		}
	}
}

// scan looks for codes in a sentence. "Gone" is taken only from a sentence that
// leads with it: a trigger's failure quotes the codes of other records, and a
// delete that took one of those for its own would be lost.
func (f *fault) scan(text string) {
	for rest := text; ; {
		var word string
		if word, rest = nextCode(rest); word == "" {
			return
		}
		switch c := classOf(word); {
		case collateralCode(word):
			f.collateral = true
		case c == gone && f.code != "" && f.class == unclassed:
		case c == gone && endsWithField(text):
			f.take(refused, word)
		case c != unclassed:
			f.take(c, word)
		case f.code == "" && strings.HasPrefix(text, word+":"):
			f.code = word
		}
	}
}

// endsWithField reports whether a sentence ends with the field that it is about, as Salesforce
// writes its errors in one line: "INVALID_CROSS_REFERENCE_KEY, invalid cross reference id: [AccountId]".
func endsWithField(text string) bool {
	text, found := strings.CutSuffix(strings.TrimRight(text, " .\n"), "]")
	if !found {
		return false
	}
	field := text[strings.LastIndexByte(text, '[')+1:]
	return len(field) < len(text) && field != "" && !strings.EqualFold(field, "id") && !strings.ContainsFunc(field, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_,. ", r)
	})
}

// codeMember reports whether a member of an error object holds a code.
func codeMember(name string) bool {
	switch name {
	case "statusCode", "errorCode", "code", "category", "subCategory", "error", "errorType", "status", "httpStatusCode":
		return true
	}
	return false
}

// messageMember reports whether a member holds words for people. An error that
// is a bare string has the name of its list.
func messageMember(name string) bool {
	switch name {
	case "message", "errorMessage", "detail", "title", "causes", "error", "errors", "error_description", "rawResponse":
		return true
	}
	return false
}
