package sink

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/sink/ledger"
)

// Status is what the sink is doing, for /status. It holds no secret.
type Status struct {
	Ready      bool              `json:"ready"`
	Reasons    []string          `json:"reasons,omitempty"` // why it is not ready
	Since      time.Time         `json:"since"`
	Group      string            `json:"group"`
	Lease      bool              `json:"lease"` // requests may be sent
	Partitions []PartitionStatus `json:"partitions"`
	Lanes      []LaneStatus      `json:"lanes"` // the first maxLanes with the most writes
	LaneCount  int               `json:"lane_count"`
	Holds      []HoldStatus      `json:"holds"`
	Waiting    int               `json:"waiting_writes"`
	InFlight   int               `json:"requests_in_flight"`
	Memory     MemoryStatus      `json:"memory"`
	Identity   *IdentityStatus   `json:"identity,omitempty"` // with a ledger
	Totals     Totals            `json:"totals"`

	// Registry is nil when no route needs a schema registry.
	Registry *RegistryStatus `json:"schema_registry,omitempty"`

	LettersInFlight int          `json:"dead_letters_in_flight"`
	LetterFault     *LetterFault `json:"dead_letter_fault,omitempty"`
	CommitError     string       `json:"commit_error,omitempty"`
}

// PartitionStatus is an assigned partition.
type PartitionStatus struct {
	Topic     string  `json:"topic"`
	Partition int32   `json:"partition"`
	Lowest    int64   `json:"lowest_open"` // offset; the next one when none is open; -1 while unknown
	Age       float64 `json:"lowest_open_age_seconds"`
	Committed int64   `json:"committed"`
	End       int64   `json:"end"`             // offset behind the last record; -1 while unknown
	EndAge    float64 `json:"end_age_seconds"` // since the brokers last told the end
	Lag       int64   `json:"lag"`
	Open      int     `json:"open_writes"`
	Paused    string  `json:"paused,omitempty"` // why it takes no new records
}

// LaneStatus is a lane with something in it.
type LaneStatus struct {
	Destination string  `json:"destination"`
	State       string  `json:"state"` // open, retrying, held
	Reason      string  `json:"reason,omitempty"`
	Writes      int     `json:"writes"`
	Bytes       int64   `json:"bytes"`
	InFlight    int     `json:"requests_in_flight"`
	Age         float64 `json:"oldest_seconds"`
}

// HoldStatus is a scope that does not send.
type HoldStatus struct {
	Scope   string    `json:"scope"`
	Kind    string    `json:"kind"`
	Held    bool      `json:"held"` // false: it is retried, within retry.patience
	Since   time.Time `json:"since"`
	Code    string    `json:"code"`
	Reason  string    `json:"reason"`
	Probes  int       `json:"probes"`
	NextTry time.Time `json:"next_probe"`
}

// MemoryStatus is in bytes.
type MemoryStatus struct {
	Used         int64 `json:"used"`
	Peak         int64 `json:"peak"`
	Limit        int64 `json:"limit"`
	FetchedAhead int64 `json:"fetched_ahead"`
	Full         bool  `json:"full"`
}

// IdentityStatus is what is known of rows, and what waits for more.
type IdentityStatus struct {
	Ledger   ledger.Stats `json:"ledger"`
	Topic    string       `json:"topic"`
	Stalled  time.Time    `json:"stalled_since,omitzero"` // since when the topic acknowledges nothing
	Awaiting int          `json:"awaiting"`               // writes that wait for another row, or for a doubt to end
	// Reasons says of those that wait the longest what they wait for, and since when.
	Reasons   []string `json:"reasons,omitempty"`
	Searching int      `json:"searching"` // writes in the queues of searches
	Writing   int      `json:"writing"`   // writes whose fate waits for the ledger's acknowledgement
}

// maxLanes bounds the lanes that a status lists: there may be ten thousand.
const maxLanes = 100

// Status returns what the sink is doing now.
func (s *Sink) Status() Status {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{
		Since: s.started, Group: s.config.Kafka.Group, Totals: s.totals.clone(),
		Partitions: []PartitionStatus{}, Lanes: []LaneStatus{}, Holds: []HoldStatus{}, // lists in JSON, also when empty
	}
	st.Registry = s.lookups.status(now, s.config.Retry.Patience)
	if s.kafka == nil {
		st.Reasons = []string{"connecting to Kafka, or reading the ledger"}
		return st
	}
	st.Lease = s.kafka.LeaseValid()
	st.Memory = MemoryStatus{
		Used: s.memory.used, Peak: s.memory.peak, Limit: s.memory.limit,
		FetchedAhead: s.kafka.FetchedAhead(), Full: s.memory.closed || s.shares.gated,
	}
	st.LaneCount, st.Waiting, st.InFlight = s.sched.Totals()
	s.holdStatus(&st)
	s.laneStatus(&st, now)
	s.partitionStatus(&st, now)
	s.identity.status(&st, now)
	st.LettersInFlight = s.letters.count()
	st.LetterFault = s.letters.fault(now)
	if err := s.commits.failing; err != nil {
		st.CommitError = err.Error()
	}
	st.Reasons = s.unready(&st, now)
	st.Ready = len(st.Reasons) == 0
	return st
}

