package idfile

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ampersink/ampersink/internal/config"
)

// The columns of a CSV file beside those of the key.
const (
	columnID    = "crm_id"
	columnGroup = "group"
	columnKey   = "key"
)

func readCSV(in io.Reader, o Options, f func(Row) error) error {
	if o.Unrouted != nil {
		return o.Unrouted
	}
	b := &bounded{in: in}
	r := csv.NewReader(b)
	r.ReuseRecord = true
	b.left = maxLine
	header, err := r.Read()
	if err != nil {
		return fmt.Errorf("the header: %w", err)
	}
	columns, err := columnsOf(slices.Clone(header), o)
	if err != nil {
		return fmt.Errorf("the header: %w", err)
	}
	var key []byte
	for last := 1; ; {
		b.left = maxLine
		record, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errLong):
			return fmt.Errorf("the row behind line %d: %w", last, err)
		case err != nil:
			return err // says its line
		}
		line, _ := r.FieldPos(0)
		row, err := columns.row(key[:0], record)
		if err == nil {
			key, row.Line = row.Key, line
			err = f(row)
		}
		if err != nil {
			return at(line, err)
		}
		last = line
	}
}

// bounded bounds what is read for one row: within quotes a row may go on for ever.
type bounded struct {
	in   io.Reader
	left int
}

var errLong = fmt.Errorf("it is longer than %d bytes; a quote that does not end?", maxLine)

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLong
	}
	n, err := b.in.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// columns is where the parts of a row stand; group -1: nowhere.
type columns struct {
	options   Options
	fields    []string // of the key
	key       []int
	id, group int
}

func columnsOf(header []string, o Options) (c columns, err error) {
	c = columns{options: o, fields: o.KeyFields, group: -1}
	if len(c.fields) == 0 {
		c.fields = []string{columnKey}
	}
	for _, ours := range []string{columnID, columnGroup} {
		if slices.Contains(c.fields, ours) {
			return c, fmt.Errorf("a field of the route's key is called %q, and so is a column of ours; write JSON lines", ours)
		}
	}
	if len(header) == 1 && strings.ContainsAny(header[0], ";\t|") {
		return c, fmt.Errorf("found %q; expected commas between the columns", header[0])
	}
	wanted := append(slices.Clone(c.fields), columnID, columnGroup)
	expected := fmt.Sprintf("expected the columns %q, and %q if rows differ in it", wanted[:len(wanted)-1], columnGroup)
	at := make([]int, len(wanted))
	for i, name := range wanted {
		at[i] = slices.Index(header, name)
		if at[i] >= 0 && slices.Contains(header[at[i]+1:], name) {
			return c, fmt.Errorf("column %q is there twice", name)
		}
	}
	// Other columns are somebody else's, unless one looks like ours.
	var missing []string
	for i, name := range wanted {
		if at[i] < 0 {
			missing = append(missing, name)
		}
	}
	for _, name := range header {
		if meant := config.Nearest(name, missing); meant != "" && !slices.Contains(wanted, name) {
			return c, fmt.Errorf("there is a column %q; did you mean %q? %s", name, meant, expected)
		}
	}
	switch {
	case len(missing) > 0 && missing[0] == columnGroup, len(missing) == 0:
	case slices.Contains(header, "space") && slices.Contains(header, "state"):
		return c, errors.New("this is what export --csv writes, for people; import takes what export writes without --csv")
	default:
		return c, fmt.Errorf("found %q, without %q; %s", header, missing[0], expected)
	}
	n := len(c.fields)
	c.key, c.id, c.group = at[:n], at[n], at[n+1]
	return c, nil
}

func (c *columns) row(key []byte, record []string) (row Row, err error) {
	row.ID = record[c.id]
	if err := checkWord(columnID, row.ID); err != nil {
		return row, err
	}
	if c.group >= 0 {
		row.Group = record[c.group]
		if err := checkWord(columnGroup, row.Group); err != nil {
			return row, err
		}
	}
	if len(c.options.KeyFields) == 0 {
		row.Key, err = c.wholeKey(key, record[c.key[0]])
		return row, err
	}
	key = append(key, '{')
	for i, at := range c.key {
		if i > 0 {
			key = append(key, ',')
		}
		if key, err = jsontext.AppendQuote(key, c.fields[i]); err != nil {
			return row, err
		}
		if key, err = c.keyField(append(key, ':'), c.fields[i], record[at]); err != nil {
			return row, err
		}
	}
	row.Key = append(key, '}')
	return row, nil
}

// wholeKey is a key as the record has it: JSON, or any text.
func (c *columns) wholeKey(dst []byte, text string) ([]byte, error) {
	if err := checkKey(columnKey, text); err != nil {
		return nil, err
	}
	if c.options.TextKeys {
		return jsontext.AppendQuote(dst, text)
	}
	return append(dst, text...), nil
}

// keyField appends a field of a key: a number where it is written as a whole number is, and
// the key is not said to be text.
func (c *columns) keyField(dst []byte, name, text string) ([]byte, error) {
	if err := checkKey(name, text); err != nil {
		return nil, err
	}
	if !c.options.TextKeys && isWhole(text) {
		return append(dst, text...), nil
	}
	return jsontext.AppendQuote(dst, text)
}

// checkKey refuses what was hardly meant, and would be a key that no row has.
func checkKey(name, text string) error {
	switch {
	case text == "":
		return fmt.Errorf("%s: empty", name)
	case !utf8.ValidString(text):
		return fmt.Errorf("%s: found %q; expected UTF-8", name, text)
	case strings.TrimSpace(text) != text:
		return fmt.Errorf("%s: found %q; expected no space around it (JSON lines take one that is meant)", name, text)
	}
	return nil
}
