package ampersand

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/model"
)

// oracle reads an answer another way and reports for which of n writes it says
// "written"; nil when it cannot be read.
func oracle(data []byte, n int) []bool {
	dec := json.NewDecoder(bytes.NewReader(data))
	var m map[string]json.RawMessage
	if dec.Decode(&m) != nil {
		return nil
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil
	}
	type entry struct{ Success *bool }
	entries := func() (all []entry) {
		var raw []map[string]json.RawMessage
		if json.Unmarshal(m["results"], &raw) != nil || raw == nil {
			var one map[string]json.RawMessage
			if json.Unmarshal(m["result"], &one) != nil || one == nil {
				return nil
			}
			raw = []map[string]json.RawMessage{one}
		}
		for _, e := range raw {
			ok := string(e["success"]) == "true"
			all = append(all, entry{&ok})
		}
		return all
	}()
	written := make([]bool, n)
	if len(entries) == n {
		for i, e := range entries {
			written[i] = *e.Success
		}
		return written
	}
	var ok, failed int
	if json.Unmarshal(m["successCount"], &ok) == nil && json.Unmarshal(m["failureCount"], &failed) == nil && ok == n && failed == 0 {
		for i := range written {
			written[i] = true
		}
	}
	return written
}

func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		written3, `{`, `[]`, `{"successCount":1,"failureCount":2,"results":[{"success":true,"recordId":"10"}]}`,
		`{"results":[{"success":true},{"success":false,"errors":[{}]},{"success":false,"errors":["x"]}],"errors":[{"code":"NOT_FOUND"}]}`,
		`{"result":{"success":true},"results":null}`, `{"successCount":3,"failureCount":0}{}`, `<html>`, "\xff{}", strings.Repeat("x", maxMessage-1), `{"success\u0043ount":3,"failureCount":0}`,
		`{"results":[{"success":true,"success":false},{"success":true},{"success":true}]}`,
		`{"errors":[[[[[[[[[[[[["deep"]]]]]]]]]]]]]}`, `{"title":"t","detail":"REQUEST_LIMIT_EXCEEDED","retryable":false,"retryAfter":"2030-01-01T00:00:00Z"}`,
		`{"successCount":3e0,"failureCount":0}`, `{"results":[{"success":true,"recordId":null},{"success":true,"recordId":5},{"success":true,"recordId":{}}]}`,
	} {
		for kind := range uint8(3) {
			f.Add(uint16(200), kind, true, []byte(body))
		}
		f.Add(uint16(422), uint8(0), true, []byte(body))
		f.Add(uint16(500), uint8(0), true, []byte(body))
		f.Add(uint16(404), uint8(2), false, []byte(body))
	}
	var api given
	cl := client(f, "http://api.example", func(o *Options) { o.Transport = &api })
	kinds := [...]model.Type{c, u, d}
	f.Fuzz(func(t *testing.T, s uint16, kind uint8, sent bool, body []byte) {
		r := request(kinds[kind%3], count(kinds[kind%3]))
		api = given{int(s), sent, body}
		a := cl.Send(context.Background(), r, cl.Encode(r), nil)
		if len(a.Outcomes) != len(r.Writes) || a.Sent != sent || len(a.Message) > maxMessage {
			t.Fatalf("%+v", a)
		}
		said := oracle(body, len(r.Writes))
		if api.status != 200 && api.status != 422 {
			said = nil
		}
		accepted := 0
		for i, o := range a.Outcomes {
			switch {
			case o.Kind == model.Unknown && (r.Type != c || !sent):
				t.Errorf("%s, sent %v, is unknown", r.Type, sent)
			case o.Kind == model.Accepted && r.Type == c && (said == nil || !said[i]):
				t.Errorf("create %d is written, the answer says %v", i, said)
			case o.Kind == model.Accepted && r.Type == u && said == nil:
				t.Errorf("update %d is written by HTTP %d", i, api.status)
			case o.Kind == model.Accepted && !sent && r.Type != d:
				t.Errorf("%s %d is written and never left", r.Type, i)
			case o.Kind == model.Rejected && len(r.Writes) > 1 && api.status != 200 && api.status != 422:
				t.Errorf("one of several is rejected by HTTP %d", api.status)
			case o.Kind == model.Accepted && api.status >= 500:
				t.Errorf("written with HTTP %d", api.status)
			}
			if o.Kind == model.Accepted {
				accepted++
			}
			if len(o.Message) > maxMessage || o.Kind != model.Accepted && (o.Code == "" || o.Message == "") {
				t.Errorf("%+v", o)
			}
		}
		if most := successes(body, len(r.Writes)); r.Type != d && accepted > most {
			t.Errorf("%d are written, the answer has %d", accepted, most)
		}
	})
}

// successes is how many of n writes an answer can prove written at the most.
func successes(data []byte, n int) int {
	if all := oracle(data, n); all != nil && !slices.Contains(all, false) {
		return n
	}
	return bytes.Count(data, []byte("true"))
}

func FuzzTexts(f *testing.F) {
	f.Add("The record with ID 10 was not found", "10")
	f.Add("could not find \xff", "")
	f.Add("existing id:\xc4\xb0 on record with id: x", "x")
	f.Fuzz(func(t *testing.T, text, id string) {
		fault := fault{texts: []string{text}}
		fault.settle(id)
		missing(text, id)
		if got := (&tidier{secret: "secret-key"}).message(text); len(got) > maxMessage {
			t.Errorf("%d bytes", len(got))
		}
	})
}
