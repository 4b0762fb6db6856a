package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/kafkatest"
)

// served is a program that runs, and where its admin listener is.
type served struct {
	address string
	stop    func() (code int) // as SIGTERM does
}

// serve runs the program in the background until it listens.
func serve(t *testing.T, config string) *served {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		a := &app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: zerolog.SyncWriter(write), env: func(string) (string, bool) { return "", false }}
		ended <- a.execute(ctx, []string{"run", "--config", config})
		_ = write.Close()
	}()
	log := json.NewDecoder(read)
	s := &served{stop: func() int { cancel(); code := <-ended; ended <- code; return code }}
	t.Cleanup(func() { s.stop() })
	for s.address == "" {
		var l struct{ Admin string }
		if err := log.Decode(&l); err != nil {
			t.Fatal(err)
		}
		s.address = l.Admin
	}
	go func() { _, _ = io.Copy(io.Discard, io.MultiReader(log.Buffered(), read)) }()
	return s
}

// get asks for a page.
func (s *served) get(t *testing.T, path string) (status int, kind, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(text)
}

// await asks for a page until its answer says something.
func (s *served) await(t *testing.T, path, part string) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(2 * time.Minute); ; <-again.C {
		status, _, body := s.get(t, path)
		if status == http.StatusOK && strings.Contains(body, part) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s answers %d:\n%s\nexpected 200 and %q", path, status, body, part)
		}
	}
}

func TestTheAdminPagesAnswerOverHTTP(t *testing.T) {
	t.Parallel()
	_, api := newCRM(t)
	k := kafkatest.NewFake(t)
	k.CreateTopic(t, "shop.customers", 1, nil)
	k.Produce(t, &kgo.Record{Topic: "shop.customers", Key: []byte(`{"id":1}`), Value: []byte(`{"email":"a@example.com"}`)})
	s := serve(t, running(t, k.Brokers()[0], api, "127.0.0.1:0"))

	if status, _, body := s.get(t, "/healthz"); status != http.StatusOK || body != "ok\n" {
		t.Errorf("/healthz answers %d %q", status, body)
	}
	s.await(t, "/readyz", "ready\n")
	s.await(t, "/metrics", `ampersink_writes_total{`)
	s.await(t, "/status", `"create": 1`)
	status, kind, body := s.get(t, "/status")
	var told struct {
		Ready      bool
		Group      string
		Partitions []struct{ Topic string }
	}
	if err := json.Unmarshal([]byte(body), &told); err != nil || status != http.StatusOK || kind != "application/json" {
		t.Errorf("/status answers %d, %s: %v:\n%s", status, kind, err, body)
	}
	if !told.Ready || told.Group != "g" || len(told.Partitions) != 1 || told.Partitions[0].Topic != "shop.customers" {
		t.Errorf("/status says %+v", told)
	}
	if status, _, _ := s.get(t, "/debug/pprof/"); status != http.StatusNotFound {
		t.Errorf("a page that there is not answers %d", status)
	}
	if code := s.stop(); code != exitDone {
		t.Errorf("exits with %d, not %d", code, exitDone)
	}
}

func TestWithoutABrokerItLivesAndIsNotReady(t *testing.T) {
	t.Parallel()
	s := serve(t, running(t, kafkatest.DeadAddress(t), nowhere, "127.0.0.1:0"))
	if status, _, body := s.get(t, "/healthz"); status != http.StatusOK || body != "ok\n" {
		t.Errorf("/healthz answers %d %q", status, body)
	}
	if status, _, body := s.get(t, "/readyz"); status != http.StatusServiceUnavailable || strings.TrimSpace(body) == "" {
		t.Errorf("/readyz answers %d %q, expected 503 and why", status, body)
	}
	s.await(t, "/status", `"ready": false`)
}
