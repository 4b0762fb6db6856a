package ampersand

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

const (
	c = model.Create
	u = model.Update
	d = model.Delete
)

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

func problem(members string) said {
	return said{header: header("Content-Type", "application/problem+json"), body: "{" + members + "}"}
}

func text(body string) said {
	return said{header: header("Content-Type", "text/plain"), body: body}
}

func html(body string) said {
	return said{header: header("Content-Type", "text/html"), body: "<html><body>" + body + "</body></html>"}
}

func (s said) as(status int) said {
	s.status = status
	return s
}

func (s said) with(pairs ...string) said {
	h := s.header.Clone()
	if h == nil {
		h = http.Header{}
	}
	maps.Copy(h, header(pairs...))
	s.header = h
	return s
}

// outcomeRow is one line of a table: an answer, and what it means.
type outcomeRow struct {
	row   string // the row of the table of outcomes, and after a slash what is special
	typ   model.Type
	n     int
	said  said
	via   func(t *testing.T, r *Request) model.Answer // instead of said: no answer
	want  string                                      // outcomes, one per write; "x3" repeats one
	hold  model.ScopeKind
	code  string
	after time.Duration
}

// TestOutcomes is the table of outcomes, row by row, over HTTP. A row of the
// document without a test fails it.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	rows := slices.Concat(perEntry(), byCounts(), byStatus(), passing(), notRetryable(), notListed(), noAnswer(), codesInEntries(), wishes())
	tested := map[string]bool{}
	for _, row := range rows {
		name, _, _ := strings.Cut(row.row, "/")
		tested[name] = true
	}
	for _, name := range documented() {
		if !tested[name] {
			t.Errorf("no test for the row %q", name)
		}
		delete(tested, name)
	}
	for name := range tested {
		t.Errorf("%q is no row of the table of outcomes", name)
	}
	run(t, rows)
}

// documented names the rows of the two tables of outcomes, and the rules beside them.
func documented() []string {
	return []string{
		"200, success: true",
		"200 or 422, success: false",
		"200 or 422, results as long as the batch",
		"200 or 422, results shorter or absent, successCount = n",
		"200 or 422, results shorter or absent, failureCount = n",
		"200 or 422, results shorter or absent, some of each",
		"400",
		"401, 403",
		"a quota is spent",
		"404",
		"408, 425, 429, 500, 502, 503, 504",
		"problem, retryable: false, 5xx",
		"413",
		"no answer, before it was sent",
		"no answer, after it was sent",
		"a status not listed",
		"a shape not listed",
		"code, transient",
		"code, collateral",
		"code, duplicate",
		"code, gone",
		"code, refused",
		"code, of the lane",
		"code, hold",
		"code, anything else",
		"the delay that the server asks for",
	}
}

func run(t *testing.T, rows []outcomeRow) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.row+"/"+row.typ.String(), func(t *testing.T) {
			t.Parallel()
			row.check(t)
		})
	}
}

func (row *outcomeRow) check(t *testing.T) {
	t.Helper()
	var a model.Answer
	r, status, sent := request(row.typ, row.n), row.said.status, true
	if row.via != nil {
		a = row.via(t, r)
		status, sent = a.Status, a.Sent
	} else {
		a = ask(t, r, row.said)
	}
	want := row.want
	if one, found := strings.CutSuffix(want, " x3"); found {
		want = strings.Join([]string{one, one, one}, ", ")
	}
	if got := shown(a); got != want {
		t.Errorf("outcomes\n got %s\nwant %s\nanswer %+v", got, want, a)
	}
	if a.Hold != row.hold || a.Code != row.code || a.After != row.after {
		t.Errorf("hold %s, code %q, after %s; want %s, %q, %s (%s)",
			a.Hold, a.Code, a.After, row.hold, row.code, row.after, a.Message)
	}
	if a.Sent != sent || a.Status != status {
		t.Errorf("sent %v, status %d", a.Sent, a.Status)
	}
	if a.Code != "" && a.Message == "" {
		t.Errorf("code %q without a message", a.Code)
	}
}

const operation = `"operationId":"op-1",`

func body(members string) said { return said{body: "{" + operation + members + "}"} }
