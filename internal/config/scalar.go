package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// scalar returns the text of a scalar, its references expanded.
func (d *decoder) scalar(n *yaml.Node, w where) (string, bool) {
	if n.Kind != yaml.ScalarNode || isNull(n) {
		d.wrong(n, w, "")
		return "", false
	}
	if !slices.Contains([]string{"!!str", "!!int", "!!float", "!!bool", "!!timestamp", "!!merge"}, n.ShortTag()) {
		d.add(n, w.key, "tags are not read; a text that begins with ! needs quotes")
		return "", false
	}
	text, err := d.expand(n.Value)
	if err != nil {
		d.add(n, w.key, "%v", err)
		return "", false
	}
	return text, true
}

// text reads a text or a word. Numbers and true or false need quotes, so
// that 007 or 1e3 or no never become something else on the way.
func (d *decoder) text(n *yaml.Node, w where) (string, bool) {
	row := d.ref.row(w.ref)
	text, ok := d.scalar(n, w)
	switch {
	case !ok:
		return "", false
	case slices.Contains([]string{"!!int", "!!float", "!!bool"}, n.ShortTag()):
		hint := ""
		switch {
		case row.path == keyListen && n.ShortTag() == "!!int" && isPort(text, 0):
			hint = listenHint(text)
		case len(row.words) == 0:
			hint = "put it in quotes"
		}
		d.wrong(n, w, hint)
		return "", false
	case text == "" && !row.empty:
		d.empty(n, w)
		return "", false
	case (row.form == formText || row.form == formSecret) && isBareVariable(n.Value):
		d.add(n, w.key, "this is no reference to a variable: write ${NAME}; a text that really begins so can come from ${file:PATH}")
		return "", false
	case len(row.words) > 0 && !slices.Contains(row.words, text):
		d.unknownWord(n, text, w)
		return "", false
	}
	return text, true
}

func (d *decoder) empty(n *yaml.Node, w where) {
	found := "empty"
	if n.Value != "" {
		found = "what " + quote(n.Value) + " stands for is empty"
	}
	d.add(n, w.key, "%s; expected %s", found, d.ref.row(w.ref).expects())
}

// isBareVariable reports whether a text is a variable as the shell writes it,
// $NAME: taken as it is, it would be sent as the secret.
func isBareVariable(text string) bool {
	name, ok := strings.CutPrefix(text, "$")
	return ok && isVariable(name) && name == strings.ToUpper(name)
}

func (d *decoder) unknownWord(n *yaml.Node, text string, w where) {
	row := d.ref.row(w.ref)
	for _, l := range row.later {
		if l.word == text {
			d.add(n, w.key, "%q %s", text, l.instead)
			return
		}
	}
	hint := ""
	if meant := Nearest(text, row.words); meant != "" {
		hint = fmt.Sprintf("did you mean %q?", meant)
	}
	d.wrong(n, w, hint)
}

// measure reads a number in one of its forms, inside the range of its key.
func measure[T ~int | ~int64 | ~float64](d *decoder, n *yaml.Node, target *T, w where, parse func(string) (T, error)) {
	text, ok := d.scalar(n, w)
	if !ok {
		return
	}
	row := d.ref.row(w.ref)
	v, err := parse(text)
	switch {
	case n.ShortTag() == "!!str" && text == n.Value && isBareNumber(row.form):
		// A text that looks like the number is still a text, unless a
		// reference made it.
		hint := ""
		if err == nil {
			hint = "without quotes"
		}
		d.wrong(n, w, hint)
	case err != nil, !within(row.span, v, parse):
		hint := ""
		if err != nil && row.form == formDuration && n.ShortTag() == "!!int" {
			hint = "add the unit"
		}
		d.wrong(n, w, hint)
	default:
		*target = v
	}
}

func isBareNumber(f form) bool { return f == formNumber || f == formShare }

// truth reads true or false.
func (d *decoder) truth(n *yaml.Node, target *bool, w where) {
	text, ok := d.scalar(n, w)
	if !ok {
		return
	}
	if text != "true" && text != "false" || n.ShortTag() == "!!str" && text == n.Value {
		d.wrong(n, w, "")
		return
	}
	*target = text == "true"
}

var errForm = errors.New("not of this form")

func parseInt(text string) (int, error) {
	if len(text) > 1 && strings.Trim(text, "0123456789") == "" && text[0] == '0' {
		return 0, errForm // YAML reads 010 as eight
	}
	return strconv.Atoi(text)
}

func parseFloat(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err == nil && (math.IsNaN(v) || math.IsInf(v, 0) || strings.ContainsAny(text, "xXpP_")) {
		return 0, errForm
	}
	return v, err
}

// sizeUnit is a unit of sizes.
type sizeUnit struct {
	name string
	size int64
}

// sizeUnits lists the units so that no unit is the end of a later one.
func sizeUnits() []sizeUnit {
	return []sizeUnit{
		{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
		{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1},
	}
}

func parseBytes(text string) (Bytes, error) {
	digits, unit := text, int64(1)
	for _, u := range sizeUnits() {
		if rest, ok := strings.CutSuffix(text, u.name); ok {
			digits, unit = rest, u.size
			break
		}
	}
	n, err := parseInt(digits)
	if err != nil || n < 0 || int64(n) > math.MaxInt64/unit {
		return 0, errForm
	}
	return Bytes(int64(n) * unit), nil
}

// String writes a size as the file would: 32MiB.
func (b Bytes) String() string {
	for _, u := range []sizeUnit{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if b != 0 && int64(b)%u.size == 0 {
			return strconv.FormatInt(int64(b)/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// writeDuration writes a duration as people do: 5m and not 5m0s.
func writeDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// quote shows a text of the file, cut to what a message can carry.
func quote(text string) string {
	if utf8.RuneCountInString(text) > maxPrinted {
		text = string([]rune(text)[:maxPrinted]) + "..."
	}
	return strconv.Quote(text)
}
