package mapping

import (
	"strings"
	"time"
)

// writtenTime reads a date, a time or a duration that is written out.
func (f *finder) writtenTime(v value, m meaning) (datum, bool) {
	if v.kind != kindString {
		return datum{}, false
	}
	text := f.unquoted(v)
	if spelled(text, "infinity", "-infinity") {
		return datum{kind: datumNotFinite, text: text}, m != meansISODuration
	}
	switch m {
	case meansISODate:
		return isoDate(text)
	case meansISOTime, meansISOZonedTime:
		return isoTime(text, m == meansISOZonedTime)
	case meansISODuration:
		return datum{kind: datumText, json: v.raw, text: text}, isISODuration(text)
	}
	return isoMoment(text)
}

// isoDate reads 2024-03-01, with or without a zone.
func isoDate(text []byte) (datum, bool) {
	c := cursor{text: text}
	sec, finite := c.date()
	c.zone()
	switch {
	case c.failed || c.at != len(text):
		return datum{}, false
	case !finite:
		return datum{kind: datumNotFinite, text: text}, true
	}
	return datum{kind: datumDate, sec: sec}, true
}

// isoTime reads 10:00:00.5, with or without a zone. A time without one that was
// written as GMT's (isostring) stays without.
func isoTime(text []byte, zoned bool) (datum, bool) {
	c := cursor{text: text}
	ns := c.clock()
	offset, has := c.zone()
	if c.failed || c.at != len(text) {
		return datum{}, false
	}
	if offset != 0 {
		ns = ((ns-offset*nsPerSecond)%nsPerDay + nsPerDay) % nsPerDay
	}
	return datum{kind: datumTime, ns: ns, zone: has && (zoned || offset != 0)}, true
}

// isoMoment reads 2024-03-01T10:00:00.5+02:00. Without a zone it is GMT's, and a
// space may stand for the T, as databases write it.
func isoMoment(text []byte) (datum, bool) {
	c := cursor{text: text}
	sec, finite := c.date()
	if !c.take('T') && !c.take('t') && !c.take(' ') {
		return datum{}, false
	}
	ns := c.clock()
	offset, _ := c.zone()
	switch {
	case c.failed || c.at != len(text):
		return datum{}, false
	case !finite:
		return datum{kind: datumNotFinite, text: text}, true
	}
	return moment(sec+ns/nsPerSecond-offset, ns%nsPerSecond), true
}

// isISODuration reports whether a text is P1Y2M3DT4H5M6.5S or a part of it.
func isISODuration(text []byte) bool {
	s := strings.TrimLeft(string(text), "+-")
	s, ok := strings.CutPrefix(s, "P")
	return ok && s != "" && strings.Trim(s, "0123456789.,+-YMWDTHS") == "" && strings.ContainsAny(s, "YMWDHS") && strings.ContainsAny(s, "0123456789")
}

// maxOffset bounds the distance of a zone from GMT, in seconds.
const maxOffset = 18 * 3600

// cursor reads the parts of a date and time; the first that is not there fails it.
type cursor struct {
	text   []byte
	at     int
	failed bool
}

func (c *cursor) take(sign byte) bool {
	if c.at < len(c.text) && c.text[c.at] == sign {
		c.at++
		return true
	}
	return false
}

func (c *cursor) need(sign byte) {
	if !c.take(sign) {
		c.failed = true
	}
}

// digits reads at least and at most that many digits. More than 18 would not fit.
func (c *cursor) digits(least, most int) int64 {
	from := c.at
	var n int64
	for c.at < len(c.text) && c.at-from < most && c.text[c.at]-'0' <= 9 {
		n = n*10 + int64(c.text[c.at]-'0')
		c.at++
	}
	if c.at-from < least {
		c.failed = true
	}
	return n
}

// date reads a date as the second at which it begins. It is not finite when its
// year has a sign, or is none from 1 to 9999.
func (c *cursor) date() (sec int64, finite bool) {
	signed := c.take('+') || c.take('-')
	from := c.at
	year := c.digits(4, 18)
	long := c.at-from > 4
	c.need('-')
	month := c.digits(2, 2)
	c.need('-')
	day := c.digits(2, 2)
	if month < 1 || month > 12 || day < 1 || day > 31 {
		c.failed = true
	}
	if c.failed || signed || long || year == 0 {
		return 0, false
	}
	sec, ok := midnight(year, month, day)
	if !ok {
		c.failed = true
	}
	return sec, true
}

// midnight returns the second at which a day begins, and whether its month has it.
func midnight(year, month, day int64) (sec int64, ok bool) {
	t := time.Date(int(year), time.Month(month), int(day), 0, 0, 0, 0, time.UTC)
	return t.Unix(), t.Day() == int(day)
}

// clock reads a time of day up to 24:00, in nanoseconds.
func (c *cursor) clock() int64 {
	hour := c.digits(2, 2)
	c.need(':')
	minute := c.digits(2, 2)
	var second, ns int64
	if c.take(':') {
		second = c.digits(2, 2)
		if c.take('.') || c.take(',') {
			ns = c.fraction()
		}
	}
	total := (hour*3600+minute*60+second)*nsPerSecond + ns
	if minute > 59 || second > 59 || total > nsPerDay {
		c.failed = true
	}
	return total
}

// fraction reads the digits behind the point: more than nine only when they are
// zeros.
func (c *cursor) fraction() int64 {
	from := c.at
	n := c.digits(1, 9)
	for range 9 - (c.at - from) {
		n *= 10
	}
	for c.take('0') {
	}
	return n
}

// zone reads the offset from GMT in seconds, and whether there is any.
func (c *cursor) zone() (offset int64, has bool) {
	if c.take('Z') || c.take('z') {
		return 0, true
	}
	sign := int64(1)
	if c.take('-') {
		sign = -1
	} else if !c.take('+') {
		return 0, false
	}
	offset = c.digits(2, 2) * 3600
	if c.at < len(c.text) {
		c.take(':')
		minutes := c.digits(2, 2)
		if minutes > 59 {
			c.failed = true
		}
		offset += minutes * 60
		if c.take(':') {
			offset += c.digits(2, 2)
		}
	}
	if offset > maxOffset {
		c.failed = true
	}
	return sign * offset, true
}
