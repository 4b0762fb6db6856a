package sandbox_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ampersink/ampersink/internal/sandbox"
)

// lookUp returns what the API says of an operation.
func lookUp(t *testing.T, s *sandbox.Server, project, id string) (status int, body object) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://sandbox/v1/projects/"+project+"/operations/"+id, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Api-Key", "k")
	resp, err := s.Transport().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil || json.Unmarshal(data, &body) != nil {
		t.Fatalf("%v: %s", err, data)
	}
	return resp.StatusCode, body
}

func TestAnOperationSaysWhatBecameOfItsWrites(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body, status, result string
		ids                  int
	}{
		"one":        {one, "success", "Write completed", 1},
		"one later":  {`{"groupRef":"g","type":"create","mode":"asynchronous","record":{"email":"a@b.co"}}`, "success", "Write completed", 1},
		"one bad":    {`{"groupRef":"g","type":"create","mode":"asynchronous","record":{"email":"x"}}`, "failure", "INVALID_EMAIL: Property values were not valid: Email address x is invalid", 0},
		"some bad":   {some, "success", "Batch write completed (1 succeeded, 1 failed)", 1},
		"all bad":    {create(`{"email":"x"}`, `{"email":"y"}`), "failure", "Batch write completed (0 succeeded, 2 failed)", 0},
		"some later": {`{"groupRef":"g","type":"create","mode":"asynchronous","batch":[{"record":{"email":"a@b.co"}},{"record":{"email":"x"}}]}`, "success", "Batch write completed (1 succeeded, 1 failed)", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := server(t, sandbox.Options{})
			a := direct(t, s, "contact", c.body)
			id := fmt.Sprint(a.json["operationId"])
			status, op := lookUp(t, s, "p", id)
			ids, _ := op["metadata"].(object)["successfulRecordIds"].([]any)
			if status != 200 || op["status"] != c.status || op["result"] != c.result || len(ids) != c.ids {
				t.Errorf("%d %v", status, op)
			}
			if r := s.Records("crm", "g", "contact"); len(r) != c.ids || c.ids > 0 && r[0].ID != ids[0] {
				t.Errorf("the CRM has %+v, the operation says %v", r, ids)
			}
			if status, _ = lookUp(t, s, "another", id); status != http.StatusNotFound {
				t.Errorf("another project sees it: %d", status)
			}
		})
	}
}

func TestRecordsOfAnAutoBatchShareTheirOperation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := server(t, sandbox.Options{})
		send := func(n int) (ids []string) {
			for range n {
				a := direct(t, s, "thing", `{"groupRef":"g","type":"create","mode":"asynchronous","record":{},"autoBatchPolicy":{"maxDelayMinutes":5}}`)
				ids = append(ids, fmt.Sprint(a.json["operationId"]))
			}
			return ids
		}
		ids := send(101)
		if ids[0] != ids[99] || ids[99] == ids[100] {
			t.Errorf("%q, then %q, then %q", ids[0], ids[99], ids[100])
		}
		if _, op := lookUp(t, s, "p", ids[0]); op["result"] != "Batch write completed (100 succeeded, 0 failed)" {
			t.Errorf("%v", op)
		}
		time.Sleep(5*time.Minute - time.Second)
		if again := send(1); again[0] != ids[100] {
			t.Errorf("%q before its time was over, not %q", again[0], ids[100])
		}
		time.Sleep(time.Second)
		if again := send(1); again[0] == ids[100] {
			t.Errorf("%q after its time was over", again[0])
		}
	})
}

// TestOnlyAsMuchIsRememberedAsWasAskedFor: requests and operations.
func TestOnlyAsMuchIsRememberedAsWasAskedFor(t *testing.T) {
	t.Parallel()
	s := server(t, sandbox.Options{LogSize: 3})
	var ids []string
	for range 20 {
		ids = append(ids, fmt.Sprint(direct(t, s, "thing", create(`{}`)).json["operationId"]))
		if r := s.Requests(); len(r) != min(3, len(ids)) || r[len(r)-1].Number != int64(len(ids)) {
			t.Fatalf("after %d: %+v", len(ids), r)
		}
	}
	for i, id := range ids {
		if status, _ := lookUp(t, s, "p", id); (status == http.StatusOK) != (i >= 17) {
			t.Errorf("operation %d of 20: %d", i+1, status)
		}
	}
}
