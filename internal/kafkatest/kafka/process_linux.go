package kafka

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel kill the child when this process is gone, also
// when it was killed or timed out and ran no cleanup.
func dieWithParent(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
