package captures

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// notFinite is what the routes of the captures send in place of NaN and the
// infinities.
const notFinite = "not finite"

// truth returns what a write must say of a value that PostgreSQL prints, in the
// form of comparableValue.
func truth(t testing.TB, kind, text string) string {
	t.Helper()
	switch text {
	case "infinity", "-infinity", "NaN", "Infinity", "-Infinity":
		if kind != "text" {
			return notFinite
		}
	}
	switch kind {
	case "boolean":
		return strconv.FormatBool(text == "t")
	case "money":
		return rational(t, strings.NewReplacer("$", "", ",", "").Replace(text))
	case "numeric", "numeric(2)", "numeric(4)":
		return rational(t, text)
	case "float":
		return float(t, text)
	case "date":
		return text
	case "time":
		return text
	case "timestamp", "timestamp(3)":
		return moment3339(t, "2006-01-02 15:04:05", text)
	case "timestamptz":
		return moment3339(t, "2006-01-02 15:04:05-07", text)
	case "timetz":
		at, err := time.Parse("15:04:05-07", text)
		if err != nil {
			t.Fatal(err)
		}
		return at.UTC().Format("15:04:05.999999Z")
	case "interval":
		return interval(t, text)
	case "bytea":
		raw, err := hex.DecodeString(strings.TrimPrefix(text, `\x`))
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(raw)
	case "text[]", "integer[]":
		return strings.Join(arrayElements(text), "\x00")
	case "hstore":
		return hstore(t, text)
	}
	return text
}

// comparableValue returns a value of a write in a form that equals truth's where the
// value is right.
func comparableValue(t testing.TB, kind string, raw json.RawMessage) string {
	t.Helper()
	if string(raw) == "null" {
		return "NULL"
	}
	var text string
	isText := json.Unmarshal(raw, &text) == nil
	if isText && text == notFinite {
		return text
	}
	switch kind {
	case "numeric", "numeric(2)", "numeric(4)", "money":
		if isText {
			return "the text " + text
		}
		return rational(t, string(raw))
	case "float":
		if isText {
			return "the text " + text
		}
		return float(t, string(raw))
	case "text[]", "integer[]":
		var elements []json.RawMessage
		if err := json.Unmarshal(raw, &elements); err != nil {
			t.Fatalf("%v: %s", err, raw)
		}
		var texts []string
		for _, e := range elements {
			texts = append(texts, comparableValue(t, "text", e))
		}
		return strings.Join(texts, "\x00")
	case "hstore":
		return sortedJSON(t, raw, text)
	case "interval":
		return duration(t, text)
	}
	if isText {
		return text
	}
	return string(raw)
}

func rational(t testing.TB, text string) string {
	t.Helper()
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Fatalf("%q is no number", text)
	}
	return r.RatString()
}

func float(t testing.TB, text string) string {
	t.Helper()
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func moment3339(t testing.TB, layout, text string) string {
	t.Helper()
	at, err := time.Parse(layout, text)
	if err != nil {
		t.Fatal(err)
	}
	return at.UTC().Format(time.RFC3339Nano)
}

var (
	intervalParts = regexp.MustCompile(`(-?\d+) (year|mon|day)s?`)
	intervalClock = regexp.MustCompile(`(-?)(\d\d):(\d\d):(\d\d(?:\.\d+)?)$`)
	isoParts      = regexp.MustCompile(`^P(-?\d+)Y(-?\d+)M(-?\d+)DT(-?\d+)H(-?\d+)M(-?[\d.]+)S$`)
	isoClock      = regexp.MustCompile(`^(-?)PT(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?$`)
)

// seconds is an interval as Debezium counts it: a month has 2,629,800 seconds.
func seconds(months, days int64, clock *big.Rat) string {
	total := new(big.Rat).SetInt64(months*2_629_800 + days*86_400)
	return total.Add(total, clock).RatString() + " s"
}

func interval(t testing.TB, text string) string {
	t.Helper()
	var months, days int64
	for _, part := range intervalParts.FindAllStringSubmatch(text, -1) {
		n, _ := strconv.ParseInt(part[1], 10, 64)
		switch part[2] {
		case "year":
			months += 12 * n
		case "mon":
			months += n
		case "day":
			days += n
		}
	}
	clock := new(big.Rat)
	if c := intervalClock.FindStringSubmatch(text); c != nil {
		clock = clockOf(t, c[2], c[3], c[4])
		if c[1] != "" {
			clock.Neg(clock)
		}
	}
	return seconds(months, days, clock)
}

func duration(t testing.TB, text string) string {
	t.Helper()
	if p := isoParts.FindStringSubmatch(text); p != nil {
		n := make([]int64, 4)
		for i := range 3 {
			n[i], _ = strconv.ParseInt(p[i+1], 10, 64)
		}
		return seconds(12*n[0]+n[1], n[2], clockOf(t, p[4], p[5], p[6]))
	}
	p := isoClock.FindStringSubmatch(text)
	if p == nil {
		t.Fatalf("%q is no duration", text)
	}
	clock := clockOf(t, p[2], p[3], p[4])
	if p[1] != "" {
		clock.Neg(clock)
	}
	return seconds(0, 0, clock)
}

func clockOf(t testing.TB, hours, minutes, seconds string) *big.Rat {
	t.Helper()
	total := new(big.Rat)
	for i, part := range []string{hours, minutes, seconds} {
		if part == "" {
			continue
		}
		n, ok := new(big.Rat).SetString(part)
		if !ok {
			t.Fatalf("%q is no number", part)
		}
		total.Add(total, n.Mul(n, big.NewRat([]int64{3600, 60, 1}[i], 1)))
	}
	return total
}

// arrayElements reads {a,"b \"c\"",NULL}.
func arrayElements(text string) []string {
	var elements []string
	inner := strings.TrimSuffix(strings.TrimPrefix(text, "{"), "}")
	for inner != "" {
		var element strings.Builder
		at := 0
		if quoted := inner[0] == '"'; quoted {
			for at = 1; inner[at] != '"'; at++ {
				if inner[at] == '\\' {
					at++
				}
				element.WriteByte(inner[at])
			}
			at++
		} else {
			for at < len(inner) && inner[at] != ',' {
				element.WriteByte(inner[at])
				at++
			}
		}
		elements = append(elements, element.String())
		inner = strings.TrimPrefix(inner[at:], ",")
	}
	return elements
}

var hstorePair = regexp.MustCompile(`"([^"]*)"=>"([^"]*)"`)

func hstore(t testing.TB, text string) string {
	t.Helper()
	pairs := make(map[string]string)
	for _, p := range hstorePair.FindAllStringSubmatch(text, -1) {
		pairs[p[1]] = p[2]
	}
	return fmt.Sprint(pairs)
}

// sortedJSON reads an hstore that came as a map, or as text that holds one.
func sortedJSON(t testing.TB, raw json.RawMessage, text string) string {
	t.Helper()
	if text != "" {
		raw = json.RawMessage(text)
	}
	var pairs map[string]string
	if err := json.Unmarshal(raw, &pairs); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return fmt.Sprint(pairs)
}
