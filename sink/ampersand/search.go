package ampersand

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ampersink/ampersink/internal/model"
)

// SearchRequest asks for the records of one object in one customer's CRM whose
// fields have given values.
//
// The API knows one object and the operator eq, and all filters must hold: there is
// no "one of these values", so several searches cannot be put into one request.
type SearchRequest struct {
	Destination model.Destination
	Filters     []Filter // at least one
}

// Filter is a field and the value that it must have.
type Filter struct {
	Field string // by its name in the CRM, or as the integration maps it
	Value string // JSON: a text that is not blank, a number, or a boolean
}

// SearchKind is what a search came to.
type SearchKind uint8

// The kinds. The zero value is SearchAgain: nothing known is never nothing found.
const (
	SearchAgain   SearchKind = iota // nothing is known: ask again after Matches.After, or when the hold is over
	SearchDone                      // IDs are the matches; there are none if it is empty
	SearchRefused                   // it will never be answered, as Message says
)

var searchNames = [...]string{"again", "done", "refused"}

func (k SearchKind) String() string { return searchNames[k] }

// MaxMatches bounds the ids that are kept of an answer: who asks which record a row
// is needs to know one from several, and to name a few of them to a person.
const MaxMatches = 10

// Matches is what became of a search.
type Matches struct {
	Kind SearchKind
	// IDs are the CRM's ids of the matches, each once, in the answer's order, and
	// MaxMatches at most. Ids of 15 and of 18 characters that name one record are one.
	IDs []string
	// More is set when there were others. The answer is one page of the CRM's and does
	// not say whether it is the last; a page has more than MaxMatches.
	More bool
	// Hold is the scope that must pause, or ScopeNone; only with SearchAgain.
	Hold model.ScopeKind
	// Code and Message say why, for people, unless Kind is SearchDone.
	Code    string
	Message string
	// After is the server's wish for the delay before the next request; zero when it
	// has none.
	After     time.Duration
	Status    int // HTTP status, 0 when there was no answer
	RequestID string
}

// Search makes one request for records and returns what became of it. It changes
// nothing in the CRM and can be repeated at will.
//
// That nothing is found proves little: the CRM answers from an index that lags its
// writes. That something is found proves that it was there.
//
// It panics on a request that the contract does not allow whatever the row is, and
// on a client without Options.SearchURL.
func (c *Client) Search(ctx context.Context, r *SearchRequest) Matches {
	r.check()
	if c.search.base == "" {
		panic("BUG: a search by a client without SearchURL")
	}
	if why := r.unsearchable(); why != "" {
		return Matches{Kind: SearchRefused, Code: CodeUnsearchable, Message: new(tidier).message(why)}
	}
	d := r.Destination
	x := exchange{
		c: c, host: c.search.host, search: true,
		target: c.search.base + url.PathEscape(d.Integration) + "?groupRef=" + url.QueryEscape(d.Group),
		gate:   newGate(r.encode(), false, nil), delicate: delicate(r.Filters),
	}
	var m Matches
	x.within(func() { m = classifySearch(x.do(ctx)) })
	return m
}

// check panics where the caller breaks the contract.
func (r *SearchRequest) check() {
	if len(r.Filters) == 0 {
		panic("BUG: a search without filters, which would find every record")
	}
	for _, f := range r.Filters {
		if f.Field == "" {
			panic("BUG: a search for a field without a name")
		}
	}
}

// unsearchable returns why no answer to the search could be believed, or "". The
// contract has no null, and an empty text finds the records that have nothing there,
// which are not the row.
func (r *SearchRequest) unsearchable() string {
	for _, f := range r.Filters {
		v := jsontext.Value(f.Value)
		found := ""
		switch k := v.Kind(); {
		case !v.IsValid():
			found = "no JSON"
		case k == '"' && strings.TrimSpace(unquote(bytes.TrimSpace(v))) == "":
			found = "a blank text"
		case k == 'n':
			found = "null"
		case k == '{':
			found = "an object"
		case k == '[':
			found = "a list"
		}
		if found != "" {
			return fmt.Sprintf("field %s cannot be searched for: its value is %s, and records are found by a text, a number or a boolean", f.Field, found)
		}
	}
	return ""
}

func (r *SearchRequest) encode() *Body {
	n := fixedSize + len(r.Destination.Object)
	for _, f := range r.Filters {
		n += filterSize + len(f.Field) + len(f.Value)
	}
	b := make([]byte, 0, n)
	b = append(b, `{"objectName":`...)
	b = quote(b, r.Destination.Object)
	b = append(b, `,"fieldFilters":[`...)
	for i, f := range r.Filters {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"fieldName":`...)
		b = quote(b, f.Field)
		b = append(b, `,"operator":"eq","value":`...)
		b = append(b, f.Value...)
		b = append(b, '}')
	}
	return &Body{bytes: append(b, `]}`...)}
}

// filterSize covers the members of a filter beside its texts.
const filterSize = 48

// classifySearch is classify for searches.
func classifySearch(a *answer) Matches {
	m := Matches{After: a.after, Status: a.status, RequestID: a.reply.requestID}
	a.reply.why.settle("")
	if a.lost != "" {
		return m.lost(a)
	}
	row := refine(rowOf(a.status), a)
	m.Code, m.Message = row.code, a.says(row.message)
	switch row.searches {
	case read:
		return m.read(a)
	case blame:
		return m.blame(&a.reply.why)
	}
	m.Hold = row.hold
	return m
}

// read judges a 200. What lists no matches has not said that there are none, and a
// list beside a reason is what was left of one.
func (m Matches) read(a *answer) Matches {
	f, why := &a.reply.found, &a.reply.why
	switch {
	case why.class == held:
		return m.held(why)
	case why.said():
		m.Code, m.Message = CodeUnknownAnswer, a.says("the answer lists matches beside a reason why it could not")
		if !f.listed {
			m.Message = a.says("")
		}
		return m
	case !f.listed:
		m.Code, m.Message = CodeUnknownAnswer, a.says("the answer has no list of matches")
		return m
	}
	return m.found(f)
}

func (m Matches) found(f *found) Matches {
	if f.astray != "" {
		m.Kind, m.Code = SearchRefused, CodeAstray
		m.Message = new(tidier).message(fmt.Sprintf("the search for field %s, whose value has a quote or a backslash in it, finds a record that has another value there; "+
			"expected none but those that have it", f.astray))
		return m
	}
	m.Kind, m.IDs, m.More, m.Code, m.Message = SearchDone, f.ids, f.more, "", ""
	return m
}

// lost is an answer that never came, or that cannot be believed. One that is too large
// is believed as far as it goes: what it begins with are more matches than anybody
// wants, and it would be as large the next time.
func (m Matches) lost(a *answer) Matches {
	m.Code, m.Message = a.lost, a.message
	switch {
	case a.status == http.StatusOK && a.large && a.reply.found.more:
		return m.found(&a.reply.found)
	case a.json && a.reply.why.class == held:
		return m.held(&a.reply.why)
	}
	return m
}

// held waits for the tenant's CRM.
func (m Matches) held(why *fault) Matches {
	m.Hold, m.Code = model.ScopeDestination, why.code
	m.Message = cmp.Or(why.message, "the CRM refuses the tenant's requests for now")
	return m
}

// blame judges a search that was refused. Transient codes are nobody's fault here either.
func (m Matches) blame(why *fault) Matches {
	m.Code = cmp.Or(why.code, m.Code)
	if effectOf(why.class, model.Update).kind == model.Rejected {
		m.Kind = SearchRefused
	}
	return m
}
