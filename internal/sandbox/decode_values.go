package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// record reads a record object into it, leaving its fields where they stand.
func (d *decoder) record(what string, it *item) error {
	start := d.json.InputOffset()
	if err := d.open('{', what); err != nil {
		return err
	}
	it.from = len(d.q.fields)
	for d.json.PeekKind() == '"' {
		quoted, err := d.value()
		if err != nil {
			return err
		}
		value, err := d.value()
		if err != nil {
			return err
		}
		name := unquote(quoted)
		if string(name) == "id" {
			if value[0] != '"' {
				return fmt.Errorf("%s.id must be a string, not %s", what, kindName(jsontext.Value(value).Kind()))
			}
			it.id = unquote(value)
			continue
		}
		d.q.fields = append(d.q.fields, field{name: name, quoted: quoted, value: value})
	}
	it.to = len(d.q.fields)
	if err := d.end(); err != nil {
		return err
	}
	span := d.body[start:d.json.InputOffset()]
	it.record = span[bytes.IndexByte(span, '{'):]
	return nil
}

// value reads a value and returns where it stands in the body.
func (d *decoder) value() ([]byte, error) {
	v, err := d.json.ReadValue()
	if err != nil {
		return nil, d.syntax(err)
	}
	end := int(d.json.InputOffset())
	return d.body[end-len(v) : end], nil
}

func (d *decoder) text(name string, bit members, to *string) error {
	if bit != 0 {
		d.q.has |= bit
	}
	v, err := d.value()
	if err != nil {
		return err
	}
	if v[0] != '"' {
		return fmt.Errorf("%s must be a string, not %s", name, kindName(jsontext.Value(v).Kind()))
	}
	*to = string(unquote(v))
	return nil
}

// count reads an integer from 1 to limit.
func (d *decoder) count(name string, limit int, to *int) error {
	v, err := d.value()
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(string(v))
	if err != nil || n < 1 || n > limit {
		return fmt.Errorf("%s must be an integer from 1 to %d", name, limit)
	}
	if to != nil {
		*to = n
	}
	return nil
}

// objects reads an array of objects and returns where it stands.
func (d *decoder) objects(name string) ([]byte, error) {
	start := d.json.InputOffset()
	err := d.array(name, func(i int) error {
		v, err := d.value()
		if err == nil && v[0] != '{' {
			err = fmt.Errorf("%s[%d] must be an object, not %s", name, i, kindName(jsontext.Value(v).Kind()))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	span := d.body[start:d.json.InputOffset()]
	return span[bytes.IndexByte(span, '['):], nil
}

func (d *decoder) headers() error {
	return d.array("headers", func(i int) error {
		var h Header
		err := d.object("headers", func(name string) error {
			switch name {
			case "key":
				return d.text("key", 0, &h.Key)
			case "value":
				return d.text("value", 0, &h.Value)
			}
			return fmt.Errorf("%s is unknown", name)
		})
		if err == nil && h.Key == "" {
			err = errors.New("key is missing")
		}
		if err != nil {
			return fmt.Errorf("headers[%d].%w", i, err)
		}
		d.q.headers = append(d.q.headers, h)
		return nil
	})
}

// object reads an object and calls member for each of its names.
func (d *decoder) object(what string, member func(name string) error) error {
	if err := d.open('{', what); err != nil {
		return err
	}
	for d.json.PeekKind() == '"' {
		name, err := d.value()
		if err != nil {
			return err
		}
		if err := member(string(unquote(name))); err != nil {
			return err
		}
	}
	return d.end()
}

// array reads an array and calls element before each of its values.
func (d *decoder) array(what string, element func(i int) error) error {
	if err := d.open('[', what); err != nil {
		return err
	}
	for i := 0; ; i++ {
		if k := d.json.PeekKind(); k == ']' || k == jsontext.KindInvalid {
			return d.end()
		}
		if err := element(i); err != nil {
			return err
		}
	}
}

// open reads an opening bracket.
func (d *decoder) open(want jsontext.Kind, what string, args ...any) error {
	if k := d.json.PeekKind(); k != want && k != jsontext.KindInvalid {
		return fmt.Errorf(what+" must be "+kindName(want)+", not "+kindName(k), args...)
	}
	return d.end()
}

// end reads the next token, which is known to be a bracket unless it is a
// mistake.
func (d *decoder) end() error {
	if _, err := d.json.ReadToken(); err != nil {
		return d.syntax(err)
	}
	return nil
}

// syntax makes a sentence of what the JSON decoder says.
func (d *decoder) syntax(err error) error {
	var s *jsontext.SyntacticError
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &s):
		return fmt.Errorf("%s stands twice in its object", s.JSONPointer)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the body ends before its JSON does")
	case errors.As(err, &s):
		return fmt.Errorf("the body is not JSON: %w at byte %d", s.Err, s.ByteOffset)
	}
	return fmt.Errorf("the body is not JSON: %w", err)
}

// unquote returns the text of a JSON string, in place where it has no escapes.
func unquote(quoted []byte) []byte {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	text, _ := jsontext.AppendUnquote(nil, quoted)
	return text
}

func kindName(k jsontext.Kind) string {
	switch k {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "that"
}
