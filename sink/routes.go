package sink

import (
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/sink/ampersand"
)

// RequestOf returns the request that a batch becomes: its writes and what their
// route adds to them. All routes of a destination agree on that.
func RequestOf(routes []config.Route, b *batching.Batch) *ampersand.Request {
	name := b.Entries[0].Write.Route
	at := slices.IndexFunc(routes, func(r config.Route) bool { return r.Name == name })
	if at < 0 {
		panic("BUG: a write of a route that is not in the configuration: " + name)
	}
	r := &ampersand.Request{
		Destination: b.Destination, Type: b.Type, AllOrNone: routes[at].Batch.AllOrNone, Headers: routes[at].Headers,
		Writes: make([]*model.Write, len(b.Entries)),
	}
	for i, e := range b.Entries {
		r.Writes[i] = e.Write
	}
	return r
}

// apiKey is the key of the API. One that came from a file is read again when it is
// refused: it may have been rotated.
type apiKey struct {
	file string

	mu  *sync.Mutex
	key string
}

func newAPIKey(c config.Ampersand) apiKey {
	return apiKey{file: c.APIKeyFile, mu: new(sync.Mutex), key: c.APIKey.Reveal()}
}

func (k *apiKey) current() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.key
}

func (k *apiKey) reread() {
	if k.file == "" {
		return
	}
	data, err := os.ReadFile(k.file)
	if key := strings.TrimSpace(string(data)); err == nil && key != "" {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.key = key
	}
}
