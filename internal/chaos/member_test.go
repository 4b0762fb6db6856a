package chaos_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
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

	ambush atomic.Pointer[ambush]
}

// ambush kills a process in the middle of a request: its n-th one, which the API gets, or
// which it never sees.
type ambush struct {
	left    atomic.Int32
	applied bool
	caught  chan struct{}
}

// catch lies in wait for a process: what is killed between the steps of a create has announced it,
// and does not know what became of it.
func (w *world) catch(m *member) {
	a := &ambush{applied: w.random.IntN(2) == 0, caught: make(chan struct{})}
	a.left.Store(int32(1 + w.random.IntN(4)))
	m.ambush.Store(a)
	w.produce(50 + w.random.IntN(200))
	select {
	case <-a.caught:
	case <-time.After(3 * time.Second):
		if a.left.Swap(-1) > 0 {
			return // no request will take it to nought
		}
		<-a.caught
	}
	w.say("%s is killed in a request, applied: %v", m.name, a.applied)
	w.counts.caught++
	w.kill(m)
	w.join()
}

// join starts a process.
func (w *world) join() {
	w.started++
	m := &member{name: fmt.Sprintf("p%d", w.started)}
	m.way = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r.Header.Set("X-Sandbox-Client", m.name)
		a := m.ambush.Load()
		if a == nil || !strings.Contains(r.URL.Path, "/objects/") || a.left.Add(-1) != 0 {
			w.api.server.ServeHTTP(rw, r)
			return
		}
		// Also when the API ends the connection, which it does by a panic.
		defer func() {
			_ = m.cmd.Process.Kill() // and whoever lay in wait picks up the rest
			close(a.caught)
		}()
		if a.applied {
			w.api.server.ServeHTTP(httptest.NewRecorder(), r)
		}
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
	log, err := os.ReadFile(filepath.Join(w.dir, m.name+".log"))
	if err != nil {
		w.t.Fatal(err)
	}
	if bytes.Contains(log, []byte("the drain's time is up")) { // it had no time to write an answer down
		w.disturb(m.name, time.Now().Add(-time.Second), time.Now())
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
