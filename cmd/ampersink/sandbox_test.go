package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestASandboxThatCannotBeIsAWrongCall(t *testing.T) {
	t.Parallel()
	faults := filepath.Join(t.TempDir(), "faults.yaml")
	if err := os.WriteFile(faults, []byte("- {do: status, status: 503, colour: red}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"no CRM":             {nil, "--crm hubspot or --crm salesforce"},
		"a CRM of another":   {[]string{"--crm", "pipedrive"}, "pipedrive"},
		"a negative lag":     {[]string{"--crm", "hubspot", "--index-lag", "-1s"}, "negative"},
		"a unique nothing":   {[]string{"--crm", "hubspot", "--unique", "email"}, "--unique email: want OBJECT=FIELD"},
		"a negative latency": {[]string{"--crm", "hubspot", "--latency", "-1s"}, "negative"},
		"a flag that is not": {[]string{"--crm", "hubspot", "--colour", "red"}, "--colour"},
		"an argument":        {[]string{"--crm", "hubspot", "red"}, `"red"`},
		"no such file":       {[]string{"--crm", "hubspot", "--faults", faults + ".not"}, faults + ".not"},
		"a wrong fault":      {[]string{"--crm", "hubspot", "--faults", faults}, "colour"},
		"a taken address":    {[]string{"--crm", "hubspot", "--listen", taken.Addr().String()}, "--listen"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			code := execute(append([]string{"sandbox"}, c.args...), &stdout, &stderr, os.LookupEnv)
			if code != exitConfig || !strings.Contains(stderr.String(), c.says) || stdout.Len() > 0 {
				t.Errorf("exit %d, said %q, printed %q", code, stderr.String(), stdout.String())
			}
		})
	}
}

// TestTheSandboxServesUntilItIsStopped: with its faults, over TCP, and nothing is left
// running, a request that hangs included.
func TestTheSandboxServesUntilItIsStopped(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	faults := filepath.Join(t.TempDir(), "faults.yaml")
	if err := os.WriteFile(faults, []byte("- {do: hang, field: email, value: hang@b.co}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	logged, stderr := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	root := (&app{stdout: io.Discard, stderr: stderr, env: os.LookupEnv}).root()
	root.SetArgs([]string{"sandbox", "--crm", "hubspot", "--api-key", "k", "--listen", "127.0.0.1:0", "--faults", faults})
	ended := make(chan error, 1)
	go func() {
		ended <- root.ExecuteContext(ctx)
		_ = stderr.Close()
	}()
	lines := bufio.NewScanner(logged)
	var listens struct{ Listen string }
	for listens.Listen == "" && lines.Scan() {
		if err := json.Unmarshal(lines.Bytes(), &listens); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	post := func(key, email string) (int, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+listens.Listen+"/v1/projects/p/integrations/crm/objects/contact",
			strings.NewReader(`{"groupRef":"g","type":"create","record":{"email":"`+email+`"}}`))
		if err != nil {
			return 0, err
		}
		req.Header.Set("X-Api-Key", key)
		req.Header.Set("Content-Type", "application/json")
		resp, err := transport.RoundTrip(req)
		if err != nil {
			return 0, err
		}
		return resp.StatusCode, errors.Join(drop(resp.Body), resp.Body.Close())
	}
	if status, err := post("k", "a@b.co"); status != http.StatusOK || err != nil {
		t.Errorf("%d %v", status, err)
	}
	if status, err := post("other", "b@b.co"); status != http.StatusUnauthorized || err != nil {
		t.Errorf("%d %v", status, err)
	}
	hung := make(chan error, 1)
	go func() { _, err := post("k", "hang@b.co"); hung <- err }()
	rest := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(logged)
		rest <- string(text)
	}()
	stop()
	if err := <-ended; err != nil {
		t.Errorf("stopped: %v", err)
	}
	if err := <-hung; err == nil {
		t.Error("the request that hung was answered")
	}
	if text := <-rest; !strings.Contains(text, `"applied":{"create":1}`) {
		t.Errorf("said at its end: %s", text)
	}
}

func drop(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

func TestUniqueFieldsAreReadByObject(t *testing.T) {
	t.Parallel()
	got, err := uniqueFields([]string{"contact=", "company=domain, tax_id", "deal=dealname"})
	if err != nil || len(got) != 3 || len(got["contact"]) != 0 || !slices.Equal(got["company"], []string{"domain", "tax_id"}) || !slices.Equal(got["deal"], []string{"dealname"}) {
		t.Errorf("%v %v", got, err)
	}
}
