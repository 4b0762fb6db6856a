package kafka

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// lease is the member's right to send: the group cannot have given its
// partitions away before the session timeout has passed since the moment when it
// sent the last request that the coordinator answered without an error. Counting
// from the sending, and not from the answer, is what makes it safe for a process
// that was frozen between the two.
//
// The client's own heartbeats do not show their answers, so the lease sends its
// own: one small request every few seconds.
type lease struct {
	options leaseOptions
	done    sync.WaitGroup
	kick    chan struct{}

	mu      sync.Mutex
	member  string // who holds it; empty while nothing is assigned
	until   time.Time
	renewed chan struct{} // closed and replaced when the lease becomes valid
}

type leaseOptions struct {
	group, instance string
	session         time.Duration
	// replaced is called when the member that holds the lease is another one than before
	// although nothing was reported as lost.
	replaced func()
}

// leaseBeats is how many times the lease is renewed in a session timeout: a lost
// answer or two must not stop the sending.
const leaseBeats = 6

func newLease(o leaseOptions) *lease {
	return &lease{options: o, kick: make(chan struct{}, 1), renewed: make(chan struct{})}
}

// start renews the lease until the context ends.
func (l *lease) start(ctx context.Context, client *kgo.Client) {
	l.done.Go(func() { l.keep(ctx, client) })
}

func (l *lease) wait() { l.done.Wait() }

// now asks for a renewal without waiting for the next beat: the group was joined.
func (l *lease) now() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

func (l *lease) keep(ctx context.Context, client *kgo.Client) {
	beat := time.NewTicker(max(l.options.session/leaseBeats, time.Millisecond))
	defer beat.Stop()
	for {
		l.renew(ctx, client)
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		case <-l.kick:
		}
	}
}

// renew asks the coordinator once. The lease that there is stands when that fails.
func (l *lease) renew(ctx context.Context, client *kgo.Client) {
	member, sent, err := l.ask(ctx, client)
	switch {
	case err == nil && member != "":
		l.hold(member, sent.Add(l.options.session))
	case errors.Is(err, kerr.UnknownMemberID), errors.Is(err, kerr.FencedInstanceID):
		l.extend(neverHeld) // replaced, or expelled: at once
	}
	// Anything else: a rebalance is under way, or the coordinator moves. The lease that there is
	// stands, but is not prolonged. A member that is asked to join again and does not is given up
	// sooner than its session would end.
}

// ask sends a heartbeat, and returns who did, and when. There is no member outside of a group.
func (l *lease) ask(ctx context.Context, client *kgo.Client) (member string, sent time.Time, err error) {
	member, generation := client.GroupMetadata()
	if generation < 0 || member == "" {
		return "", sent, nil
	}
	req := kmsg.NewPtrHeartbeatRequest()
	req.Group, req.MemberID, req.Generation = l.options.group, member, generation
	if l.options.instance != "" {
		req.InstanceID = &l.options.instance
	}
	sent = time.Now()
	ctx, cancel := context.WithTimeout(ctx, l.options.session)
	defer cancel()
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return member, sent, err // the lease runs out by itself
	}
	return member, sent, kerr.ErrorForCode(resp.ErrorCode)
}

// confirmPause is how long a coordinator that cannot say is left alone: one that moves takes seconds.
const confirmPause = 200 * time.Millisecond

// confirm asks until the coordinator has said that this member is one of the group, or is not.
func (l *lease) confirm(ctx context.Context, client *kgo.Client) error {
	for {
		member, _, err := l.ask(ctx, client)
		switch {
		case err == nil && member != "", errors.Is(err, kerr.RebalanceInProgress):
			// What is being given out anew is still this member's, until it joins again.
			return nil
		case errors.Is(err, kerr.UnknownMemberID), errors.Is(err, kerr.FencedInstanceID), errors.Is(err, kerr.IllegalGeneration):
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(confirmPause):
		}
	}
}

// hold prolongs the lease of a member.
//
// A process that is frozen while it waits for its join can wake up expelled and join
// again as a new member, and the client then keeps its partitions without a word
// if the new assignment has them too. In between they were another member's, which has sent
// newer writes: the lease is not given to the new member before everything that
// it holds is begun anew.
func (l *lease) hold(member string, until time.Time) {
	l.mu.Lock()
	other := l.member != "" && l.member != member
	if !other {
		l.member = member
	}
	l.mu.Unlock()
	if other {
		l.options.replaced()
		return
	}
	l.extend(until)
}

// heldBy reports whether the lease is that member's, or nobody's yet.
func (l *lease) heldBy(member string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.member == "" || l.member == member
}

// begin forgets who holds the lease: nothing is assigned, or all of it begins anew.
func (l *lease) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.member = ""
}

func (l *lease) extend(until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = until
	if !until.IsZero() {
		close(l.renewed)
		l.renewed = make(chan struct{})
	}
}

func (l *lease) valid(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return now.Before(l.until)
}

func (l *lease) renewal() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.renewed
}
