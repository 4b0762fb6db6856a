package kafka

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const envParent = "AMPERSINK_TEST_PARENT_LOG"

// A test binary that is killed or times out runs no cleanup: its brokers go with
// it all the same.
func TestChildDiesWithItsKilledParent(t *testing.T) {
	t.Parallel()
	if log := os.Getenv(envParent); log != "" {
		beParent(t, log)
		return
	}
	parent := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	parent.Env = append(os.Environ(), envParent+"="+filepath.Join(t.TempDir(), "child.log"))
	output, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	child := childOf(t, bufio.NewScanner(output))
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // it was killed
	deadline := time.Now().Add(time.Minute)
	for alive(child) {
		if time.Now().After(deadline) {
			_ = syscall.Kill(child, syscall.SIGKILL)
			t.Fatal("the child outlives its parent by ten seconds")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func beParent(t *testing.T, log string) {
	p, err := spawn(exec.Command("sleep", "600"), log)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("\nchild %d\n", p.command.Process.Pid)
	<-p.done
}

func childOf(t *testing.T, lines *bufio.Scanner) int {
	t.Helper()
	for lines.Scan() {
		if text, found := strings.CutPrefix(lines.Text(), "child "); found {
			child, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			return child
		}
	}
	t.Fatal("the parent started no child")
	return 0
}

// alive reports whether the process runs; one that waits for init to bury it
// does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}
