package ampersand

import (
	"bytes"
	"errors"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ampersink/ampersink/internal/model"
)

// reply is what an answer's JSON said, whichever of the contract's shapes it
// has: a batch's answer, a single record's, or a problem (RFC 9457).
type reply struct {
	operationID string
	requestID   string
	succeeded   int // notSaid when the answer has no such count
	failed      int
	entries     []entry
	// final is set when the answer says that trying again is of no use.
	final      bool
	retryAfter string
	// why is what the answer gives as reason beside its entries.
	why fault
	// found is what the answer to a search lists.
	found found
}

// notSaid is a count that an answer does not have.
const notSaid = -1

// entry is what an answer said of one write.
type entry struct {
	known bool // there is an entry for the write
	ok    bool
	id    string
	why   *fault // nil: it gave no reason
}

// errShape is the cause of an answer that is JSON and not the contract's.
var errShape = errors.New("the answer has a shape that the contract does not have")

// scratch is the memory of reading one answer, reused from answer to answer.
type scratch struct {
	body bytes.Buffer
	dec  *jsontext.Decoder
}

// keptBody bounds what a scratch keeps between answers, so that one large answer
// does not stay resident: usual ones have 10 to 100 KiB.
const keptBody = 1 << 20

func newScratch() *scratch {
	return &scratch{dec: jsontext.NewDecoder(bytes.NewReader(nil))}
}

// parser reads one answer.
type parser struct {
	dec  *jsontext.Decoder
	tidy *tidier
	want []*model.Write
	// delicate are the filters of a search whose matches must show no other value.
	delicate []Filter
	reply    reply
	seen     uint8 // members that may come only once
	// cur and why are the entry being read; here and not in entry, so that only
	// entries with a reason allocate.
	cur entry
	why fault
	// ofField: the error object being read names a field of the record.
	ofField bool
}

// The members that may come only once: an answer that says both has said nothing.
const (
	seenSucceeded = 1 << iota
	seenFailed
	seenResults
	seenOK
)

// parse reads the JSON in s.body: the answer to the writes that it is for, or to a
// search. It fails with errShape for JSON of another shape, else with a syntax error.
func (s *scratch) parse(want []*model.Write, search bool, delicate []Filter, tidy *tidier) (reply, error) {
	// What the CRM put into `data` is skipped: that it repeats a name or is no
	// UTF-8 says nothing about the write. Members that matter are checked for
	// repetition here.
	s.dec.Reset(&s.body, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	p := parser{dec: s.dec, tidy: tidy, want: want, delicate: delicate}
	p.reply.succeeded, p.reply.failed = notSaid, notSaid
	member := p.member
	if search {
		member = p.searchMember
	}
	if err := p.object(member); err != nil {
		return p.reply, err
	}
	if _, err := p.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return p.reply, errShape
	}
	return p.reply, nil
}

// once fails when a member comes a second time.
func (p *parser) once(bit uint8) error {
	if p.seen&bit != 0 {
		return errShape
	}
	p.seen |= bit
	return nil
}

// member reads one member of the answer to writes.
func (p *parser) member(name string) (err error) {
	switch name {
	case "operationId":
		p.reply.operationID, err = p.text()
	case "successCount":
		p.reply.succeeded, err = p.count(seenSucceeded)
	case "failureCount":
		p.reply.failed, err = p.count(seenFailed)
	case "results":
		err = p.results()
	case "result":
		err = p.result()
	default:
		err = p.problemMember(name)
	}
	return err
}

// problemMember reads one member of a problem, or of what an answer says beside its
// results.
func (p *parser) problemMember(name string) (err error) {
	switch name {
	case "requestId":
		p.reply.requestID, err = p.text()
	case "retryAfter":
		p.reply.retryAfter, err = p.text()
	case "retryable":
		err = p.retryable()
	case "errors", "error", "message", "title", "detail", "causes", "context", "rawResponse",
		"code", "errorCode", "category", "subCategory", "errorType", "policyName":
		err = p.fault(&p.reply.why, name, 0)
	default:
		err = p.dec.SkipValue()
	}
	return err
}

func (p *parser) results() error {
	if p.null() {
		return p.dec.SkipValue()
	}
	if err := p.once(seenResults); err != nil {
		return err
	}
	p.reply.entries = make([]entry, 0, len(p.want))
	return p.array(p.entry)
}

// result reads the one entry of a single record's answer.
func (p *parser) result() error {
	if p.null() {
		return p.dec.SkipValue()
	}
	if err := p.once(seenResults); err != nil {
		return err
	}
	return p.entry()
}

func (p *parser) retryable() error {
	if p.dec.PeekKind() == 'f' {
		p.reply.final = true
	}
	return p.dec.SkipValue()
}

func (p *parser) entry() error {
	// More entries than writes prove the answer wrong already.
	if len(p.reply.entries) > len(p.want) {
		return errShape
	}
	p.seen &^= seenOK
	p.cur, p.why = entry{known: true}, fault{}
	if err := p.object(p.entryMember); err != nil {
		return err
	}
	if p.seen&seenOK == 0 {
		return errShape
	}
	if p.why.said() {
		why := p.why
		p.cur.why = &why
	}
	p.reply.entries = append(p.reply.entries, p.cur)
	return nil
}

// entryMember reads one member of an entry. `errors` is not in the published
// schema, and some connectors spell a reason without it.
func (p *parser) entryMember(name string) (err error) {
	switch name {
	case "success":
		p.cur.ok, err = p.success()
	case "recordId":
		p.cur.id, err = p.recordID()
	case "errors", "error", "message", "detail", "code", "errorCode", "statusCode", "category", "context":
		err = p.fault(&p.why, name, 0)
	default:
		err = p.dec.SkipValue()
	}
	return err
}

func (p *parser) success() (bool, error) {
	if err := p.once(seenOK); err != nil {
		return false, err
	}
	if k := p.dec.PeekKind(); k != 't' && k != 'f' {
		return false, p.misfit()
	}
	tok, err := p.dec.ReadToken()
	if err != nil {
		return false, err
	}
	return tok.Bool(), nil
}

// maxID is the longest text that is taken for an id, in bytes: those of CRMs have
// 15 to 36, and what is kept of an answer must not grow with it.
const maxID = 255

// recordID reads an id. An update's answer repeats the id that was sent, in the
// order of the batch: then it is the write's own string and costs nothing.
func (p *parser) recordID() (string, error) {
	raw, err := p.dec.ReadValue()
	if err != nil {
		return "", err
	}
	switch k := raw.Kind(); {
	case len(raw) > maxID+len(`""`), k != '0' && k != '"':
		return "", nil
	case k == '0':
		return string(raw), nil
	}
	inner := raw[1 : len(raw)-1]
	if i := len(p.reply.entries); i < len(p.want) && p.want[i].ID == string(inner) {
		return p.want[i].ID, nil
	}
	return unquote(raw), nil
}

// count reads a count; what is no count is errShape.
func (p *parser) count(bit uint8) (int, error) {
	if p.null() {
		return notSaid, p.dec.SkipValue()
	}
	if err := p.once(bit); err != nil {
		return notSaid, err
	}
	raw, err := p.dec.ReadValue()
	if err != nil {
		return notSaid, err
	}
	n, err := strconv.Atoi(string(raw))
	if err != nil || n < 0 {
		return notSaid, errShape
	}
	return n, nil
}

func (p *parser) null() bool { return p.dec.PeekKind() == 'n' }
