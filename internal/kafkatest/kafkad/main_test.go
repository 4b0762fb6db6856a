package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ampersink/ampersink/internal/kafkatest"
)

func TestCommandSeesTheBrokerAndGivesTheExitCode(t *testing.T) {
	t.Parallel()
	kafkatest.NeedJava(t)
	seen := filepath.Join(t.TempDir(), "brokers")
	code, err := run(t.Context(), []string{"--", "sh", "-c", "echo $AMPERSINK_TEST_BROKERS > " + seen + "; exit 7"})
	if code != 7 || err != nil {
		t.Fatalf("exit code %d, error %v; want the command's 7", code, err)
	}
	content, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	broker := strings.TrimSpace(string(content))
	if connection, err := net.DialTimeout("tcp", broker, time.Second); err == nil {
		connection.Close()
		t.Fatalf("the broker still listens on %s", broker)
	}
}

func TestSignalEndsTheCommandAndTheBroker(t *testing.T) {
	t.Parallel()
	kafkatest.NeedJava(t)
	ctx, cancel := context.WithCancel(t.Context())
	marker := filepath.Join(t.TempDir(), "started")
	go func() {
		defer cancel()
		for ctx.Err() == nil {
			if _, err := os.Stat(marker); err == nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	code, err := run(ctx, []string{"--", "sh", "-c", "touch " + marker + "; exec sleep 600"})
	if code != exitFault || err == nil {
		t.Fatalf("exit code %d, error %v; want a fault that names the command", code, err)
	}
}

func TestUnknownCommandIsAFault(t *testing.T) {
	t.Parallel()
	code, err := execute(t.Context(), "127.0.0.1:1", []string{"no-such-command-anywhere"})
	if code != exitFault || err == nil || !strings.Contains(err.Error(), "no-such-command-anywhere") {
		t.Fatalf("exit code %d, error %v", code, err)
	}
	if _, missing := exec.LookPath("no-such-command-anywhere"); missing == nil {
		t.Fatal("the command exists")
	}
}

func TestUnknownFlagIsUsage(t *testing.T) {
	t.Parallel()
	if code, err := run(t.Context(), []string{"--prot", "9092"}); code != exitUsage || err != nil {
		t.Fatalf("exit code %d, error %v", code, err)
	}
}
