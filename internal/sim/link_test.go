//go:build synctests

package sim_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/twmb/franz-go/pkg/kmsg"
)

var errCut = errors.New("the process is gone")

// link is the boundary of one process: every call to the outside goes through it,
// and stops at it, in both directions, while the process is frozen.
type link struct {
	process string
	api     upstream
	dialer  func(ctx context.Context, network, address string) (net.Conn, error)

	mu     sync.Mutex
	cut    bool
	frozen chan struct{} // nil, or closed at the thaw
	dammed chan struct{} // nil, or closed when what is produced flows again
	behind chan struct{} // nil, or closed when the ledger is read on
	conns  map[*conn]struct{}

	// isLedger reports whether a request to fetch is for the ledger's topic; nil: nobody asks.
	isLedger func(request []byte) bool

	ambush atomic.Pointer[ambush]
}

// upstream is what the requests of a process reach.
type upstream interface {
	roundTrip(process string, r *http.Request) (*http.Response, error)
}

// pass waits while the process is frozen, and fails when it is gone.
func (l *link) pass() error {
	for {
		l.mu.Lock()
		cut, frozen := l.cut, l.frozen
		l.mu.Unlock()
		if cut {
			return errCut
		}
		if frozen == nil {
			return nil
		}
		<-frozen
	}
}

func (l *link) freeze() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.frozen == nil {
		l.frozen = make(chan struct{})
	}
}

func (l *link) thaw() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.frozen != nil {
		close(l.frozen)
		l.frozen = nil
	}
}

// dam holds up what the process produces, and nothing else.
func (l *link) dam() { l.hold(&l.dammed) }

func (l *link) undam() { l.letGo(&l.dammed) }

// lag holds up what the process reads of the ledger, and nothing else.
func (l *link) lag() { l.hold(&l.behind) }

func (l *link) catchUp() { l.letGo(&l.behind) }

func (l *link) hold(what *chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if *what == nil && !l.cut {
		*what = make(chan struct{})
	}
}

func (l *link) letGo(what *chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if *what != nil {
		close(*what)
		*what = nil
	}
}

// passHeld waits while something is held up.
func (l *link) passHeld(what *chan struct{}) {
	l.mu.Lock()
	held := *what
	l.mu.Unlock()
	if held != nil {
		<-held
	}
}

// crash cuts everything at once.
func (l *link) crash() {
	l.mu.Lock()
	l.cut = true
	conns := l.conns
	l.conns = nil
	l.mu.Unlock()
	l.undam()
	l.catchUp()
	for c := range conns {
		_ = c.Conn.Close()
	}
	l.thaw()
}

func (l *link) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if err := l.pass(); err != nil {
		// As the network says it: the client waits between two dials then.
		return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	inner, err := l.dialer(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: inner, link: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		_ = inner.Close()
		return nil, errCut
	}
	if l.conns == nil {
		l.conns = make(map[*conn]struct{})
	}
	l.conns[c] = struct{}{}
	return c, nil
}

// RoundTrip implements http.RoundTripper.
func (l *link) RoundTrip(r *http.Request) (*http.Response, error) {
	before, after := stepsOfWrite(r)
	l.at(before)
	if err := l.pass(); err != nil {
		return nil, err
	}
	resp, err := l.api.roundTrip(l.process, r)
	l.at(after)
	if gone := l.pass(); gone != nil {
		return nil, gone
	}
	return resp, err
}

// conn is a connection of the process.
type conn struct {
	net.Conn
	link   *link
	ledger atomic.Bool // the ledger is read over it
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.ledger.Load() {
		c.link.passHeld(&c.link.behind)
	}
	if gone := c.link.pass(); gone != nil {
		return 0, gone
	}
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	before, after := stepsOf(p)
	switch {
	case before == beforeProduce:
		c.link.passHeld(&c.link.dammed)
	case c.link.isLedger != nil && keyOf(p) == kmsg.Fetch && !c.ledger.Load() && c.link.isLedger(p):
		c.ledger.Store(true) // later requests of its session do not name the topic
	}
	c.link.at(before)
	if err := c.link.pass(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	c.link.at(after)
	return n, err
}

func (c *conn) Close() error {
	c.link.mu.Lock()
	delete(c.link.conns, c)
	c.link.mu.Unlock()
	return c.Conn.Close()
}
