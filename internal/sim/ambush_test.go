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

// keyOf says what a request to a broker asks for; -1: what is written is none.
func keyOf(request []byte) kmsg.Key {
	const key = 4 // behind the size
	if len(request) < key+2 {
		return -1
	}
	return kmsg.Key(binary.BigEndian.Uint16(request[key:]))
}

// stepsOf are the steps around a request to a broker.
func stepsOf(request []byte) (before, after step) {
	switch keyOf(request) {
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

// ambush catches a member between two steps of its work.
func (w *world) ambush(m *member) {
	switch p := w.random.IntN(6); {
	case p < 3:
		w.dam(m)
	case p == 3 && w.late:
		w.lag(m)
	default:
		w.catch(m, w.random.IntN(2) == 0)
	}
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

// dam holds up what a member writes down, with its creates announced or answered, and has it
// crash there or lose its partitions meanwhile: what flows on then is late.
func (w *world) dam(m *member) {
	w.produce(40 + w.random.IntN(80))
	time.Sleep(time.Duration(w.random.IntN(1200)) * time.Millisecond)
	m.link.dam()
	after, rest := time.Duration(w.random.IntN(8000))*time.Millisecond, time.Duration(5+w.random.IntN(60))*time.Second
	w.trace.add("what %s produces is held up for %s", m.name, after+rest)
	w.disturb(m.name, time.Now(), time.Now().Add(after+rest+2*session))
	w.held.Go(func() {
		time.Sleep(after + rest)
		w.trace.add("what %s produces flows again", m.name)
		m.link.undam()
	})
	time.Sleep(after)
	switch p := w.random.IntN(4); {
	case p == 0:
		w.counts.crashes++
		w.crash(m)
		w.join()
	case p == 1:
		w.counts.freezes++
		w.freeze(m, session+rest/4)
	case p == 2:
		w.counts.leaves++
		w.leave(m)
		w.join()
	default:
		w.counts.joins++
		w.join()
	}
}

// lag has a member read the ledger late while it gets the partitions of another one, which has
// written down what it did until then.
func (w *world) lag(m *member) {
	if len(w.members) == 1 {
		w.counts.joins++
		w.join()
		time.Sleep(session)
	}
	w.produce(20 + w.random.IntN(80))
	m.link.lag()
	w.lagging.Add(1)
	after, rest := time.Duration(w.random.IntN(5000))*time.Millisecond, time.Duration(5+w.random.IntN(40))*time.Second
	w.trace.add("%s reads the ledger %s late", m.name, after+rest)
	w.held.Go(func() {
		time.Sleep(after + rest)
		w.trace.add("%s reads the ledger on", m.name)
		m.link.catchUp()
		w.lagging.Add(-1)
	})
	time.Sleep(after)
	other := w.members[w.random.IntN(len(w.members))]
	switch {
	case other == m:
		w.counts.joins++
		w.join()
	case w.random.IntN(2) == 0:
		w.counts.crashes++
		w.crash(other)
	default:
		w.counts.leaves++
		w.leave(other)
	}
	w.produce(20 + w.random.IntN(80))
}
