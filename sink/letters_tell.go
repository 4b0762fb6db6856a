package sink

import "github.com/rs/zerolog"

// refusal is what dead letters have in common that a person would mend at once.
type refusal struct{ route, code, field string }

// maxTold bounds the warnings, since a CRM can make up codes.
const maxTold = 1000

// tell logs a letter, in the words of its headers. The first one of each route, code and field is
// a warning; the others are debug, since nothing is written per record at info. l.mu is held.
func (l *letters) tell(x *letter) {
	d, level := x.letter, zerolog.DebugLevel
	if kind := (refusal{d.Route, d.Reason.Code, d.Reason.Field}); !l.told[kind] && len(l.told) < maxTold {
		l.told[kind], level = true, zerolog.WarnLevel
	}
	l.sink.log.WithLevel(level).Func(func(e *zerolog.Event) {
		add := func(name, value string) {
			if value != "" {
				e.Str(name, value)
			}
		}
		add("route", d.Route)
		e.Str("topic", x.id.Topic).Int32("partition", x.id.Partition).Int64("offset", x.id.offset)
		d.Reason.Facts(add)
	}).Str("dead_letter", x.topic).Msg(d.Reason.Message)
}
