package mapping

import (
	"math"
	"time"
)

const (
	secondsPerDay = 24 * 60 * 60
	nsPerSecond   = 1_000_000_000
	nsPerDay      = secondsPerDay * nsPerSecond

	// The first and the last second of the years that a CRM, and RFC 3339, can
	// write. Every source says infinity by a date beyond them, but which one
	// changes with its version and mode: so it is told by the range.
	firstSecond = -62135596800 // 0001-01-01T00:00:00Z
	lastSecond  = 253402300799 // 9999-12-31T23:59:59Z

	// timeHours bounds a time of day: MySQL's is a length of time too, from
	// -838:59:59 to 838:59:59.
	timeHours = 839
)

// per is how many of a unit make a second, and a day of them.
func per(m meaning) int64 {
	switch m {
	case meansTimeMS, meansTimestampMS:
		return 1_000
	case meansTimeUS, meansTimestampUS, meansDurationUS:
		return 1_000_000
	case meansTimeNS, meansTimestampNS, meansDurationNS:
		return nsPerSecond
	}
	return 1
}

// countedTime reads a date, a time or a duration that is counted in units.
func countedTime(v value, m meaning) (datum, bool) {
	if v.kind != kindNumber {
		return datum{}, false
	}
	n, ok := integer(v.raw)
	if !ok {
		return datum{}, false
	}
	unit := per(m)
	switch m {
	case meansDateDays:
		if n < firstSecond/secondsPerDay || n > lastSecond/secondsPerDay {
			return datum{kind: datumNotFinite}, true
		}
		return datum{kind: datumDate, sec: n * secondsPerDay}, true
	case meansTimeMS, meansTimeUS, meansTimeNS:
		if most := timeHours * 3600 * unit; n <= -most || n >= most {
			return datum{}, false
		}
		return datum{kind: datumTime, ns: n * (nsPerSecond / unit)}, true
	case meansDurationUS, meansDurationNS:
		return datum{kind: datumDuration, sec: n / unit, ns: n % unit * (nsPerSecond / unit)}, true
	}
	if m == meansTimestampNS && (n == math.MaxInt64 || n == math.MinInt64) {
		return datum{kind: datumNotFinite}, true // the range of nanoseconds ends in 2262
	}
	sec, rest := n/unit, n%unit
	if rest < 0 {
		sec, rest = sec-1, rest+unit
	}
	return moment(sec, rest*(nsPerSecond/unit)), true
}

// moment returns a date and time, or what it is when no year from 1 to 9999 has it.
func moment(sec, ns int64) datum {
	if sec < firstSecond || sec > lastSecond {
		return datum{kind: datumNotFinite}
	}
	return datum{kind: datumMoment, sec: sec, ns: ns}
}

func appendDate(dst []byte, sec int64) []byte {
	year, month, day := time.Unix(sec, 0).UTC().Date()
	dst = appendPadded(dst, int64(year), 4)
	dst = appendPadded(append(dst, '-'), int64(month), 2)
	return appendPadded(append(dst, '-'), int64(day), 2)
}

func appendMoment(dst []byte, sec, ns int64) []byte {
	dst = append(appendDate(dst, sec), 'T')
	return appendTime(dst, (sec%secondsPerDay+secondsPerDay)%secondsPerDay*nsPerSecond+ns, true)
}

// appendTime writes a time of day, with as many digits behind the point as it has.
func appendTime(dst []byte, ns int64, zone bool) []byte {
	if ns < 0 {
		dst, ns = append(dst, '-'), -ns
	}
	seconds := ns / nsPerSecond
	dst = appendPadded(dst, seconds/3600, 2)
	dst = appendPadded(append(dst, ':'), seconds/60%60, 2)
	dst = appendPadded(append(dst, ':'), seconds%60, 2)
	dst = appendFraction(dst, ns%nsPerSecond)
	if zone {
		dst = append(dst, 'Z')
	}
	return dst
}

// appendDuration writes ISO 8601 without days: a day is not always 24 hours.
func appendDuration(dst []byte, sec, ns int64) []byte {
	if sec < 0 || ns < 0 {
		dst = append(dst, '-')
	}
	s, ns := magnitude(sec), int64(magnitude(ns))
	dst = append(dst, "PT"...)
	if h := s / 3600; h > 0 {
		dst = append(appendPadded(dst, int64(h), 1), 'H')
	}
	if m := s / 60 % 60; m > 0 {
		dst = append(appendPadded(dst, int64(m), 1), 'M')
	}
	if s%60 > 0 || ns > 0 || s == 0 {
		dst = appendPadded(dst, int64(s%60), 1)
		dst = append(appendFraction(dst, ns), 'S')
	}
	return dst
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return uint64(-n)
	}
	return uint64(n)
}

// appendFraction writes the nanoseconds of a second behind a point, without zeros
// at the end.
func appendFraction(dst []byte, ns int64) []byte {
	if ns == 0 {
		return dst
	}
	dst = appendPadded(append(dst, '.'), ns, 9)
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// appendPadded writes a number of that many digits at least; it is not negative.
func appendPadded(dst []byte, n int64, width int) []byte {
	var digits [20]byte
	at := len(digits)
	for ; n > 0 || width > 0; width-- {
		at--
		digits[at] = byte('0' + n%10)
		n /= 10
	}
	return append(dst, digits[at:]...)
}
