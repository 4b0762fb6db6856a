package mapping

import "strconv"

// structured reads what time.precision.mode=structured writes: the parts of a date, a
// time, both, or an interval as the members of an object, which say what it is.
func (f *finder) structured(v value) (datum, bool) {
	if v.kind != kindObject || !f.nested.scan(v.raw, 1) {
		return datum{}, false
	}
	if at := f.nested.find(0, "specialValue"); at > 0 && f.nested.nodes[at].kind == kindString {
		return datum{kind: datumNotFinite, text: f.unquoted(f.nested.read(at))}, true
	}
	p := parts{document: &f.nested}
	switch {
	case p.has("years"):
		return f.structuredDuration(&p)
	case p.has("year"):
		return p.moment()
	}
	d := datum{kind: datumTime, ns: p.clock(), zone: p.has("offsetSeconds")}
	if offset := p.offset(); offset != 0 {
		d.ns = ((d.ns-offset*nsPerSecond)%nsPerDay + nsPerDay) % nsPerDay
	}
	return d, !p.failed
}

// structuredDuration writes an interval as interval.handling.mode=string does.
func (f *finder) structuredDuration(p *parts) (datum, bool) {
	from := len(f.arena)
	f.arena = append(f.arena, 'P')
	for _, unit := range []struct{ name, sign string }{{"years", "Y"}, {"months", "M"}, {"days", "DT"}, {"hours", "H"}, {"minutes", "M"}} {
		f.arena = append(strconv.AppendInt(f.arena, p.within(unit.name, -maxPart, maxPart), 10), unit.sign...)
	}
	seconds, ns := p.within("seconds", -maxPart, maxPart), p.within("nanos", 1-nsPerSecond, nsPerSecond-1)
	if seconds < 0 && ns > 0 || seconds > 0 && ns < 0 {
		p.failed = true
	}
	if seconds < 0 || ns < 0 {
		f.arena = append(f.arena, '-')
	}
	f.arena = strconv.AppendUint(f.arena, magnitude(seconds), 10)
	f.arena = append(appendFraction(f.arena, int64(magnitude(ns))), 'S')
	return datum{kind: datumText, text: f.arena[from:]}, !p.failed
}

// maxPart bounds the parts of an interval: what int32 holds, and PostgreSQL's longest in seconds.
const maxPart = 1 << 60

// parts are the members of a time that is an object; the first that is not a number
// within its bounds fails it.
type parts struct {
	*document
	failed bool
}

// has reports whether there is a member, and it is not null.
func (p *parts) has(name string) bool {
	at := p.find(0, name)
	return at > 0 && p.nodes[at].kind != kindNull
}

func (p *parts) within(name string, least, most int64) int64 {
	at := p.find(0, name)
	if at <= 0 || p.nodes[at].kind != kindNumber {
		p.failed = true
		return 0
	}
	n, ok := integer(p.read(at).raw)
	if !ok || n < least || n > most {
		p.failed = true
		return 0
	}
	return n
}

// clock is a time of day up to 24:00, in nanoseconds.
func (p *parts) clock() int64 {
	seconds := p.within("hour", 0, 24)*3600 + p.within("minute", 0, 59)*60 + p.within("second", 0, 59)
	ns := seconds*nsPerSecond + p.within("nanos", 0, nsPerSecond-1)
	if ns > nsPerDay {
		p.failed = true
	}
	return ns
}

// offset is the distance from GMT in seconds, 0 where there is none.
func (p *parts) offset() int64 {
	if !p.has("offsetSeconds") {
		return 0
	}
	return p.within("offsetSeconds", -maxOffset, maxOffset)
}

// moment is a date, or a date and time.
func (p *parts) moment() (datum, bool) {
	year, month, day := p.within("year", -maxPart, maxPart), p.within("month", 1, 12), p.within("day", 1, 31)
	dated := !p.has("hour")
	var ns, offset int64
	if !dated {
		ns, offset = p.clock(), p.offset()
	}
	if p.failed {
		return datum{}, false
	}
	if year < 1 || year > 9999 {
		return datum{kind: datumNotFinite}, true
	}
	sec, ok := midnight(year, month, day)
	if !ok || dated {
		return datum{kind: datumDate, sec: sec}, ok
	}
	return moment(sec+ns/nsPerSecond-offset, ns%nsPerSecond), true
}
