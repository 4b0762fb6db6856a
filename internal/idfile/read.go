package idfile

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Row is one line of a file.
type Row struct {
	Line int
	// Key is the key that the row's records have, as JSON; or, of a line that was exported,
	// Space is set and Key is the canonical key as text.
	Key   []byte
	Space *Space
	ID    string
	Group string // empty: the file does not say it
}

// Space is the identity space of a line that was exported.
type Space struct{ Integration, Object, Name string }

// Options say how a file is to be read.
type Options struct {
	// KeyFields are the fields of the route's key; empty: the key is one value.
	KeyFields []string
	// TextKeys: digits in a CSV file are a text, not a number.
	TextKeys bool
}

// The columns of a CSV file beside those of the key.
const (
	columnID    = "crm_id"
	columnGroup = "group"
	columnKey   = "key"
)

const (
	// maxLine bounds a line: a key and an id, with room.
	maxLine = 1 << 20
)

// Read reads a file of JSON lines, or of CSV with a header, and calls f for each row. It
// tells them apart by the first character.
func Read(in io.Reader, o Options, f func(Row) error) error {
	b := bufio.NewReaderSize(in, 64<<10)
	if bom, err := b.Peek(3); err == nil && string(bom) == "\xef\xbb\xbf" {
		_, _ = b.Discard(3)
	}
	first, err := b.Peek(1)
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	case first[0] == '{':
		return readLines(b, f)
	}
	return readCSV(b, o, f)
}

// line is a line of JSON.
type line struct {
	Key         json.RawMessage `json:"key"`
	ID          json.RawMessage `json:"id"`
	Group       string          `json:"group"`
	Integration string          `json:"integration"`
	Object      string          `json:"object"`
	Space       string          `json:"space"`
	State       string          `json:"state"`
}

func readLines(in io.Reader, f func(Row) error) error {
	s := bufio.NewScanner(in)
	s.Buffer(nil, maxLine)
	for n := 1; s.Scan(); n++ {
		text := bytes.TrimSpace(s.Bytes())
		if len(text) == 0 {
			continue
		}
		row, err := rowOfJSON(text)
		if errors.Is(err, errNoID) {
			continue
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		row.Line = n
		if err := f(row); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return s.Err()
}

// errNoID is of an exported line that has no id to import.
var errNoID = errors.New("no id is known of it")

func rowOfJSON(text []byte) (Row, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var l struct {
		line
		Topic     string `json:"topic"` // of an export
		Partition int32  `json:"partition"`
		Offset    int64  `json:"offset"`
	}
	if err := d.Decode(&l); err != nil {
		return Row{}, fmt.Errorf(`expected {"key": ..., "id": ..., "group": ...}: %w`, err)
	}
	if l.State != "" && l.State != "known" {
		return Row{}, errNoID
	}
	row := Row{Group: l.Group, Key: l.Key}
	var err error
	if row.ID, err = idOf(l.ID); err != nil {
		return Row{}, err
	}
	if l.Key == nil {
		return Row{}, errors.New("key: missing")
	}
	if l.Space == "" {
		return row, nil
	}
	var canonical string
	if err := json.Unmarshal(l.Key, &canonical); err != nil {
		return Row{}, errors.New("key: the key of an exported line is a text")
	}
	row.Key, row.Space = []byte(canonical), &Space{l.Integration, l.Object, l.Space}
	return row, nil
}

// idOf takes an id that is a text or a whole number.
func idOf(raw json.RawMessage) (string, error) {
	var text string
	switch {
	case raw == nil:
		return "", errors.New("id: missing")
	case raw[0] == '"':
		if err := json.Unmarshal(raw, &text); err != nil {
			return "", fmt.Errorf("id: %w", err)
		}
	default:
		text = string(raw)
		if _, err := strconv.ParseInt(text, 10, 64); err != nil {
			return "", fmt.Errorf("id: %s; expected a text or a whole number", text)
		}
	}
	if strings.TrimSpace(text) == "" {
		return "", errors.New("id: empty")
	}
	return text, nil
}

func readCSV(in io.Reader, o Options, f func(Row) error) error {
	r := csv.NewReader(in)
	r.ReuseRecord = true
	header, err := r.Read()
	if err != nil {
		return fmt.Errorf("the header: %w", err)
	}
	columns, err := columnsOf(slices.Clone(header), o)
	if err != nil {
		return err
	}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err // says its line
		}
		n, _ := r.FieldPos(0)
		row, err := columns.row(record, o)
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		row.Line = n
		if err := f(row); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
}

// columns is where the parts of a row stand; group -1: nowhere.
type columns struct {
	key       []int
	id, group int
}

func columnsOf(header []string, o Options) (c columns, err error) {
	fields := o.KeyFields
	if len(fields) == 0 {
		fields = []string{columnKey}
	}
	for _, name := range append(slices.Clone(fields), columnID) {
		i := slices.Index(header, name)
		if i < 0 {
			return c, fmt.Errorf("the header is %q and lacks %q; expected %q, %q and, if rows differ in it, %q", header, name, fields, columnID, columnGroup)
		}
		c.key = append(c.key, i)
	}
	c.id, c.key = c.key[len(fields)], c.key[:len(fields)]
	c.group = slices.Index(header, columnGroup)
	return c, nil
}

func (c columns) row(record []string, o Options) (Row, error) {
	row := Row{ID: strings.TrimSpace(record[c.id])}
	if row.ID == "" {
		return row, fmt.Errorf("%s: empty", columnID)
	}
	if c.group >= 0 {
		row.Group = record[c.group]
	}
	if len(o.KeyFields) == 0 {
		row.Key = keyValue(nil, record[c.key[0]], o)
		return row, nil
	}
	row.Key = append(row.Key, '{')
	for i, at := range c.key {
		if i > 0 {
			row.Key = append(row.Key, ',')
		}
		name, err := jsontext.AppendQuote(row.Key, o.KeyFields[i])
		if err != nil {
			return row, err
		}
		row.Key = keyValue(append(name, ':'), record[at], o)
	}
	row.Key = append(row.Key, '}')
	return row, nil
}

// keyValue appends a value of a key: a number where it is written as a whole number is, and
// the key is not said to be text.
func keyValue(dst []byte, text string, o Options) []byte {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && !o.TextKeys && strconv.FormatInt(n, 10) == text {
		return append(dst, text...)
	}
	if len(o.KeyFields) == 0 && jsontext.Value(text).IsValid() && !o.TextKeys {
		return append(dst, text...)
	}
	quoted, err := jsontext.AppendQuote(dst, strings.ToValidUTF8(text, "\ufffd"))
	if err != nil {
		panic("BUG: valid text does not quote: " + err.Error())
	}
	return quoted
}
