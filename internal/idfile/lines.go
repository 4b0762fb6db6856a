package idfile

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ampersink/ampersink/internal/config"
)

// The members of a line, by their places in members.
const (
	inKey   = iota
	inKey64 // of a key that is no text
	inID
	inGroup
	inIntegration // from here on of an export
	inObject
	inSpace
	inState
	inTopic
	inPartition
	inOffset
	inAll
)

var memberNames = []string{"key", "key_base64", "id", "group", "integration", "object", "space", "state", "topic", "partition", "offset"}

const expectedLine = `expected {"key": ..., "id": ..., "group": ...}`

// members are the values of a line.
type members [inAll]jsontext.Value

func readLines(in io.Reader, o Options, f func(Row) error) error {
	s := bufio.NewScanner(in)
	s.Buffer(nil, maxLine)
	n := 1
	for ; s.Scan(); n++ {
		text := bytes.TrimSpace(s.Bytes())
		if len(text) == 0 {
			continue
		}
		row, err := rowOfLine(text)
		row.Line = n
		switch {
		case err != nil:
		case row.Exported == nil && o.Unrouted != nil:
			err = o.Unrouted
		default:
			err = f(row)
		}
		if err != nil {
			return at(n, err)
		}
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return at(n, fmt.Errorf("it is longer than %d bytes", maxLine))
	}
	return s.Err()
}

func rowOfLine(text []byte) (row Row, err error) {
	m, err := membersOf(text)
	if err != nil {
		return row, err
	}
	if (m[inKey] == nil) == (m[inKey64] == nil) {
		return row, errors.New(`key: found none, or both key and key_base64; ` + expectedLine)
	}
	if i := slices.IndexFunc(m[inIntegration:], func(v jsontext.Value) bool { return v != nil }); i >= 0 {
		return m.exported(memberNames[inIntegration+i])
	}
	if row.Key = m[inKey]; m[inKey64] != nil {
		if row.Key, err = m.bytes(inKey64); err != nil {
			return row, err
		}
	}
	if row.ID, err = m.id(); err != nil {
		return row, err
	}
	if err = checkWord("id", row.ID); err != nil {
		return row, err
	}
	if m[inGroup] != nil {
		if row.Group, err = m.text(inGroup); err == nil {
			err = checkWord("group", row.Group)
		}
	}
	return row, err
}

// membersOf takes the one object of a line apart.
func membersOf(text []byte) (m members, err error) {
	d := jsontext.NewDecoder(bytes.NewReader(text))
	wrong := func(err error) error { return fmt.Errorf("%w; %s", err, expectedLine) }
	switch begin, err := d.ReadToken(); {
	case err != nil:
		return m, wrong(err)
	case begin.Kind() != '{':
		return m, fmt.Errorf("found %s; %s", excerpt(text), expectedLine)
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return m, wrong(err)
		}
		i := slices.Index(memberNames, name.String())
		if i < 0 {
			return m, unknown(strconv.Quote(name.String()), name.String(), memberNames)
		}
		value, err := d.ReadValue()
		if err != nil {
			return m, wrong(err)
		}
		m[i] = value.Clone()
	}
	if _, err = d.ReadToken(); err != nil {
		return m, wrong(err)
	}
	switch _, err = d.ReadToken(); {
	case err == nil:
		return m, errors.New("there is more behind the object; expected one object on each line")
	case !errors.Is(err, io.EOF):
		return m, wrong(err)
	}
	return m, nil
}

// unknown refuses a name that is none of ours, with the nearest one.
func unknown(shown, name string, ours []string) error {
	if meant := config.Nearest(name, ours); meant != "" {
		return fmt.Errorf("%s is unknown; did you mean %q?", shown, meant)
	}
	return fmt.Errorf("%s is unknown; expected some of %q", shown, ours)
}

// id takes an id that is a text or a whole number.
func (m *members) id() (id string, err error) {
	switch raw := m[inID]; {
	case raw == nil:
		return "", errors.New("id: missing")
	case isWhole(string(raw)):
		id = string(raw)
	case raw.Kind() == '"':
		if id, err = m.text(inID); err != nil {
			return "", err
		}
	default:
		return "", fmt.Errorf("id: found %s; expected a text or a whole number", excerpt(raw))
	}
	return id, nil
}

// bytes is a member that is a text in base64.
func (m *members) bytes(i int) ([]byte, error) {
	text, err := m.text(i)
	if err != nil {
		return nil, err
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", memberNames[i], err)
	}
	return b, nil
}

// text is a member that is a text; "" when it is missing.
func (m *members) text(i int) (string, error) {
	raw := m[i]
	if raw == nil {
		return "", nil
	}
	if raw.Kind() != '"' {
		return "", fmt.Errorf("%s: found %s; expected a text", memberNames[i], excerpt(raw))
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return "", fmt.Errorf("%s: %w", memberNames[i], err)
	}
	return string(text), nil
}

func (m *members) number(i, bits int) (n int64, err error) {
	if m[i] == nil {
		return 0, nil
	}
	if n, err = strconv.ParseInt(string(m[i]), 10, bits); err != nil || n < 0 {
		return 0, fmt.Errorf("%s: found %s; expected a whole number", memberNames[i], excerpt(m[i]))
	}
	return n, nil
}

// exported reads a line of an export, which the named member shows it to be. What the ledger
// had is taken back as it is.
func (m *members) exported(by string) (row Row, err error) {
	e := new(Exported)
	for _, t := range []struct {
		place int
		to    *string
	}{
		{inIntegration, &e.Integration}, {inObject, &e.Object}, {inSpace, &e.Space}, {inKey, &e.Key},
		{inState, &e.State}, {inGroup, &e.Group}, {inTopic, &e.Topic},
	} {
		if *t.to, err = m.text(t.place); err != nil {
			return row, err
		}
		if m[t.place] == nil && t.place != inKey {
			return row, fmt.Errorf("%s: missing, and %s says that the line is one of an export", memberNames[t.place], by)
		}
	}
	if m[inKey64] != nil {
		if row.Key, err = m.bytes(inKey64); err != nil {
			return row, err
		}
		e.Key = string(row.Key)
	}
	partition, err := m.number(inPartition, 32)
	if err != nil {
		return row, err
	}
	if e.Offset, err = m.number(inOffset, 63); err != nil {
		return row, err
	}
	e.Partition = int32(partition)
	if e.ID, err = m.exportedID(e.State); err != nil {
		return row, err
	}
	return Row{Key: []byte(e.Key), ID: e.ID, Group: e.Group, Exported: e}, nil
}

// exportedID is the id of a row in a state, which only a known row has.
func (m *members) exportedID(state string) (id string, err error) {
	if id, err = m.text(inID); err != nil {
		return "", err
	}
	switch state {
	case StateKnown:
		if id == "" {
			return "", errors.New("id: empty or missing, and the state is known")
		}
	case StateExists, StateDoubt:
		if id != "" {
			return "", fmt.Errorf("id: found %q; expected none, as the state is %s", id, state)
		}
	default:
		return "", fmt.Errorf("state: found %q; expected %s, %s or %s", state, StateKnown, StateExists, StateDoubt)
	}
	return id, nil
}

// excerpt is what a message shows of a value.
func excerpt(raw []byte) string {
	const most = 60
	if len(raw) > most {
		return fmt.Sprintf("%q...", raw[:most])
	}
	return fmt.Sprintf("%q", raw)
}
