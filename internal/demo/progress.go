package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ampersink/ampersink/sink"
)

// watch shows the progress until every event has its fate.
func (w *world) watch(ctx context.Context, ended chan error, began time.Time) error {
	every := time.Second
	if w.o.Terminal {
		every = 100 * time.Millisecond
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	late := time.NewTimer(patience)
	defer late.Stop()
	done := time.NewTicker(20 * time.Millisecond)
	defer done.Stop()
	for {
		select {
		case err := <-ended:
			ended <- err // for whoever waits for the end
			w.took = time.Since(began)
			w.progress(w.sink.Status(), true)
			if err == nil && ctx.Err() != nil {
				err = ctx.Err()
			}
			return err
		case <-done.C:
			st := w.sink.Status()
			if w.o.Keep && st.Totals.Settled() >= int64(len(w.records)) && st.LettersInFlight == 0 {
				w.took = time.Since(began)
				w.progress(st, true)
				return nil
			}
		case <-tick.C:
			w.progress(w.sink.Status(), false)
		case <-late.C:
			return errors.New("the demo did not end within a minute")
		}
	}
}

// progress shows how far the sink is.
func (w *world) progress(st sink.Status, last bool) {
	const width = 30
	settled, all := st.Totals.Settled(), int64(len(w.records))
	filled := int(min(width, settled*width/max(all, 1)))
	line := fmt.Sprintf("[%s%s] %6d of %d events settled, %d requests, %d in flight, %d lanes",
		strings.Repeat("=", filled), strings.Repeat(" ", width-filled), settled, all, st.Totals.Requests, st.InFlight, st.LaneCount)
	switch {
	case !w.o.Terminal && line != w.shown:
		w.shown = line
		w.say("%s", line)
	case !w.o.Terminal:
	case last:
		_, _ = fmt.Fprintf(w.o.Out, "\r%-100s\n", line)
	default:
		_, _ = fmt.Fprintf(w.o.Out, "\r%-100s", line)
	}
}
