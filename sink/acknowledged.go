package sink

import (
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink/ledger"
)

// ackPatience is how long the ledger's topic may acknowledge nothing before that is said:
// longer than it takes to elect a leader, shorter than it takes a person to wonder.
const ackPatience = 10 * time.Second

// acknowledging is the ledger's topic. It notices when what is appended is not
// acknowledged: creates wait for that, and offsets, and nothing else would show it.
type acknowledging struct {
	ledger.Log
	topic string
	log   zerolog.Logger

	mu    sync.Mutex
	open  int         // appends
	since time.Time   // since when none of those was acknowledged
	timer *time.Timer // nil: nothing was ever appended
	told  bool
}

// Append implements ledger.Log.
func (a *acknowledging) Append(records []model.Record, done func(first int64)) {
	a.begun()
	a.Log.Append(records, func(first int64) {
		a.ended()
		done(first)
	})
}

func (a *acknowledging) begun() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open++; a.open > 1 {
		return
	}
	a.since = time.Now()
	if a.timer == nil {
		a.timer = time.AfterFunc(ackPatience, a.look)
	} else {
		a.timer.Reset(ackPatience)
	}
}

func (a *acknowledging) ended() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.since = time.Now()
	if a.open--; a.told {
		a.told = false
		a.log.Info().Str("topic", a.topic).Msg("the ledger topic acknowledges again")
	}
}

// look says that nothing is acknowledged, or looks again later.
func (a *acknowledging) look() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open == 0 {
		return
	}
	waited := time.Since(a.since)
	if waited < ackPatience {
		a.timer.Reset(ackPatience - waited)
		return
	}
	a.timer.Reset(ackPatience) // for what comes after it
	if !a.told {
		a.told = true
		a.log.Warn().Str("topic", a.topic).Int("appends", a.open).Time("since", a.since).
			Msg("the ledger topic acknowledges nothing (too few replicas in sync? no leader?): creates wait, and so do offsets")
	}
}

// waiting returns since when the topic acknowledges nothing; zero: it does, or need not.
func (a *acknowledging) waiting() (since time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open > 0 && time.Since(a.since) >= ackPatience {
		since = a.since
	}
	return since
}

// stop ends the looking.
func (a *acknowledging) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.timer != nil {
		a.timer.Stop()
	}
	a.open = 0
}
