package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ampersink/ampersink/sink"
)

// How much of the events must be settled before the process is killed. It is done while
// creates are under way: many of them at first, any later, and at last in any case.
const (
	killManyFrom = 0.4
	killAnyFrom  = 0.55
	killFrom     = 0.7
	// many is how many creates of one request are applied before it is killed.
	many = 8
)

// watchUntilKilled shows the progress of the first process until the witness has killed it.
func (w *world) watchUntilKilled(ctx context.Context) error {
	p := w.first
	return w.watch(ctx, p, func(st *sink.Status) (bool, error) {
		if ended, err := p.hasEnded(); ended && !p.gone() {
			return true, errors.Join(errors.New("the first process ended by itself"), err)
		}
		switch part := float64(st.Totals.Settled()) / float64(len(w.stream.records)); {
		case p.gone():
			return true, nil
		case part >= killFrom:
			p.kill()
			return true, nil
		case part >= killAnyFrom:
			w.witness.armed.Store(1)
		case part >= killManyFrom:
			w.witness.armed.Store(many)
		}
		return false, nil
	})
}

// watchToTheEnd shows the progress of the second process until every event has its fate.
func (w *world) watchToTheEnd(ctx context.Context) error {
	p := w.second
	return w.watch(ctx, p, func(st *sink.Status) (bool, error) {
		if ended, err := p.hasEnded(); ended {
			return true, err
		}
		return w.o.Keep && w.settled(p, st) >= int64(len(w.stream.records)) && st.LettersInFlight == 0, nil
	})
}

// watch shows the progress of a process until it is done.
func (w *world) watch(ctx context.Context, p *process, done func(*sink.Status) (bool, error)) error {
	every := time.Second
	if w.o.Terminal {
		every = 100 * time.Millisecond
	}
	show := time.NewTicker(every)
	defer show.Stop()
	late := time.NewTimer(time.Until(w.began.Add(patience)))
	defer late.Stop()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-look.C:
			st := p.sink.Status()
			ended, err := done(&st)
			if ended {
				st = p.sink.Status()
				w.progress(p, &st, true)
				return err
			}
		case <-show.C:
			st := p.sink.Status()
			w.progress(p, &st, false)
		case <-late.C:
			st := p.sink.Status()
			w.progress(p, &st, true)
			return fmt.Errorf("the demo did not end within a minute: %s", waiting(&st))
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// waiting says what is not done yet.
func waiting(st *sink.Status) string {
	var why []string
	if st.Identity != nil {
		why = st.Identity.Reasons
	}
	for _, h := range st.Holds {
		why = append(why, h.Scope+": "+h.Reason)
	}
	return fmt.Sprintf("%d writes wait; %s", st.Waiting, strings.Join(append(why, st.Reasons...), "; "))
}

// settled is how many events have their fate: those that were committed before a process began
// count as well.
func (w *world) settled(p *process, st *sink.Status) int64 {
	n := st.Totals.Settled()
	if p == w.second {
		n += w.committed + st.Totals.Restored
	}
	return n
}

// progress shows how far a process is.
func (w *world) progress(p *process, st *sink.Status, last bool) {
	const width = 30
	settled, all := w.settled(p, st), int64(len(w.stream.records))
	filled := int(min(width, settled*width/max(all, 1)))
	line := fmt.Sprintf("[%s%s] %6d of %d events settled, %d requests, %d in flight",
		strings.Repeat("=", filled), strings.Repeat(" ", width-filled), settled, all, st.Totals.Requests, st.InFlight)
	if st.Identity != nil && st.Identity.Awaiting > 0 {
		line += fmt.Sprintf(", %d await another row or the CRM's index", st.Identity.Awaiting)
	}
	switch {
	case !w.o.Terminal && line != w.shown:
		w.shown = line
		w.say("%s", line)
	case !w.o.Terminal:
	case last:
		_, _ = fmt.Fprintf(w.o.Out, "\r%-120s\n", line)
	default:
		_, _ = fmt.Fprintf(w.o.Out, "\r%-120s", line)
	}
}
