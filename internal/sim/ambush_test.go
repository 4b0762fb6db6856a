//go:build synctests

package sim_test

import (
	"encoding/binary"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// step is a moment of a process's work: between the steps of a create (announced, sent,
// answered, written down, committed) lies what a crash or a freeze has to be survived at.
type step string

// The steps. Of what is produced to: the ledger and the dead letters.
const (
	nowhere       step = ""
	beforeProduce step = "before a produce"
	afterProduce  step = "behind a produce"
	beforeCommit  step = "before a commit"
	afterCommit   step = "behind a commit"
	beforeRequest step = "before a request"
	afterRequest  step = "behind a request"
)

var allSteps = []step{beforeProduce, afterProduce, beforeCommit, afterCommit, beforeRequest, afterRequest}

// ambush waits for a process to come to a step for the n-th time, and stops it there.
type ambush struct {
	step step

	mu      sync.Mutex
	left    int
	reached chan struct{} // closed when it has come there
}

// lie has the process stop at a step: nothing that it thinks afterwards gets out, and
// nothing gets in.
func (l *link) lie(at step, times int) *ambush {
	a := &ambush{step: at, left: times, reached: make(chan struct{})}
	l.ambush.Store(a)
	return a
}

// over ends the ambush and reports whether the process was caught within that time.
func (a *ambush) over(l *link, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-a.reached:
	case <-timer.C:
	}
	l.ambush.Store(nil)
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.left == 0
}

// at is called at each step.
func (l *link) at(s step) {
	a := l.ambush.Load()
	if a == nil || a.step != s || s == nowhere {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.left == 0 {
		return
	}
	if a.left--; a.left == 0 {
		l.freeze()
		close(a.reached)
	}
}

// stepsOf are the steps around a request to a broker.
func stepsOf(request []byte) (before, after step) {
	const key = 4 // behind the size
	if len(request) < key+2 {
		return nowhere, nowhere
	}
	switch kmsg.Key(binary.BigEndian.Uint16(request[key:])) {
	case kmsg.Produce:
		return beforeProduce, afterProduce
	case kmsg.OffsetCommit:
		return beforeCommit, afterCommit
	}
	return nowhere, nowhere
}

// stepsOfWrite are the steps around a request to the API.
func stepsOfWrite(r *http.Request) (before, after step) {
	if strings.Contains(r.URL.Path, "/objects/") {
		return beforeRequest, afterRequest
	}
	return nowhere, nowhere
}

// catch lies in wait for a member, and has it crash there, or freeze.
func (w *world) catch(m *member, freezes bool) {
	a := m.link.lie(allSteps[w.random.IntN(len(allSteps))], 1+w.random.IntN(4))
	rest := time.Duration(w.random.IntN(40)) * time.Second
	w.produce(20 + w.random.IntN(60))
	if !a.over(m.link, time.Duration(2+w.random.IntN(10))*time.Second) {
		return
	}
	w.trace.add("%s is caught %s", m.name, a.step)
	if freezes {
		w.counts.freezes++
		w.freeze(m, session+rest)
		return
	}
	time.Sleep(time.Millisecond) // what it sent arrives
	w.counts.crashes++
	w.crash(m)
	w.join()
}
