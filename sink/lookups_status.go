package sink

import (
	"cmp"
	"slices"
	"time"

	"github.com/ampersink/ampersink/internal/model"
)

// RegistryStatus is the schema registry as the sink knows it.
type RegistryStatus struct {
	URL        string    `json:"url"`
	State      string    `json:"state"` // idle, asking, retrying, held
	Partitions int       `json:"waiting_partitions"`
	Schemas    []string  `json:"awaited_schemas,omitempty"` // the first maxAwaited
	Since      time.Time `json:"since,omitzero"`            // when it first failed
	Code       string    `json:"code,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	Tries      int       `json:"tries,omitempty"`
	NextTry    time.Time `json:"next_try,omitzero"`
}

// The states of a registry.
const (
	registryIdle     = "idle"     // nothing is awaited
	registryAsking   = "asking"   // what is awaited was not refused yet
	registryRetrying = "retrying" // it cannot be asked, within retry.patience
	registryHeld     = "held"     // it cannot be asked for longer, or until somebody does something
)

// maxAwaited bounds the schemas that a status lists.
const maxAwaited = 10

// status returns nil where there is no registry. Sink.mu is held.
func (l *lookups) status(now time.Time, patience time.Duration) *RegistryStatus {
	if l.registry == nil {
		return nil
	}
	st := &RegistryStatus{URL: l.registry.URL(), State: registryIdle}
	waiting := make(map[model.TopicPartition]bool)
	for _, one := range l.queue {
		for p := range one.partitions {
			waiting[p] = true
		}
		if len(st.Schemas) < maxAwaited {
			st.Schemas = append(st.Schemas, one.id.String())
		}
		if st.State == registryIdle {
			st.State = registryAsking
		}
		st.worse(one, now, patience)
	}
	slices.SortFunc(st.Schemas, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	st.Partitions = len(waiting)
	return st
}

// worse takes in a schema that cannot be had: what fails for the longest time is shown.
func (st *RegistryStatus) worse(one *lookup, now time.Time, patience time.Duration) {
	if one.fault == nil {
		return
	}
	if one.fault.Person || now.Sub(one.failed) >= patience {
		st.State = registryHeld
	} else if st.State != registryHeld {
		st.State = registryRetrying
	}
	st.Tries += one.tries
	if st.Since.IsZero() || one.failed.Before(st.Since) {
		st.Since, st.Code, st.Reason, st.NextTry = one.failed, one.fault.Code, one.fault.Message, one.next
	}
}
