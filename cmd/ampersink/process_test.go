package main

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/kafkatest"
	"github.com/ampersink/ampersink/internal/sandbox"
)

// asProgram makes the test's binary the program: signals are a process's.
const asProgram = "AMPERSINK_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run()) //nolint:forbidigo // as every TestMain does
}

// process is the program as a process of its own.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	log *bufio.Scanner
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.CommandContext(t.Context(), binary, args...)}
	p.cmd.Env = append(os.Environ(), asProgram+"=1")
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.log = bufio.NewScanner(stderr)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// await reads the log up to a line that says something.
func (p *process) await(text string) {
	p.t.Helper()
	for p.log.Scan() {
		if strings.Contains(p.log.Text(), text) {
			return
		}
	}
	p.t.Fatalf("the log ended without %q", text)
}

// signal asks the process to stop.
func (p *process) signal() { _ = p.cmd.Process.Signal(syscall.SIGTERM) }

// wait waits for the end, and returns how it came.
func (p *process) wait() syscall.WaitStatus {
	for p.log.Scan() { // a full pipe would stop it
	}
	_ = p.cmd.Wait()
	return p.cmd.ProcessState.Sys().(syscall.WaitStatus)
}

// hanging is a broker with one row, and an API that does not answer to it.
func hanging(t *testing.T) (config string, asked <-chan struct{}) {
	t.Helper()
	reached := make(chan struct{})
	crm, err := sandbox.New(sandbox.Options{CRM: sandbox.HubSpot})
	if err != nil {
		t.Fatal(err)
	}
	if err := crm.SetFaults(sandbox.Faults{{Do: sandbox.DoHang}}); err != nil {
		t.Fatal(err)
	}
	k := kafkatest.NewFake(t)
	k.CreateTopic(t, "shop.customers", 1, nil)
	k.Produce(t, &kgo.Record{Topic: "shop.customers", Key: []byte(`{"id":1}`), Value: []byte(`{"email":"a@example.com"}`)})
	var once sync.Once
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		once.Do(func() { close(reached) })
		crm.ServeHTTP(w, r)
	}))
	t.Cleanup(api.Close)
	return running(t, k.Brokers()[0], api.URL, ""), reached
}

func TestSIGTERMDrainsAndExitsWithZero(t *testing.T) {
	t.Parallel()
	_, api := newCRM(t)
	k := kafkatest.NewFake(t)
	k.CreateTopic(t, "shop.customers", 1, nil)
	p := start(t, "run", "--config", running(t, k.Brokers()[0], api, ""))
	p.await("starting")
	p.signal()
	if end := p.wait(); !end.Exited() || end.ExitStatus() != exitDone {
		t.Errorf("ends with %v (exit %d), not with exit %d", end, end.ExitStatus(), exitDone)
	}
}

func TestASecondSIGTERMLeavesAtOnce(t *testing.T) {
	t.Parallel()
	config, asked := hanging(t)
	p := start(t, "run", "--config", config)
	p.await("starting")
	<-asked // the drain would wait for this answer
	p.signal()
	p.await("draining")
	done := make(chan struct{})
	go func() {
		// The first second one may come before the program has given its signals back.
		again := time.NewTicker(10 * time.Millisecond)
		defer again.Stop()
		for {
			select {
			case <-done:
				return
			case <-again.C:
				p.signal()
			}
		}
	}()
	end := p.wait()
	close(done)
	if !end.Signaled() || end.Signal() != syscall.SIGTERM {
		t.Errorf("ends with %v (exit %d), not at once by the signal", end, end.ExitStatus())
	}
}

func TestAConfigurationThatCannotRunExitsWithTwo(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := call("run", "--config", file(t, "c.yaml", "kafka: {gruop: g}\n"))
	if code != exitConfig || stdout != "" || !strings.Contains(stderr, `did you mean "group"?`) {
		t.Errorf("exits with %d, prints %q and says %q", code, stdout, stderr)
	}
}
