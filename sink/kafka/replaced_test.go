package kafka

import (
	"testing"
	"time"
)

// The interleaving that it guards against was found by the simulation: a member
// frozen in the middle of a join wakes up expelled, joins again, and keeps its partitions without
// a callback, with writes queued that another member has overtaken.
func TestTheLeaseIsNotGivenToAnotherMemberBeforeAllBeginsAnew(t *testing.T) {
	t.Parallel()
	told := 0
	l := newLease(leaseOptions{replaced: func() { told++ }})
	now := time.Unix(1000, 0)
	l.hold("first", now.Add(time.Second))
	l.hold("first", now.Add(2*time.Second))
	if told != 0 || !l.valid(now.Add(time.Second)) {
		t.Fatalf("told %d times, held %v", told, l.valid(now))
	}
	l.hold("second", now.Add(time.Hour))
	if told != 1 || l.valid(now.Add(2*time.Second)) {
		t.Fatal("the lease passed to another member by itself")
	}
	l.begin()
	l.hold("second", now.Add(time.Hour))
	if told != 1 || !l.valid(now.Add(time.Minute)) {
		t.Fatal("the lease is not held after the new beginning")
	}
}