// unready says why the sink is not ready. A destination that is held does not
// make it so, as long as another one goes on.
func (s *Sink) unready(st *Status, now time.Time) (why []string) {
	if err := s.fault.get(); err != nil {
		why = append(why, err.Error())
	}
	if s.stopping {
		why = append(why, "stopping")
	}
	if !st.Lease {
		why = append(why, "not (or no longer surely) a member of the group: nothing is sent")
	}
	if f := st.LetterFault; f != nil {
		why = append(why, fmt.Sprintf("dead letters cannot be written to %s since %s: %s", f.Topic, f.Since.Format(time.RFC3339), f.Error))
	}
	if r := st.Registry; r != nil && r.State == registryHeld {
		why = append(why, fmt.Sprintf("%d partitions wait for the schema registry since %s: %s: %s", r.Partitions, r.Since.Format(time.RFC3339), r.Code, r.Reason))
	}
	if n := st.Identity; n != nil && !n.Stalled.IsZero() {
		why = append(why, fmt.Sprintf("the ledger topic %s has acknowledged nothing since %s: creates wait, and so do offsets", n.Topic, n.Stalled.Format(time.RFC3339)))
	}
	held := 0
	s.sched.Lanes(func(l batching.LaneStatus) {
		if s.heldLane(l, now) != "" {
			held++
		}
	})
	for _, h := range st.Holds {
		if h.Held && (h.Kind == "api" || h.Scope == searchOfAPI || held > 0 && held == st.LaneCount) {
			waits := ""
			if h.Kind == holdOfSearch {
				waits = fmt.Sprintf(" (%d writes are searched for)", st.Identity.Searching)
			}
			why = append(why, fmt.Sprintf("%s is held since %s%s: %s: %s", h.Scope, h.Since.Format(time.RFC3339), waits, h.Code, h.Reason))
			break
		}
	}
	return why
}

// heldLane says what holds a lane, if nothing in it goes on: itself, or the searches that its writes
// wait for.
func (s *Sink) heldLane(l batching.LaneStatus, now time.Time) string {
	if h, ok := s.sched.Blocking(l.Destination); ok && h.Held {
		return fmt.Sprintf("%s since %s (%s: %s)", h.Scope, h.Since.Format(time.RFC3339), h.Code, h.Message)
	}
	if f := s.identity.searches.held(l.Destination, now); f != nil && l.Oldest.IsZero() && l.InFlight == 0 {
		return fmt.Sprintf("%s since %s (%s: %s)", f.name(), f.since.Format(time.RFC3339), f.code, f.message)
	}
	return ""
}

func (s *Sink) holdStatus(st *Status) {
	for _, h := range s.sched.Holds() {
		st.Holds = append(st.Holds, HoldStatus{
			Scope: h.Scope.String(), Kind: h.Scope.Kind.String(), Held: h.Held, Since: h.Since,
			Code: h.Code, Reason: h.Message, Probes: h.Probes, NextTry: h.Next,
		})
	}
	slices.SortFunc(st.Holds, func(a, b HoldStatus) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Scope, b.Scope))
	})
}

func (s *Sink) laneStatus(st *Status, now time.Time) {
	s.sched.Lanes(func(l batching.LaneStatus) {
		ls := LaneStatus{Destination: l.Destination.String(), State: "open", Writes: l.Writes, Bytes: l.Bytes, InFlight: l.InFlight}
		if h, ok := s.sched.Blocking(l.Destination); ok {
			ls.State, ls.Reason = "retrying", h.Code+": "+h.Message
			if h.Held {
				ls.State = "held"
			}
		}
		if !l.Oldest.IsZero() {
			ls.Age = now.Sub(l.Oldest).Seconds()
		}
		st.Lanes = append(st.Lanes, ls)
	})
	slices.SortFunc(st.Lanes, func(a, b LaneStatus) int {
		return cmp.Or(cmp.Compare(b.Writes, a.Writes), cmp.Compare(a.Destination, b.Destination))
	})
	if len(st.Lanes) > maxLanes {
		st.Lanes = st.Lanes[:maxLanes]
	}
}

func (s *Sink) partitionStatus(st *Status, now time.Time) {
	for tp, part := range s.parts {
		if part.tracker == nil {
			continue
		}
		low, _ := part.tracker.Low()
		if low < 0 && part.paused&pausedBySchema != 0 {
			low = part.awaits // nothing before it was read
		}
		ps := PartitionStatus{
			Topic: tp.Topic, Partition: tp.Partition, Lowest: low, Committed: part.committed.Offset,
			End: part.end, Lag: -1, Open: part.tracker.Open(), Paused: part.paused.String(),
		}
		if part.end >= 0 {
			ps.EndAge = now.Sub(part.endAt).Seconds()
		}
		switch {
		case part.end == 0:
			ps.Lag = 0 // nothing was ever there
		case low >= 0 && part.end > 0:
			ps.Lag = max(0, part.end-low)
		}
		if ps.Open > 0 {
			ps.Age = now.Sub(part.moved).Seconds()
		}
		st.Partitions = append(st.Partitions, ps)
	}
	slices.SortFunc(st.Partitions, func(a, b PartitionStatus) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
}
