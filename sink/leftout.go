package sink

import "time"

// leftOut tells once of each field of a route that rows did not bring: that may
// be how the source writes its rows, and it may be a misspelt column, which writes
// empty records into a CRM without an error anywhere.
type leftOut struct {
	told   map[[2]string]bool
	looked time.Time
}

// leftOutInterval is how often the fields are looked at: a person reads the warning.
const leftOutInterval = 5 * time.Second

// tellLeftOut warns of fields that rows have lacked since the last look. Only the intake calls it.
func (s *Sink) tellLeftOut(now time.Time) {
	if now.Sub(s.leftOut.looked) < leftOutInterval {
		return
	}
	s.leftOut.looked = now
	for _, c := range s.mapper.Absent() {
		name := [2]string{c.Route, c.Field}
		if c.Absent+c.PlaceholderCreates == 0 || s.leftOut.told[name] {
			continue
		}
		if s.leftOut.told == nil {
			s.leftOut.told = make(map[[2]string]bool)
		}
		s.leftOut.told[name] = true
		s.log.Warn().Str("route", c.Route).Str("field", c.Field).Str("from", c.From).
			Uint64("absent", c.Absent).Uint64("placeholder_creates", c.PlaceholderCreates).
			Msg("rows do not bring the column that this field is taken from, so the field is left out of their writes (said once; counted in ampersink_fields_left_out_total)")
	}
}
