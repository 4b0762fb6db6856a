package config

import (
	"fmt"
	"strings"
)

// row describes one key of the file. The rows are the only place where a
// default, a range or a list of words stands: loading fills and checks by them,
// and config.example.yaml and docs/config.md are made of them.
type row struct {
	path string // dotted; [] behind a list, * for names that the user chooses
	form form
	// fallback is the default, written as in the file; derived says in words what
	// it is when other keys decide. Both empty and not required: unset.
	fallback string
	derived  string
	words    []string
	later    []later
	// span is the range of a number, as an interval: [1,100], (0,1], [0s,).
	span     string
	required bool
	empty    bool   // an empty text is a value
	meant    string // the key of a section that a bare text is taken to be meant for
	what     string // what the key says: one sentence
	why      string // the reason of the default and of the range
}

// form is the type of a key as a reader of the file sees it.
type form string

// The forms.
const (
	formSection  form = "section"
	formSections form = "list of sections"
	formText     form = "text"
	formTexts    form = "list of texts"
	formWord     form = "word"
	formFile     form = "file name"
	formSecret   form = "secret"
	formPath     form = "field"
	formNumber   form = "whole number"
	formShare    form = "number"
	formDuration form = "duration"
	formBytes    form = "size"
	formBool     form = "true or false"

	formFormats      form = "word, or {key, value}"
	formTopics       form = "list of topic names, or {regex}"
	formGroup        form = "text, {field} or {header}"
	formOperation    form = "{field}, {header} or {value}"
	formID           form = "{field}, ledger, {match}, or a list of them"
	formMatch        form = "the CRM's field: field, in the order of the file"
	formKeyParts     form = "field, or key field: field"
	formFields       form = "target: field, in the order of the file"
	formField        form = "field, {from} or {value}"
	formConstant     form = "any value"
	formAssociations form = "{field}, or a list"
	formOnDelete     form = "word, or fields to set instead"
)

// later is a word that a coming version knows, or that belongs elsewhere, and what to do
// instead.
type later struct{ word, instead string }

// reference is the rows, by path and by what contains them.
type reference struct {
	rows     []row
	byPath   map[string]*row
	children map[string][]string
}

func newReference() *reference {
	r := &reference{rows: append(globalRows(), routeRows()...), byPath: make(map[string]*row), children: make(map[string][]string)}
	for i := range r.rows {
		path := r.rows[i].path
		r.byPath[path] = &r.rows[i]
		at := strings.LastIndexByte(path, '.')
		r.children[path[:max(at, 0)]] = append(r.children[path[:max(at, 0)]], path[at+1:])
	}
	return r
}

// row returns the row of a path; items of a list of texts have none of their own
// and are texts.
func (r *reference) row(path string) *row {
	if found, ok := r.byPath[path]; ok {
		return found
	}
	return &row{path: path, form: formText}
}

// home returns the section of the only key with that name, where there is just
// one: what stands at the wrong depth has a place to go.
func (r *reference) home(name string) string {
	home := ""
	for _, one := range r.rows {
		section, found := strings.CutSuffix(one.path, "."+name)
		if !found || section == "" {
			continue
		}
		if home != "" {
			return ""
		}
		home = section
	}
	return home
}

// expects says what a value must look like.
func (k *row) expects() string {
	switch {
	case k.form == formOnDelete:
		return list(k.words) + ", or the fields to set instead"
	case k.form == formFormats:
		return list(k.words) + ", or {key: FORMAT, value: FORMAT}"
	case len(k.words) > 0:
		return list(k.words)
	case k.form == formDuration:
		return "a duration such as 200ms, 30s or 5m" + k.limits()
	case k.form == formBytes:
		return "a size such as 512KiB, 8MB or 32MiB" + k.limits()
	case k.form == formTopics:
		return "a list of topic names, or {regex: PATTERN}"
	case k.form == formGroup:
		return "a text, {field: FIELD} or {header: NAME}"
	case k.form == formOperation:
		return "{field: FIELD}, {header: NAME} or {value: create}"
	case k.form == formID:
		return "{field: FIELD}, ledger, {match: {CRM_FIELD: FIELD}}, or a list of them"
	case k.form == formMatch:
		return "a mapping of the CRM's fields to the record's"
	case k.form == formKeyParts:
		return "the name of a field, or {KEY_FIELD: FIELD, ...} for a key of several"
	case k.form == formField:
		return "the name of a field, {from: FIELD} or {value: CONSTANT}"
	case k.form == formFields:
		return "a mapping of the CRM's fields to the record's"
	case k.form == formAssociations:
		return "{field: FIELD} or a list"
	case k.form == formSection:
		return "a section (key: value)"
	case k.form == formBool:
		return string(k.form)
	default:
		return "a " + string(k.form) + k.limits()
	}
}

func (k *row) limits() string {
	if k.span == "" {
		return ""
	}
	return ", " + describeSpan(k.span)
}

// describeSpan says an interval in words.
func describeSpan(span string) string {
	low, high, openLow := cutSpan(span)
	switch {
	case high == "" && openLow:
		return "above " + low
	case high == "":
		return "at least " + low
	case openLow:
		return "above " + low + " and at most " + high
	default:
		return low + " to " + high
	}
}

// cutSpan takes an interval apart; an empty high bound is none.
func cutSpan(span string) (low, high string, openLow bool) {
	low, high, ok := strings.Cut(span[1:len(span)-1], ",")
	if !ok {
		panic(fmt.Sprintf("BUG: the reference has the interval %q", span))
	}
	return low, high, span[0] == '('
}

// within reports whether a number lies in an interval whose bounds are written
// as the file writes such a number. The empty interval holds everything.
func within[T ~int | ~int64 | ~float64](span string, v T, parse func(string) (T, error)) bool {
	if span == "" {
		return true
	}
	low, high, openLow := cutSpan(span)
	bound := func(text string) T {
		b, err := parse(text)
		if err != nil {
			panic(fmt.Sprintf("BUG: the reference has the interval %q: %v", span, err))
		}
		return b
	}
	if b := bound(low); v < b || openLow && v == b {
		return false
	}
	return high == "" || v <= bound(high)
}
