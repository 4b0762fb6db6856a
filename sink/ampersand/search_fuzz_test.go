package ampersand

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"
)

// listed reads an answer another way: the ids that it lists, and false unless it is one
// JSON object with a list, or null in its place.
func listed(data []byte) (ids map[string]bool, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var m map[string]any
	if dec.Decode(&m) != nil || m == nil {
		return nil, false
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, false
	}
	ids = make(map[string]bool)
	for _, name := range [...]string{"result", "results"} {
		value, there := m[name]
		list, isList := value.([]any)
		ok = ok || isList || there && value == nil
		for _, one := range list {
			match, _ := one.(map[string]any)
			raw, _ := match["raw"].(map[string]any)
			for _, id := range [...]any{match["id"], raw["id"], raw["Id"]} {
				switch id := id.(type) {
				case string:
					ids[id] = true
				case json.Number:
					ids[id.String()] = true
				}
			}
		}
	}
	return ids, ok
}

// FuzzMatches: nothing is found that the answer does not list, and nothing found is said
// only by an answer with an empty list, or null in its place.
func FuzzMatches(f *testing.F) {
	for _, body := range []string{
		nothing, `{"result":[]}`, `{"results":[` + many(3) + `]}`, `{"results":[` + many(12) + `]}`, `{"results":null}`, `{}`, `[]`, `{"results":{}}`,
		`{"results":[{"id":7,"raw":{"Id":"8"}}]}`, `{"results":[{"raw":{"id":"8","Id":"8"}}]}`, `{"results":[],"errors":[{}]}`, `{"results":[]}{}`,
		`{"result":[{"id":"0035g00000abcde"}],"results":[{"id":"0035g00000abcdeAAA"}]}`, `{"results":[],"results":[{"id":"7"}]}`, `{"r\u0065sults":[]}`,
		`{"results":[{"id":"\u0037"}]}`, `{"results":[{"id":"\ud800"}]}`, "{\"results\":[{\"id\":\"\xff\"}]}", `{"results":[{"id":1e2}]}`, `{"results":[{"id":"` + strings.Repeat("7", 300) + `"}]}`,
		`{"message":"x","results":[{"id":"7"}]}`, `{"title":"t","detail":"REQUEST_LIMIT_EXCEEDED","retryable":false}`, "<html>", `{"results":[`, "\xff{}",
	} {
		for _, status := range []uint16{200, 400, 404, 500} {
			f.Add(status, true, []byte(body))
		}
		f.Add(uint16(200), false, []byte(body))
	}
	var api given
	cl := searchClient(f, "http://api.example", func(o *Options) { o.Transport = &api })
	f.Fuzz(func(t *testing.T, s uint16, whole bool, body []byte) {
		api = given{int(s), whole, body}
		m := cl.Search(context.Background(), ann())
		if len(m.Message) > maxMessage || len(m.IDs) > MaxMatches || (m.Kind == SearchDone) != (m.Code == "") || m.Kind != SearchDone && (m.Message == "" || m.IDs != nil || m.More) {
			t.Fatalf("%+v", m)
		}
		if m.Kind != SearchDone {
			return
		}
		ids, ok := listed(body)
		if api.status != http.StatusOK || !whole || !ok {
			t.Fatalf("HTTP %d, sent whole %t, a list %t: %+v", api.status, whole, ok, m)
		}
		if len(m.IDs) == 0 && len(ids) > 0 && !repeated(body) {
			t.Errorf("nothing is found, and the answer lists %v", ids)
		}
		for _, id := range m.IDs {
			if !ids[id] && !repeated(body) || !utf8.ValidString(id) || id == "" || len(id) > maxID {
				t.Errorf("%q is found, and the answer lists %v", id, ids)
			}
		}
	})
}

// repeated reports whether the oracle can have missed a member, because one of its name
// came after it.
func repeated(body []byte) bool {
	return bytes.Count(body, []byte("result")) > 1 || bytes.Count(body, []byte("id")) > 1 || bytes.Count(body, []byte("raw")) > 1 || bytes.Contains(body, []byte(`\u`))
}
