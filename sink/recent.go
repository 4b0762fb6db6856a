package sink

import (
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/mapping"
)

// recent remembers the records that were written lately by what they can be searched by: a
// search would not see that yet.
type recent struct {
	by    map[recentKey]recentRecord
	ids   map[recentID]recentKey
	order []recentKey // as they were added
	// gone are the records that were deleted lately, until when a search may show them; left are
	// their ids, as they went.
	gone map[recentID]time.Time
	left []recentID
	// values are the match values that records were lately updated with, in two maps: of this time
	// and of the time before.
	seed    maphash.Seed
	records *mapping.Records
	values  [2]map[model.Conflict]uint64
	since   time.Time // the first of them is kept
}

type recentID struct {
	space model.Destination
	id    string
}

type recentKey struct {
	space model.Destination
	match string
}

type recentRecord struct {
	id    string
	until time.Time
}

// maxRecent bounds what is remembered, at about 200 bytes each: the creates of a minute at a
// thousand a second.
const maxRecent = 64 << 10

func newRecent(records *mapping.Records) recent {
	return recent{
		by: make(map[recentKey]recentRecord), ids: make(map[recentID]recentKey), gone: make(map[recentID]time.Time),
		seed: maphash.MakeSeed(), records: records, values: [2]map[model.Conflict]uint64{{}, {}},
	}
}

func recentOf(w *model.Write) recentKey {
	d := w.Destination
	d.Group = w.Identity.Group
	return recentKey{d, w.Identity.Match}
}

func (r *recent) add(w *model.Write, id string, now time.Time) {
	if w.Identity.Match == "" || id == "" {
		return
	}
	for len(r.order) > 0 && (len(r.by) >= maxRecent || !now.Before(r.by[r.order[0]].until)) {
		r.forget(r.order[0])
		r.order = r.order[1:]
	}
	k := recentOf(w)
	k.match = strings.Clone(k.match) // not the whole record
	if _, ok := r.by[k]; !ok {
		r.order = append(r.order, k)
	}
	r.by[k] = recentRecord{strings.Clone(id), now.Add(w.Identity.Rules.IndexLag)}
	r.ids[recentID{k.space, r.by[k].id}] = k
}

func (r *recent) forget(k recentKey) {
	if one, ok := r.by[k]; ok {
		delete(r.by, k)
		delete(r.ids, recentID{k.space, one.id})
	}
}

// updated notes that a record has these match values now: those that it had may be another row's, and a
// search may show it by them still.
func (r *recent) updated(w *model.Write, now time.Time) {
	if w.Identity.Match == "" {
		return
	}
	if k, ok := r.ids[recentID{w.Destination, w.ID}]; ok && k.match != w.Identity.Match {
		r.forget(k)
		r.add(w, w.ID, now)
	}
	if len(r.values[0]) >= maxRecent || now.Sub(r.since) >= w.Identity.Rules.IndexLag {
		r.values[0], r.values[1], r.since = r.values[1], r.values[0], now
		clear(r.values[0])
	}
	r.values[0][r.records.Conflict(w.Destination, w.ID)] = maphash.String(r.seed, w.Identity.Match)
}

// isAnother reports whether a record has other match values than these, as it was updated lately,
// whatever a search says.
func (r *recent) isAnother(d model.Destination, n *model.Identity, id string) bool {
	record := r.records.Conflict(d, id)
	for _, values := range r.values {
		if v, known := values[record]; known {
			return v != maphash.String(r.seed, n.Match)
		}
	}
	return false
}

// deleted notes that a record is not there any more: a search may show it still.
func (r *recent) deleted(w *model.Write, now time.Time) {
	id := recentID{w.Destination, strings.Clone(w.ID)}
	if k, ok := r.ids[id]; ok {
		r.forget(k)
	}
	if w.Identity.Rules.Uses(model.FromMatch) {
		for len(r.left) > 0 && (len(r.gone) >= maxRecent || !now.Before(r.gone[r.left[0]])) {
			delete(r.gone, r.left[0])
			r.left = r.left[1:]
		}
		r.left = append(r.left, id)
		r.gone[id] = now.Add(w.Identity.Rules.IndexLag)
	}
}

// isGone reports whether a record is known not to be there, whatever a search says.
func (r *recent) isGone(d model.Destination, n *model.Identity, id string) bool {
	_, gone := r.gone[recentID{d, id}]
	return gone || id == n.Gone || slices.Contains(n.Stale, id)
}

// of implements ledger.Decider.Recent.
func (r *recent) of(w *model.Write) string {
	if one := r.by[recentOf(w)]; time.Now().Before(one.until) {
		return one.id
	}
	return ""
}
