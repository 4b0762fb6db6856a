package ampersand

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

func TestBodies(t *testing.T) {
	t.Parallel()
	base := Request{Destination: model.Destination{Integration: "i", Group: `a"b\` + "\n", Object: "o"}}
	for name, x := range map[string]struct {
		change func(*Request)
		want   string
	}{
		"creates": {func(r *Request) {
			r.Type, r.AllOrNone = c, true
			r.Writes = []*model.Write{{Type: c, Fields: `"a":1`}, {Type: c, Fields: `"b":"x"`, Associations: `[{"to":{"id":"7"}}]`}}
		}, `{"groupRef":"a\"b\\\n","type":"create","mode":"synchronous","batchPolicy":{"allOrNone":true},
			"batch":[{"record":{"a":1}},{"record":{"b":"x"},"associations":[{"to":{"id":"7"}}]}]}`},
		"a single create is a batch": {func(r *Request) { r.Type, r.Writes = c, []*model.Write{{Type: c}} },
			`{"groupRef":"a\"b\\\n","type":"create","mode":"synchronous","batchPolicy":{"allOrNone":false},"batch":[{"record":{}}]}`},
		"updates carry the id and no associations": {func(r *Request) {
			r.Type = u
			r.Writes = []*model.Write{{Type: u, ID: `003"x`, Fields: `"a":null`, Associations: `[{}]`}, {Type: u, ID: "2"}}
		}, `{"groupRef":"a\"b\\\n","type":"update","mode":"synchronous","batchPolicy":{"allOrNone":false},
			"batch":[{"record":{"id":"003\"x","a":null}},{"record":{"id":"2"}}]}`},
		"a delete is one record with its id": {func(r *Request) {
			r.Type, r.Writes = d, []*model.Write{{Type: d, ID: "9", Fields: `"ignored":1`}}
		}, `{"groupRef":"a\"b\\\n","type":"delete","mode":"synchronous","record":{"id":"9"}}`},
		"headers": {func(r *Request) {
			r.Type, r.Writes = d, []*model.Write{{Type: d, ID: "9"}}
			r.Headers = []config.Header{{Key: "Sforce-Auto-Assign", Value: "FALSE"}, {Key: "k", Value: `"`}}
		}, `{"groupRef":"a\"b\\\n","type":"delete","mode":"synchronous",
			"headers":[{"key":"Sforce-Auto-Assign","value":"FALSE"},{"key":"k","value":"\""}],"record":{"id":"9"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := base
			x.change(&r)
			b := new(Client).Encode(&r)
			want := strings.NewReplacer("\n\t\t\t", "").Replace(x.want)
			if string(b.Bytes()) != want || b.Len() != len(want) {
				t.Errorf("\n got %s\nwant %s", b.Bytes(), want)
			}
			if head := string(b.Head()); !strings.HasPrefix(want, head) || !strings.HasSuffix(head, `"batch":[`) && !strings.HasSuffix(head, `"record":`) {
				t.Errorf("the head is %s", head)
			}
			if !json.Valid(b.Bytes()) {
				t.Error("no JSON")
			}
			req := &http.Request{Method: http.MethodPost, ContentLength: int64(b.Len()), Header: header("X-Api-Key", "k", "Content-Type", "application/json")}
			if err := validRequest(req, b.Bytes()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestInvalidTextDoesNotBreakTheBody(t *testing.T) {
	t.Parallel()
	r := request(u, 1)
	r.Destination.Group, r.Writes[0].ID = "a\xff", "\x00\x1f\u2028"
	if b := new(Client).Encode(r); !json.Valid(b.Bytes()) {
		t.Errorf("%q", b.Bytes())
	}
}

func TestBodyIsOneAllocation(t *testing.T) {
	r := request(u, MaxWrites)
	allocs := testing.AllocsPerRun(100, func() { new(Client).Encode(r) })
	if b := new(Client).Encode(r); allocs > 2 || cap(b.bytes) > len(b.bytes)+len(b.bytes)/2 {
		t.Errorf("%v allocations (body and its header), %d of %d bytes used", allocs, len(b.bytes), cap(b.bytes))
	}
}

func TestRequestsTheContractDoesNotAllow(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]*Request{
		"no writes":            {Type: c},
		"more than 100":        request(c, MaxWrites+1),
		"two deletes":          request(d, 2),
		"undecided":            {Type: model.Undecided, Writes: writes(model.Undecided, 1)},
		"an update without id": {Type: u, Writes: []*model.Write{{Type: u}}},
		"types mixed":          {Type: u, Writes: []*model.Write{{Type: c}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if s, _ := recover().(string); !strings.HasPrefix(s, "BUG: ") {
					t.Errorf("encoded, %q", s)
				}
			}()
			new(Client).Encode(r)
		})
	}
}
