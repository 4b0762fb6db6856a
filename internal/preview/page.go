package preview

import (
	"bytes"
	"strings"
	"unicode"
)

// page lays text out. Width is that of the terminal in columns, 0 where there is
// none: then nothing is broken into lines, and nothing cut.
type page struct {
	bytes.Buffer
	width int
}

const (
	// narrowest is the least width that text is laid out for.
	narrowest = 40
	// flowing is the least width of the last column of a table; with less, a row is told
	// over several lines.
	flowing = 32
)

// paragraph writes text, its lines after the first one indented by hang.
func (p *page) paragraph(indent, hang int, text string) {
	lines := []string{text}
	if p.width > 0 {
		lines = wrap(text, p.width-indent, p.width-hang)
	}
	for i, line := range lines {
		p.WriteString(strings.Repeat(" ", indent))
		if i > 0 {
			p.WriteString(strings.Repeat(" ", hang-indent))
		}
		p.WriteString(line)
		p.WriteByte('\n')
	}
}

func (p *page) line(indent int, text string) { p.paragraph(indent, indent+2, text) }

// table writes rows under their heads. The last column takes the rest of the width.
func (p *page) table(indent int, heads []string, rows [][]string) {
	last := len(heads) - 1
	widths := make([]int, last)
	fixed := indent
	for i := range widths {
		widths[i] = columns(heads[i])
		for _, row := range rows {
			widths[i] = max(widths[i], columns(row[i]))
		}
		fixed += widths[i] + 2
	}
	if p.width > 0 && p.width-fixed < flowing {
		p.stack(indent, heads, rows)
		return
	}
	for _, row := range append([][]string{heads}, rows...) {
		var b strings.Builder
		for i, w := range widths {
			b.WriteString(row[i])
			b.WriteString(strings.Repeat(" ", w-columns(row[i])+2))
		}
		lines := []string{row[last]}
		if p.width > 0 {
			lines = wrap(row[last], p.width-fixed, p.width-fixed)
		}
		p.WriteString(strings.TrimRight(strings.Repeat(" ", indent)+b.String()+lines[0], " ") + "\n")
		for _, more := range lines[1:] {
			p.WriteString(strings.Repeat(" ", fixed) + more + "\n")
		}
	}
}

// stack writes each row over several lines: its first cell, then the others by name.
func (p *page) stack(indent int, heads []string, rows [][]string) {
	for _, row := range rows {
		p.line(indent, row[0])
		var named []string
		for i := 1; i < len(row)-1; i++ {
			if row[i] != "" {
				named = append(named, strings.ToLower(heads[i])+" "+row[i])
			}
		}
		if len(named) > 0 {
			p.line(indent+4, strings.Join(named, ", "))
		}
		if end := row[len(row)-1]; end != "" {
			p.line(indent+4, end)
		}
	}
}

// wrap breaks text into lines of at most first and then rest columns, at spaces where
// there are any. It loses nothing but the spaces at the breaks.
func wrap(text string, first, rest int) []string {
	var lines []string
	room := max(first, 1)
	for columns(text) > room {
		cut, space, used := 0, -1, 0
		for i, r := range text {
			w := columnsOf(r)
			if used+w > room && i > 0 {
				break
			}
			if r == ' ' {
				space = i
			}
			used += w
			cut = i + len(string(r))
		}
		// A word goes to the next line whole unless half of this one would stay empty.
		if cut < len(text) && text[cut] != ' ' && space > cut/2 {
			cut = space
		}
		lines = append(lines, strings.TrimRight(text[:cut], " "))
		text = strings.TrimLeft(text[cut:], " ")
		room = max(rest, 1)
	}
	if text != "" || len(lines) == 0 {
		lines = append(lines, text)
	}
	return lines
}

// columns is how many columns a text takes in a terminal.
func columns(text string) (n int) {
	for _, r := range text {
		n += columnsOf(r)
	}
	return n
}

func columnsOf(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Variation_Selector):
		return 0
	case unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana),
		r >= 0x3000 && r <= 0x303f, r >= 0xff01 && r <= 0xff60, r >= 0x1f300 && r <= 0x1faff:
		return 2
	}
	return 1
}
