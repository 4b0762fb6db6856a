package sink

import (
	"os"
	"strings"
	"sync"

	"github.com/ampersink/ampersink/batching"
	"github.com/ampersink/ampersink/internal/config"
)

// requestSettings is what the requests of a route carry beside its writes. All
// routes of a destination agree on it.
type requestSettings struct {
	allOrNone bool
	headers   []config.Header
}

func (s *Sink) routeOf(b *batching.Batch) requestSettings {
	name := b.Entries[0].Write.Route
	for i := range s.config.Routes {
		if r := &s.config.Routes[i]; r.Name == name {
			return requestSettings{r.Batch.AllOrNone, r.Headers}
		}
	}
	panic("BUG: a write of a route that is not in the configuration: " + name)
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
