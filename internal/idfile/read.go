package idfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Read reads a file of JSON lines, or of CSV with a header, and calls f for each row. It
// tells them apart by the first character.
func Read(in io.Reader, o Options, f func(Row) error) error {
	b := bufio.NewReaderSize(in, 64<<10)
	start, err := b.Peek(b.Size())
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if what := foreign(start); what != "" {
		return fmt.Errorf("it is %s; expected JSON lines, or CSV with a header, in UTF-8", what)
	}
	if bytes.HasPrefix(start, byteOrderMark) {
		_, _ = b.Discard(len(byteOrderMark))
		start = start[len(byteOrderMark):]
	}
	switch start = bytes.TrimLeft(start, " \t\r\n"); {
	case len(start) == 0:
		return blank(b)
	case start[0] == '{':
		return readLines(b, o, f)
	case start[0] == '[':
		return errors.New("it is a JSON array; expected an object on each line, without brackets and commas around them")
	}
	return readCSV(b, o, f)
}

// byteOrderMark is what some programs put in front of UTF-8.
var byteOrderMark = []byte("\xef\xbb\xbf")

// foreign names a kind of file that people take for one of ours.
func foreign(start []byte) string {
	for _, kind := range []struct{ magic, name string }{
		{"\xff\xfe", "UTF-16"}, {"\xfe\xff", "UTF-16"}, {"\x1f\x8b", "packed by gzip"}, {"\x28\xb5\x2f\xfd", "packed by zstd"},
		{"PK\x03\x04", "a zip archive or a spreadsheet"}, {"PAR1", "Parquet"}, {"\xd0\xcf\x11\xe0", "a spreadsheet"},
	} {
		if bytes.HasPrefix(start, []byte(kind.magic)) {
			return kind.name
		}
	}
	return ""
}

// blank reads what is nothing but space so far, and refuses to go on for ever.
func blank(in *bufio.Reader) error {
	for n := 0; ; n++ {
		c, err := in.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case n > maxLine, !bytes.ContainsRune([]byte(" \t\r\n"), rune(c)):
			return errors.New("it begins with nothing but space; expected JSON lines, or CSV with a header")
		}
	}
}

// at says in which line something is wrong.
func at(line int, err error) error { return fmt.Errorf("line %d: %w", line, err) }
