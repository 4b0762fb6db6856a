package chaos_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/ampersink/ampersink/internal/audit"
)

// member is one process, with a way of its own to the API, so that the API knows
// who sends.
type member struct {
	name string
	cmd  *exec.Cmd
	way  *httptest.Server
	once sync.Once
	err  error
}

// join starts a process.
func (w *world) join() {
	w.started++
	m := &member{name: fmt.Sprintf("p%d", w.started)}
	m.way = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r.Header.Set("X-Sandbox-Client", m.name)
		w.api.server.ServeHTTP(rw, r)
	}))
	path := filepath.Join(w.dir, m.name+".yaml")
	if err := os.WriteFile(path, []byte(w.config(m.way.URL)), 0o600); err != nil {
		w.t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(w.dir, m.name+".log"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	m.cmd = exec.Command(w.suite.binary, "run", "--config", path)
	m.cmd.Stderr, m.cmd.Stdout = log, log
	if err := m.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.say("%s starts", m.name)
	w.members = append(w.members, m)
}

// wait waits for the process to be gone.
func (m *member) wait() error {
	m.once.Do(func() {
		m.err = m.cmd.Wait()
		m.way.CloseClientConnections()
		m.way.Close()
	})
	return m.err
}

func (m *member) kill() {
	_ = m.cmd.Process.Kill()
	_ = m.wait()
}

// end asks the process to stop, and returns an error when it ended in any other way than by
// doing so.
func (m *member) end() error {
	_ = m.cmd.Process.Signal(syscall.SIGCONT)
	_ = m.cmd.Process.Signal(syscall.SIGTERM)
	return m.wait()
}

func (w *world) kill(m *member) {
	w.say("%s is killed", m.name)
	w.disturb(m.name, time.Now(), time.Now().Add(time.Hour))
	m.kill()
	w.forget(m)
}

func (w *world) terminate(m *member) {
	w.say("%s is asked to stop", m.name)
	if err := m.end(); err != nil {
		w.t.Errorf("%s ended with %v", m.name, err)
	}
	w.forget(m)
}

func (w *world) forget(m *member) {
	for i, x := range w.members {
		if x == m {
			w.members = append(w.members[:i], w.members[i+1:]...)
			return
		}
	}
}

// freeze stops the process for longer than its session, with what it was doing, and
// lets it go on.
func (w *world) freeze(m *member, d time.Duration) {
	w.say("%s stands still for %s", m.name, d)
	w.disturb(m.name, time.Now(), time.Now().Add(d+2*session))
	_ = m.cmd.Process.Signal(syscall.SIGSTOP)
	time.Sleep(d)
	_ = m.cmd.Process.Signal(syscall.SIGCONT)
	w.say("%s goes on", m.name)
}

func (w *world) disturb(process string, from, to time.Time) {
	w.disturbed = append(w.disturbed, audit.Disturbance{Process: process, From: from, To: to})
}
