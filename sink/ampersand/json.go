package ampersand

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// object reads an object and hands each member's name to member, which reads
// its value.
func (p *parser) object(member func(name string) error) error {
	if p.dec.PeekKind() != '{' {
		return p.misfit()
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return err
	}
	for p.dec.PeekKind() == '"' {
		raw, err := p.dec.ReadValue()
		if err != nil {
			return err
		}
		if err := member(memberName(raw)); err != nil {
			return err
		}
	}
	_, err := p.dec.ReadToken()
	return err
}

// array reads an array and calls item before each of its values.
func (p *parser) array(item func() error) error {
	if p.dec.PeekKind() != '[' {
		return p.misfit()
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return err
	}
	for {
		switch p.dec.PeekKind() {
		case ']':
			_, err := p.dec.ReadToken()
			return err
		case 0:
			_, err := p.dec.ReadToken()
			return orShape(err)
		}
		if err := item(); err != nil {
			return err
		}
	}
}

// misfit is the error of a value of another kind than expected: the syntax
// error if it is one, else errShape.
func (p *parser) misfit() error {
	_, err := p.dec.ReadToken()
	return orShape(err)
}

func orShape(err error) error {
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return errShape
}

// text reads a string; other values are skipped and empty.
func (p *parser) text() (string, error) {
	if p.dec.PeekKind() != '"' {
		return "", p.dec.SkipValue()
	}
	raw, err := p.dec.ReadValue()
	if err != nil {
		return "", err
	}
	return unquote(raw), nil
}

// memberName is the name of a member. The names of entries cost no allocation:
// there are hundreds of them in an answer.
func memberName(raw jsontext.Value) string {
	switch string(raw) {
	case `"success"`:
		return "success"
	case `"recordId"`:
		return "recordId"
	case `"data"`:
		return "data"
	case `"errors"`:
		return "errors"
	}
	return unquote(raw)
}

// unquote returns the text of a JSON string.
func unquote(raw []byte) string {
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return string(inner)
	}
	b, _ := jsontext.AppendUnquote(nil, raw)
	return string(b)
}
