package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Problem is one reason why the configuration cannot run.
type Problem struct {
	File    string
	Line    int // from 1; 0: the problem is the whole file's
	Column  int // from 1
	Key     string
	Message string
}

func (p Problem) Error() string {
	at := p.File
	if p.Line > 0 {
		at = fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
	if p.Key == "" {
		return at + ": " + p.Message
	}
	return at + ": " + p.Key + ": " + p.Message
}

// Problems is everything that was found wrong, in the order of the file.
type Problems []Problem

// maxShown is how many problems Error prints: what a person reads in one go. A
// file with more is the wrong file.
const maxShown = 50

func (p Problems) Error() string {
	var b strings.Builder
	for i, one := range p {
		if i > 0 {
			b.WriteByte('\n')
		}
		if i == maxShown {
			fmt.Fprintf(&b, "... and %d more", len(p)-i)
			break
		}
		b.WriteString(one.Error())
	}
	return b.String()
}

// Unwrap returns each problem for errors.As.
func (p Problems) Unwrap() []error {
	all := make([]error, len(p))
	for i := range p {
		all[i] = p[i]
	}
	return all
}

// report collects the problems of one file and remembers where its keys stand.
type report struct {
	file     string
	problems Problems
	places   map[string]*yaml.Node // the value of each key that the file has
	unsound  map[string]bool       // keys with a problem
}

func newReport(file string) *report {
	return &report{file: file, places: make(map[string]*yaml.Node), unsound: make(map[string]bool)}
}

// add reports a problem of a key where a node stands.
func (r *report) add(n *yaml.Node, key, format string, args ...any) {
	r.unsound[key] = true
	r.problems = append(r.problems, Problem{
		File: r.file, Line: n.Line, Column: n.Column, Key: key, Message: fmt.Sprintf(format, args...),
	})
}

// at reports a problem of a key where the file has it, or else where the file
// has what should contain it.
func (r *report) at(key, format string, args ...any) {
	r.add(r.place(key), key, format, args...)
}

// written returns a key if the file has it, else another one.
func (r *report) written(key, other string) string {
	if _, ok := r.places[key]; ok {
		return key
	}
	return other
}

func (r *report) place(key string) *yaml.Node {
	for k := key; ; k = parent(k) {
		if n, ok := r.places[k]; ok {
			return n
		}
		if k == "" {
			return &yaml.Node{Line: 1, Column: 1}
		}
	}
}

// sound reports whether no problem was found with these keys, with what
// contains them, or within them: a check that reads them would otherwise blame a
// consequence.
func (r *report) sound(keys ...string) bool {
	for _, key := range keys {
		for k := key; k != ""; k = parent(k) {
			if r.unsound[k] {
				return false
			}
		}
		for bad := range r.unsound {
			if rest, ok := strings.CutPrefix(bad, key); ok && rest != "" && (rest[0] == '.' || rest[0] == '[') {
				return false
			}
		}
	}
	return true
}

// sorted returns the problems in the order of the file, or nil.
func (r *report) sorted() Problems {
	slices.SortStableFunc(r.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return r.problems
}

// where is a key of the file, and the row of the reference that describes it.
type where struct {
	key string // routes[0].batch.size
	ref string // routes[].batch.size
}

func (w where) child(name string) where {
	if w.key == "" {
		return where{name, name}
	}
	return where{w.key + "." + name, w.ref + "." + name}
}

func (w where) item(i int) where {
	return where{fmt.Sprintf("%s[%d]", w.key, i), w.ref + "[]"}
}

// entry is a member whose name the user chose.
func (w where) entry(name string) where {
	return where{w.key + "." + printable(name), w.ref + ".*"}
}

// parent returns the key that contains a key: a list's items are in the list.
func parent(key string) string {
	return key[:max(strings.LastIndexAny(key, ".["), 0)]
}
