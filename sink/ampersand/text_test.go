package ampersand

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestWish(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC().Truncate(time.Second)
	date := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for _, x := range []struct {
		name   string
		header http.Header
		after  string
		want   time.Duration
	}{
		{name: "none"},
		{name: "seconds", header: header("Retry-After", "120"), want: 2 * time.Minute},
		{name: "fractions", header: header("Retry-After", "0.5"), want: 500 * time.Millisecond},
		{name: "HTTP date", header: header("Retry-After", date(90*time.Second)), want: 90 * time.Second},
		{name: "RFC 3339 in the problem", after: now.Add(time.Hour).Format(time.RFC3339Nano), want: time.Hour},
		{name: "X-Amp-Retry-After, seconds", header: header("X-Amp-Retry-After", "3"), want: 3 * time.Second},
		{name: "X-Amp-Retry-After, date", header: header("X-Amp-Retry-After", date(3*time.Second)), want: 3 * time.Second},
		{name: "X-Amp-Retry-After, RFC 3339", header: header("X-Amp-Retry-After", now.Add(time.Minute).Format(time.RFC3339)), want: time.Minute},
		{name: "the larger wins", header: header("Retry-After", "5", "X-Amp-Retry-After", "9"), after: now.Add(7 * time.Second).Format(time.RFC3339), want: 9 * time.Second},
		{name: "negative", header: header("Retry-After", "-5")},
		{name: "past", header: header("Retry-After", date(-time.Hour))},
		{name: "absurd", header: header("Retry-After", "99999999999999999999"), want: 24 * time.Hour},
		{name: "infinite", header: header("Retry-After", "inf"), want: 24 * time.Hour},
		{name: "no number", header: header("Retry-After", "NaN")},
		{name: "a year ahead", header: header("Retry-After", date(365*24*time.Hour)), want: 24 * time.Hour},
		{name: "nonsense", header: header("Retry-After", "soon"), after: "later"},
		{name: "a server whose clock is an hour behind", want: time.Minute,
			header: header("Date", date(-time.Hour), "Retry-After", date(-time.Hour+time.Minute))},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			if x.header == nil {
				x.header = http.Header{}
			}
			if x.header.Get("Date") == "" {
				x.header.Set("Date", date(0))
			}
			if got := wish(x.header, x.after); got != x.want {
				t.Errorf("got %s, want %s", got, x.want)
			}
		})
	}
	if got := delay("60", time.Time{}); got != time.Minute {
		t.Errorf("%s", got)
	}
}

func TestMessagesAreFitForHeadersAndLogs(t *testing.T) {
	t.Parallel()
	tidy := tidier{secret: testKey}
	for in, want := range map[string]string{
		" plain ":                    "plain",
		"two\nlines\tand \x00 \x1b[": `two\nlines\tand \x00 \x1b[`,
		"key " + testKey + "!":       "key [secret]!",
		"bad \xff utf8":              "bad � utf8",
		"Müller":                     "Müller",
	} {
		if got := tidy.message(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	for _, in := range []string{strings.Repeat("ü", 500), strings.Repeat("\nx", 500), strings.Repeat("x", 295) + testKey, strings.Repeat("a", maxMessage+1), strings.Repeat("a", 291) + strings.Repeat("\U000e0001", 9)} {
		got := tidy.message(in)
		if len(got) > maxMessage || !utf8.ValidString(got) || !strings.HasSuffix(got, "…") || strings.Contains(got, testKey[:4]) {
			t.Errorf("%d bytes: %q", len(got), got)
		}
	}
	if short := (&tidier{secret: "e"}); short.message("the") != "the" {
		t.Error("a secret of one letter garbles words")
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]subject{
		"project acme not found":                                    subjectProject,
		"project acme: integration hubspot not found":               subjectIntegration,
		"integration hubspot was not found in project acme":         subjectIntegration,
		"Integration does not exist":                                subjectIntegration,
		"no such object: contact":                                   subjectObject,
		"could not find the installation of group x":                subjectInstallation,
		"cannot write to integration hubspot: not found":            subjectIntegration,
		"cannot write record: no such integration":                  subjectIntegration,
		"record 7 not found in integration hubspot of project acme": subjectRecord,
		"object 7 not found":                                        subjectRecord,
		"object contact not found":                                  subjectObject,
		"required field not found":                                  subjectField,
		"Not Found":                                                 subjectNone,
		"404 page not found":                                        subjectNone,
		"":                                                          subjectNone,
		"the project is fine":                                       subjectNone,
		"the owner of record 7 was not found":                       subjectNone,
		"unknown error of record 7":                                 subjectNone,
	} {
		if got := missing(text, "7"); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
}

// TestAnExistingIDIsFoundAmongLettersWhoseLowerCaseIsLonger: a CRM's words can quote a row.
func TestAnExistingIDIsFoundAmongLettersWhoseLowerCaseIsLonger(t *testing.T) {
	t.Parallel()
	longer := strings.Repeat("Ⱥ", 40)
	for text, want := range map[string]string{
		longer + " already exists. Existing ID: 17":                      "17",
		"Existing ID: 17 of " + longer:                                   "17",
		"existing id: " + longer:                                         "",
		longer + " duplicates value on record with id: 0035g00000abcde.": "0035g00000abcde",
	} {
		if got := existingID(text); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
