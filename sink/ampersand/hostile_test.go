package ampersand

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/model"
)

// TestHostileAnswersCostBoundedMemoryAndTime: what an answer makes the client hold
// and look at is a small multiple of MaxAnswer, whatever is in it. Not parallel: it
// counts the bytes of the whole process.
func TestHostileAnswersCostBoundedMemoryAndTime(t *testing.T) {
	const limit = 1 << 20
	fill := func(one string) string { return strings.Repeat(one, limit/len(one)) }
	list := func(one string) string { return strings.TrimSuffix(fill(one+","), ",") }
	for name, answer := range map[string]string{
		"one long sentence":   `{"errors":[{"message":"` + fill("record 10 not found ") + `"}]}`,
		"codes in a sentence": `{"errors":["` + fill("NO_SUCH_CODE_AT_ALL: ") + `"]}`,
		"many errors":         `{"errors":[` + list(`{"message":"m","code":"NOT_FOUND"}`) + `]}`,
		"many entries":        `{"results":[` + list(`{"success":true}`) + `]}`,
		"errors of one entry": `{"results":[{"success":false,"errors":[` + list(`"existing id: 1"`) + `]},{"success":true},{"success":true}]}`,
		"deep":                `{"errors":` + fill("[") + `}`,
		"deep in data":        `{"data":` + fill(`{"a":`) + `}`,
		"a long id":           `{"results":[{"success":true,"recordId":"` + fill("9") + `"},{"success":true},{"success":true}]}`,
		"a long existing id": `{"successCount":2,"failureCount":1,"results":[{"success":false,"errors":[{"code":"CONFLICT","message":"Existing ID: ` +
			strings.Repeat("9", limit/4) + `"}]},{"success":true},{"success":true}]}`,
		"a long number":        `{"successCount":` + fill("9") + `,"failureCount":0}`,
		"escapes":              `{"errors":["` + fill(`\u0000`) + `"]}`,
		"a long name":          `{"` + fill("n") + `":1}`,
		"no JSON":              fill("existing id: NOT_FOUND "),
		"nothing but brackets": fill("{"),
	} {
		t.Run(name, func(t *testing.T) {
			rt := transport(func(r *http.Request) (*http.Response, error) {
				_, _ = io.Copy(io.Discard, r.Body)
				return &http.Response{StatusCode: http.StatusUnprocessableEntity, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer))}, nil
			})
			cl := client(t, "http://api.example", func(o *Options) { o.Transport, o.MaxAnswer = rt, limit })
			for _, typ := range [...]model.Type{c, u, d} {
				r := request(typ, count(typ))
				b := cl.Encode(r)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				a := cl.Send(t.Context(), r, b, nil)
				runtime.ReadMemStats(&after)
				const most = 24 * limit // the buffer as it grows, the text, and its copy in lower case
				if n := after.TotalAlloc - before.TotalAlloc; n > most {
					t.Errorf("%s: %d bytes for an answer of %d", typ, n, len(answer))
				}
				for _, o := range a.Outcomes {
					if o.Kind == model.Accepted && typ != d && !strings.Contains(answer, `{"success":true},{"success":true}]`) {
						t.Errorf("%s: %s", typ, show(o))
					}
					if len(o.RecordID) > maxID || len(o.ExistingID) > maxID || len(o.Code) > maxMessage {
						t.Errorf("%s: an id of %d, an existing one of %d, a code of %d bytes", typ, len(o.RecordID), len(o.ExistingID), len(o.Code))
					}
				}
			}
		})
	}
}

// TestAnEndlessAnswerIsCutOff: the server never stops, the client does.
func TestAnEndlessAnswerIsCutOff(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	wrote := make(chan int, 1)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		piece, all := []byte(strings.Repeat(" ", 32<<10)), 0
		_, _ = fmt.Fprint(w, `{"successCount":3,"failureCount":0`)
		for r.Context().Err() == nil {
			n, err := w.Write(piece)
			if all += n; err != nil {
				break
			}
		}
		wrote <- all
	}))
	defer api.Close()
	cl := client(t, api.URL, func(o *Options) { o.MaxAnswer = limit })
	r := request(c, 3)
	if a := cl.Send(t.Context(), r, cl.Encode(r), nil); a.Code != CodeUnreadable || shown(a) != lostOutcomes(c, true) {
		t.Errorf("%+v", a)
	}
	const buffers = 32 << 20 // of both sockets
	if n := <-wrote; n > limit+buffers {
		t.Errorf("%d bytes were taken", n)
	}
}
