package ampersand

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// maxWish bounds the delay that a server may ask for: a quota's period is a day;
// what asks for more is mistaken about the time.
const maxWish = 24 * time.Hour

// wish is the delay that an answer asks for, the largest of its spellings: the
// headers Retry-After and X-Amp-Retry-After, and retryAfter of a problem. Points
// in time are taken against the answer's own Date, so that a difference between
// the clocks does not lengthen or cancel the delay.
func wish(h http.Header, retryAfter string) time.Duration {
	now := time.Now()
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	after := delay(retryAfter, now)
	for _, name := range [...]string{"Retry-After", "X-Amp-Retry-After"} {
		for _, v := range h.Values(name) {
			after = max(after, delay(v, now))
		}
	}
	return after
}

// delay reads one spelling: seconds, an HTTP date or RFC 3339; 0 for what is
// none of them or lies in the past.
func delay(v string, now time.Time) time.Duration {
	if v == "" {
		return 0
	}
	if s, err := strconv.ParseFloat(v, 64); err == nil {
		if math.IsNaN(s) || s <= 0 {
			return 0
		}
		if s >= maxWish.Seconds() {
			return maxWish
		}
		return time.Duration(math.Ceil(s * float64(time.Second)))
	}
	at, err := http.ParseTime(v)
	if err != nil {
		at, err = time.Parse(time.RFC3339, v)
	}
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxWish)
}
