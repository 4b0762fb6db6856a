package ampersand

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const nothing = `{"results":[]}`

// TestASearchThatIsNotAnsweredHasFoundNothingOut: each way to get no answer, or not all of one.
func TestASearchThatIsNotAnsweredHasFoundNothingOut(t *testing.T) {
	t.Parallel()
	raw := func(answer string, reset bool) func(*testing.T) string {
		return func(t *testing.T) string {
			return rawAPI(t, func(conn net.Conn, _ int) {
				_, _ = io.WriteString(conn, answer)
				if reset {
					_ = conn.(*net.TCPConn).SetLinger(0)
				}
			})
		}
	}
	sized := func(n int) string { return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", n) }
	for name, x := range map[string]struct {
		url  func(*testing.T) string
		code string
	}{
		"refused":                             {closedPort, CodeUnreachable},
		"closed":                              {raw("", false), CodeNoAnswer},
		"reset":                               {raw("", true), CodeNoAnswer},
		"reset within the headers":            {raw("HTTP/1.1 200 OK\r\nContent-Le", true), CodeNoAnswer},
		"no HTTP":                             {raw("220 smtp.example ready\r\n\r\n", false), CodeNoAnswer},
		"truncated":                           {raw(sized(len(nothing))+nothing[:8], false), CodeUnreadable},
		"truncated and reset":                 {raw(sized(len(nothing))+nothing[:8], true), CodeUnreadable},
		"truncated, but complete JSON so far": {raw(sized(len(nothing)+9)+nothing, false), CodeUnreadable},
		"truncated behind a match":            {raw(sized(900)+`{"results":[`+match(`"7"`), false), CodeUnreadable},
		"truncated within a chunk":            {raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n"+nothing, false), CodeUnreadable},
		"over the limit":                      {raw("HTTP/1.1 200 OK\r\n\r\n"+strings.TrimSuffix(nothing, "}")+strings.Repeat(" ", smallLimit)+"}", false), CodeUnreadable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := searchClient(t, x.url(t), func(o *Options) { o.MaxAnswer = smallLimit }).Search(t.Context(), ann())
			if m.Kind != SearchAgain || m.Code != x.code || m.Message == "" || m.IDs != nil {
				t.Errorf("%+v", m)
			}
		})
	}
}

func TestASearchEndsWithItsTimeAndWithItsCaller(t *testing.T) {
	t.Parallel()
	for name, begun := range map[string]string{"no answer": "", "half an answer": nothing[:8]} {
		inMemory(t, unanswered(begun), func(t *testing.T, cl *Client) {
			cl = searchClient(t, "http://api.example/v1", func(o *Options) { o.Transport, o.Timeout = cl.o.Transport, time.Minute })
			began := time.Now()
			if m := cl.Search(t.Context(), ann()); m.Kind != SearchAgain || m.Code != CodeTimeout || time.Since(began) != time.Minute {
				t.Errorf("%s: %+v after %s", name, m, time.Since(began))
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(errors.New("the drain bound passed")) })
			if m := cl.Search(ctx, ann()); m.Kind != SearchAgain || m.Code != CodeCancelled || m.Message != "the drain bound passed" {
				t.Errorf("%s: %+v", name, m)
			}
			synctest.Wait()
		})
	}
}

// TestAnAnswerAheadOfItsSearchIsNotBelieved: it is another search's, and "nothing" would
// make a second record.
func TestAnAnswerAheadOfItsSearchIsNotBelieved(t *testing.T) {
	t.Parallel()
	for _, read := range [...]int64{0, 40} {
		for status, want := range map[int]string{200: "again unknown_answer", 400: "refused bad_request", 503: "again unavailable"} {
			rt := transport(func(req *http.Request) (*http.Response, error) {
				_, _ = io.CopyN(io.Discard, req.Body, read)
				return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(nothing))}, nil
			})
			cl := searchClient(t, "http://api.example", func(o *Options) { o.Transport = rt })
			if m := cl.Search(t.Context(), ann()); showMatches(m) != want {
				t.Errorf("%d bytes had left, HTTP %d: %+v", read, status, m)
			}
		}
	}
}

