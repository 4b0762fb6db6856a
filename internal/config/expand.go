package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// expander replaces references in scalar values, after the YAML was parsed: a
// value cannot add a key, close a quote or become a list.
type expander struct {
	env      func(string) (string, bool)
	readFile func(string) ([]byte, error)
}

// expand replaces ${NAME} with the variable and ${file:PATH} with the content of
// the file, and $${ with ${. Its errors name the variable or the file and
// show nothing else of the text or of what was read.
func (e expander) expand(text string) (string, error) {
	if !strings.Contains(text, "${") {
		return text, nil
	}
	var b strings.Builder
	for {
		start := strings.Index(text, "${")
		if start < 0 {
			b.WriteString(text)
			return b.String(), nil
		}
		if start > 0 && text[start-1] == '$' {
			b.WriteString(text[:start-1] + "${")
			text = text[start+2:]
			continue
		}
		b.WriteString(text[:start])
		reference, rest, closed := strings.Cut(text[start+2:], "}")
		value, err := e.lookUp(reference, closed)
		if err != nil {
			return "", err
		}
		b.WriteString(value)
		text = rest
	}
}

var errReference = errors.New("${ must be followed by NAME} or file:PATH}; write $${ for the text ${")

func (e expander) lookUp(reference string, closed bool) (string, error) {
	path, file := strings.CutPrefix(reference, "file:")
	switch {
	case !closed, file && path == "", !file && !isVariable(reference):
		return "", errReference
	case file:
		return e.file(path)
	}
	value, ok := "", false
	if e.env != nil {
		value, ok = e.env(reference)
	}
	if !ok {
		return "", fmt.Errorf("the environment variable %s is not set", reference)
	}
	if !utf8.ValidString(value) {
		return "", fmt.Errorf("the environment variable %s is not UTF-8", reference)
	}
	return value, nil
}

func (e expander) file(path string) (string, error) {
	if e.readFile == nil {
		return "", fmt.Errorf("the file %s cannot be read here", path)
	}
	data, err := e.readFile(path)
	if err != nil {
		return "", fmt.Errorf("the file cannot be read: %w", err)
	}
	if !utf8.Valid(data) {
		return "", fmt.Errorf("the file %s is not UTF-8", path)
	}
	return TrimSecret(data), nil
}

// TrimSecret returns the content of a file as a value: without the line breaks
// at its end, which editors and echo leave there.
func TrimSecret(data []byte) string { return strings.TrimRight(string(data), "\r\n") }

// onlyFile returns the path of a value that is exactly one ${file:PATH}.
func onlyFile(n *yaml.Node) string {
	path, ok := strings.CutPrefix(aliased(n).Value, "${file:")
	path, rest, closed := strings.Cut(path, "}")
	if !ok || !closed || rest != "" {
		return ""
	}
	return path
}

func isVariable(name string) bool {
	for i, r := range name {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}
