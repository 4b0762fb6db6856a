package kafka

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// process is a child that is waited for.
type process struct {
	command *exec.Cmd
	done    chan struct{} // closed when the child is gone
	err     error         // how it went, once done is closed
}

// spawn starts the command with its output going to the end of the named file.
func spawn(command *exec.Cmd, output string) (*process, error) {
	file, err := os.OpenFile(output, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", command.Path, err)
	}
	defer file.Close()
	command.Stdout, command.Stderr = file, file
	dieWithParent(command)
	p := &process{command: command, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel sends the parent-death signal when the *thread* that forked
		// ends, not the process. Go ends threads as it likes; this one stays for
		// as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := command.Start()
		started <- err
		if err == nil {
			p.err = command.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", command.Path, err)
	}
	return p, nil
}

// end sends the signal and waits until the child is gone.
func (p *process) end(signal syscall.Signal) {
	// An error says that it is gone already.
	_ = p.command.Process.Signal(signal)
	<-p.done
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}