// TestAPageThatIsTooLargeHasSeveralMatches: it would be as large the next time, and what it
// begins with tells.
func TestAPageThatIsTooLargeHasSeveralMatches(t *testing.T) {
	t.Parallel()
	few, several := many(MaxMatches), many(MaxMatches+1)
	filled := func(matches string) string {
		return `{"results":[` + matches + `,{"id":"9","raw":{"note":"` + strings.Repeat("REQUEST_LIMIT_EXCEEDED ", 1000) + `"}}]}`
	}
	for matches, want := range map[string]string{
		several: "done 100 101 102 103 104 105 106 107 108 109 more",
		few:     "again unreadable",
	} {
		api := httptest.NewServer(said{status: 200, body: filled(matches)})
		cl := searchClient(t, api.URL, func(o *Options) { o.MaxAnswer = smallLimit })
		if m := cl.Search(t.Context(), ann()); showMatches(m) != want {
			t.Errorf("got %+v, want %s", m, want)
		}
		cl = searchClient(t, api.URL)
		if m := cl.Search(t.Context(), ann()); m.Kind != SearchDone || !m.More {
			t.Errorf("whole: %+v", m)
		}
		api.Close()
	}
	early := transport(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(filled(several)))}, nil
	})
	cl := searchClient(t, "http://api.example", func(o *Options) { o.MaxAnswer, o.Transport = smallLimit, early })
	if m := cl.Search(t.Context(), ann()); m.Kind != SearchAgain || m.IDs != nil {
		t.Errorf("ahead of its search: %+v", m)
	}
}

// TestHostileAnswersToSearchesCostBoundedMemory. Not parallel: it counts the bytes of the
// whole process.
func TestHostileAnswersToSearchesCostBoundedMemory(t *testing.T) {
	const limit = 1 << 20
	fill := func(one string) string { return strings.Repeat(one, limit/len(one)) }
	list := func(one string) string { return strings.TrimSuffix(fill(one+","), ",") }
	for name, answer := range map[string]string{
		"matches of one id":    `{"results":[` + list(`{"id":"7"}`) + `]}`,
		"empty matches":        `{"results":[` + list(`{}`) + `]}`,
		"lists":                `{` + list(`"results":[]`) + `}`,
		"a long id":            `{"results":[{"id":"` + fill("7") + `"}]}`,
		"a long id, escaped":   `{"results":[{"id":"` + fill(`\u0037`) + `"}]}`,
		"a long number":        `{"results":[{"id":` + fill("7") + `}]}`,
		"ids of one match":     `{"results":[{` + list(`"id":"7"`) + `}]}`,
		"deep":                 `{"results":[{"raw":` + fill(`{"a":`) + `}]}`,
		"deep brackets":        `{"results":` + fill("[") + `}`,
		"one long field":       `{"results":[{"id":"7","raw":{"note":"` + fill("x") + `"}}]}`,
		"nothing but brackets": fill("{"),
	} {
		t.Run(name, func(t *testing.T) {
			rt := transport(func(r *http.Request) (*http.Response, error) {
				_, _ = io.Copy(io.Discard, r.Body)
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer))}, nil
			})
			cl := searchClient(t, "http://api.example", func(o *Options) { o.Transport, o.MaxAnswer = rt, limit+1<<10 })
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			m := cl.Search(t.Context(), ann())
			runtime.ReadMemStats(&after)
			const most = 24 * limit // the buffer as it grows, the text, and its copy in lower case
			if n := after.TotalAlloc - before.TotalAlloc; n > most {
				t.Errorf("%d bytes for an answer of %d", n, len(answer))
			}
			if m.Kind == SearchDone && len(m.IDs) == 0 && name != "lists" {
				t.Errorf("%+v", m)
			}
			for _, id := range m.IDs {
				if len(id) > maxID {
					t.Errorf("an id of %d bytes", len(id))
				}
			}
		})
	}
}
